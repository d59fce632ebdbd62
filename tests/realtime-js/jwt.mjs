// JSON Web Tokens, as Supabase Auth makes them: what a role may do on a channel, tokens that are
// renewed in time, and those that expire.
import { createHmac } from "node:crypto";

import { broadcast, broadcasts, inserts, realtime, subscribe, subscribing, supabase, systems, VSNS } from "./clients.mjs";
import { ask, equal, event, Heard, must, post, run, test } from "./suite.mjs";

const [SECRET] = process.argv.slice(3);

/** A token of a role, for so many seconds from now on. */
function jwt(role, seconds = 600, secret = SECRET) {
  const part = (json) => Buffer.from(JSON.stringify(json)).toString("base64url");
  const claims = { role, exp: Math.floor(Date.now() / 1000) + seconds };
  const said = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  return `${said}.${createHmac("sha256", secret).update(said).digest("base64url")}`;
}

// What sockets are opened with; channels have tokens of their own.
const KEY = jwt("authenticated");
// What a project shows everybody: it allows nothing.
const ANON = jwt("anon");
const SERVICE = jwt("service_role");
// Long enough to join with, and short enough to wait for.
const BRIEF = 2;
const PRIVATE = { config: { private: true } };
const ACKNOWLEDGED = { config: { private: true, broadcast: { ack: true } } };

const UNAUTHORIZED = "Unauthorized: You do not have permissions to read from this Channel topic:";

/** A client whose channels have this token. */
async function client(vsn, token) {
  const client = realtime(vsn, { params: { apikey: KEY } });
  await client.setAuth(token);
  return client;
}

const store = (type) => post(event(type), { authorization: `Bearer ${SERVICE}` });

/** The status that a channel has first, and why. */
async function first(channel) {
  const [status, reason] = await subscribing(channel).next();
  return [status, reason ?? ""];
}

/** Of an error, that it is one, for this reason. */
function refused([status, reason], why) {
  equal(status, "CHANNEL_ERROR");
  must(reason.startsWith(why), reason);
}

