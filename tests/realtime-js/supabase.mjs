// supabase-js, set up with nothing but the router's URL and a key.
import { broadcast, broadcasts, inserts, subscribe, supabase } from "./clients.mjs";
import { ask, equal, event, Heard, post, run, test } from "./suite.mjs";

test("rows, broadcasts and presence reach supabase-js over one channel", async () => {
  const [one, two] = [supabase(), supabase()];
  const config = { broadcast: { ack: true }, presence: { key: "one" } };
  const [sender, receiver] = [one.channel("all", { config }), two.channel("all")];
  const [rows, said, joined] = [inserts(receiver), broadcasts(receiver), new Heard("joins")];
  receiver.on("presence", { event: "join" }, joined.hear);
  await Promise.all([subscribe(sender), subscribe(receiver)]);

  await post(event("disk_full", { free: 0 }));
  const { new: row, schema, table, eventType } = await rows.next();
  equal([schema, table, eventType], ["monitoring", "monitoring_events", "INSERT"]);
  equal([row.event_type, row.data], ["disk_full", { free: 0 }]);
  equal(await sender.send(broadcast("said", { n: 1 })), "ok");
  equal(await sender.httpSend("said", { n: 2 }), { success: true });
  equal((await said.take(2)).map(({ payload }) => payload), [{ n: 1 }, { n: 2 }]);
  equal(await sender.track({ name: "Ann" }), "ok");
  equal((await joined.next()).newPresences[0].name, "Ann");
});

test("supabase-js renews its token, and comes back after a restart with the new one", async () => {
  const tokens = new Heard("tokens");
  let token = "first";
  const accessToken = async () => (tokens.hear(token), token);
  const client = supabase({ accessToken });
  const channel = client.channel("tokens");
  const rows = inserts(channel);
  const statuses = await subscribe(channel);
  token = "second";
  await client.realtime.setAuth();
  await post(event("renewed"));
  equal((await rows.next()).new.event_type, "renewed");
  await ask("kill");
  equal((await statuses.next())[0], "CHANNEL_ERROR");
  await ask("start");
  equal(await statuses.next(), ["SUBSCRIBED", undefined]);
  await post(event("restarted"));
  equal((await rows.next()).new.event_type, "restarted");
  equal([tokens.rest().at(-1), ...statuses.rest()], ["second"]);
});

test("supabase-js removes its channels, one and all", async () => {
  const client = supabase();
  const channels = ["a", "b", "c"].map((name) => client.channel(name));
  const statuses = await Promise.all(channels.map(subscribe));
  equal(await client.removeChannel(channels[0]), "ok");
  equal(await statuses[0].next(), ["CLOSED", undefined]);
  equal(await client.removeAllChannels(), ["ok", "ok"]);
  for (const own of statuses.slice(1)) equal(await own.next(), ["CLOSED", undefined]);
});

await run();
