// What the router remembers of the time before the page was opened.

import { type Sample, sampled, type Series } from "./samples.js";

/** The answer of `GET /v1/history`: columns. */
export interface Past {
  readonly step_ms: number;
  /** Seconds since 1970, rising. */
  readonly at: readonly number[];
  readonly series: Readonly<Partial<Record<Series, readonly (number | null)[]>>>;
}

/** Its points; what it does not tell is `null`. */
export function points({ at, series }: Past): Sample[] {
  return at.map((time, place) => sampled(time, (name) => series[name]?.[place] ?? null));
}

/** What the router remembers, and then what the page has seen itself. */
export function continued(past: readonly Sample[], own: readonly Sample[]): readonly Sample[] {
  const last = past.at(-1)?.at ?? -Infinity;
  const newer = own.filter(({ at }) => at > last);
  return past.length === 0 ? own : [...past, ...newer];
}
