// The resume extension, as stock clients can ask for it: `config.broadcast.signalbox.from`, an object
// that the application keeps up to date, and that the client reads anew at each join of its own.
import { realtime, subscribe, VSNS } from "./clients.mjs";
import { ask, equal, event, get, Heard, post, ROUTER, run, test } from "./suite.mjs";

const TOPIC = "monitoring";

/** A client that follows the events on their topic, after a place or from now on. */
function following(vsn, from) {
  const client = realtime(vsn);
  const signalbox = { from };
  const channel = client.channel(TOPIC, { config: { broadcast: { signalbox } } });
  const [heard, joined] = [new Heard("events"), new Heard("answers to joins")];
  channel.on("broadcast", { event: "*" }, ({ event, payload }) => {
    signalbox.from = { epoch: payload.epoch, seq: payload.seq };
    heard.hear({ event, payload });
  });
  channel.joinPush.receive("ok", ({ signalbox }) => joined.hear(signalbox));
  return { client, channel, heard, joined, signalbox };
}

/** Posts so many events; as they are stored. */
async function store(count) {
  const events = Array.from({ length: count }, (_, n) => event(`n${n}`, { n }));
  const { first_seq } = await post(events);
  return (await get(`/v1/events?after=${first_seq - 1}&limit=${count}`)).events;
}

/** Broadcasts events as the router's own adapter does. */
async function publish(events) {
  const messages = events.map((event) => ({ topic: TOPIC, event: event.event_type, payload: event }));
  const response = await fetch(`${ROUTER}/realtime/v1/api/broadcast`, {
    method: "POST",
    headers: { "content-type": "application/json", apikey: "anything" },
    body: JSON.stringify({ messages }),
  });
  equal(response.status, 202);
}

const seqs = (all) => all.map(({ seq }) => seq);
const heardSeqs = async (heard, count) => (await heard.take(count)).map(({ payload }) => payload.seq);

for (const vsn of VSNS) {
  test(`version ${vsn} is told what it missed, then goes on, without a hole or a double`, async () => {
    const old = await store(4);
    await publish(old);
    const { epoch, seq } = old[0];
    const { channel, heard, joined } = following(vsn, { epoch, seq });
    await subscribe(channel);
    const { recovered, ...position } = await joined.next();
    equal([recovered, position.epoch], [true, epoch]);
    const fresh = await store(3);
    // Again, as after a crash of the adapter: who has them does not hear them.
    await publish([...old, ...fresh]);
    const found = await heard.take(6);
    for (const [n, expected] of [...old.slice(1), ...fresh].entries()) {
      const { prev, ...event } = found[n].payload;
      equal(found[n].event, expected.event_type);
      equal(event, expected);
    }
    equal(heard.rest(), []);
  });

  test(`version ${vsn} that asks for nothing hears nothing old`, async () => {
    await publish(await store(2));
    const { channel, heard, joined } = following(vsn);
    await subscribe(channel);
    equal(await joined.next(), undefined);
    const fresh = await store(1);
    await publish(fresh);
    equal(await heardSeqs(heard, 1), seqs(fresh));
  });

  test(`version ${vsn} with a place of another journal is told that it missed something`, async () => {
    const { channel, joined } = following(vsn, { epoch: crypto.randomUUID(), seq: 1 });
    await subscribe(channel);
    equal((await joined.next()).recovered, false);
  });

  test(`version ${vsn} resumes by itself after each loss of its connection`, async () => {
    const [{ epoch, seq }] = await store(1);
    const { client, channel, heard } = following(vsn, { epoch, seq });
    const statuses = await subscribe(channel);
    for (let round = 0; round < 5; round++) {
      const [before, between] = [await store(20), await store(20)];
      await publish(before);
      client.socketAdapter.getSocket().conn.terminate();
      await publish(between);
      equal(await heardSeqs(heard, 40), seqs([...before, ...between]));
      equal((await statuses.take(2)).map(([status]) => status), ["CHANNEL_ERROR", "SUBSCRIBED"]);
    }
    equal(heard.rest(), []);
  });

  test(`version ${vsn} resumes by itself after the router was killed`, async () => {
    const { channel, heard } = following(vsn);
    const statuses = await subscribe(channel);
    const before = await store(10);
    await publish(before.slice(0, 7));
    equal(await heardSeqs(heard, 7), seqs(before.slice(0, 7)));
    await ask("kill");
    equal((await statuses.next())[0], "CHANNEL_ERROR");
    await ask("start");
    const after = await store(10);
    await publish([...before.slice(5), ...after]);
    equal(await heardSeqs(heard, 13), seqs([...before.slice(7), ...after]));
    equal((await statuses.next())[0], "SUBSCRIBED");
    equal(heard.rest(), []);
  });
}

await run();
