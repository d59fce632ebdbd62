// What comes by the wire, looked at before it is believed.

import type { Message } from "./merge.js";
import type { Category, MonitoringEvent, Position } from "./types.js";

type Json = Record<string, unknown>;

/** A frame of the session protocol that the client knows. */
export type Frame =
  | { readonly type: "welcome"; readonly heartbeat_ms: number }
  | { readonly type: "subscribed"; readonly place: Position; readonly recovered: boolean }
  | { readonly type: "event"; readonly event: MonitoringEvent }
  | { readonly type: "gap"; readonly from_seq: number; readonly to_seq: number; readonly reason: string }
  | { readonly type: "switch"; readonly to: string; readonly reason: string; readonly not_before_ms: number }
  | { readonly type: "error"; readonly code: string; readonly detail: string }
  | { readonly type: "bye"; readonly reason: string; readonly reconnect_after_ms: number }
  | { readonly type: "pong" };

/** Reads a frame; nothing when it is none of those: a newer router may say more. */
export function frame(text: string): Frame | undefined {
  const it = object(parsed(text));
  switch (it?.["type"]) {
    case "welcome":
      return { type: "welcome", heartbeat_ms: number(it["heartbeat_ms"], 25_000) };
    case "subscribed": {
      const place = position(it);
      return place && { type: "subscribed", place, recovered: it["recovered"] === true };
    }
    case "event": {
      const found = event(it["event"]);
      return found && { type: "event", event: found };
    }
    case "gap":
      return { type: "gap", from_seq: number(it["from_seq"], 0), to_seq: number(it["to_seq"], 0), reason: word(it["reason"]) };
    case "switch":
      return { type: "switch", to: word(it["to"]), reason: word(it["reason"]), not_before_ms: number(it["not_before_ms"], 0) };
    case "error":
      return { type: "error", code: word(it["code"]), detail: word(it["detail"]) };
    case "bye":
      return { type: "bye", reason: word(it["reason"]), reconnect_after_ms: number(it["reconnect_after_ms"], 0) };
    case "pong":
      return { type: "pong" };
    default:
      return undefined;
  }
}

/** The name of the broadcast that says how far the realtime path is. */
export const HEAD = "signalbox:head";

/** An event as it is broadcast: without `prev` it is what the direct path shows. Nothing when it is none. */
export function message(payload: unknown): Message | undefined {
  const it = object(payload);
  if (!it) return undefined;
  const { prev, ...rest } = it;
  const found = event(rest);
  return found && isSeq(prev) ? { event: found, prev } : undefined;
}

/** An event as a row of its table, which has no epoch, and times as PostgreSQL writes them. */
export function row(record: unknown, epoch: string | undefined): Message | undefined {
  const it = object(record);
  if (!it || !epoch) return undefined;
  const { id, seq, event_type, source, category, data, metadata, checksum } = it;
  const [timestamp, created_at] = [wireTime(it["timestamp"]), wireTime(it["created_at"])];
  const found = event({ id, seq, epoch, event_type, timestamp, source, category, data, metadata, checksum, created_at });
  return found && { event: found, prev: found.seq - 1 };
}

/** `2025-11-03T09:32:55.1+00:00` as `2025-11-03T09:32:55.100000Z`, which is how the router writes it. */
export function wireTime(time: unknown): unknown {
  if (typeof time !== "string") return time;
  const parts = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?(?:Z|[+-]00(?::?00)?)?$/.exec(time);
  if (!parts) return time;
  const [, day, clock, fraction = ""] = parts;
  return `${day}T${clock}.${fraction.padEnd(6, "0")}Z`;
}

/** A place, where there is one. */
export function position(value: unknown): Position | undefined {
  const it = object(value);
  const { epoch, seq } = it ?? {};
  return typeof epoch === "string" && isSeq(seq) ? { epoch, seq } : undefined;
}

/** An event, where there is one: what the client itself relies on. The rest is as the router wrote it. */
export function event(value: unknown): MonitoringEvent | undefined {
  const it = object(value);
  const isOne =
    it !== undefined &&
    position(it) !== undefined &&
    ["id", "event_type", "source", "category"].every((name) => typeof it[name] === "string");
  return isOne ? (it as unknown as MonitoringEvent) : undefined;
}

/** An answer of `GET /v1/connect`. */
export interface Answer {
  readonly path: "direct" | "realtime";
  /** Rule and detail, for a person. */
  readonly reason: string;
  readonly not_before_ms: number;
  readonly recheck_ms: number | undefined;
  readonly direct: string;
  readonly realtime: Channel | undefined;
}

/** How to join the realtime path. */
export interface Channel {
  readonly url: string;
  readonly topic: string;
  readonly kind: "broadcast" | "postgres_changes";
  readonly key: string | undefined;
}

/** Reads an answer; nothing when it makes no sense. */
export function answer(value: unknown): Answer | undefined {
  const it = object(value);
  const path = it?.["path"];
  if (!it || (path !== "direct" && path !== "realtime")) return undefined;
  const realtime = channel(it["realtime"]);
  if (path === "realtime" && !realtime) return undefined;
  const { rule, detail } = object(it["reason"]) ?? {};
  const recheck = it["recheck_ms"];
  return {
    path,
    reason: [rule, detail].filter((part) => typeof part === "string" && part).join(": "),
    not_before_ms: number(it["not_before_ms"], 0),
    recheck_ms: typeof recheck === "number" && recheck > 0 ? recheck : undefined,
    direct: word(object(it["direct"])?.["url"]) || "/v1/ws",
    realtime,
  };
}

function channel(value: unknown): Channel | undefined {
  const it = object(value);
  const [url, topic] = [word(it?.["url"]), word(it?.["topic"])];
  if (!it || !url || !topic) return undefined;
  const kind = it["kind"] === "postgres_changes" ? "postgres_changes" : "broadcast";
  return { url, topic, kind, key: word(it["key"]) || undefined };
}

/** A category's names, for whoever builds a filter. */
export const CATEGORIES: readonly Category[] = ["critical", "performance", "user_activity", "system", "debug"];

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // It is no frame of the protocol, as far as anybody here can tell.
    return undefined;
  }
}

function object(value: unknown): Json | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : undefined;
}

function isSeq(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function number(value: unknown, otherwise: number): number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : otherwise;
}

function word(value: unknown): string {
  return typeof value === "string" ? value : "";
}
