// What the page makes of what it is told, without a browser.

import assert from "node:assert/strict";
import { test } from "node:test";

import type { HistorySeries, StatsSnapshot } from "../../src/api/schema.js";
import type { Category } from "../../src/client/types.js";
import { changed, hash, place } from "../../src/app/route.js";
import { columns } from "../../src/model/columns.js";
import { ascii, post, word } from "../../src/model/curl.js";
import { allowedWords, flagValue } from "../../src/model/flag_value.js";
import * as format from "../../src/model/format.js";
import { health, score } from "../../src/model/health.js";
import { lines, mentions, weight } from "../../src/model/json.js";
import { Ring } from "../../src/model/ring.js";
import { History, Sampler, type Sample, SERIES } from "../../src/model/samples.js";
import { Arrivals, HEAVIEST, KEPT, Tail } from "../../src/model/tail.js";
import { changes, continued, points } from "../../src/model/past.js";
import { oneLine, visible } from "../../src/model/text.js";
import { ALL, isAll, patterns, predicate, wanted } from "../../src/model/wanted.js";
import { event } from "./journal.js";

// --- Text of strangers ---

test("escapes, direction marks and half characters are shown by name", () => {
  assert.equal(visible("\u001b[31mred\u0007"), "⟨1B⟩[31mred⟨07⟩");
  assert.equal(visible("user\u202egnp.exe"), "user⟨202E⟩gnp.exe");
  assert.equal(visible("a\ud800b"), "a⟨D800⟩b");
  assert.equal(visible("<script>alert(1)</script>"), "<script>alert(1)</script>");
  assert.equal(visible("שלום 🙂 é"), "שלום 🙂 é");
});

test("a long text says how much of it is missing, and ends with a whole character", () => {
  assert.equal(visible("x".repeat(65_536), 10), `${"x".repeat(10)}… (65,526 more characters)`);
  assert.equal(oneLine(`ab🙂`, 3), "ab…");
  assert.equal(oneLine("a\nb\tc"), "a b c");
});

// --- JSON ---

const said = (value: unknown) => lines(value).map(({ depth, parts }) => "  ".repeat(depth) + parts.map(({ text }) => text).join(""));

test("JSON is written as its lines", () => {
  assert.deepEqual(said({ a: [1, true], b: {}, c: "x\n\"" }), ["{", '  "a": [', "    1,", "    true", "  ],", '  "b": {},', '  "c": "x\\n\\""', "}"]);
});

test("no JSON is too deep or too long to be shown", () => {
  let deep: unknown = 1;
  for (let depth = 0; depth < 100_000; depth += 1) deep = { deep };
  const shown = lines(deep);
  assert.equal(shown.length, 49);
  assert.match(shown[24]!.parts.map(({ text }) => text).join(""), /\{ … \}/);
  assert.equal(lines(Array.from({ length: 1_000_000 }, (_, it) => it)).length, 1001);
  assert.ok(weight(deep) > 0 && !mentions(deep, "nothing of it"));
});

test("a text is found in names and values, whatever its case", () => {
  assert.ok(mentions({ Name: 1 }, "name") && mentions({ a: [{ b: "Deep" }] }, "deep") && mentions({ a: 17 }, "17"));
  assert.ok(!mentions({ a: "x" }, "y"));
});

// --- Shells ---

test("what is pasted is one plain command, whatever the event says", () => {
  assert.equal(word("it's"), `'it'\\''s'`);
  assert.equal(ascii("\u202e🙂é"), '"\\u202e\\ud83d\\ude42\\u00e9"');
  const text = post("http://127.0.0.1:8080", event(1, { data: { a: "'; rm -rf /; '" } }));
  assert.match(text, /'\\''; rm -rf \/; '\\''/);
});

// --- The newest of something ---

test("a ring keeps the newest, and no more than it may weigh", () => {
  const ring = new Ring<number>(3, 10);
  for (const it of [1, 2, 3, 4]) ring.push(it, 1);
  assert.deepEqual([ring.newest(), ring.oldest(), ring.count], [[4, 3, 2], [2, 3, 4], 4]);
  ring.push(5, 9);
  assert.deepEqual([ring.newest(), ring.weight], [[5, 4], 10]);
  ring.push(6, 100);
  assert.deepEqual([ring.newest(), ring.at(1)], [[6], undefined]);
  ring.clear();
  assert.deepEqual([ring.length, ring.weight, ring.count], [0, 0, 6]);
});

// --- Filters ---

test("what is wanted stands in the URL", () => {
  const asked = wanted(new URLSearchParams("type=cache_*,user_*&category=critical&category=nonsense&q=Abc"));
  assert.deepEqual(asked, { types: ["cache_*", "user_*"], sources: [], categories: ["critical"], search: "Abc" });
  const wants = predicate(asked);
  const good = event(1, { event_type: "cache_hit", category: "critical", data: { x: "zabcz" } });
  assert.ok(wants(good) && !wants({ ...good, category: "debug" }) && !wants({ ...good, event_type: "other" }) && !wants({ ...good, data: {} }));
  assert.ok(isAll(ALL) && predicate(ALL)(good));
  assert.deepEqual(patterns(" a, b\ta,,"), ["a", "b"]);
});

