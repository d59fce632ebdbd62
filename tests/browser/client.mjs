// Pages of the router's own that follow events by its client, are moved to the realtime path and back while events come, and one
// of them loaded again. Prints nothing: it ends with 1, and says why, when a page has not seen every event once and in order.
import { withChromium } from "./chromium.mjs";

const router = new URL(process.argv[2]);
const PAGES = 3;

async function ask(method, path, body) {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(new URL(path, router), { method, headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

const set = (percent) => ask("POST", "/v1/rollout", { action: "set", percent, reason: "a test" });

/** Posts so many events, one after the other; their seqs. */
async function store(count) {
  const seqs = [];
  while (seqs.length < count) {
    seqs.push((await ask("POST", "/v1/events", { event_type: "seen", source: "page", data: { n: seqs.length } })).seq);
  }
  return seqs;
}

// Runs in a page.
async function follow() {
  const { connect } = await import("/client.js");
  globalThis.told = { seqs: [], gaps: [], moves: [], errors: [] };
  globalThis.client = connect({
    url: location.origin,
    onEvent: ({ seq }) => globalThis.told.seqs.push(seq),
    onGap: (gap) => globalThis.told.gaps.push(gap),
    onSwitch: ({ to, outcome }) => globalThis.told.moves.push(`${to} ${outcome}`),
    onError: ({ code, message }) => globalThis.told.errors.push(`${code}: ${message}`),
  });
  return globalThis.client.clientId;
}

const isLive = (path) => globalThis.client.status.state === "live" && globalThis.client.status.path === path;
const live = (pages, path) => Promise.all(pages.map((page) => page.waitForFunction(isLive, path)));

function same(found, expected, about) {
  const [a, b] = [found, expected].map((it) => JSON.stringify(it));
  if (a !== b) throw new Error(`${about}: found ${a}, expected ${b}`);
}

/** What a page was told, once it has the last event. */
async function seen(page, seqs) {
  await page.waitForFunction((last) => globalThis.told.seqs.at(-1) >= last, seqs.at(-1));
  const told = await page.evaluate(() => globalThis.told);
  same(told.seqs, seqs, "events");
  same(told.gaps, [], "gaps");
  return told;
}

await withChromium(async (browser) => {
  // Each with a place of its own to keep things: a browser of its own, so to speak.
  const pages = await Promise.all(Array.from({ length: PAGES }, async () => (await browser.newContext()).newPage()));
  await Promise.all(pages.map((page) => page.goto(`${router.origin}/livez`)));
  const ids = await Promise.all(pages.map((page) => page.evaluate(follow)));
  same(new Set(ids).size, PAGES, "clients");
  await live(pages, "direct");
  let isOver = false;
  const seqs = [];
  const load = (async () => {
    while (!isOver) seqs.push(...(await store(5)));
  })();
  await set(100);
  await live(pages, "realtime");
  await set(0);
  await live(pages, "direct");
  isOver = true;
  await load;
  for (const page of pages) {
    const told = await seen(page, seqs);
    same(told.moves, ["realtime moved", "direct moved"], "moves");
    same(told.errors, [], "errors");
  }
  const [page] = pages;
  await page.reload();
  same(await page.evaluate(follow), ids[0], "a page that is loaded again is the same client");
  await live([page], "direct");
  await seen(page, await store(3));
});
