import assert from "node:assert/strict";
import { test } from "node:test";

import { Handover } from "../../src/client/handover.js";
import { Merge, MOST_PENDING } from "../../src/client/merge.js";
import { chance, EPOCH, event, message, OTHER, RUNS } from "./journal.js";

const LIMIT = 10_000;
const at = (seq: number, epoch = EPOCH) => ({ epoch, seq });

function joined(): Handover {
  const it = new Handover(LIMIT);
  it.joined(0);
  return it;
}

test("paths meet by a message that goes on where the direct path is, or before it", () => {
  for (const [prev, met] of [[3, true], [4, true], [5, false]] as const) {
    const it = joined();
    it.message(message(9, prev));
    assert.equal(it.look(at(4), 0) === "met", met, `prev ${prev}`);
  }
});

test("the direct path may come to where the channel began", () => {
  const it = joined();
  it.message(message(7));
  it.message(message(8));
  assert.deepEqual([4, 5, 6].map((seq) => it.look(at(seq), 0)), ["overlapping", "overlapping", "met"]);
  assert.deepEqual(it.release().messages.map(({ event }) => event.seq), [7, 8]);
});

test("an idle path meets by its head", () => {
  const it = joined();
  it.head(at(4));
  assert.equal(it.look(at(3), 0), "overlapping");
  assert.equal(it.look(at(4), 0), "met");
});

test("nothing is met before the channel is joined, nor in another journal", () => {
  const it = new Handover(LIMIT);
  it.message(message(5));
  assert.equal(it.look(at(4), 0), "joining");
  it.joined(0);
  assert.equal(it.look(at(4, OTHER), 0), "overlapping");
  assert.equal(it.look(undefined, 0), "overlapping");
  assert.equal(it.look(at(4), 0), "met");
});

test("without an overlap in time it fails, and stays so", () => {
  const it = joined();
  assert.equal(it.look(at(4), LIMIT - 1), "overlapping");
  assert.equal(it.look(at(4), LIMIT), "failed");
  it.message(message(5));
  assert.equal(it.look(at(4), LIMIT), "failed");
});

test("what is kept meanwhile is bounded", () => {
  const it = joined();
  for (let seq = 10; seq <= MOST_PENDING + 10; seq++) it.message(message(seq));
  assert.equal(it.look(at(4), 0), "failed");
});

test("what must be proved is where the channel begins", () => {
  const it = joined();
  assert.equal(it.wants(), undefined);
  it.head(at(9));
  it.message(message(8));
  assert.deepEqual(it.wants(), at(7));
  it.message(message(20, 19, { epoch: OTHER }));
  assert.deepEqual(it.wants(), at(19, OTHER));
});

/** Two paths of one journal that run at their own speeds; the client moves from one to the other in the middle. */
function run(seed: number): void {
  const random = chance(seed);
  const count = 40;
  const merge = new Merge(1000, () => true);
  merge.begin(at(0), false);
  const seen: number[] = [];
  const tell = (step: ReturnType<Merge["direct"]>) => step.told.forEach((it) => seen.push("event" in it ? it.event.seq : NaN));
  const handover = joined();
  let [direct, channel] = [0, Math.floor(random() * 20)];
  let met = false;
  const look = () => {
    if (met || handover.look(merge.position, 0) !== "met") return;
    met = true;
    for (const it of handover.release().messages) tell(merge.realtime(it, 0));
  };
  while (channel < count || (!met && direct < count)) {
    if (random() < 0.5 && !met && direct < count) tell(merge.direct(event(++direct)));
    else if (channel < count) {
      const next = message(++channel);
      if (met) tell(merge.realtime(next, 0));
      else handover.message(next);
    }
    look();
  }
  const about = `seed ${seed}`;
  assert.ok(met, about);
  assert.deepEqual(seen, Array.from({ length: count }, (_, n) => n + 1), about);
}

test("a client that moves sees each event once and in order, whichever path is ahead", () => {
  for (let seed = 1; seed <= RUNS; seed++) run(seed);
});
