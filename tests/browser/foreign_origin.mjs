// A page of a foreign origin must not reach the router; a page of the router's own must.
//
//   node foreign_origin.mjs http://127.0.0.1:8080
//
// A router on loopback may stand open, and every page in the user's browser can send requests to
// it: only Host and Origin keep them out. Three pages try every way a page has: one of another
// port, one under a name that was rebound to the router's address, and, as the control, one of the
// router itself. Prints one line of JSON; exit code 0 when each got as far as it should.
import { once } from "node:events";
import { createServer } from "node:http";
import { withChromium } from "./chromium.mjs";

const router = new URL(process.argv[2]);
const REBOUND = "rebound.test";

// Runs in a page. Each way posts under a source of its own, so that what the router stored
// afterwards tells which ways got through, whatever the page was allowed to see of the answer.
async function attempt({ router, who }) {
  const endpoint = `${router}/v1/events`;
  const event = (way) =>
    JSON.stringify({ event_type: "browser_test", source: `${who}:${way}`, data: {} });
  const post = (way, type, mode) =>
    fetch(endpoint, { method: "POST", mode, headers: { "content-type": type }, body: event(way) })
      .catch(() => {}); // The answer is kept from the page: no matter, storage tells.

  // The body of a text/plain form is `name=value`: the `=` ends up inside a JSON string.
  async function form() {
    const [name, value] = event("form").replace('"data":{}', '"data":{"a":"=b"}').split("=");
    const frame = Object.assign(document.createElement("iframe"), { name: "answer" });
    const form = Object.assign(document.createElement("form"), {
      method: "post", action: endpoint, enctype: "text/plain", target: frame.name,
    });
    form.append(Object.assign(document.createElement("input"), { name, value }));
    document.documentElement.append(frame, form);
    const answered = new Promise((done) => frame.addEventListener("load", done));
    form.submit();
    await answered;
  }

  const firstFrame = new Promise((done) => {
    const socket = new WebSocket(`${router.replace("http", "ws")}/v1/ws`, "signalbox.v1.json");
    socket.onmessage = ({ data }) => done(JSON.parse(data).type);
    socket.onclose = () => done(null);
  });

  navigator.sendBeacon(endpoint, event("beacon"));
  await post("fetch", "application/json", "cors");
  await post("fetch_no_cors", "text/plain", "no-cors");
  await form();
  return firstFrame;
}

// Opens `url`, lets its page try, and waits until all it sent was answered or refused.
async function firstFrameAt(browser, url, target, who) {
  const page = await browser.newPage();
  const settled = new Promise((done) => {
    const beacon = (request) => request.resourceType() === "ping" && done();
    page.on("requestfinished", beacon).on("requestfailed", beacon);
  });
  await page.goto(url);
  const frame = await page.evaluate(attempt, { router: target, who });
  await settled;
  return frame;
}

const foreign = createServer((_, response) => {
  response.setHeader("content-type", "text/html").end("<!doctype html><title>foreign</title>");
}).listen(0, "127.0.0.1");
await once(foreign, "listening");

const elsewhere = `http://127.0.0.1:${foreign.address().port}/`;
const rebound = `http://${REBOUND}:${router.port}`;
const frames = await withChromium(
  async (browser) => ({
    foreign: await firstFrameAt(browser, elsewhere, router.origin, "foreign"),
    rebound: await firstFrameAt(browser, `${rebound}/livez`, rebound, "rebound"),
    own: await firstFrameAt(browser, `${router.origin}/livez`, router.origin, "own"),
  }),
  [`--host-resolver-rules=MAP ${REBOUND} ${router.hostname}`],
);
foreign.close();

const page = await (await fetch(`${router.origin}/v1/events?event_type=browser_test`)).json();
const stored = page.events.map(({ source }) => source).sort();

const kept = (who) => frames[who] !== "welcome" && !stored.some((s) => s.startsWith(`${who}:`));
const passed =
  kept("foreign") && kept("rebound") && frames.own === "welcome" && stored.includes("own:fetch");
console.log(JSON.stringify({ passed, frames, stored }));
process.exitCode = passed ? 0 : 1;
