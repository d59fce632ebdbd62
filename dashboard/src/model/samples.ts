// What the router says about itself each second, as points of charts.

import type { StatsSnapshot } from "../api/schema.js";

/** One point: `null` is what cannot be told. */
export interface Sample {
  /** Seconds since 1970. */
  readonly at: number;
  readonly taken: number | null;
  readonly shown: number | null;
  readonly sent: number | null;
  readonly sessions: number | null;
  readonly direct_p50: number | null;
  readonly direct_p95: number | null;
  readonly direct_p99: number | null;
  readonly realtime_p50: number | null;
  readonly realtime_p95: number | null;
  readonly realtime_p99: number | null;
  readonly http_p95: number | null;
  readonly commit_p95: number | null;
  /** In percent of the events of the last minute. */
  readonly ingest_errors: number | null;
  /** In percent of the requests to the destination since the sample before. */
  readonly realtime_errors: number | null;
  readonly http_errors: number | null;
  readonly lag_events: number | null;
  readonly lag_seconds: number | null;
  /** Of the events that wait to be committed, in milliseconds. */
  readonly queue_age: number | null;
  readonly batch: number | null;
  readonly match_rate: number | null;
  /** 0 closed, 1 half-open, 2 open. */
  readonly breaker: number | null;
  readonly memory: number | null;
}

export type Series = Exclude<keyof Sample, "at">;

/** What the validation says, where there is one. */
export interface Matched {
  readonly match_rate: number | null;
}

/** Counters that rates are made from. */
interface Counters {
  readonly at: number;
  readonly uptime: number;
  readonly sent: number;
  readonly attempts: number;
  readonly failures: number;
}

const BREAKER: Readonly<Record<string, number>> = { closed: 0, "half-open": 1, open: 2 };

/** Makes points of snapshots; the rate of what is only counted needs two of them. */
export class Sampler {
  #before: Counters | undefined;

  take(stats: StatsSnapshot, at: number, matched?: Matched): Sample {
    const delivery = stats.adapters.find((it) => it.name === "realtime")?.delivery ?? undefined;
    const { pass, events_per_second } = stats.delivery;
    const now: Counters = { at, uptime: stats.uptime_seconds, ...failed(delivery) };
    const since = this.#before && this.#before.uptime <= now.uptime ? this.#before : undefined;
    this.#before = now;
    const latency = delivery?.latency;
    return {
      at,
      taken: second(stats.ingest.accepted_per_second),
      shown: second(events_per_second),
      sent: delivery && since ? rise(since.sent, now.sent) / Math.max(at - since.at, 0.001) : null,
      sessions: stats.sessions.connected,
      direct_p50: pass.p50_ms ?? null,
      direct_p95: pass.p95_ms ?? null,
      direct_p99: pass.p99_ms ?? null,
      realtime_p50: latency?.p50_ms ?? null,
      realtime_p95: latency?.p95_ms ?? null,
      realtime_p99: latency?.p99_ms ?? null,
      http_p95: stats.http.answer.p95_ms ?? null,
      commit_p95: stats.ingest.commit.p95_ms ?? null,
      ingest_errors: stats.ingest.error_rate ?? null,
      realtime_errors: delivery && since ? share(rise(since.failures, now.failures), rise(since.attempts, now.attempts)) : null,
      http_errors: stats.http.error_rate ?? null,
      lag_events: delivery?.lag_events ?? null,
      lag_seconds: delivery?.lag_seconds ?? null,
      queue_age: stats.journal.queue_age_ms,
      batch: delivery?.batch_events ?? null,
      match_rate: matched?.match_rate ?? null,
      breaker: delivery ? (BREAKER[delivery.breaker] ?? null) : null,
      memory: stats.memory_bytes ?? null,
    };
  }
}

type Delivery = NonNullable<StatsSnapshot["adapters"][number]["delivery"]>;

function failed(delivery: Delivery | undefined): Omit<Counters, "at" | "uptime"> {
  if (!delivery) return { sent: 0, attempts: 0, failures: 0 };
  const { delivered, transient, rate_limited, rejected, misconfigured } = delivery.attempts;
  const attempts = delivered + transient + rate_limited + rejected + misconfigured;
  return { sent: delivery.settled.delivered, attempts, failures: transient + misconfigured };
}

/** Of the last whole second. */
function second(rates: Readonly<Record<string, number>> | object): number | null {
  return (rates as Readonly<Record<string, number>>)["1s"] ?? null;
}

function rise(before: number, now: number): number {
  return Math.max(now - before, 0);
}

function share(part: number, whole: number): number | null {
  return whole > 0 ? (100 * part) / whole : null;
}

/** The errors of the last while, from the samples of it: the mean of those that tell. */
export function mean(samples: readonly Sample[], series: Series): number | null {
  const told = samples.map((it) => it[series]).filter((it) => it !== null);
  return told.length > 0 ? told.reduce((sum, it) => sum + it, 0) / told.length : null;
}

/** All of them, in the order in which they are kept. */
export const SERIES: readonly Series[] = [
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

/** A sample of these values. */
export function sampled(at: number, value: (series: Series, place: number) => number | null): Sample {
  const row: Record<string, number | null> = { at };
  SERIES.forEach((series, place) => (row[series] = value(series, place)));
  return row as unknown as Sample;
}

/** Of a sample: its time and its values. */
const WIDTH = SERIES.length + 1;

/** The samples of a page, in memory that is taken once: it does not grow while the page is open. */
export class History {
  readonly #values: Float64Array;
  #count = 0;

  constructor(private readonly most = 1800) {
    this.#values = new Float64Array(most * WIDTH);
  }

  push(sample: Sample): void {
    const start = (this.#count % this.most) * WIDTH;
    this.#values[start] = sample.at;
    SERIES.forEach((series, place) => (this.#values[start + 1 + place] = sample[series] ?? NaN));
    this.#count += 1;
  }

  /** Those from a time on, the oldest first. */
  since(at: number): Sample[] {
    const out: Sample[] = [];
    for (let number = this.#count - 1; number >= Math.max(0, this.#count - this.most); number -= 1) {
      const start = (number % this.most) * WIDTH;
      const time = this.#values[start] ?? NaN;
      if (time < at) break;
      out.push(sampled(time, (_, place) => told(this.#values[start + 1 + place])));
    }
    return out.reverse();
  }
}

function told(value: number | undefined): number | null {
  return value === undefined || Number.isNaN(value) ? null : value;
}
