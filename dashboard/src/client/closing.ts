// What to do when the router closes a session: the table of its close codes.

/** What a client does next. */
export type Then =
  /** Trying again would not help. */
  | "stop"
  /** A new token first; without one, stop. */
  | "authenticate"
  /** Come back, and resume. */
  | "return"
  /** Come back later than otherwise: there are too many. */
  | "yield";

const TABLE: ReadonlyMap<number, Then> = new Map([
  [1003, "stop"],
  [1007, "stop"],
  [1009, "stop"],
  [4400, "stop"],
  [4401, "authenticate"],
  [4403, "stop"],
  [4429, "yield"],
]);

/** What to do after this close code. */
export function after(code: number): Then {
  return TABLE.get(code) ?? "return";
}
