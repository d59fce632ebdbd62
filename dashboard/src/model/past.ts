// What the router remembers of the time before the page was opened.

import type { History } from "../api/schema.js";
import { type Sample, sampled } from "./samples.js";

/** Its points; what it does not tell is `null`. */
export function points({ at, series }: Pick<History, "at" | "series">): Sample[] {
  return at.map((time, place) => sampled(time, (name) => series[name][place] ?? null));
}

/** What the router remembers, and then what the page has seen itself. */
export function continued(past: readonly Sample[], own: readonly Sample[]): readonly Sample[] {
  const last = past.at(-1)?.at ?? -Infinity;
  const newer = own.filter(({ at }) => at > last);
  return past.length === 0 ? own : [...past, ...newer];
}

export interface Change {
  readonly at: Date;
  /** `flag`, `rollout`, `reload` or `breaker`. */
  readonly kind: string;
  readonly what: string;
  /** Its number, from the oldest on: the same stands in the charts. */
  readonly label: string;
}

/** So many are shown; of more, the newest. */
const MOST = 30;

/** The newest changes first. */
export function changes({ marks }: Pick<History, "marks">): Change[] {
  const newest = (marks ?? []).slice(-MOST);
  return newest.map(({ at, kind, what }, place) => ({ at: new Date(at), kind, what, label: String(place + 1) })).reverse();
}
