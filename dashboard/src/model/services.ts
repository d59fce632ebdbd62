// What the router's parts have done lately, for their scores.

import type { StatsSnapshot } from "../api/schema.js";
import { type Doing } from "./health.js";
import { mean, type Sample } from "./samples.js";

/** `lately` are the samples of the last minute. */
export function services(stats: StatsSnapshot, lately: readonly Sample[]): Doing[] {
  const { journal, ingest, delivery, http } = stats;
  const doings: Doing[] = [
    {
      name: "Ingest",
      says: "events that went wrong, and what commits take",
      errors: ingest.error_rate ?? null,
      takes: ingest.commit.p50_ms ?? null,
      ...(journal.state === "ready" ? {} : { down: `the journal is ${journal.state}` }),
    },
    {
      name: "Direct path",
      says: "events that were dropped, and what writing to all sessions takes",
      errors: dropped(stats),
      takes: delivery.pass.p50_ms ?? null,
      ...(stats.ledger.direct.imbalance === 0 ? {} : { down: "the ledger does not balance" }),
    },
  ];
  const realtime = stats.adapters.find(({ name }) => name === "realtime")?.delivery;
  if (realtime) {
    const isOpen = realtime.breaker === "open";
    doings.push({
      name: "Realtime path",
      says: "requests to the destination that failed, and what they take",
      errors: mean(lately, "realtime_errors"),
      takes: realtime.latency.p50_ms ?? null,
      ...(isOpen ? { down: "the breaker is open" } : {}),
    });
  }
  doings.push({ name: "HTTP", says: "requests answered 5xx, and what answers take", errors: http.error_rate ?? null, takes: http.answer.p50_ms ?? null });
  return doings;
}

/** What the direct path will never deliver, in percent of what it was to. */
function dropped({ ledger }: StatsSnapshot): number | null {
  const { matched, dropped } = ledger.direct;
  const lost = Object.values(dropped).reduce((sum, it) => sum + it, 0);
  return matched > 0 ? (100 * lost) / matched : null;
}
