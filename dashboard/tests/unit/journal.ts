// What the tests share: events of a journal, and chance that comes out the same each time.

import type { Message } from "../../src/client/merge.js";
import type { MonitoringEvent } from "../../src/client/types.js";

export const EPOCH = "0a000000-0000-4000-8000-000000000001";
export const OTHER = "0b000000-0000-4000-8000-000000000002";

export function event(seq: number, more: Partial<MonitoringEvent> = {}): MonitoringEvent {
  const time = "2026-01-01T00:00:00.000000Z";
  return {
    id: `00000000-0000-4000-8000-${String(seq).padStart(12, "0")}`,
    seq,
    epoch: EPOCH,
    event_type: "t",
    timestamp: time,
    source: "s",
    category: "system",
    data: {},
    metadata: {},
    checksum: "00000000",
    created_at: time,
    ...more,
  };
}

export function message(seq: number, prev = seq - 1, more: Partial<MonitoringEvent> = {}): Message {
  return { event: event(seq, more), prev };
}

/** Numbers from 0 up to 1, by a seed (mulberry32). */
export function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** How many random runs: more when asked for. */
export const RUNS = process.env["SIGNALBOX_SOAK"] ? 20_000 : 500;
