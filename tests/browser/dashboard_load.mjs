// The dashboard under load: what it costs, whether it grows, and whether it can still be used.
//
//   node dashboard_load.mjs target/debug/signalbox [--seconds 1800] [--rate 500] [--burst-seconds 60] [--burst-rate 2000] [--unmeasured]
//
// First a steady rate with the overview and the tail in turn, then a burst with the tail, typed into. Prints
// one line of JSON; exit code 0 when the page kept to its bounds, or, with --unmeasured, when all has come and nothing went wrong.
import { parseArgs } from "node:util";
import { withChromium } from "./chromium.mjs";
import { Dashboard } from "./dashboard_page.mjs";
import { Router, until } from "./router.mjs";

const number = (otherwise) => ({ type: "string", default: String(otherwise) });
const options = { seconds: number(1800), rate: number(500), "burst-seconds": number(60), "burst-rate": number(2000), page: { type: "string" }, unmeasured: { type: "boolean" } };
const { values, positionals } = parseArgs({ allowPositionals: true, options });

/// Of one core, by the page's own process.
const MOST_CPU = 1 / 3;
/// How much more the heap may hold in the last third of the time than in the middle one, in MiB.
const MOST_GROWTH = 1;
const MOST_DELAY_MS = 200;

const make = (n) => ({
  event_type: ["cache_hit", "page_view", "error_raised", "health_check"][n % 4],
  source: `load/${n % 7}`,
  category: ["performance", "user_activity", "critical", "system"][n % 4],
  data: { n, ms: n % 97, key: `user:${n % 9999}`, tags: ["eu", "blue"], request: { path: `/orders/${n % 500}`, status: 200 } },
});

const mean = (numbers) => numbers.reduce((sum, it) => sum + it, 0) / numbers.length;

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/// Seconds of processor that the page's process has used.
async function processor(system, pid) {
  const { processInfo } = await system.send("SystemInfo.getProcessInfo");
  return processInfo.find(({ id }) => id === pid)?.cpuTime ?? 0;
}

async function heap(session) {
  await session.send("HeapProfiler.collectGarbage");
  const { metrics } = await session.send("Performance.getMetrics");
  return metrics.find(({ name }) => name === "JSHeapUsedSize").value;
}

/// The renderer that has used most, since the one page that is open has work to do.
async function renderer(system) {
  const { processInfo } = await system.send("SystemInfo.getProcessInfo");
  return processInfo.filter(({ type }) => type === "renderer").sort((a, b) => b.cpuTime - a.cpuTime)[0].id;
}

async function steady(dashboard, session, system, router) {
  const end = router.load(Number(values.rate), make);
  const heaps = [];
  // What is only compiled and drawn once is not of the steady state.
  await sleep(values.unmeasured ? 1000 : 15_000);
  const pid = await renderer(system);
  const rounds = Math.max(2, Math.round(Number(values.seconds) / 30));
  const [began, used] = [performance.now(), await processor(system, pid)];
  for (let round = 0; round < rounds; round += 1) {
    await dashboard.go(round % 2 === 0 ? "overview" : "live");
    await sleep((1000 * Number(values.seconds)) / rounds);
    heaps.push(await heap(session));
  }
  const seconds = (performance.now() - began) / 1000;
  const cpu = ((await processor(system, pid)) - used) / seconds;
  const posted = await end();
  const mib = heaps.map((it) => Number((it / 2 ** 20).toFixed(1)));
  const third = Math.max(1, Math.floor(mib.length / 3));
  const growth = mean(mib.slice(-third)) - mean(mib.slice(-2 * third, -third));
  return { seconds: Math.round(seconds), posted, cpu: Number(cpu.toFixed(3)), heap_mib: mib, growth_mib: Number(growth.toFixed(2)) };
}

async function burst(dashboard, router) {
  const { page } = dashboard;
  await dashboard.go("live");
  await page.waitForSelector(".rows .row");
  await page.evaluate(() => {
    window.delays = [];
    for (const type of ["keydown", "pointerdown"]) addEventListener(type, (event) => window.delays.push(performance.now() - event.timeStamp), true);
  });
  const end = router.load(Number(values["burst-rate"]), make);
  await sleep(2000);
  const over = performance.now() + 1000 * Number(values["burst-seconds"]);
  for (let turn = 0; performance.now() < over; turn += 1) {
    await page.keyboard.press("p");
    await page.getByRole("searchbox", { name: "Search in everything" }).pressSequentially(`user:${turn % 10}`, { delay: 60 });
    await page.getByRole("searchbox", { name: "Search in everything" }).fill("");
    await page.locator(".live-state button").click();
    await page.evaluate(() => document.activeElement?.blur());
    await sleep(300);
  }
  const posted = await end();
  const delays = (await page.evaluate(() => window.delays)).sort((a, b) => a - b);
  return { posted, inputs: delays.length, delay_p50_ms: Math.round(delays[Math.floor(delays.length / 2)]), delay_max_ms: Math.round(delays.at(-1)) };
}

// A proxy in front must know where it is.
const SETTINGS = { FLAGS__DUAL_MODE: "true", ...(process.env.ROUTER_BIND ? { SERVER__BIND: process.env.ROUTER_BIND } : {}) };
const router = await new Router(positionals[0], SETTINGS).start();
try {
  await withChromium(async (browser) => {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
    const dashboard = await Dashboard.open(context, values.page ?? router.origin);
    await until("the page is live", () => dashboard.path());
    const [session, system] = [await context.newCDPSession(dashboard.page), await browser.newBrowserCDPSession()];
    await session.send("Performance.enable");
    const found = { steady: await steady(dashboard, session, system, router), burst: await burst(dashboard, router) };
    const { journal } = await router.get("/v1/stats");
    await until("all has come", async () => (await dashboard.ledger()).position === journal.head_seq);
    const ledger = await dashboard.ledger();
    const kept = found.steady.cpu <= MOST_CPU && found.steady.growth_mib <= MOST_GROWTH && found.burst.delay_max_ms <= MOST_DELAY_MS;
    const passed = (kept || values.unmeasured === true) && ledger.missing === 0 && dashboard.complaints.length === 0;
    console.log(JSON.stringify({ passed, ...found, ledger, complaints: dashboard.complaints }));
    process.exitCode = passed ? 0 : 1;
  });
} finally {
  await router.end();
}
