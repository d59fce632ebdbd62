// The client of a router that asks everybody for a token.
import { equal, event, must, post, run, test } from "../../tests/realtime-js/suite.mjs";
import { following, live, until } from "./following.mjs";
import { belongs, Front } from "./front.mjs";

const [reader, producer, brief] = process.argv.slice(3);
const PRODUCER = { authorization: `Bearer ${producer}` };

const store = async (count) => {
  const { first_seq } = await post(Array(count).fill(event("told")), PRODUCER);
  return Array.from({ length: count }, (_, n) => first_seq + n);
};

/** The same as `heard`, for a journal that only the token may read. */
async function told(followed, seqs) {
  await until(() => followed.told.events.length >= seqs.length, "events come");
  equal(followed.told.events.map(({ seq }) => seq), seqs);
}

test("a token opens either path, and what is lost is read with it", async () => {
  for (const path of ["direct", "realtime"]) {
    const front = await Front.start();
    front.connect = belongs(path);
    const followed = following(front.url, { token: reader });
    await live(followed, path);
    const seqs = await store(2);
    if (path === "realtime") front.realtime = (text, pass) => text.includes("signalbox:head") && pass();
    seqs.push(...(await store(3)));
    await told(followed, seqs);
    equal(front.count("POST /v1/tickets"), 1);
  }
});

test("a client moves with a token", async () => {
  const front = await Front.start();
  const followed = following(front.url, { getToken: async () => reader });
  await live(followed, "direct");
  front.connect = belongs("realtime");
  front.say({ type: "switch", to: "realtime", url: "/realtime/v1", topic: "monitoring", reason: "a step", not_before_ms: 0 });
  equal((await followed.moved.next()).outcome, "moved");
  await told(followed, await store(3));
});

test("without a token, with a wrong one, or with one that may not read, it stops and says why", async () => {
  for (const [options, code] of [
    [{}, undefined],
    [{ token: "sbx_wrong_0123456789abcdef0123456789abcdef" }, "unauthenticated"],
    [{ getToken: () => "sbx_wrong_0123456789abcdef0123456789abcdef" }, "unauthenticated"],
  ]) {
    const front = await Front.start();
    const { client, told } = following(front.url, options);
    if (code === undefined) {
      // No page can see why a handshake is refused.
      await until(() => told.errors.length > 0, "it says that it is refused");
      must(client.status.state !== "live", "it is let in");
    } else {
      await until(() => client.status.state === "stopped", "it stops");
      equal([told.errors.at(-1).code, told.errors.at(-1).fatal], [code, true]);
    }
  }
});

test("a token that expires is renewed, and nothing is missed", async () => {
  const front = await Front.start();
  let shown = brief;
  const followed = following(front.url, { getToken: () => shown });
  await live(followed, "direct");
  const seqs = await store(2);
  shown = reader;
  await until(() => front.opened.direct === 2, "it comes back");
  seqs.push(...(await store(2)));
  await told(followed, seqs);
  must(followed.told.errors.some(({ code, fatal }) => code === "closed_4401" && !fatal), "it says so");
});

await run();
