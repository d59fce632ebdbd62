// What the suites share: cases that print one TAP line each, things heard that are waited for with a
// deadline, and the test above, which owns the router.
import { createInterface } from "node:readline";
import { isDeepStrictEqual, inspect } from "node:util";

const DEADLINE_MS = 30_000;

/** The router's URL, without a slash at its end. */
export const ROUTER = process.argv[2];

const cases = [];
const clean = [];

/** A case, and how long it may take in milliseconds; those of a suite run one after the other. */
export function test(name, run, patience = 3 * DEADLINE_MS) {
  cases.push({ name, run, patience });
}

/** Something to do when the case is over, whatever becomes of it. */
export function afterwards(action) {
  clean.push(action);
}

/** Runs all cases, and ends the process: with 1 when one of them failed. */
export async function run() {
  let failed = false;
  for (const [index, { name, run, patience }] of cases.entries()) {
    const error = await outcome(run, patience);
    failed ||= error !== undefined;
    console.log(`${error ? "not ok" : "ok"} ${index + 1} - ${name}`);
    if (error) console.log(String(error.stack ?? error).replaceAll(/^/gm, "# "));
    await Promise.all(clean.splice(0).map((action) => action()));
  }
  console.log(`1..${cases.length}`);
  process.exit(failed ? 1 : 0);
}

async function outcome(run, patience) {
  try {
    await within(run(), "the case does not end", patience);
  } catch (error) {
    return error ?? new Error("something undefined was thrown");
  }
}

/** What a promise gives, if it does so in time. */
export function within(promise, otherwise, deadline = DEADLINE_MS) {
  let timer;
  const late = new Promise((_, reject) => {
    const error = new Error(otherwise);
    timer = setTimeout(() => reject(error), deadline);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Both must be the same, all the way down. */
export function equal(found, expected, about = "") {
  if (isDeepStrictEqual(found, expected)) return;
  const show = (value) => inspect(value, { depth: 9, breakLength: 120 });
  throw new Error(`${about}\nfound ${show(found)}\nexpected ${show(expected)}`);
}

/** Must be so. */
export function must(holds, otherwise) {
  if (!holds) throw new Error(otherwise);
}

/** What was heard, in order. */
export class Heard {
  #kept = [];
  #waiting = [];

  constructor(what) {
    this.what = what;
  }

  /** Takes note of something; bound, to be given away as a callback. */
  hear = (value) => {
    const waiting = this.#waiting.shift();
    if (waiting) waiting(value);
    else this.#kept.push(value);
  };

  /** The oldest that was not taken yet. */
  async next() {
    if (this.#kept.length) return this.#kept.shift();
    const heard = new Promise((resolve) => this.#waiting.push(resolve));
    return within(heard, `nothing is heard of ${this.what}`);
  }

  /** So many, in order. */
  async take(count) {
    const taken = [];
    while (taken.length < count) taken.push(await this.next());
    return taken;
  }

  /** All before one that is so, and that one, which goes last. */
  async until(isLast) {
    for (const taken = []; ; ) {
      const next = await this.next();
      taken.push(next);
      if (isLast(next)) return taken;
    }
  }

  /** All that was not taken, without waiting. */
  rest() {
    return this.#kept.splice(0);
  }
}

const answers = new Heard("what the test was asked for");
createInterface({ input: process.stdin }).on("line", answers.hear).on("close", () => process.exit(1));

/** Asks the test above for something that it alone can do, such as "kill"; when it is done. */
export async function ask(what) {
  console.log(`? ${what}`);
  return answers.next();
}

/** Posts events, one or many; their positions, in order. */
export async function post(events, headers = {}) {
  const response = await fetch(`${ROUTER}/v1/events`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(events),
  });
  const answer = await response.json();
  must(response.status === 202, `events are refused: ${JSON.stringify(answer)}`);
  return answer;
}

/** What a route of the router answers. */
export async function get(path) {
  return (await fetch(`${ROUTER}${path}`)).json();
}

/** An event. */
export function event(event_type, data = {}, more = {}) {
  return { event_type, source: "suite", data, ...more };
}
