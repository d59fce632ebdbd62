// The client on either path, and between them, against a real router.
import { ask, equal, must, post, event, run, test } from "../../tests/realtime-js/suite.mjs";
import { following, heard, live, load, moves, store, until } from "./following.mjs";
import { belongs, Front, seqOf } from "./front.mjs";

const SWITCH = { type: "switch", to: "realtime", url: "/realtime/v1", topic: "monitoring", reason: "a step", not_before_ms: 0 };
const DEAF = (text, pass) => seqOf(text) === undefined && pass();

/** Tells a client on the direct path to move. */
function toRealtime(front, more = {}) {
  front.connect = belongs("realtime", more);
  front.say({ ...SWITCH, not_before_ms: more.not_before_ms ?? 0 });
}

test("events come by the direct path, as they are stored", async () => {
  const front = await Front.start();
  const followed = following(front.url);
  await live(followed, "direct");
  await heard(followed, await store(20));
  equal(front.opened, { direct: 1, realtime: 0 });
});

test("a router without /v1/connect has the direct path only", async () => {
  const front = await Front.start();
  front.connect = 404;
  const followed = following(front.url);
  await live(followed, "direct");
  await heard(followed, await store(3));
});

test("a filter, and a beginning in the past, are the router's on the direct path and the client's on the other", async () => {
  const filter = { event_type: ["cache_*", "db"], source: ["s*te"], category: ["system", "debug"] };
  const types = ["cache_hit", "db", "other", "dbx", "cache_"];
  const made = async () => {
    const { first_seq } = await post(types.flatMap((type) => ["system", "critical"].map((category) => event(type, {}, { category }))));
    return [0, 2, 8].map((n) => first_seq + n);
  };
  const before = await made();
  for (const path of ["direct", "realtime"]) {
    const front = await Front.start();
    front.connect = belongs(path);
    const last = following(front.url, { filter, from: { last: 2 } });
    await live(last, path);
    const now = following(front.url, { filter });
    await live(now, path);
    const fresh = await made();
    await heard(now, fresh, path);
    await heard(last, [...before.slice(-2), ...fresh], path);
    before.push(...fresh);
  }
});

test("it begins at a place or a time, on either path", async () => {
  const [first] = await store(1);
  await new Promise((resolve) => setTimeout(resolve, 5));
  const from = new Date().toISOString();
  const later = await store(4);
  for (const path of ["direct", "realtime"]) {
    const front = await Front.start();
    front.connect = belongs(path);
    const timed = following(front.url, { from: { time: from } });
    await heard(timed, later, `${path} from a time`);
    const { epoch } = timed.told.events[0];
    await heard(following(front.url, { from: { epoch, seq: first } }), later, `${path} from a place`);
  }
});

test("whatever the realtime path loses, doubles and delays, each event is told once and in order", async () => {
  const front = await Front.start();
  front.connect = belongs("realtime");
  let count = 0;
  front.realtime = (_text, pass) => {
    count += 1;
    // What answers the join, first.
    if (count > 3 && count % 10 === 0) return;
    if (count % 7 === 0) pass();
    if (count % 4 === 0) setTimeout(pass, 60);
    else pass();
  };
  const followed = following(front.url);
  await live(followed, "realtime");
  const stop = load(3, 5);
  await until(() => followed.told.events.length > 400, "events come");
  await heard(followed, await stop());
  const { filled, missing, duplicates, connections } = followed.client.ledger();
  must(filled > 20 && duplicates > 20, `filled ${filled}, duplicates ${duplicates}`);
  equal([missing, connections], [0, 1]);
});

test("a head tells of a loss that nothing comes after", async () => {
  const front = await Front.start();
  front.connect = belongs("realtime");
  const followed = following(front.url);
  await live(followed, "realtime");
  await heard(followed, await store(1));
  front.realtime = (text, pass) => text.includes("signalbox:head") && pass();
  const seqs = await store(5);
  await heard(followed, [seqs[0] - 1, ...seqs]);
  equal(followed.client.ledger().filled, 5);
});

