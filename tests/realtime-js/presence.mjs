// Who is present, as two clients see each other come, change and go.
import { realtime, subscribe, VSNS } from "./clients.mjs";
import { ask, equal, Heard, must, run, test } from "./suite.mjs";

/** A channel that watches, and what it sees: joins and leaves, as [what, key, those it is about]. */
function watching(vsn, topic, key = "") {
  const client = realtime(vsn);
  const channel = client.channel(topic, { config: { presence: { key } } });
  const [seen, synced] = [new Heard(`presence on ${topic}`), new Heard(`syncs on ${topic}`)];
  const about = (presences) => presences.map(({ presence_ref, ...said }) => said);
  channel
    .on("presence", { event: "join" }, ({ key, newPresences }) =>
      seen.hear(["join", key, about(newPresences)]),
    )
    .on("presence", { event: "leave" }, ({ key, leftPresences }) =>
      seen.hear(["leave", key, about(leftPresences)]),
    )
    .on("presence", { event: "sync" }, synced.hear);
  const state = () =>
    Object.fromEntries(Object.entries(channel.presenceState()).map(([key, of]) => [key, about(of)]));
  return { client, channel, seen, synced, state };
}

for (const [one, two] of VSNS.flatMap((one) => VSNS.map((two) => [one, two]))) {
  test(`version ${one} sees version ${two} come, change and go`, async () => {
    const [a, b] = [watching(one, "hall", "a"), watching(two, "hall", "b")];
    await subscribe(a.channel);
    await a.synced.next();
    equal(a.state(), {}, "nobody is there at first");

    equal(await a.channel.track({ name: "Ann" }), "ok");
    equal(await a.seen.next(), ["join", "a", [{ name: "Ann" }]]);

    await subscribe(b.channel);
    await b.synced.next();
    equal(b.state(), { a: [{ name: "Ann" }] }, "who was there before");

    equal(await b.channel.track({ name: "Bob", at: [1, { x: null }] }), "ok");
    for (const { seen } of [a, b]) {
      const what = (await seen.until(([, key]) => key === "b")).at(-1);
      equal(what, ["join", "b", [{ name: "Bob", at: [1, { x: null }] }]]);
    }

    equal(await b.channel.track({ name: "Rob" }), "ok");
    for (const { seen, state } of [a, b]) {
      equal(await seen.next(), ["leave", "b", [{ name: "Bob", at: [1, { x: null }] }]]);
      equal(await seen.next(), ["join", "b", [{ name: "Rob" }]]);
      equal(state(), { a: [{ name: "Ann" }], b: [{ name: "Rob" }] });
    }

    equal(await b.channel.untrack(), "ok");
    for (const { seen } of [a, b]) equal(await seen.next(), ["leave", "b", [{ name: "Rob" }]]);

    await b.channel.track({ name: "Bob" });
    equal((await a.seen.next())[0], "join");
    await b.client.removeAllChannels();
    equal(await a.seen.next(), ["leave", "b", [{ name: "Bob" }]]);
    // The client says so before it changes its state.
    await a.synced.take(7);
    equal(a.state(), { a: [{ name: "Ann" }] });
    equal(a.seen.rest(), []);
  });
}

for (const vsn of VSNS) {
  test(`a connection of version ${vsn} that breaks is a leave`, async () => {
    const [a, b] = [watching(vsn, "cut", "a"), watching(vsn, "cut", "b")];
    await Promise.all([subscribe(a.channel), subscribe(b.channel)]);
    await b.channel.track({ here: true });
    equal(await a.seen.next(), ["join", "b", [{ here: true }]]);
    equal(a.state(), { b: [{ here: true }] });
    b.client.socketAdapter.getSocket().conn.terminate();
    equal(await a.seen.next(), ["leave", "b", [{ here: true }]]);
    await a.synced.take(3);
    equal(a.state(), {});
  });

  test(`two clients of version ${vsn} may have one key, and a client without one gets one`, async () => {
    const [a, b, nameless] = ["k", "k", ""].map((key) => watching(vsn, "keys", key));
    await Promise.all([a, b, nameless].map(({ channel }) => subscribe(channel)));
    await a.channel.track({ n: 1 });
    await b.channel.track({ n: 2 });
    await nameless.channel.track({ n: 3 });
    await a.seen.take(3);
    const { k, ...others } = a.state();
    equal(k.map(({ n }) => n).sort(), [1, 2], "both are there");
    const [[key, presences], ...more] = Object.entries(others);
    must(key.length > 0 && more.length === 0, "one key of its own");
    equal(presences, [{ n: 3 }]);
    await b.client.removeAllChannels();
    equal(await a.seen.next(), ["leave", "k", [{ n: 2 }]]);
    equal(a.state().k, [{ n: 1 }]);
  });

  test(`a client of version ${vsn} that only tracks is seen`, async () => {
    const watcher = watching(vsn, "shy");
    const shy = realtime(vsn).channel("shy", { config: { presence: { key: "shy" } } });
    await Promise.all([subscribe(watcher.channel), subscribe(shy)]);
    equal(await shy.track({ n: 1 }), "ok");
    equal(await watcher.seen.next(), ["join", "shy", [{ n: 1 }]]);
  });
}

test("the Python client is present", async () => {
  const watcher = watching("2.0.0", "python");
  await subscribe(watcher.channel);
  await ask("python_present");
  equal(await watcher.seen.next(), ["join", "python", [{ n: 1 }]]);
  equal(await watcher.seen.next(), ["leave", "python", [{ n: 1 }]]);
  equal(await watcher.seen.next(), ["join", "python", [{ n: 2 }]]);
  equal(await watcher.seen.next(), ["leave", "python", [{ n: 2 }]]);
});

await run();
