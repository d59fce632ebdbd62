// The router's filters, for the realtime path: events there come unfiltered, and a move from one path
// to the other must change nothing that is seen.

import type { Category, Filter, MonitoringEvent } from "./types.js";

export const CATEGORIES: readonly Category[] = ["critical", "performance", "user_activity", "system", "debug"];
/** Longest pattern, in characters. */
const MAX_PATTERN = 200;

/**
 * Throws a `TypeError` for a filter that the router would refuse: on the realtime path nobody else would say so. How many
 * patterns there may be is a setting of the router.
 */
export function check(filter: Filter | undefined): void {
  for (const [name, values] of Object.entries(filter ?? {})) {
    if (!Array.isArray(values)) throw new TypeError(`the filter's ${name} must be a list`);
    const isCategory = name === "category";
    if (!isCategory && name !== "event_type" && name !== "source") throw new TypeError(`a filter has no ${name}`);
    for (const value of values as unknown[]) {
      const length = typeof value === "string" ? [...value].length : 0;
      const isGood = isCategory ? CATEGORIES.includes(value as Category) : length >= 1 && length <= MAX_PATTERN;
      if (!isGood) throw new TypeError(`the filter's ${name} cannot be ${JSON.stringify(value)}`);
    }
  }
}

/** Whether a filter lets everything pass. */
export function isEverything(filter: Filter | undefined): boolean {
  return !filter?.event_type?.length && !filter?.source?.length && !filter?.category?.length;
}

/** Whether an event is wanted. */
export function matches(filter: Filter | undefined, event: MonitoringEvent): boolean {
  const { event_type, source, category } = filter ?? {};
  return (
    (!category?.length || category.includes(event.category)) &&
    anyMatches(event_type, event.event_type) &&
    anyMatches(source, event.source)
  );
}

function anyMatches(patterns: readonly string[] | undefined, text: string): boolean {
  return !patterns?.length || patterns.some((pattern) => globMatches(pattern, text));
}

/**
 * Whether a pattern matches a text: `*` is any run of characters, all else is itself.
 *
 * The literal parts are looked for from left to right, each at the first place that fits: no later place
 * could leave more room for the rest, so nothing is tried twice.
 */
export function globMatches(pattern: string, text: string): boolean {
  const [first = "", ...parts] = pattern.split("*");
  const last = parts.pop();
  if (last === undefined) return text === pattern;
  if (!text.startsWith(first)) return false;
  const end = text.length - last.length;
  let place = first.length;
  if (end < place || !text.endsWith(last)) return false;
  for (const part of parts) {
    const found = text.indexOf(part, place);
    if (found < 0 || found + part.length > end) return false;
    place = found + part.length;
  }
  return true;
}

/** A filter as query parameters of `GET /v1/events`. */
export function parameters(filter: Filter | undefined): [string, string][] {
  const { event_type = [], source = [], category = [] } = filter ?? {};
  return [
    ...event_type.map((value): [string, string] => ["event_type", value]),
    ...source.map((value): [string, string] => ["source", value]),
    ...category.map((value): [string, string] => ["category", value]),
  ];
}
