import assert from "node:assert/strict";
import { test } from "node:test";

import { Merge, MOST_PENDING, type Message, type Step } from "../../src/client/merge.js";
import type { MonitoringEvent } from "../../src/client/types.js";
import { chance, EPOCH, event, message, OTHER, RUNS } from "./journal.js";

const LATE = 1000;
const all = () => true;
const at = (seq: number, epoch = EPOCH) => ({ epoch, seq });

function merge(seq: number, wanted: (event: MonitoringEvent) => boolean = all): Merge {
  const merge = new Merge(LATE, wanted);
  merge.begin(at(seq), false);
  return merge;
}

/** What a step tells: seqs, and gaps as `from-to reason`. */
const told = (step: Step) =>
  step.told.map((it) => ("event" in it ? it.event.seq : `${it.gap.from_seq}-${it.gap.to_seq} ${it.gap.reason}`));

test("messages in order are told at once, each once", () => {
  const it = merge(4);
  assert.deepEqual(told(it.realtime(message(5), 0)), [5]);
  const again = it.realtime(message(5), 0);
  assert.deepEqual([told(again), again.duplicates], [[], 1]);
  assert.deepEqual(told(it.realtime(message(9, 5), 0)), [9], "what was not routed is no hole");
  assert.deepEqual([it.position, it.dueAt()], [at(9), undefined]);
});

test("what comes behind a hole waits, and goes on in order when the missing comes late", () => {
  const it = merge(4);
  assert.deepEqual(told(it.realtime(message(7), 10)), []);
  assert.deepEqual(told(it.realtime(message(6), 20)), []);
  assert.equal(it.realtime(message(7), 30).duplicates, 1);
  assert.deepEqual([it.position, it.dueAt(), it.hole(1019)], [at(4), 1020, undefined]);
  assert.deepEqual(told(it.realtime(message(5), 500)), [5, 6, 7]);
  assert.equal(it.dueAt(), undefined);
});

test("a hole is read from the journal when it is a second old, and no sooner than the others", () => {
  const it = merge(4);
  it.realtime(message(7), 0);
  it.realtime(message(10), 700);
  assert.equal(it.hole(999), undefined);
  const hole = it.hole(1000)!;
  assert.deepEqual(hole, { epoch: EPOCH, after: 4, through: 6 });
  const step = it.filled(hole, [event(5), event(6)], 1000);
  assert.deepEqual([told(step), step.filled], [[5, 6, 7], 2]);
  assert.deepEqual([it.position, it.dueAt()], [at(7), 1700]);
});

test("a head that is ahead is a hole, as old as the first that said so", () => {
  const it = merge(4);
  it.head(at(4), 0);
  assert.equal(it.dueAt(), undefined);
  it.head(at(6), 100);
  it.head(at(8), 900);
  assert.equal(it.dueAt(), 1100);
  const hole = it.hole(1100)!;
  assert.deepEqual([hole.after, hole.through], [4, 6]);
  assert.deepEqual(told(it.filled(hole, [event(6)], 1100)), [6]);
});

test("what the channel brings while a hole is read is told once", () => {
  const it = merge(4);
  it.realtime(message(7), 0);
  const hole = it.hole(1000)!;
  assert.deepEqual(told(it.realtime(message(5), 1001)), [5]);
  const step = it.filled(hole, [event(5), event(6)], 1002);
  assert.deepEqual([told(step), step.filled], [[6, 7], 1]);
});

test("a hole that cannot be read is named precisely, and no more", () => {
  const it = merge(4);
  it.realtime(message(6), 0);
  it.realtime(message(9), 0);
  it.head(at(11), 0);
  const hole = it.hole(1000)!;
  assert.equal(hole.through, 11);
  assert.deepEqual(told(it.lost(hole, "unfilled")), ["5-5 unfilled", 6, "7-8 unfilled", 9, "10-11 unfilled"]);
  assert.deepEqual([it.position, it.dueAt()], [at(11), undefined]);
});

test("what a filter leaves out is no hole", () => {
  const it = merge(0, ({ seq }) => seq % 2 === 0);
  assert.deepEqual([1, 2, 3, 4].flatMap((seq) => told(it.realtime(message(seq), 0))), [2, 4]);
  it.realtime(message(7), 0);
  // The journal leaves it out too.
  assert.deepEqual(told(it.filled(it.hole(1000)!, [event(6)], 1000)), [6]);
  assert.deepEqual(it.position, at(7));
});

test("the direct path goes on without a double after the realtime one, and brings what waits", () => {
  const it = merge(4);
  it.realtime(message(6), 0);
  it.begin(at(4), false);
  assert.deepEqual([it.dueAt(), it.position], [undefined, at(4)]);
  assert.deepEqual([5, 6].flatMap((seq) => told(it.direct(event(seq)))), [5, 6]);
  assert.equal(it.direct(event(6)).duplicates, 1);
  assert.deepEqual(told(it.realtime(message(6), 0)), []);
});