// --- Places ---

test("a place survives its URL, and changes only in what is changed", () => {
  const here = place("#/live?category=critical&q=a%26b");
  assert.equal(hash(here), "#/live?category=critical&q=a%26b");
  assert.equal(hash(changed(here, { q: "", event: "x" })), "#/live?category=critical&event=x");
  assert.equal(hash(changed(here, { category: ["debug", "system"] })), "#/live?q=a%26b&category=debug&category=system");
  for (const odd of ["", "#", "#/nowhere", "#//evil"]) assert.equal(place(odd).view, "overview");
});

// --- Health ---

const doing = { name: "x", says: "", errors: 0, takes: 10 };

test("points are lost as the rules say", () => {
  const scored = (more: object) => {
    const { score: points, level } = score({ ...doing, ...more });
    return [points, level];
  };
  assert.deepEqual(scored({}), [100, "healthy"]);
  assert.deepEqual(scored({ errors: 1.1 }), [80, "degraded"]);
  assert.deepEqual(scored({ errors: 5 }), [80, "degraded"]);
  assert.deepEqual(scored({ errors: 5.1 }), [60, "critical"]);
  assert.deepEqual(scored({ takes: 201 }), [90, "healthy"]);
  assert.deepEqual(scored({ takes: 501 }), [70, "degraded"]);
  assert.deepEqual(scored({ errors: 6, takes: 600 }), [30, "critical"]);
  assert.deepEqual(scored({ errors: null, takes: null }), [100, "healthy"]);
  assert.deepEqual(scored({ down: "the breaker is open" }), [0, "critical"]);
});

test("the whole is the mean, and one critical service makes it critical", () => {
  const four = (errors: number) => health([doing, doing, doing, { ...doing, errors }]);
  assert.deepEqual([four(0).score, four(0).level], [100, "healthy"]);
  assert.deepEqual([four(2).score, four(2).level], [95, "healthy"]);
  assert.deepEqual([four(6).score, four(6).level], [90, "critical"]);
  assert.equal(health([{ ...doing, errors: 2 }]).level, "degraded");
  assert.deepEqual(health([]), { score: 100, level: "healthy", services: [] });
});

// --- Charts ---

const sample = (at: number, taken: number | null) => ({ at, taken }) as Sample;

test("points become fewer by whole intervals: the mean, or the worst", () => {
  const samples = Array.from({ length: 1000 }, (_, at) => sample(at, at % 10));
  const [times, means, worst] = columns(samples, [{ series: "taken", join: "mean" }, { series: "taken", join: "most" }], 101);
  assert.equal(times.length, 100);
  assert.deepEqual([times[1], means![1], worst![1]], [10, 4.5, 9]);
  const later = columns(samples.slice(13), [{ series: "taken", join: "mean" }], 100);
  assert.equal(later[0][1], 20, "points stand still while time goes on");
});

test("a hole in time is a hole in the line, and what cannot be told is none", () => {
  const [times, taken] = columns([sample(1, 5), sample(2, null), sample(60, 7)], [{ series: "taken", join: "mean" }], 100);
  assert.deepEqual([times, taken], [[1, 2, 3, 60], [5, null, null, 7]]);
  const history = new History(3);
  for (const at of [1, 2, 3, 4]) history.push(sample(at, at));
  assert.deepEqual(history.since(3).map(({ at, taken, shown }) => [at, taken, shown]), [[3, 3, null], [4, 4, null]]);
  assert.deepEqual(history.since(0).map(({ at }) => at), [2, 3, 4]);
});

test("what the router remembers goes on with what the page has seen itself", () => {
  const series = Object.fromEntries(SERIES.map((name) => [name, name === "taken" ? [1, 2, null] : [null, null, null]])) as unknown as HistorySeries;
  const past = points({ at: [60, 120, 180], series });
  assert.deepEqual(past.map(({ at, taken, shown }) => [at, taken, shown]), [[60, 1, null], [120, 2, null], [180, null, null]]);
  const all = continued(past, [sample(175, 8), sample(185, 9)]);
  assert.deepEqual(all.map(({ at }) => at), [60, 120, 180, 185]);
  assert.deepEqual(columns(all, [{ series: "taken", join: "mean" }], 100)[0], [60, 120, 180, 185], "minutes apart are no hole");
});

// --- Numbers and times ---

test("numbers are as short as they may be and never better than they are", () => {
  assert.equal(format.percent(99.9996), "99.999 %");
  assert.equal(format.percent(100), "100 %");
  assert.equal(format.percent(0), "0 %");
  assert.equal(format.percent(0.05), "0.05 %");
  assert.equal(format.percent(null), "–");
  assert.equal(format.rate(12_345), "12.3K/s");
  assert.equal(format.millis(0.5), "0.5 ms");
  assert.equal(format.millis(1234), "1.2 s");
  assert.equal(format.bytes(1536), "1.5 KiB");
  assert.equal(format.bytes(0), "0 B");
  assert.deepEqual([0.24, 59, 61, 3600, 90_061].map(format.duration), ["0.2 s", "59 s", "1 min 1 s", "1 h", "1 d 1 h"]);
  assert.equal(format.count(1, "event"), "1 event");
});