test("what cannot be filled is named precisely", async () => {
  const front = await Front.start();
  front.connect = belongs("realtime");
  const followed = following(front.url);
  await live(followed, "realtime");
  const [first] = await store(1);
  front.fail = 503;
  const lost = [first + 2, first + 3, first + 6];
  front.realtime = (text, pass) => !lost.includes(seqOf(text)) && pass();
  await store(8);
  const told = [0, 1, 4, 5, 7, 8].map((n) => first + n);
  await heard(followed, told);
  const ranges = followed.told.gaps.map(({ from_seq, to_seq, reason }) => [from_seq - first, to_seq - first, reason]);
  equal(ranges, [[2, 3, "unfilled"], [6, 6, "unfilled"]]);
  equal(followed.client.ledger().missing, 3);
});

for (const filter of [undefined, { event_type: ["n3", "n5"] }]) {
  test(`moves under load, there and back, change nothing that is seen, ${filter ? "with" : "without"} a filter`, async () => {
    const front = await Front.start();
    const followed = following(front.url, filter ? { filter } : {});
    await live(followed, "direct");
    const stop = load(7, 5);
    for (let round = 0; round < 4; round++) {
      toRealtime(front);
      await followed.moved.next();
      await live(followed, "realtime");
      // It asks when its channel is silent; what is said for its ears alone is held back.
      front.connect = belongs("direct");
      const { realtime } = front;
      front.realtime = DEAF;
      await followed.moved.next();
      front.realtime = realtime;
      await live(followed, "direct");
    }
    const seqs = (await stop()).filter((_, n) => !filter || [3, 5].includes(n % 7));
    await heard(followed, seqs);
    equal(moves(followed), Array(4).fill(["direct realtime moved", "realtime direct moved"]).flat());
    equal(front.opened, { direct: 5, realtime: 4 });
    // Nothing had to be made up for: the paths met.
    const { connections, losses, missing, filled } = followed.client.ledger();
    equal({ connections, losses, missing, filled }, { connections: 9, losses: 0, missing: 0, filled: 0 });
  });
}

test("a filter that nothing matches does not keep a client from moving", async () => {
  const front = await Front.start();
  const followed = following(front.url, { filter: { source: ["nobody"] } });
  await live(followed, "direct");
  await store(5);
  toRealtime(front);
  equal((await followed.moved.next()).outcome, "moved");
  equal(followed.told.events, []);
});

test("an idle path meets by its head, and by the table where there are none", async () => {
  for (const kind of ["broadcast", "postgres_changes"]) {
    const front = await Front.start();
    const followed = following(front.url);
    await live(followed, "direct");
    await heard(followed, await store(3));
    toRealtime(front, { kind });
    equal((await followed.moved.next()).outcome, "moved", kind);
    const [first] = await store(4);
    await heard(followed, [-3, -2, -1, 0, 1, 2, 3].map((n) => first + n), kind);
  }
});

test("rows of the table are the same events, filled alike", async () => {
  const front = await Front.start();
  front.connect = belongs("realtime", { kind: "postgres_changes" });
  const followed = following(front.url);
  await live(followed, "realtime");
  const [first] = await store(2);
  front.realtime = (text, pass) => seqOf(text) !== first + 3 && pass();
  await store(3);
  await heard(followed, [0, 1, 2, 3, 4].map((n) => first + n));
  equal(followed.client.ledger().filled, 1);
});

test("a move waits for its time, and is made only if it is still told so", async () => {
  const front = await Front.start();
  const followed = following(front.url);
  await live(followed, "direct");
  // Told to move, and by then not any more.
  front.say({ ...SWITCH, not_before_ms: 30 });
  await until(() => front.count("/v1/connect") === 2, "it asks again");
  toRealtime(front, { not_before_ms: 100 });
  await until(() => front.count("on=direct") > 2, "it asks again when its time has come");
  equal(moves(followed), []);
  front.connect = belongs("realtime");
  await followed.moved.next();
  equal(moves(followed), ["direct realtime moved"]);
});

test("without an overlap in time it stays where it is, says so, and loses nothing", async () => {
  const front = await Front.start();
  const followed = following(front.url, { timing: { overlap: 300 } });
  await live(followed, "direct");
  front.realtime = DEAF;
  const stop = load();
  toRealtime(front);
  const { outcome, detail } = await followed.moved.next();
  equal([outcome, detail], ["stayed", "the paths do not overlap in time"]);
  await live(followed, "direct");
  await heard(followed, await stop());
  equal(front.opened, { direct: 1, realtime: 1 });
});

