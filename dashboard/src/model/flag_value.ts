// What somebody types for a flag, as the value that the router is sent; whether it is right is for the router to say.

export type FlagType = "boolean" | "integer" | "word" | "list";

/** Nothing when it cannot be a value of that type at all. */
export function flagValue(type: FlagType, text: string): unknown {
  const typed = text.trim();
  switch (type) {
    case "boolean":
      return typed === "true" ? true : typed === "false" ? false : undefined;
    case "integer":
      return /^-?\d{1,15}$/.test(typed) ? Number(typed) : undefined;
    case "list":
      return typed === "" || typed === "none" ? [] : typed.split(/[\s,]+/).filter(Boolean);
    case "word":
      return typed === "" ? undefined : typed;
  }
}

/** The words that a rule names: `"none" or "websocket_only"`. */
export function allowedWords(allowed: string): string[] {
  return [...allowed.matchAll(/"([^"]+)"/g)].map(([, word]) => word ?? "");
}
