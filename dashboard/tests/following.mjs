// A client in a test: what it was told, and whether that is what it must be.
import WebSocket from "ws";

import { connect } from "../dist/client.js";
import { afterwards, equal, event, get, Heard, must, post, within } from "../../tests/realtime-js/suite.mjs";

/** Times that a test has: heads of the router under test come every 200 ms. */
export const TIMING = { head: 200, late: 200, backoff: 50, backoff_max: 500, recheck: 60_000 };

/** A client of a front, or of the router itself; closed when the case is over. */
export function following(url, options = {}) {
  const { timing, ...rest } = options;
  const told = { events: [], gaps: [], statuses: [], moves: [], errors: [] };
  const moved = new Heard("moves");
  const client = connect({
    url,
    clientId: "followed",
    WebSocket,
    timing: { ...TIMING, ...timing },
    onEvent: (it) => told.events.push(it),
    onGap: (it) => told.gaps.push(it),
    onStatus: (it) => told.statuses.push(it),
    onError: (it) => told.errors.push(it),
    ...rest,
  });
  client.on("switch", (it) => told.moves.push(it));
  client.on("switch", moved.hear);
  afterwards(() => client.close());
  return { client, told, moved };
}

/** When something is so; looked at whenever something may have changed. */
export async function until(holds, otherwise) {
  let isOver = false;
  const look = async () => {
    while (!isOver && !(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  await within(look(), otherwise).finally(() => (isOver = true));
}

/** When it is live on that path. */
export async function live({ client }, path) {
  await until(() => client.status.state === "live" && client.status.path === path, `it is not live on ${path}`);
}

/** Posts so many events; their seqs. */
export async function store(count, type = (n) => `n${n % 7}`) {
  const { first_seq, last_seq } = await post(Array.from({ length: count }, (_, n) => event(type(n), { n })));
  return Array.from({ length: last_seq - first_seq + 1 }, (_, n) => first_seq + n);
}

/** Posts events steadily until it is told to stop; then all their seqs. */
export function load(each = 4, every = 10) {
  const seqs = [];
  let isOver = false;
  const run = (async () => {
    while (!isOver) {
      seqs.push(...(await store(each)));
      await new Promise((resolve) => setTimeout(resolve, every));
    }
  })();
  return async () => {
    isOver = true;
    await run;
    return seqs;
  };
}

/** Must have been told of these, each once, in order, and just as the journal holds them. */
export async function heard(followed, seqs, about = "") {
  const { client, told } = followed;
  const last = seqs.at(-1) ?? 0;
  await until(() => (told.events.at(-1)?.seq ?? 0) >= last, `${about} event ${last} is not heard, the last is ${told.events.at(-1)?.seq}`);
  equal(told.events.map(({ seq }) => seq), seqs, about);
  const { delivered, gaps } = client.ledger();
  equal([delivered, gaps], [seqs.length, told.gaps], about);
  const first = told.events[0];
  if (first) equal(first, await get(`/v1/events/${first.id}`), "as the journal has it");
  if (seqs.length > 1) equal(told.events.at(-1), await get(`/v1/events/${told.events.at(-1).id}`), "as the journal has it");
}

/** What a client moved by: paths, and how that ended. */
export const moves = ({ told }) => told.moves.map(({ from, to, outcome }) => `${from} ${to} ${outcome}`);

export { must };