// --- The tail ---

test("the tail shows what is wanted, and stands still while it is held", () => {
  const arrivals = new Arrivals();
  const tail = new Tail(arrivals, (it) => it.category === "system");
  const come = (seq: number, category: Category = "system") => arrivals.push(event(seq, { category }));
  come(1);
  come(2, "debug");
  assert.ok(tail.look());
  assert.deepEqual([tail.length, tail.at(0)?.seq], [1, 1]);
  tail.hold();
  come(3);
  come(4, "debug");
  assert.ok(tail.look());
  assert.deepEqual([tail.length, tail.at(0)?.seq, tail.waiting], [1, 1, 1]);
  tail.want(() => true);
  assert.deepEqual([tail.length, tail.at(0)?.seq, tail.isHeld], [4, 4, true]);
  tail.release();
  come(5);
  tail.look();
  assert.deepEqual([tail.length, tail.at(0)?.seq, tail.waiting], [5, 5, 0]);
  assert.ok(!tail.look());
});

test("the tail keeps so many events, and no more than they may weigh", () => {
  const arrivals = new Arrivals();
  const tail = new Tail(arrivals, () => true);
  for (let seq = 1; seq <= 3 * KEPT; seq += 1) arrivals.push(event(seq));
  tail.look();
  assert.deepEqual([tail.length, tail.at(0)?.seq], [KEPT, 3 * KEPT]);
  for (let seq = 1; seq <= 1000; seq += 1) arrivals.push(event(seq, { data: { text: "x".repeat(65_536) } }));
  assert.ok(arrivals.ring.weight <= HEAVIEST && arrivals.ring.length < 1000);
});

// --- Samples ---

function stats(uptime_seconds: number, delivered: number, transient: number) {
  const none = { count: 0, p50_ms: null, p95_ms: null, p99_ms: null };
  const attempts = { delivered, transient, rate_limited: 0, rejected: 0, misconfigured: 0 };
  const delivery = { breaker: "half-open", lag_events: 7, lag_seconds: 1, batch_events: 10, latency: none, attempts, settled: { delivered, known: 0, dead: 0, skipped: 0 } };
  return {
    uptime_seconds,
    memory_bytes: 1,
    journal: { queue_age_ms: 0 },
    sessions: { connected: 2 },
    ingest: { accepted_per_second: { "1s": 5 }, error_rate: 0, commit: none },
    delivery: { events_per_second: { "1s": 4 }, pass: none },
    http: { answer: none, error_rate: 0 },
    adapters: [{ name: "realtime", delivery }],
  } as unknown as StatsSnapshot;
}

test("what is only counted becomes a rate, which a restart does not make negative", () => {
  const sampler = new Sampler();
  const first = sampler.take(stats(10, 100, 0), 1000);
  assert.deepEqual([first.taken, first.shown, first.sent, first.realtime_errors, first.breaker], [5, 4, null, null, 1]);
  const second = sampler.take(stats(12, 130, 10), 1002);
  assert.deepEqual([second.sent, second.realtime_errors], [15, 25]);
  const restarted = sampler.take(stats(1, 5, 0), 1010);
  assert.deepEqual([restarted.sent, restarted.realtime_errors], [null, null]);
});

// --- Flags, changes ---

test("what is typed for a flag becomes its value, or nothing", () => {
  assert.deepEqual([flagValue("boolean", "true"), flagValue("boolean", "yes"), flagValue("integer", " 25 "), flagValue("integer", "2.5")], [true, undefined, 25, undefined]);
  assert.deepEqual([flagValue("list", "websocket, realtime"), flagValue("list", ""), flagValue("word", "")], [["websocket", "realtime"], [], undefined]);
  assert.deepEqual(allowedWords('"none" or "websocket_only"'), ["none", "websocket_only"]);
});

test("changes are told newest first, under the numbers of the charts", () => {
  const mark = (second: number, kind: "flag" | "breaker") => ({ at: `2026-01-01T00:00:0${second}Z`, kind, what: `${second}` });
  const found = changes({ marks: [mark(1, "flag"), mark(2, "breaker")] });
  assert.deepEqual(found.map(({ kind, what, label }) => [kind, what, label]), [
    ["breaker", "2", "2"],
    ["flag", "1", "1"],
  ]);
  assert.deepEqual(changes({ marks: null }), []);
  const many = Array.from({ length: 50 }, (_, place) => ({ ...mark(1, "flag"), what: String(place) }));
  assert.deepEqual([changes({ marks: many }).length, changes({ marks: many })[0]?.what], [30, "49"]);
});
