// Which events the Live view shows, as its URL says it.

import { CATEGORIES } from "../client/filter.js";
import { matches } from "../client/filter.js";
import type { Category, Filter, MonitoringEvent } from "../client/types.js";
import { mentions } from "./json.js";

export interface Wanted {
  readonly types: readonly string[];
  readonly sources: readonly string[];
  readonly categories: readonly Category[];
  /** Anywhere in the event, whatever the case. */
  readonly search: string;
}

export const ALL: Wanted = { types: [], sources: [], categories: [], search: "" };

/** Patterns as somebody types them: between commas or spaces. */
export function patterns(text: string): string[] {
  return [...new Set(text.split(/[\s,]+/).filter(Boolean))].slice(0, 20);
}

export function isAll({ types, sources, categories, search }: Wanted): boolean {
  return types.length + sources.length + categories.length === 0 && search.trim() === "";
}

/** From the URL; what makes no sense there is not heeded. */
export function wanted(query: URLSearchParams): Wanted {
  return {
    types: patterns(query.get("type") ?? ""),
    sources: patterns(query.get("source") ?? ""),
    categories: CATEGORIES.filter((it) => query.getAll("category").includes(it)),
    search: query.get("q") ?? "",
  };
}

/** For the router: what it can filter by. */
export function filter({ types, sources, categories }: Wanted): Filter {
  return {
    ...(types.length > 0 ? { event_type: types } : {}),
    ...(sources.length > 0 ? { source: sources } : {}),
    ...(categories.length > 0 ? { category: categories } : {}),
  };
}

/** Whether an event is one of those. */
export function predicate(it: Wanted): (event: MonitoringEvent) => boolean {
  const asked = filter(it);
  const search = it.search.trim().toLowerCase();
  return (event) => matches(asked, event) && (search === "" || mentions(event, search));
}
