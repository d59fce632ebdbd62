// `postgres_changes`: what clients are told of events that are posted.
import { postgresChangesFilter as filter } from "@supabase/realtime-js";

import { broadcast, broadcasts, inserts, realtime, subscribe, systems, VSNS } from "./clients.mjs";
import { equal, event, get, must, post, run, test } from "./suite.mjs";

const COLUMNS = [
  "category",
  "checksum",
  "created_at",
  "data",
  "event_type",
  "id",
  "metadata",
  "seq",
  "source",
  "timestamp",
];

const SUBSCRIBED = {
  extension: "postgres_changes",
  status: "ok",
  message: "Subscribed to PostgreSQL",
};

for (const vsn of VSNS) {
  for (const schema of ["monitoring", "public"]) {
    test(`version ${vsn} is told of an event as of a row of ${schema}`, async () => {
      const channel = realtime(vsn).channel(`row ${schema}`);
      const [heard, said] = [inserts(channel, { schema }), systems(channel)];
      await subscribe(channel);
      // At once: who is subscribed misses nothing.
      const data = { text: "caf\u00e9 \"\ud83d\ude00\"", list: [1, 2.5, null, true], deep: { empty: {} } };
      const more = { category: "critical", metadata: { host: "a" }, timestamp: "2026-01-02T03:04:05.678901Z" };
      const { id } = await post(event("row", data, more));
      equal(await said.next(), { ...SUBSCRIBED, channel: `row ${schema}` });

      const { new: row, commit_timestamp, ...rest } = await heard.next();
      equal(rest, { schema, table: "monitoring_events", eventType: "INSERT", old: {}, errors: null });
      const stored = await get(`/v1/events/${id}`);
      equal(Object.keys(row).sort(), COLUMNS);
      for (const column of ["timestamp", "created_at"]) {
        must(row[column].endsWith("+00:00"), row[column]);
        equal(micros(row[column]), micros(stored[column]), column);
      }
      for (const column of COLUMNS.filter((column) => !/^timestamp|_at$/.test(column))) {
        equal(row[column], stored[column], column);
      }
      equal(new Date(commit_timestamp).getTime(), new Date(stored.created_at).getTime());
      equal(said.rest(), [], "it is said once");
    });
  }

  test(`bindings of version ${vsn} to all tables, all schemas and all events hear inserts`, async () => {
    const channel = realtime(vsn).channel("wild");
    const heard = [
      { event: "*" },
      { schema: "*", table: "*" },
      { event: "insert", schema: "public" },
      { event: "INSERT", table: undefined },
    ].map((binding) => inserts(channel, binding));
    const unheard = ["UPDATE", "DELETE"].map((event) => inserts(channel, { event }));
    await subscribe(channel);
    await post(event("wild"));
    for (const own of heard) equal((await own.next()).new.event_type, "wild");
    equal([...heard, ...unheard].flatMap((own) => own.rest()), []);
  });

  test(`version ${vsn} gets the columns it selects, and the primary key`, async () => {
    const channel = realtime(vsn).channel("select");
    const narrow = inserts(channel, { select: ["event_type", "seq"] });
    const [key, all] = [inserts(channel, { select: ["id"] }), inserts(channel)];
    await subscribe(channel);
    const { id, seq } = await post(event("narrow"));
    equal((await narrow.next()).new, { id, event_type: "narrow", seq });
    equal((await key.next()).new, { id });
    equal(Object.keys((await all.next()).new).sort(), COLUMNS);
  });

  test(`each filter operator finds what it should, for version ${vsn}`, () => operators(vsn));

  test(`two bindings of version ${vsn} on one channel each hear their own`, async () => {
    const channel = realtime(vsn).channel("two");
    const [one, two] = ["a", "b"].map((type) => inserts(channel, { filter: `event_type=eq.${type}` }));
    const both = inserts(channel, { filter: filter().in("event_type", ["a", "b"]) });
    await subscribe(channel);
    await post([event("b"), event("c"), event("a")]);
    const types = async (heard, count) => (await heard.take(count)).map((row) => row.new.event_type);
    equal(await types(both, 2), ["b", "a"]);
    equal([await types(one, 1), await types(two, 1)], [["a"], ["b"]]);
    equal([one, two, both].flatMap((own) => own.rest()), []);
  });

  test(`channels of version ${vsn} hear many events in order, each once`, async () => {
    const clients = [realtime(vsn), realtime(vsn)];
    const channels = clients.flatMap((client) => [1, 2, 3].map((n) => client.channel(`order ${n}`)));
    const heard = channels.map((channel) => inserts(channel, { filter: "source=eq.order" }));
    await Promise.all(channels.map(subscribe));
    const total = 600;
    for (let n = 0; n < total; n += 30) {
      await post(Array.from({ length: 30 }, (_, more) => event("order", { n: n + more }, { source: "order" })));
    }
    for (const own of heard) {
      const found = await own.take(total);
      equal(found.map((row) => row.new.data.n), [...Array(total).keys()]);
    }
  });

  for (const [what, binding, reason] of [
    ["filter", { filter: "event_type=near.x" }, /near/],
    ["column", { filter: "nothing=eq.x" }, /nothing/],
    ["value", { filter: "seq=gt.many" }, /many/],
    ["table", { table: "nothing" }, /nothing/],
    ["selection", { select: ["nothing"] }, /nothing/],
  ]) {
    test(`version ${vsn} is told why a ${what} cannot be served, and keeps its channel`, async () => {
      const channel = realtime(vsn).channel("bad", { config: { broadcast: { self: true } } });
      const [said, heard] = [systems(channel), broadcasts(channel)];
      const unheard = inserts(channel, binding);
      const statuses = await subscribe(channel);
      const { message, ...rest } = await said.next();
      equal(rest, { extension: "postgres_changes", status: "error", channel: "bad" });
      must(reason.test(message), message);
      await post(event("bad"));
      await channel.send(broadcast("still here"));
      equal((await heard.next()).event, "still here");
      equal([...statuses.rest(), ...unheard.rest()], []);
    });
  }

  test(`a channel of version ${vsn} does all at once`, async () => {
    const config = { broadcast: { self: true, ack: true }, presence: { key: "me" } };
    const channel = realtime(vsn).channel("all", { config });
    const [rows, said] = [inserts(channel), broadcasts(channel)];
    channel.on("presence", { event: "sync" }, () => {});
    await subscribe(channel);
    equal(await channel.track({ here: true }), "ok");
    equal(await channel.send(broadcast("said")), "ok");
    await post(event("all"));
    equal((await rows.next()).new.event_type, "all");
    equal((await said.next()).event, "said");
    equal(Object.keys(channel.presenceState()), ["me"]);
  });
}

