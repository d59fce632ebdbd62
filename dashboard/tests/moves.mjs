// Many clients in one process, moved from one path to the other and back under load. What each was told is compared with what was
// stored; when each moved, with when it was allowed to.
import WebSocket from "ws";

import { connect } from "../dist/client.js";
import { ask, equal, must, ROUTER, run, test, within } from "../../tests/realtime-js/suite.mjs";
import { store } from "./following.mjs";

const [scenario, count, pace] = [process.argv[3], Number(process.argv[4]), Number(process.argv[5])];
/** Events a second: as many as one process can read as often as there are clients. */
const RATE = Math.min(200, Math.round(20_000 / count));
/** How long a wave may take, beside its pace, in milliseconds. */
const PATIENCE_MS = 60_000;

/** A client, with all that it was told and all that it was told to do. */
class Follower {
  seqs = [];
  gaps = [];
  moves = [];
  errors = [];
  /** When it was told to move, and how long to wait: frames, and answers. */
  told = [];

  constructor(n) {
    const follower = this;
    this.name = `wall-${n}`;
    this.client = connect({
      url: ROUTER,
      clientId: this.name,
      // It hears the frames of its client too.
      WebSocket: class extends WebSocket {
        constructor(...how) {
          super(...how);
          this.on("message", (data) => follower.#frame(data));
        }
      },
      fetch: (url, init) => this.#fetch(url, init),
      onEvent: ({ seq }) => this.seqs.push(seq),
      onGap: (gap) => this.gaps.push(gap),
      onSwitch: (move) => this.moves.push(move),
      onError: (error) => this.errors.push(`${error.code}: ${error.message}`),
    });
  }

  isLive(path) {
    const { status } = this.client;
    return status.state === "live" && status.path === path;
  }

  #frame(data) {
    // Events are many, and nothing here.
    if (data[0] !== 0x7b || data.subarray(0, 16).includes('"event"')) return;
    const { to, not_before_ms, type } = JSON.parse(data);
    if (type === "switch") this.told.push({ to, sent: 0, heard: Date.now(), wait: not_before_ms, isFrame: true });
  }

  async #fetch(url, init) {
    const { pathname, searchParams } = new URL(url);
    const sent = Date.now();
    const answer = await fetch(url, init);
    if (pathname === "/v1/connect") {
      const { path, not_before_ms } = await answer.clone().json();
      const on = searchParams.get("on");
      if (on !== null && on !== path) this.told.push({ to: path, sent, heard: Date.now(), wait: not_before_ms });
    }
    return answer;
  }
}

/** Starts all, a few at a time, as browsers would come. */
async function start() {
  const followers = [];
  for (let n = 0; n < count; n++) {
    followers.push(new Follower(n));
    if (n % 25 === 24) await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await all(followers, "direct");
  return followers;
}

/** When all are there. */
async function all(followers, path) {
  const look = async () => {
    while (!followers.every((it) => it.isLive(path))) await new Promise((resolve) => setTimeout(resolve, 20));
  };
  const patience = PATIENCE_MS + (1000 * count) / pace;
  try {
    await within(look(), "late", patience);
  } catch {
    const away = followers.filter((it) => !it.isLive(path));
    const [{ name, client, moves, errors, told }] = away;
    const about = JSON.stringify({ name, status: client.status, moves, errors, told: told.slice(-5) });
    throw new Error(`${away.length} of ${count} are not live on ${path}, such as ${about}`);
  }
}

/** When a third are there. */
async function some(followers, path) {
  const look = async () => {
    while (followers.filter((it) => it.isLive(path)).length < count / 3) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  await within(look(), `nobody is live on ${path}`, PATIENCE_MS);
}

async function set(percent) {
  const response = await fetch(`${ROUTER}/v1/rollout`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ action: "set", percent, reason: "a test" }),
  });
  must(response.ok, `the rollout is not set: ${response.status} ${await response.text()}`);
}

/** Posts events at a steady rate until it is told to stop; then all their seqs. */
function load() {
  const [seqs, each] = [[], 5];
  let isOver = false;
  const posting = (async () => {
    for (let due = Date.now(); !isOver; due += (1000 * each) / RATE) {
      seqs.push(...(await store(each)));
      const wait = due - Date.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    }
  })();
  return async () => {
    isOver = true;
    await posting;
    return seqs;
  };
}

