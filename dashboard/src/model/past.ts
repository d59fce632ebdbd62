// What the router remembers of the time before the page was opened.

import type { Sample, Series } from "./samples.js";

/** The answer of `GET /v1/history`: columns. */
export interface Past {
  readonly step_ms: number;
  /** Seconds since 1970, rising. */
  readonly at: readonly number[];
  readonly series: Readonly<Partial<Record<Series, readonly (number | null)[]>>>;
}

/** Its points; what it does not tell is `null`. */
export function points({ at, series }: Past): Sample[] {
  return at.map((time, place) => {
    const row: Record<string, number | null> = {};
    for (const name of SERIES) row[name] = series[name]?.[place] ?? null;
    return { at: time, ...row } as unknown as Sample;
  });
}

/** What the router remembers, and then what the page has seen itself. */
export function continued(past: readonly Sample[], own: readonly Sample[]): readonly Sample[] {
  const last = past.at(-1)?.at ?? -Infinity;
  const newer = own.filter(({ at }) => at > last);
  return past.length === 0 ? own : [...past, ...newer];
}

const SERIES: readonly Series[] = [
  "taken",
  "shown",
  "sent",
  "sessions",
  "direct_p50",
  "direct_p95",
  "direct_p99",
  "realtime_p50",
  "realtime_p95",
  "realtime_p99",
  "http_p95",
  "commit_p95",
  "ingest_errors",
  "realtime_errors",
  "http_errors",
  "lag_events",
  "lag_seconds",
  "queue_age",
  "batch",
  "match_rate",
  "breaker",
  "memory",
];
