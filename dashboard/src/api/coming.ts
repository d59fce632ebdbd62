// Answers that this router's contract does not have yet.

import type { Category, Quantiles, SettingOrigin } from "./schema.js";

export type RolloutSign = "coverage" | "validation" | "breaker" | "samples" | "scored" | "match_rate" | "latency" | "error_rate" | "maximum";

export interface RolloutGate {
  readonly gate: RolloutSign;
  readonly holds: boolean;
  readonly value: number | null;
  readonly limit: number | null;
  readonly detail: string;
}

export interface RolloutReason {
  readonly trigger: RolloutSign;
  readonly value: number | null;
  readonly limit: number | null;
  readonly detail: string;
}

export interface RolloutHistory {
  readonly percent: number;
  readonly began: string;
  readonly end: { readonly at: string; readonly outcome: string; readonly to: number; readonly by: string; readonly reason: string };
}

export interface Rollout {
  readonly generation: number;
  readonly percent: number;
  readonly began: string;
  readonly steps: readonly number[];
  readonly next: number | null;
  readonly previous: number | null;
  readonly maximum: number;
  readonly auto: boolean;
  readonly waits: string;
  readonly until: string | null;
  readonly detail: string;
  readonly gates: readonly RolloutGate[];
  readonly suspicions: readonly RolloutReason[];
  readonly baseline_ms: number | null;
  readonly slow_ms: number;
  readonly fallen: number;
  readonly moves: { readonly told: number; readonly to_realtime: number; readonly to_direct: number };
  readonly waiting: number;
  readonly history: readonly RolloutHistory[];
}

export interface RolloutPreview {
  readonly clients: number;
  readonly to_realtime: number;
  readonly to_direct: number;
  readonly on_realtime: number;
  readonly movers: readonly { readonly client_id: string; readonly from: string; readonly to: string; readonly rule: string; readonly bucket: number }[];
}

export interface FlagRow {
  readonly name: string;
  readonly key: string;
  readonly variable: string;
  readonly other_name: string | null;
  readonly type: "boolean" | "integer" | "word" | "list";
  readonly value: unknown;
  readonly origin: SettingOrigin;
  readonly default: unknown;
  readonly description: string;
  readonly allowed: string;
}

export interface FlagsSnapshot {
  readonly generation: number;
  readonly flags: readonly FlagRow[];
  readonly paths: { readonly direct: boolean; readonly realtime: boolean; readonly mode: string };
  readonly coverage: { readonly covered: boolean; readonly lacking: readonly { readonly category: Category; readonly reason: string; readonly percent: number }[] };
  readonly issues: readonly { readonly level: string; readonly flag: string; readonly detail: string }[];
}

export interface MatchRow {
  readonly due: number;
  readonly scored: number;
  readonly match_rate: number | null;
  readonly matched: number;
  readonly late: number;
  readonly reordered: number;
  readonly duplicate: number;
  readonly missing: number;
  readonly differs: number;
  readonly unscored: number;
}

export interface MatchWindow {
  readonly all: MatchRow;
  readonly categories: Readonly<Record<string, MatchRow>>;
}

export interface ValidationPath {
  readonly path: "websocket" | "realtime";
  readonly probe: {
    readonly up: boolean;
    readonly since: string | null;
    readonly from_seq: number | null;
    readonly proven_until: string | null;
    readonly last_down: { readonly at: string; readonly reason: string } | null;
  };
  readonly totals: MatchRow;
  readonly unscored: Readonly<Record<string, number>>;
  readonly waiting: number;
  readonly windows: Readonly<Record<"1m" | "5m" | "1h", MatchWindow>>;
  readonly latency: Quantiles;
}

export interface ValidationCase {
  readonly path: string;
  readonly id: string;
  readonly seq: number;
  readonly category: Category;
  readonly verdict: string;
  readonly expected_hash: string;
  readonly seen_hash: string | null;
  readonly copies: number;
  readonly latency_ms: number | null;
  readonly decided_at: string;
}

export interface Validation {
  readonly active: boolean;
  readonly paths: readonly ValidationPath[];
  readonly alerts: readonly { readonly path: string; readonly category: Category; readonly mismatch_percent: number; readonly limit_percent: number; readonly scored: number; readonly faults: number }[];
  readonly worst: readonly ValidationCase[];
  readonly not_kept: number;
  readonly rehearsal: Rehearsal | null;
}

/** Faults that are planted on purpose. */
export interface Rehearsal {
  readonly path: string;
  readonly shares: Faults;
  readonly delay_ms: number;
  readonly by: string;
  readonly began_at: string;
  readonly until: string;
  readonly planted: Faults;
  readonly held_events: number;
}

export interface Faults {
  readonly drop: number;
  readonly duplicate: number;
  readonly delay: number;
  readonly reorder: number;
  readonly alter: number;
}

/** What probes saw of one event. */
export interface Seen {
  readonly paths: readonly {
    readonly path: string;
    readonly source: string;
    readonly verdict: string | null;
    readonly reason: string | null;
    readonly expected_hash: string;
    readonly seen_hash: string | null;
    readonly copies: number | null;
    readonly latency_ms: number | null;
    readonly decided_at: string | null;
    readonly generation: number | null;
  }[];
}