/** A time in UTC with all its microseconds, however it was written. */
function micros(time) {
  const [seconds, fraction = ""] = time.replace(/Z|\+00:00/, "").split(".");
  return `${seconds}.${fraction.padEnd(6, "0")}`;
}

/** Rows A to D against every operator. */
async function operators(vsn) {
  const { seq: before, id } = await post(event("before"));
  const type = (name) => filter()[name].bind(filter(), "event_type");
  const odd = 'say "hi" \\ (x), y';
  const table = [
    [type("eq")("disk_full"), "A"],
    [type("eq")(odd), "C"],
    [type("neq")("disk_full"), "BCD"],
    [filter().lt("seq", before + 3), "AB"],
    [filter().lte("seq", before + 3), "ABC"],
    [filter().gt("seq", before + 3), "D"],
    [filter().gte("seq", before + 3), "CD"],
    [type("in")(["disk_full", odd, "else"]), "AC"],
    [filter().in("seq", [before + 1, before + 4]), "AD"],
    [type("like")("disk%"), "A"],
    [type("like")("%\\\\%"), "C"],
    [type("ilike")("disk_%"), "AD"],
    [type("is")(null), ""],
    [type("match")("^[a-z_]+$"), "AB"],
    [type("imatch")("^disk"), "AD"],
    [type("isDistinct")("disk_full"), "BCD"],
    [filter().not("event_type", "eq", "disk_full"), "BCD"],
    [filter().not("event_type", "in", ["disk_full", odd]), "BD"],
    [filter().not("event_type", "like", "%disk%"), "BCD"],
    [filter().not("event_type", "is", null), "ABCD"],
    [filter().not("event_type", "isdistinct", "disk_full"), "A"],
    [filter().not("seq", "gt", before + 3), "ABC"],
    [filter().eq("source", "db, 1").gt("seq", before + 1), "D"],
    [filter().eq("source", "db, 1").not("category", "eq", "critical"), "D"],
    [filter().neq("id", id).gte("timestamp", "2026-01-02 03:04:05+00").lt("timestamp", "2027-01-01"), "AB"],
    [filter().eq("data", '{"n": 2}'), "B"],
  ];
  const channel = realtime(vsn).channel("filters");
  const heard = table.map(([filter]) => inserts(channel, { filter }));
  const all = inserts(channel);
  await subscribe(channel);
  await post([
    event("disk_full", { n: 1 }, { source: "db, 1", category: "critical", timestamp: "2026-01-02T03:04:05Z" }),
    event("cache_hit", { n: 2 }, { source: "db-2", category: "debug", timestamp: "2026-12-31T23:59:59.999999Z" }),
    event(odd, { n: 3 }, { source: "db-3", category: "debug", timestamp: "2027-01-01T00:00:00Z" }),
    event("Disk_Slow", { n: 4 }, { source: "db, 1", category: "debug", timestamp: "2025-01-01T00:00:00Z" }),
  ]);
  // The last binding is called last: what the others do not have by then, they do not get.
  await all.take(4);
  const letters = heard.map((own) => own.rest().map((row) => "ABCD"[row.new.data.n - 1]).join(""));
  const found = table.map(([filter], index) => [filter.build(), letters[index]]);
  equal(found, table.map(([filter, letters]) => [filter.build(), letters]));
}

await run();