test("a join that is refused leaves it where it is", async () => {
  const front = await Front.start();
  const followed = following(front.url);
  await live(followed, "direct");
  front.refuses.add("realtime");
  toRealtime(front);
  equal((await followed.moved.next()).outcome, "stayed");
  await heard(followed, await store(3));
  equal(front.opened.direct, 1);
});

test("the direct path lost in the middle of a move is resumed", async () => {
  const front = await Front.start();
  const followed = following(front.url);
  await live(followed, "direct");
  front.realtime = DEAF;
  const stop = load();
  toRealtime(front);
  await until(() => followed.client.status.state === "moving", "it moves");
  front.connect = belongs("direct");
  front.cut("direct");
  equal((await followed.moved.next()).outcome, "stayed");
  await live(followed, "direct");
  await heard(followed, await stop());
  equal(followed.client.ledger().losses, 1);
});

test("the realtime path cut under load: back to direct when told so, in its own time", async () => {
  const front = await Front.start();
  front.connect = belongs("realtime");
  const followed = following(front.url);
  await live(followed, "realtime");
  const stop = load();
  await until(() => followed.told.events.length > 20, "events come");
  front.connect = belongs("direct", { not_before_ms: 200, detail: "down" });
  const began = Date.now();
  front.cut("realtime");
  await live(followed, "direct");
  must(Date.now() - began >= 200, "it does not wait for its time");
  await heard(followed, await stop());
  equal([front.opened, followed.client.status.reason], [{ direct: 1, realtime: 1 }, "bucket: down"]);
});

test("the realtime path down, though the router does not say so: back to direct by itself", async () => {
  const front = await Front.start();
  front.connect = belongs("realtime");
  const followed = following(front.url);
  await live(followed, "realtime");
  const stop = load();
  front.refuses.add("realtime");
  front.cut("realtime");
  await live(followed, "direct");
  must(/down/.test(followed.client.status.reason), followed.client.status.reason);
  must(followed.told.errors.some(({ code }) => code === "realtime_lost"), "it says so");
  await heard(followed, await stop());
});

test("a channel that falls silent: asks at once, and leaves it in the end", async () => {
  const front = await Front.start();
  front.connect = belongs("realtime");
  const followed = following(front.url);
  await live(followed, "realtime");
  front.realtime = DEAF;
  const asked = front.count("on=realtime");
  const seqs = await store(5);
  await until(() => front.count("on=realtime") > asked, "it asks");
  await live(followed, "direct");
  await heard(followed, seqs);
  must(followed.told.errors.some(({ code }) => code === "silent"), "it says so");
});

test("close codes: some are the end, with others it comes back", async () => {
  for (const code of [1003, 1007, 1009, 4400, 4401, 4403]) {
    const front = await Front.start();
    const { client, told } = following(front.url);
    await live({ client }, "direct");
    front.cut("direct", code, "no");
    await until(() => client.status.state === "stopped", `${code} is the end`);
    const [error] = told.errors;
    equal([error.code, error.fatal, front.opened.direct], [`closed_${code}`, true, 1]);
  }
  for (const code of [1000, 1001, 4408, 4410, 4429, 4503]) {
    const front = await Front.start();
    const followed = following(front.url);
    await live(followed, "direct");
    front.cut("direct", code, "later");
    await until(() => front.opened.direct === 2, `${code} is no end`);
    await live(followed, "direct");
    await heard(followed, await store(1));
  }
});

test("it resumes over kills and stops of the router without a hole or a double, on either path", async () => {
  for (const path of ["direct", "realtime"]) {
    const front = await Front.start();
    front.connect = belongs(path);
    const followed = following(front.url);
    await live(followed, path);
    const seqs = await store(20);
    for (const stop of ["kill", "terminate"]) {
      await ask(stop);
      await until(() => followed.client.status.state !== "live", "it notices");
      await ask("start");
      seqs.push(...(await store(20)));
      await until(() => followed.client.status.state === "live", "it comes back");
      seqs.push(...(await store(20)));
    }
    await heard(followed, seqs, path);
  }
});

test("closed, it says nothing more and leaves nothing open", async () => {
  for (const path of ["direct", "realtime"]) {
    const front = await Front.start();
    front.connect = belongs(path);
    const followed = following(front.url);
    await live(followed, path);
    followed.client.close();
    equal(followed.client.status.state, "closed");
    const { length } = followed.told.statuses;
    await store(3);
    followed.client.close();
    equal([followed.told.events, followed.told.statuses.length], [[], length]);
  }
});

await run();
