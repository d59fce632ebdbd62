// What clients do by themselves when the router goes away and comes back.
import { broadcast, broadcasts, inserts, realtime, subscribe, systems, VSNS } from "./clients.mjs";
import { ask, equal, event, Heard, post, run, test } from "./suite.mjs";

const LIVE = "Subscribed to PostgreSQL";

for (const vsn of VSNS) {
  for (const [end, code] of [["kill", 1006], ["terminate", 1012]]) {
    test(`version ${vsn} is back by itself after the router's ${end}, and hears what comes then`, async () => {
      const client = realtime(vsn);
      const room = client.channel("room", { config: { broadcast: { self: true } } });
      const journal = client.channel("journal");
      const watched = client.channel("watched", { config: { presence: { key: "me" } } });
      const [said, rows, live] = [broadcasts(room), inserts(journal), systems(journal)];
      const synced = new Heard("syncs");
      watched.on("presence", { event: "sync" }, () => synced.hear(Object.keys(watched.presenceState())));
      const statuses = await Promise.all([room, journal, watched].map(subscribe));
      await watched.track({ n: 1 });
      await synced.until((keys) => keys.length === 1);
      await post(event("before"));
      equal((await rows.next()).new.event_type, "before");

      await ask(end);
      for (const own of statuses) {
        const [status, reason] = await own.next();
        equal([status, reason.slice(0, 19)], ["CHANNEL_ERROR", `socket closed: ${code}`]);
      }
      await ask("start");
      for (const own of statuses) equal(await own.next(), ["SUBSCRIBED", undefined]);

      // At once: who is subscribed misses nothing.
      await post([event("after"), event("again")]);
      equal((await rows.take(2)).map((row) => row.new.event_type), ["after", "again"]);
      await room.send(broadcast("after"));
      equal((await said.next()).event, "after");
      equal(await synced.next(), [], "nobody is present in the new router");
      equal(await watched.track({ n: 2 }), "ok");
      equal(await synced.next(), ["me"]);
      equal((await live.take(2)).map(({ message }) => message), [LIVE, LIVE]);
      equal([...statuses, rows, said, live].flatMap((own) => own.rest()), []);
    });
  }

  test(`what version ${vsn} sends while the router is away is sent when it is back`, async () => {
    const config = { broadcast: { ack: true } };
    const client = realtime(vsn);
    const [sender, other] = [client.channel("queue", { config }), realtime(vsn).channel("queue")];
    const heard = broadcasts(other);
    const [statuses, others] = await Promise.all([subscribe(sender), subscribe(other)]);
    await ask("kill");
    for (const own of [statuses, others]) equal((await own.next())[0], "CHANNEL_ERROR");
    const sent = sender.track({ n: 1 });
    await ask("start");
    for (const own of [statuses, others]) equal((await own.next())[0], "SUBSCRIBED");
    equal(await sent, "ok");
    equal(await sender.send(broadcast("back")), "ok");
    equal((await heard.next()).event, "back");
  });

  test(`a socket of version ${vsn} has all its channels again after a loss`, async () => {
    const client = realtime(vsn);
    const channels = Array.from({ length: 60 }, (_, n) => client.channel(`many ${n}`));
    const heard = channels.map((channel, n) => inserts(channel, { filter: `event_type=eq.n${n}` }));
    const statuses = await Promise.all(channels.map(subscribe));
    client.socketAdapter.getSocket().conn.terminate();
    for (const own of statuses) {
      equal((await own.next())[0], "CHANNEL_ERROR");
      equal((await own.next())[0], "SUBSCRIBED");
    }
    await post(channels.map((_, n) => event(`n${n}`)));
    for (const [n, own] of heard.entries()) equal((await own.next()).new.event_type, `n${n}`);
    equal([...heard, ...statuses].flatMap((own) => own.rest()), []);
  });
}

test("the client's own timing brings it back as well", async () => {
  const channel = realtime("2.0.0", { reconnectAfterMs: undefined }).channel("patient");
  const rows = inserts(channel);
  const statuses = await subscribe(channel);
  await ask("kill");
  await ask("start");
  equal((await statuses.next())[0], "CHANNEL_ERROR");
  equal((await statuses.next())[0], "SUBSCRIBED");
  await post(event("after"));
  equal((await rows.next()).new.event_type, "after");
});

await run();