for (const vsn of VSNS) {
  test(`version ${vsn} joins with a role that may read, and with no other`, async () => {
    for (const config of [{ private: true }, { private: false }]) {
      for (const token of [jwt("authenticated"), SERVICE]) {
        const user = await client(vsn, token);
        equal((await first(user.channel("room", { config })))[0], "SUBSCRIBED");
      }
      for (const token of [ANON, jwt("stranger")]) {
        const user = await client(vsn, token);
        refused(await first(user.channel("room", { config })), `${UNAUTHORIZED} room`);
      }
      const forged = await client(vsn, jwt("authenticated", 600, "another secret of 32 characters."));
      const reason = "JwtSignatureError: Failed to validate JWT signature";
      refused(await first(forged.channel("room", { config })), reason);
    }
  });

  test(`a socket of version ${vsn} opens to a key that allows nothing, and to no forged one`, async () => {
    const [outside, config] = [realtime(vsn, { params: { apikey: ANON } }), { private: false }];
    refused(await first(outside.channel("room", { config })), `${UNAUTHORIZED} room`);
    equal(outside.isConnected(), true);
    await outside.setAuth(jwt("authenticated"));
    const reader = outside.channel("other", { config });
    const heard = broadcasts(reader);
    await subscribe(reader);
    const writer = (await client(vsn, SERVICE)).channel("other");
    await subscribe(writer);
    await writer.send(broadcast("said"));
    equal((await heard.next()).event, "said");

    const forged = realtime(vsn, { params: { apikey: jwt("anon", 600, "another secret of 32 characters.") } });
    const handshakes = new Heard("refused handshakes");
    forged.socketAdapter.onError(handshakes.hear);
    equal((await first(forged.channel("room")))[0], "CHANNEL_ERROR");
    await handshakes.take(2);
  });

  test(`version ${vsn} hears on a private channel what is told to it, and says what its role may`, async () => {
    const reader = (await client(vsn, jwt("authenticated"))).channel("private", ACKNOWLEDGED);
    const writer = (await client(vsn, SERVICE)).channel("private", ACKNOWLEDGED);
    const everybody = (await client(vsn, jwt("authenticated"))).channel("private");
    const [heard, written, leaked] = [broadcasts(reader), broadcasts(writer), broadcasts(everybody)];
    const [rows, joined] = [inserts(reader, { filter: "event_type=eq.row" }), new Heard("joins")];
    reader.on("presence", { event: "join" }, joined.hear);
    await Promise.all([reader, writer, everybody].map(subscribe));

    equal(await writer.send(broadcast("said", { n: 1 })), "ok");
    equal(await writer.httpSend("said", { n: 2 }), { success: true });
    equal((await heard.take(2)).map(({ payload }) => payload.n), [1, 2]);
    equal(await writer.track({ name: "Ann" }), "ok");
    equal((await joined.next()).newPresences[0].name, "Ann");
    await store("row");
    equal((await rows.next()).new.event_type, "row");

    equal(await reader.track({ name: "Bob" }), "error");
    const denied = await reader.httpSend("said", {}).catch((error) => error.message);
    must(JSON.stringify(denied).includes("ingest"), `told which scope is missing: ${denied}`);
    // Of what it may not write nobody hears, nor does it itself: so the real server has it.
    reader.send(broadcast("not allowed"));
    equal(await reader.untrack(), "ok");
    await writer.send(broadcast("end"));
    equal((await heard.next()).event, "end");
    equal([written, leaked, joined].flatMap((own) => own.rest()).map(({ payload }) => payload), [{ n: 2 }]);
  });

  test(`a channel of version ${vsn} outlives the token it was joined with when that is renewed`, async () => {
    const user = await client(vsn, jwt("authenticated", BRIEF));
    const [stays, ends] = [user.channel("stays", PRIVATE), user.channel("ends", PRIVATE)];
    const rows = inserts(stays);
    const [statuses, ending] = await Promise.all([stays, ends].map(subscribe));
    await user.setAuth(jwt("authenticated"));
    // The other gets one again that does not last: when that is over, the first one is too.
    const access_token = jwt("authenticated", BRIEF);
    user.push({ topic: ends.topic, event: "access_token", payload: { access_token }, ref: "any" });
    equal(await ending.next(), ["CLOSED", undefined]);
    await store("after");
    equal((await rows.next()).new.event_type, "after");
    equal([...statuses.rest(), ...rows.rest()], []);
  });

  test(`a channel of version ${vsn} ends with its token, and is back with a new one`, async () => {
    const user = await client(vsn, jwt("authenticated", BRIEF));
    const channel = user.channel("session", PRIVATE);
    const [said, statuses] = [systems(channel), await subscribe(channel)];
    equal(await statuses.next(), ["CLOSED", undefined]);
    const { message, ...rest } = await said.next();
    equal(rest, { extension: "system", status: "error", channel: "session" });
    must(/^Token has expired \d+ seconds ago$/.test(message), message);
    equal(user.isConnected(), true);

    const again = user.channel("session", PRIVATE);
    const [rows, heard] = [inserts(again), broadcasts(again)];
    const tried = subscribing(again);
    refused(await tried.next(), "InvalidJWTToken: Token has expired ");
    // It tries again by itself, with what it has by then.
    await user.setAuth(jwt("authenticated"));
    await tried.until(([status]) => status === "SUBSCRIBED");
    await store("back");
    equal((await rows.next()).new.event_type, "back");
    const writer = (await client(vsn, SERVICE)).channel("session", ACKNOWLEDGED);
    await subscribe(writer);
    equal(await writer.send(broadcast("back")), "ok");
    equal((await heard.next()).event, "back");
    equal(tried.rest(), []);
  });

  test(`a channel of version ${vsn} ends when its role may read no more`, async () => {
    for (const [token, why] of [
      [ANON, "You no longer have permission to read from this Channel topic: demoted"],
      [jwt("authenticated", -BRIEF), "Token has expired "],
    ]) {
      const user = await client(vsn, jwt("authenticated"));
      const channel = user.channel("demoted", PRIVATE);
      const [said, statuses] = [systems(channel), await subscribe(channel)];
      await user.setAuth(token);
      equal(await statuses.next(), ["CLOSED", undefined]);
      const { message } = await said.next();
      must(message.startsWith(why), message);
    }
  });
}

test("supabase-js brings its user's token along, at first and after a restart", async () => {
  let role = "authenticated";
  const accessToken = async () => jwt(role);
  // Which is not there yet when the first channel is joined, unless it is waited for.
  const bring = async () => {
    const client = supabase({ accessToken }, KEY);
    await client.realtime.setAuth();
    return client;
  };
  const user = await bring();
  const channel = user.channel("user", ACKNOWLEDGED);
  const [rows, heard] = [inserts(channel), broadcasts(channel)];
  const statuses = await subscribe(channel);
  await store("first");
  equal((await rows.next()).new.event_type, "first");
  await ask("kill");
  equal((await statuses.next())[0], "CHANNEL_ERROR");
  await ask("start");
  await statuses.until(([status]) => status === "SUBSCRIBED");
  await store("second");
  equal((await rows.next()).new.event_type, "second");
  // A role that may write.
  role = "service_role";
  await user.realtime.setAuth();
  const other = (await bring()).channel("user", ACKNOWLEDGED);
  await subscribe(other);
  equal(await other.send(broadcast("said")), "ok");
  equal((await heard.next()).event, "said");
});

test("supabase-js with the key that a project shows everybody hears what its user may", async () => {
  const user = supabase({ accessToken: async () => jwt("authenticated") }, ANON);
  await user.realtime.setAuth();
  const channel = user.channel("anon", PRIVATE);
  const rows = inserts(channel);
  await subscribe(channel);
  await store("with an anon key");
  equal((await rows.next()).new.event_type, "with an anon key");
  // Who has not signed in may read nothing.
  const nobody = supabase({}, ANON).channel("anon", PRIVATE);
  refused(await first(nobody), `${UNAUTHORIZED} anon`);
});

await run();
