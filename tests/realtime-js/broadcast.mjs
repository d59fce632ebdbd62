// Broadcasts: over sockets of both versions and over HTTP, with channels that come and go.
import { broadcast, broadcasts, realtime, subscribe, subscribing, VSNS } from "./clients.mjs";
import { ask, equal, Heard, must, run, test } from "./suite.mjs";

const PAYLOADS = [
  {},
  { text: "caf\u00e9 \u20ac \ud83d\ude00 \"quoted\"\n", nested: { list: [1, 2.5, null, true] } },
  { big: "x".repeat(200_000) },
];

for (const from of VSNS) {
  for (const to of VSNS) {
    test(`a broadcast of version ${from} is heard by version ${to}, and not by its sender`, async () => {
      const [sender, receiver] = [from, to].map((vsn) => realtime(vsn).channel("room"));
      const [echoes, heard] = [broadcasts(sender), broadcasts(receiver)];
      await Promise.all([subscribe(sender), subscribe(receiver)]);
      for (const payload of PAYLOADS) equal(await sender.send(broadcast("said", payload)), "ok");
      await receiver.send(broadcast("end"));
      for (const payload of PAYLOADS) {
        const { type, event, payload: found } = await heard.next();
        equal([type, event, found], ["broadcast", "said", payload]);
      }
      equal((await echoes.next()).event, "end", "what the sender hears");
    });
  }
}

for (const vsn of VSNS) {
  test(`a sender of version ${vsn} hears itself when it wants to, in order`, async () => {
    const channel = realtime(vsn).channel("self", { config: { broadcast: { self: true } } });
    const heard = broadcasts(channel);
    await subscribe(channel);
    for (let n = 0; n < 50; n++) channel.send(broadcast("n", { n }));
    const found = await heard.take(50);
    equal(found.map(({ payload }) => payload.n), [...Array(50).keys()]);
  });

  test(`version ${vsn} is told that its broadcast was taken, when it asks`, async () => {
    const config = { broadcast: { ack: true, self: true } };
    const channel = realtime(vsn).channel("ack", { config });
    const heard = broadcasts(channel, "Said");
    await subscribe(channel);
    equal(await channel.send(broadcast("said", { n: 1 })), "ok");
    equal((await heard.next()).payload, { n: 1 }, "the case of names does not matter");
  });

  test(`names that are not ASCII come through version ${vsn}`, async () => {
    const name = "caf\u00e9 / 100% ?&#\u00fc";
    const channel = realtime(vsn).channel(name, { config: { broadcast: { self: true } } });
    const heard = broadcasts(channel, "d\u00e9j\u00e0 vu");
    await subscribe(channel);
    await channel.send(broadcast("d\u00e9j\u00e0 vu", { n: 1 }));
    equal((await heard.next()).payload, { n: 1 });
    await channel.httpSend("d\u00e9j\u00e0 vu", { n: 2 });
    equal((await heard.next()).payload, { n: 2 });
  });

  test(`version ${vsn} sends over HTTP, before it has joined too`, async () => {
    for (const path of ["/realtime/v1", "/socket"]) {
      const [sender, receiver] = [realtime(vsn, { path }), realtime(vsn, { path })];
      const topic = `http ${path} ?a=b&c#d`;
      const listening = receiver.channel(topic);
      const heard = broadcasts(listening);
      await subscribe(listening);
      const channel = sender.channel(topic);
      equal(await channel.httpSend("one/two ?%", { n: 1 }), { success: true });
      equal(await quietly(() => channel.send(broadcast("three", { n: 2 }))), "ok");
      const found = await heard.take(2);
      equal(found.map(({ event, payload }) => [event, payload]), [
        ["one/two ?%", { n: 1 }],
        ["three", { n: 2 }],
      ]);
    }
  });

  test(`a channel of version ${vsn} that leaves hears nothing, and one that joins anew does`, async () => {
    const client = realtime(vsn);
    const sender = realtime(vsn).channel("door");
    const left = client.channel("door");
    const unheard = broadcasts(left);
    const [statuses] = await Promise.all([subscribe(left), subscribe(sender)]);
    for (let round = 0; round < 5; round++) {
      // The client says so before the router has answered: a new channel may be joined at once.
      equal(await client.removeChannel(client.getChannels()[0]), "ok");
      if (round === 0) equal(await statuses.next(), ["CLOSED", undefined]);
      const channel = client.channel("door");
      const heard = broadcasts(channel);
      await subscribe(channel);
      await sender.send(broadcast("round", { round }));
      equal((await heard.next()).payload, { round });
    }
    equal(unheard.rest(), []);
  });

  test(`a socket of version ${vsn} has many channels, each with its own, and the limit is said`, async () => {
    const client = realtime(vsn);
    const sender = realtime(vsn);
    const channels = Array.from({ length: 100 }, (_, n) => client.channel(`many ${n}`));
    const heard = channels.map((channel) => broadcasts(channel));
    await Promise.all(channels.map(subscribe));
    const [status, reason] = await subscribing(client.channel("one more")).next();
    equal([status, reason], ["CHANNEL_ERROR", "ChannelRateLimitReached: Too many channels"]);
    for (const n of channels.keys()) await sender.channel(`many ${n}`).httpSend("n", { n });
    for (const [n, own] of heard.entries()) equal((await own.next()).payload, { n });
    equal(heard.flatMap((own) => own.rest()), []);
  });

  test(`heartbeats of version ${vsn} are answered`, async () => {
    const beats = new Heard("heartbeats");
    const client = realtime(vsn, { heartbeatIntervalMs: 200, heartbeatCallback: beats.hear });
    await subscribe(client.channel("beats"));
    equal(await beats.take(4), ["sent", "ok", "sent", "ok"]);
  });

  test(`private and public channels of version ${vsn} have nothing in common`, async () => {
    const broadcasting = { self: true, ack: true };
    const [open, closed] = [false, true].map((isPrivate) =>
      realtime(vsn).channel("name", { config: { private: isPrivate, broadcast: broadcasting } }),
    );
    const [public_, private_] = [broadcasts(open), broadcasts(closed)];
    await Promise.all([subscribe(open), subscribe(closed)]);
    await open.send(broadcast("public"));
    await closed.send(broadcast("private"));
    await open.httpSend("public too", {});
    await closed.httpSend("private too", {});
    const events = async (heard) => (await heard.take(2)).map(({ event }) => event);
    equal(await events(public_), ["public", "public too"]);
    equal(await events(private_), ["private", "private too"]);
    equal([...public_.rest(), ...private_.rest()], []);
  });
}

