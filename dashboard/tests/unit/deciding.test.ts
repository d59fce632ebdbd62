// When to try again, to ask again, to move, to stop.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Backoff, jittered } from "../../src/client/backoff.js";
import { after } from "../../src/client/closing.js";
import { Agreement, silence } from "../../src/client/recheck.js";

test("waits double up to the longest, each drawn from its upper half", () => {
  const least = new Backoff(500, 4000);
  assert.deepEqual(Array.from({ length: 5 }, () => least.next(0)), [250, 500, 1000, 2000, 2000]);
  const most = new Backoff(500, 4000);
  assert.deepEqual(Array.from({ length: 5 }, () => most.next(1)), [500, 1000, 2000, 4000, 4000]);
  most.reset();
  assert.equal(most.next(1), 500);
  const long = new Backoff(1, 1e9);
  for (let tries = 0; tries < 5000; tries++) assert.ok(long.next(1) <= 1e9);
});

test("times are jittered by a fifth", () => {
  assert.deepEqual([0, 0.5, 1].map((chance) => Math.round(jittered(1000, chance))), [800, 1000, 1200]);
});

test("a client moves when its time has come and it is still told so", () => {
  const here = { path: "direct", not_before_ms: 0 } as const;
  const there = (not_before_ms: number) => ({ path: "realtime", not_before_ms }) as const;
  assert.deepEqual(new Agreement("realtime").answered(there(0)), { do: "move" });
  assert.deepEqual(new Agreement("realtime").answered(here), { do: "stay" });
  const it = new Agreement("realtime");
  assert.deepEqual(it.answered(there(900)), { do: "wait", ms: 900 });
  assert.deepEqual(it.answered(there(20)), { do: "move" }, "a time as near as that has come");
  const changed = new Agreement("realtime");
  changed.answered(there(900));
  assert.deepEqual(changed.answered(here), { do: "stay" });
});

test("a router that puts it off again and again does not do so for ever", () => {
  const it = new Agreement("direct");
  const decisions = Array.from({ length: 5 }, () => it.answered({ path: "direct", not_before_ms: 700 }).do);
  assert.deepEqual(decisions, ["wait", "wait", "wait", "move", "move"]);
});

test("three missing heads are asked about once, six are the end of it", () => {
  assert.deepEqual(
    [5999, 6000, 8000, 12_000].map((quiet) => [silence(quiet, 2000, false), silence(quiet, 2000, true)]),
    [["fine", "fine"], ["ask", "fine"], ["ask", "fine"], ["down", "down"]],
  );
});

test("each close code of the protocol has what follows from it", () => {
  const expected = {
    stop: [1003, 1007, 1009, 4400, 4403],
    authenticate: [4401],
    yield: [4429],
    return: [1000, 1001, 1002, 1006, 1011, 1012, 4408, 4410, 4503, 4999],
  };
  for (const [then, codes] of Object.entries(expected)) {
    for (const code of codes) assert.equal(after(code), then, String(code));
  }
});
