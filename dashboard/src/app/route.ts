// Where the page is, as its URL says it: `#/live?category=critical`. Behind the `#`, since the router's own paths are others.

export const VIEWS = ["overview", "live", "migration", "adapters", "sessions", "settings"] as const;

export type View = (typeof VIEWS)[number];

export interface Place {
  readonly view: View;
  readonly query: URLSearchParams;
}

/** What is no view is the first one. */
export function place(hash: string): Place {
  const [path = "", query = ""] = hash.replace(/^#?\/?/, "").split("?", 2);
  const view = VIEWS.find((it) => it === path) ?? "overview";
  return { view, query: new URLSearchParams(query) };
}

export function hash({ view, query }: Place): string {
  const text = query.toString();
  return `#/${view}${text ? `?${text}` : ""}`;
}

/** The same place with some of its state changed; what is empty is not said. */
export function changed(it: Place, state: Readonly<Record<string, string | readonly string[] | undefined>>): Place {
  const query = new URLSearchParams(it.query);
  for (const [name, value] of Object.entries(state)) {
    query.delete(name);
    for (const one of [value ?? []].flat()) if (one !== "") query.append(name, one);
  }
  return { view: it.view, query };
}