for (const vsn of VSNS) {
  test(`a private channel of version ${vsn} hears again what was said since a time`, async () => {
    const config = { private: true, broadcast: { ack: true } };
    const sender = realtime(vsn).channel("replay", { config });
    await subscribe(sender);
    const since = Date.now();
    for (let n = 0; n < 5; n++) equal(await sender.send(broadcast("said", { n })), "ok");
    const replay = { since, limit: 3 };
    const late = realtime(vsn).channel("replay", { config: { private: true, broadcast: { replay } } });
    const heard = broadcasts(late);
    await subscribe(late);
    equal(await sender.send(broadcast("said", { n: 5 })), "ok");
    const found = await heard.take(4);
    equal(found.map(({ payload }) => payload.n), [2, 3, 4, 5]);
    equal(found.map(({ meta }) => meta?.replayed === true), [true, true, true, false]);
    equal(new Set(found.slice(0, 3).map(({ meta }) => meta.id)).size, 3);
  });
}

test("bytes come through version 2 as they are, over the socket and over HTTP", async () => {
  const channel = realtime().channel("bytes", { config: { broadcast: { self: true, ack: true } } });
  const other = realtime("1.0.0").channel("bytes");
  const [heard, unable] = [broadcasts(channel), broadcasts(other)];
  await Promise.all([subscribe(channel), subscribe(other)]);
  const every = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  for (const bytes of [every, new Uint8Array(0)]) {
    equal(await channel.send(broadcast("bytes", bytes.buffer)), "ok");
    const { payload } = await heard.next();
    must(payload instanceof ArrayBuffer, "not an ArrayBuffer");
    equal(new Uint8Array(payload), bytes);
  }
  equal(await channel.httpSend("bytes", every), { success: true });
  equal(new Uint8Array((await heard.next()).payload), every);
  await channel.send(broadcast("text"));
  equal((await unable.next()).event, "text", "version 1 has no bytes");
});

test("a name too long for the binary form is sent as text", async () => {
  const [sender, receiver] = [realtime("1.0.0").channel("long"), realtime().channel("long")];
  const heard = broadcasts(receiver);
  await Promise.all([subscribe(sender), subscribe(receiver)]);
  const name = "n".repeat(300);
  await sender.send(broadcast(name, { n: 1 }));
  const { event, payload } = await heard.next();
  equal([event, payload], [name, { n: 1 }]);
});

test("the Python client hears and is heard by both versions", async () => {
  await ask("python_echo");
  for (const vsn of VSNS) {
    const channel = realtime(vsn).channel("echo", { config: { broadcast: { ack: true } } });
    const heard = broadcasts(channel, "echo");
    await subscribe(channel);
    for (const payload of PAYLOADS) {
      equal(await channel.send(broadcast("say", payload)), "ok");
      equal((await heard.next()).payload, payload);
    }
  }
});

test("a channel without a name is refused", async () => {
  const [status, reason] = await subscribing(realtime().channel("")).next();
  equal([status, reason], ["CHANNEL_ERROR", "TopicNameRequired: You must provide a topic name"]);
});

/** Without the client's warning that it will not fall back to HTTP for ever. */
async function quietly(action) {
  const { warn } = console;
  console.warn = () => {};
  try {
    return await action();
  } finally {
    console.warn = warn;
  }
}

await run();
