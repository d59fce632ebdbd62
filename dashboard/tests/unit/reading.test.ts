// What comes by the wire, filters, and what the client keeps.

import assert from "node:assert/strict";
import { test } from "node:test";

import { globMatches, isEverything, matches, parameters } from "../../src/client/filter.js";
import { answer, frame, message, row, wireTime } from "../../src/client/frames.js";
import { Recorder } from "../../src/client/recorder.js";
import { Router } from "../../src/client/router.js";
import { chance, EPOCH, event, RUNS } from "./journal.js";

test("globs match as the router's do", () => {
  for (const [pattern, text, expected] of [
    ["a", "a", true],
    ["a", "ab", false],
    ["*", "", true],
    ["a*", "a", true],
    ["a*a", "a", false],
    ["a*a", "aa", true],
    ["*b*", "abc", true],
    ["a*b*c", "abcbc", true],
    ["a*bc*bc", "abc", false],
    ["a.c", "abc", false],
    ["a?", "ab", false],
    ["**", "x", true],
    ["", "", true],
    ["", "x", false],
  ] as const) {
    assert.equal(globMatches(pattern, text), expected, `${pattern} on ${text}`);
  }
});

test("globs match as a regular expression does, on random texts", () => {
  const random = chance(7);
  const word = (letters: string, most: number) =>
    Array.from({ length: Math.floor(random() * most) }, () => letters[Math.floor(random() * letters.length)]).join("");
  for (let run = 0; run < 10 * RUNS; run++) {
    const [pattern, text] = [word("ab*", 7), word("ab", 9)];
    const expected = new RegExp(`^${pattern.replaceAll("*", ".*")}$`).test(text);
    assert.equal(globMatches(pattern, text), expected, `${pattern} on ${text}`);
  }
});

test("a filter wants any one value of each dimension that it has", () => {
  const it = event(1, { event_type: "cache_miss", source: "redis", category: "performance" });
  assert.ok(matches(undefined, it) && matches({}, it) && matches({ source: [] }, it));
  assert.ok(matches({ event_type: ["x", "cache_*"], category: ["performance"] }, it));
  assert.ok(!matches({ event_type: ["cache_*"], source: ["post*"] }, it));
  assert.ok(!matches({ category: ["debug"] }, it));
  assert.ok(isEverything({ source: [] }) && !isEverything({ source: ["*"] }));
  assert.deepEqual(parameters({ source: ["a", "b"], category: ["debug"] }), [["source", "a"], ["source", "b"], ["category", "debug"]]);
});

test("frames are read, and what is none of them is passed over", () => {
  assert.deepEqual(frame('{"type":"welcome","heartbeat_ms":1000,"head_seq":3}'), { type: "welcome", heartbeat_ms: 1000 });
  const subscribed = frame(`{"type":"subscribed","epoch":"${EPOCH}","seq":3,"recovered":true}`);
  assert.deepEqual(subscribed, { type: "subscribed", place: { epoch: EPOCH, seq: 3 }, recovered: true });
  assert.deepEqual(frame(JSON.stringify({ type: "event", event: event(4) })), { type: "event", event: event(4) });
  for (const strange of ["", "[]", "null", "{", '{"type":"new"}', '{"type":"event","event":{"seq":1}}', '{"type":"subscribed","seq":-1}']) {
    assert.equal(frame(strange), undefined, strange);
  }
});

test("a broadcast is the event of the direct path once `prev` is off", () => {
  assert.deepEqual(message({ prev: 6, ...event(7) }), { event: event(7), prev: 6 });
  for (const strange of [event(7), { ...event(7), prev: "6" }, { ...event(7), prev: 6, seq: 1.5 }, { prev: 6 }, null, "x"]) {
    assert.equal(message(strange), undefined);
  }
});

test("a row is that event too, of the journal that the client reads", () => {
  const { epoch, ...record } = event(7, { timestamp: "2026-01-02T03:04:05.100000Z", created_at: "2026-01-02T03:04:06.000000Z" });
  const shown = { ...record, timestamp: "2026-01-02T03:04:05.1+00:00", created_at: "2026-01-02 03:04:06+00" };
  assert.deepEqual(row(shown, epoch), { event: { ...record, epoch }, prev: 6 });
  assert.equal(row(shown, undefined), undefined);
  assert.equal(wireTime("2026-01-02T03:04:05+01:00"), "2026-01-02T03:04:05+01:00", "another zone is left as it is");
});

test("an answer is read, and one that makes no sense is none", () => {
  const whole = {
    client_id: "c",
    path: "realtime",
    reason: { rule: "bucket", detail: "1234 < 25 %", bucket: 1234, percent: 25 },
    generation: 7,
    not_before_ms: 120,
    recheck_ms: 30_000,
    direct: { url: "/v1/ws" },
    realtime: { url: "/realtime/v1", topic: "monitoring", kind: "broadcast", key: null },
  };
  assert.deepEqual(answer(whole), {
    path: "realtime",
    reason: "bucket: 1234 < 25 %",
    not_before_ms: 120,
    recheck_ms: 30_000,
    direct: "/v1/ws",
    realtime: { url: "/realtime/v1", topic: "monitoring", kind: "broadcast", key: undefined },
  });
  assert.equal(answer({ ...whole, path: "direct", realtime: null })?.realtime, undefined);
  assert.equal(answer({ ...whole, realtime: null }), undefined);
  assert.equal(answer({ ...whole, path: "sideways" }), undefined);
});

test("addresses are the router's, below where it stands, or whole", () => {
  const router = new Router({ url: "https://example.com/box/" }, 1000);
  assert.equal(router.url("/v1/ws", "ws").href, "wss://example.com/box/v1/ws");
  assert.equal(router.url("https://project.example/realtime/v1", "ws").href, "wss://project.example/realtime/v1");
  assert.throws(() => new Router({ url: "ftp://example.com" }, 1000), TypeError);
});

test("the record counts all, and lists the newest", () => {
  const recorder = new Recorder();
  for (let seq = 1; seq <= 5; seq++) recorder.event(event(seq));
  recorder.counted({ duplicates: 2, filled: 3 });
  for (let n = 0; n < 150; n++) recorder.gap({ epoch: EPOCH, from_seq: n, to_seq: n + 1, reason: "unfilled" });
  const { gaps, ...rest } = recorder.record();
  assert.deepEqual([gaps.length, gaps[0]?.from_seq, gaps.at(-1)?.from_seq], [100, 50, 149]);
  assert.deepEqual(rest, {
    delivered: 5,
    duplicates: 2,
    filled: 3,
    missing: 300,
    moves: [],
    connections: 0,
    losses: 0,
    last: { [EPOCH]: 5 },
  });
});