/** Each client must have been told of each event once and in order. */
async function compare(followers, seqs) {
  const last = seqs.at(-1);
  const look = async () => {
    while (!followers.every(({ seqs }) => seqs.at(-1) === last)) await new Promise((resolve) => setTimeout(resolve, 20));
  };
  await within(look(), "late", PATIENCE_MS).catch(() => undefined);
  for (const { name, seqs: found, gaps, client } of followers) {
    const about = `${name} ${JSON.stringify(client.ledger())}`;
    equal(gaps, [], about);
    equal(found, seqs, about);
    const { delivered, missing } = client.ledger();
    equal([delivered, missing], [seqs.length, 0], about);
  }
}

/** Nobody moves before its time. */
function paced(followers) {
  for (const to of ["realtime", "direct"]) {
    let waited = 0;
    for (const { name, told } of followers) {
      for (const [n, it] of told.entries()) {
        const before = told[n - 1];
        if (it.to !== to || it.isFrame || before?.to !== to || before.wait === 0) continue;
        // A timer counts whole milliseconds.
        must(it.sent >= before.heard + before.wait - 2, `${name} is before its time: ${JSON.stringify([before, it])}`);
        waited += 1;
      }
    }
    must(waited > 0, `nobody waits for its time to move to ${to}`);
  }
}

/** All moved there once, no faster than the pace. */
function spread(followers, to) {
  const moved = followers.flatMap(({ moves }) => moves.filter((it) => it.to === to && it.outcome === "moved"));
  equal(moved.length, count, `moves to ${to}`);
  const begun = moved.map(({ at, took_ms }) => at.getTime() - took_ms);
  const took = Math.max(...begun) - Math.min(...begun);
  // The first may be late, by as much as a stall of this machine.
  must(took >= 0.8 * (1000 * (count - 1)) / pace, `${count} clients moved to ${to} within ${took} ms, at ${pace} a second`);
}

/** No second holds more of their times than the pace: each lies between what an answer says and what it can mean. */
function dense(followers, to) {
  const times = [];
  for (const { told } of followers) {
    const first = told.find((it) => it.to === to && !it.isFrame && it.wait > 0);
    if (first) times.push({ least: first.sent + first.wait, most: first.heard + first.wait });
  }
  must(times.length > pace, `only ${times.length} wait for their time to move to ${to}`);
  times.sort((a, b) => a.most - b.most);
  for (let n = pace; n < times.length; n++) {
    const least = Math.min(...times.slice(n - pace, n + 1).map((it) => it.least));
    // Both are rounded to whole milliseconds.
    must(times[n].most - least >= 998, `${pace + 1} clients may move to ${to} within ${times[n].most - least} ms`);
  }
}

const SCENARIOS = {
  /** There and back, and nothing else happens. */
  async plain(followers) {
    await set(100);
    await all(followers, "realtime");
    await set(0);
    await all(followers, "direct");
  },
  /** The destination is killed in the middle of the wave, and again when all are there. */
  async killed(followers) {
    await set(100);
    await some(followers, "realtime");
    await ask("kill the destination");
    await all(followers, "direct");
    await ask("start the destination");
    await all(followers, "realtime");
    await ask("kill the destination");
    await all(followers, "direct");
    await ask("start the destination");
    await all(followers, "realtime");
    await set(0);
    await all(followers, "direct");
  },
  /** One event in a hundred is lost silently, all the time. */
  async drops(followers) {
    const response = await fetch(`${ROUTER}/v1/validation/rehearsal`, {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ path: "realtime", drop: 0.01, seconds: 600 }),
    });
    must(response.ok, `no rehearsal: ${response.status} ${await response.text()}`);
    await set(100);
    await all(followers, "realtime");
    // Long enough for losses to be certain.
    const before = followers[0].seqs.length;
    while (followers[0].seqs.length < before + 800) await new Promise((resolve) => setTimeout(resolve, 50));
    await set(0);
    await all(followers, "direct");
  },
};

test(`${count} clients, ${scenario}`, async () => {
  const followers = await start();
  const stop = load();
  try {
    await SCENARIOS[scenario](followers);
    await compare(followers, await stop());
  } finally {
    await stop();
    for (const { client } of followers) client.close();
  }
  paced(followers);
  const sum = (name) => followers.reduce((total, { client }) => total + client.ledger()[name], 0);
  if (scenario === "killed") {
    must(sum("losses") > count, `${sum("losses")} connections are lost`);
    return;
  }
  spread(followers, "realtime");
  spread(followers, "direct");
  dense(followers, "direct");
  // Nobody connects anew but to move.
  equal([sum("connections"), sum("losses")], [3 * count, 0]);
  if (scenario === "plain") equal(sum("filled"), 0);
  else must(sum("filled") > 0, "nothing was lost, so nothing is shown");
}, 5 * PATIENCE_MS);

await run();
