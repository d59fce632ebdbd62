// Who may do what, in a router that knows its callers by tokens: renewed in time, or expired.
import { broadcast, broadcasts, inserts, realtime, subscribe, subscribing, systems, VSNS } from "./clients.mjs";
import { ask, equal, event, Heard, must, post, run, test } from "./suite.mjs";

// May read, may write, may do both; those two as well, but only for some seconds from now; is nobody's.
const [READER, PRODUCER, BOTH, BRIEF, BRIEFLY, FORGED] = process.argv.slice(3);
const AS_PRODUCER = { authorization: `Bearer ${PRODUCER}` };

const withKey = (vsn, apikey, more = {}) => realtime(vsn, { params: { apikey }, ...more });
const PRIVATE = { private: true };

// First: its tokens do not last.
test("an expired token ends its channel, and one renewed in time does not", async () => {
  const client = withKey("2.0.0", BRIEF);
  const [ends, said] = [client.channel("ends"), systems(client.channel("ends"))];
  const statuses = await subscribe(ends);
  // Asked at the join, and at each heartbeat.
  let token = BRIEFLY;
  const renewing = { accessToken: async () => token, heartbeatIntervalMs: 200 };
  const stays = withKey("1.0.0", BRIEFLY, renewing).channel("stays");
  const rows = inserts(stays);
  const others = await subscribe(stays);
  token = BOTH;

  equal(await statuses.next(), ["CLOSED", undefined]);
  const { message, ...rest } = await said.next();
  equal(rest, { extension: "system", status: "error", channel: "ends" });
  must(/^Token has expired \d+ seconds ago$/.test(message), message);
  const [status, reason] = await subscribing(client.channel("again")).next();
  equal(status, "CHANNEL_ERROR");
  must(/^InvalidJWTToken: Token has expired/.test(reason), reason);
  await post(event("after"), AS_PRODUCER);
  equal((await rows.next()).new.event_type, "after");
  equal(others.rest(), []);
});

for (const vsn of VSNS) {
  test(`version ${vsn} is let in with a key that may read, and with no other`, async () => {
    const channel = withKey(vsn, READER).channel("in");
    const rows = inserts(channel);
    await subscribe(channel);
    await post(event("seen"), AS_PRODUCER);
    equal((await rows.next()).new.event_type, "seen");
    for (const key of [FORGED, PRODUCER]) {
      const refused = new Heard("refused handshakes");
      const client = withKey(vsn, key);
      client.socketAdapter.onError(refused.hear);
      const statuses = subscribing(client.channel("out"));
      equal((await statuses.next())[0], "CHANNEL_ERROR");
      // It tries again, to no avail.
      await refused.take(3);
      equal(statuses.rest(), []);
    }
  });

  test(`version ${vsn} reads a private topic, and writes there with a token that may`, async () => {
    const config = { ...PRIVATE, broadcast: { ack: true } };
    const reading = withKey(vsn, READER);
    const reader = reading.channel("private", { config: { ...PRIVATE, broadcast: { self: true } } });
    const heard = broadcasts(reader);
    const writing = withKey(vsn, READER);
    await writing.setAuth(BOTH);
    const writer = writing.channel("private", { config });
    await Promise.all([subscribe(reader), subscribe(writer)]);
    await reader.send(broadcast("not allowed"));
    equal(await writer.send(broadcast("allowed", { n: 1 })), "ok");
    equal((await heard.next()).event, "allowed");
    await reading.setAuth(BOTH);
    await reader.send(broadcast("allowed now"));
    equal((await heard.next()).event, "allowed now");
  });

  test(`version ${vsn} renews its token, and comes back with it`, async () => {
    const client = withKey(vsn, READER);
    const channel = client.channel("renewed");
    const rows = inserts(channel);
    const statuses = await subscribe(channel);
    await client.setAuth(BOTH);
    await post(event("renewed"), AS_PRODUCER);
    equal((await rows.next()).new.event_type, "renewed");
    await ask("kill");
    await ask("start");
    equal((await statuses.take(2)).map(([status]) => status), ["CHANNEL_ERROR", "SUBSCRIBED"]);
    await post(event("again"), AS_PRODUCER);
    equal((await rows.next()).new.event_type, "again");
  });

  test(`a channel of version ${vsn} ends with a token that is not known`, async () => {
    const client = withKey(vsn, READER);
    const channel = client.channel("forged");
    const said = systems(channel);
    const statuses = await subscribe(channel);
    await client.setAuth(FORGED);
    equal(await statuses.next(), ["CLOSED", undefined]);
    const { message } = await said.next();
    must(/^Failed to validate JWT signature$|^The token provided is not a valid JWT$/.test(message), message);
  });
}

await run();