test("a resume behind the position changes nothing, one that is not recovered does", () => {
  const it = merge(9);
  it.begin(at(4), false);
  assert.deepEqual(it.position, at(9));
  it.begin(at(4), true);
  assert.deepEqual(it.position, at(4));
});

test("gaps of the direct path leave out what was told meanwhile", () => {
  const it = merge(9);
  assert.deepEqual(told(it.gap(5, 12, "retention", at(9))), ["10-12 retention"]);
  assert.deepEqual(it.position, at(12));
  assert.deepEqual(told(it.gap(5, 12, "retention", at(12))), []);
  assert.deepEqual(told(it.gap(1, 3, "epoch", at(9, OTHER))), ["1-3 epoch"]);
});

test("another journal begins with a gap, and the old one is over", () => {
  const it = merge(4);
  assert.deepEqual(told(it.realtime(message(3, 2, { epoch: OTHER }), 0)), ["1-2 epoch", 3]);
  assert.deepEqual(it.position, at(3, OTHER));
  const late = it.realtime(message(5), 0);
  assert.deepEqual([told(late), late.duplicates], [[], 1]);
  it.head(at(9), 0);
  assert.equal(it.dueAt(), undefined);
});

test("a hole of before is none any more when all was begun anew", () => {
  const it = merge(4);
  it.realtime(message(7), 0);
  const hole = it.hole(1000)!;
  it.begin(at(4), false);
  assert.deepEqual([told(it.filled(hole, [event(5)], 1000)), told(it.lost(hole, "unfilled"))], [[], []]);
});

test("in a journal that was empty, what comes first is a hole when something came before it", () => {
  const it = new Merge(LATE, all);
  assert.deepEqual(told(it.realtime(message(3), 0)), []);
  assert.deepEqual(told(it.filled(it.hole(1000)!, [event(1), event(2)], 1000)), [1, 2, 3]);
});

test("what waits is bounded: beyond it the journal is read", () => {
  const it = merge(0);
  for (let seq = 2; seq <= MOST_PENDING + 2; seq++) it.realtime(message(seq), 0);
  const hole = it.hole(0)!;
  assert.deepEqual([hole.after, hole.through], [0, MOST_PENDING + 2]);
});

/** A channel that drops, doubles, delays and reorders; and a journal that may be away. */
function run(seed: number): void {
  const random = chance(seed);
  const count = 1 + Math.floor(random() * 60);
  const [drop, double, delay, away] = [random() * 0.4, random() * 0.4, random() * 0.6, random() < 0.3 ? random() : 0];
  const filter = random() < 0.5 ? all : (it: MonitoringEvent) => it.seq % 3 === 0;
  const routed: Message[] = [];
  for (let seq = 1, prev = 0; seq <= count; seq++) {
    if (random() < 0.2) continue;
    routed.push(message(seq, prev));
    prev = seq;
  }
  const arrivals = routed.flatMap((it, n) => {
    const copies = random() < drop ? 0 : random() < double ? 2 : 1;
    return Array.from({ length: copies }, () => ({ it, at: n * 50 + (random() < delay ? random() * 4000 : 0) }));
  });
  arrivals.sort((a, b) => a.at - b.at);
  const merge = new Merge(LATE, filter);
  merge.begin(at(0), false);
  const steps: Step[] = [];
  const fill = (now: number) => {
    for (let hole = merge.hole(now); hole; hole = merge.hole(now)) {
      const { after, through } = hole;
      const events = routed.map(({ event }) => event).filter((it) => it.seq > after && it.seq <= through && filter(it));
      steps.push(random() < away ? merge.lost(hole, "unfilled") : merge.filled(hole, events, now));
    }
  };
  for (const { it, at } of arrivals) {
    fill(at);
    steps.push(merge.realtime(it, at));
  }
  const last = routed.at(-1)?.event.seq ?? 0;
  merge.head(at(last), 1e6);
  fill(2e6);

  const [seen, missing]: [number[], Set<number>] = [[], new Set()];
  for (const it of steps.flatMap((step) => step.told)) {
    if ("event" in it) seen.push(it.event.seq);
    else for (let seq = it.gap.from_seq; seq <= it.gap.to_seq; seq++) missing.add(seq);
  }
  const about = `seed ${seed}`;
  assert.ok(seen.every((seq, n) => n === 0 || seq > seen[n - 1]!), `${about}: in order, each once`);
  const expected = routed.map(({ event }) => event).filter(filter).map(({ seq }) => seq);
  assert.deepEqual(expected.filter((seq) => !missing.has(seq)), seen, `${about}: none missing that no gap names`);
  assert.deepEqual([merge.position?.seq, merge.dueAt()], [last, undefined], about);
  if (away === 0) assert.equal(missing.size, 0, `${about}: no gap while the journal can be read`);
}

test("whatever a channel does, each event is told once and in order, or named by a gap", () => {
  for (let seed = 1; seed <= RUNS; seed++) run(seed);
});
