// The dashboard, on a router of its own, as somebody uses it.
//
//   node dashboard.mjs target/debug/signalbox [--shots FOLDER [--sizes]] [--page ORIGIN] [--only CHECK,…]
//
// --shots keeps a picture of each view, light and dark, with --sizes also on small and large screens; --page takes the page from elsewhere, which
// must hand the rest on to the router. Prints one line of JSON; exit code 0 when all is as it should be.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { withChromium } from "./chromium.mjs";
import { Dashboard, VIEWS } from "./dashboard_page.mjs";
import { Router, until } from "./router.mjs";

const { values, positionals } = parseArgs({ allowPositionals: true, options: { shots: { type: "string" }, page: { type: "string" }, sizes: { type: "boolean" }, only: { type: "string" } } });
const FIRST_LOAD = 150_000;
const seen = {};

const KINDS = [
  ["cache_hit", "cache/redis-1", "performance"],
  ["page_view", "web", "user_activity"],
  ["cache_metrics", "cache/redis-2", "performance"],
  ["health_check", "node-3", "system"],
  ["error_raised", "api/orders", "critical"],
  ["debug_dump", "worker-7", "debug"],
];

/// The nth event of a load; most of them are measurements.
function make(n) {
  const [event_type, source, category] = KINDS[Math.min((n * 7) % 11, 5)] ?? KINDS[0];
  return { event_type, source, category, data: { n, ms: (n * 13) % 97, key: `user:${(n * 31) % 9999}`, ok: n % 40 !== 0 } };
}

/// Every view shows what the router says, complains of nothing, and can be used by everybody.
async function views(browser, router, origin) {
  await router.post(...Array.from({ length: 300 }, (_, n) => make(n)));
  const end = router.load(40, make);
  const context = await browser.newContext({ colorScheme: "light", viewport: { width: 1440, height: 900 } });
  const dashboard = await Dashboard.open(context, origin);
  const { page } = dashboard;
  await until("the page is live", () => dashboard.path());
  await until("something is in the charts", async () => /[1-9]/.test((await page.locator(".chart .plot").first().getAttribute("aria-label")) ?? ""));
  // On a picture there is to be more.
  if (values.shots) await page.waitForTimeout(75_000);
  const faults = [];
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    for (const view of VIEWS) {
      await dashboard.go(view);
      await page.waitForSelector(`.view-${view} .panel, .view-${view} .rows .row`);
      assert.match(await page.locator("main").innerText(), /\d/, `${view} says no number`);
      assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), colorScheme);
      for (const fault of await dashboard.faults()) faults.push(`${view}, ${colorScheme}: ${fault}`);
      if (values.shots) await page.screenshot({ path: join(values.shots, `${view}-${colorScheme}.png`) });
      const beside = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(beside <= 0, `${view} is wider than its window`);
    }
  }
  await end();
  seen.first_load_bytes = dashboard.weight;
  assert.deepEqual(faults, []);
  assert.ok(seen.first_load_bytes > 0 && seen.first_load_bytes <= FIRST_LOAD, `the first load is ${seen.first_load_bytes} bytes`);
  clean(dashboard);
  await context.close();
}

/// No view is wider than a small telephone, or lost on a large screen.
async function sizes(browser, router, origin) {
  await router.post(...Array.from({ length: 30 }, (_, n) => make(n)));
  for (const [width, height] of [[360, 780], [3840, 2160]]) {
    const context = await browser.newContext({ viewport: { width, height }, reducedMotion: "reduce" });
    const dashboard = await Dashboard.open(context, origin);
    await until("the page is live", () => dashboard.path());
    for (const view of VIEWS) {
      await dashboard.go(view);
      await dashboard.page.waitForSelector(`.view-${view} .panel, .view-${view} .rows .row`);
      const beside = await dashboard.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(beside <= 0, `${view} is wider than ${width} pixels`);
      if (values.shots && values.sizes) await dashboard.page.screenshot({ path: join(values.shots, `${view}-${width}.png`) });
    }
    clean(dashboard);
    await context.close();
  }
}

/// What is posted is seen, in less than a second; its filters stand in the URL.
async function tail(browser, router, origin) {
  const context = await browser.newContext();
  const dashboard = await Dashboard.open(context, origin, "live");
  const { page } = dashboard;
  await until("the page is live", () => dashboard.path());
  const took = [];
  for (let turn = 0; turn < 5; turn += 1) {
    const event_type = `seen_${turn}`;
    const row = page.locator(".rows .row", { hasText: event_type });
    const began = performance.now();
    await router.post({ event_type, source: "test", category: "system", data: {} });
    await row.waitFor();
    took.push(performance.now() - began);
  }
  seen.seen_after_ms = Math.round(took.sort((a, b) => a - b)[2]);
  assert.ok(seen.seen_after_ms < 1000, `an event is seen after ${seen.seen_after_ms} ms`);

  await page.getByRole("searchbox", { name: "Type, as cache_*" }).fill("seen_3");
  await until("one event is left", async () => (await page.locator(".rows .row").count()) === 1);
  assert.match(page.url(), /type=seen_3/);
  await page.locator(".rows .row").click();
  await page.waitForSelector(".detail");
  assert.match(page.url(), /event=[0-9a-f-]{36}/);
  await page.reload();
  await page.waitForSelector(".detail .path");
  await until("the same event is left", async () => (await page.locator(".rows .row").count()) === 1);
  await page.getByRole("button", { name: "Close the event" }).click();
  await page.getByRole("button", { name: "Show all" }).click();

  await page.getByRole("button", { name: "Hold" }).click();
  const before = await page.locator(".rows .row").first().getAttribute("data-id");
  await router.post({ event_type: "held_back", source: "test", category: "system", data: {} });
  await page.locator(".live-state", { hasText: "1 new event" }).waitFor();
  assert.equal(await page.locator(".rows .row").first().getAttribute("data-id"), before);
  await page.getByRole("button", { name: "Go on" }).click();
  await page.locator(".rows .row", { hasText: "held_back" }).waitFor();
  clean(dashboard);
  await context.close();
}

/// Events that want to do harm are text.
async function hostile(browser, router, origin) {
  let deep = 1;
  for (let depth = 0; depth < 100; depth += 1) deep = { deep };
  const script = `<script>window.harmed = 1</script><img src=x onerror="window.harmed = 1">`;
  const data = { script, ansi: "\u001b[2J\u001b[31mred\u0007", turned: "safe\u202egnp.exe\u2066", long: "x".repeat(65_536), deep, "<b>key</b>": script, ["__proto__"]: { polluted: 1 } };
  const event = { event_type: "<img src=x onerror=harm>\u202e", source: "\u001b]0;title\u0007<script>", category: "critical", data, metadata: { script } };
  const context = await browser.newContext({ viewport: { width: 1200, height: 900 } });
  const dashboard = await Dashboard.open(context, origin, "live");
  const { page } = dashboard;
  await until("the page is live", () => dashboard.path());
  await router.post(event);
  const row = page.locator(".rows .row", { hasText: "onerror=harm" });
  await row.click();
  await page.waitForSelector(".detail .json");
  await page.locator(".detail .path").waitFor();
  const harm = await page.evaluate(() => ({
    harmed: window.harmed,
    polluted: {}.polluted,
    elements: document.querySelectorAll("main script, main img, main b, main iframe").length,
    hidden: /[\u0000-\u0008\u000b-\u001f\u202a-\u202e\u2066-\u2069]/.test(document.body.innerText),
    longest: Math.max(...[...document.querySelectorAll("main *")].filter((it) => it.children.length === 0).map((it) => it.textContent.length)),
  }));
  assert.deepEqual({ ...harm, longest: harm.longest < 5000 }, { harmed: undefined, polluted: undefined, elements: 0, hidden: false, longest: true });
  for (const view of VIEWS) {
    await dashboard.go(view);
    await page.waitForSelector(`.view-${view} .panel, .view-${view} .rows .row`);
    assert.equal(await page.evaluate(() => window.harmed), undefined);
  }
  clean(dashboard);
  await context.close();
}

/// A breaker that is opened is shown wherever somebody looks, and can be released.
async function breaker(browser, router, origin) {
  const context = await browser.newContext();
  const dashboard = await Dashboard.open(context, origin, "adapters");
  const { page } = dashboard;
  await page.getByRole("button", { name: "Force open" }).click();
  await page.getByRole("button", { name: "Force it open" }).click();
  await until("it is open", async () => (await router.get("/v1/adapters")).adapters.some(({ delivery }) => delivery?.breaker.state === "open"));
  await page.locator(".facts .badge", { hasText: "open" }).first().waitFor();
  await dashboard.go("overview");
  await page.locator(".tile", { hasText: "Breaker" }).filter({ hasText: "open" }).waitFor();
  await page.locator(".health", { hasText: "the breaker is open" }).waitFor();
  await dashboard.go("adapters");
  await page.getByRole("button", { name: "By itself" }).click();
  await page.getByRole("button", { name: "Release it" }).click();
  // It closes when probes have gone well, and a probe is an event.
  const end = router.load(10, make);
  await until("it is closed", async () => (await router.get("/v1/adapters")).adapters.every(({ delivery }) => !delivery || delivery.breaker.state === "closed"), 60_000);
  await end();
  clean(dashboard);
  await context.close();
}

/// The page moves from one path to the other under load, and back by a click that is audited; it
/// loses nothing, and says so itself.
async function moving(browser, router, origin) {
  const context = await browser.newContext();
  const dashboard = await Dashboard.open(context, origin, "migration");
  const { page } = dashboard;
  await until("it is on the direct path", async () => (await dashboard.path()) === "direct");
  const began = await dashboard.ledger();
  const end = router.load(300, make);
  await router.ask("POST", "/v1/rollout", { action: "set", percent: 100, reason: "the page moves" });
  await until("it is on the realtime path", async () => (await dashboard.path()) === "realtime", 60_000);
  await page.locator(".note", { hasText: "moved to the realtime path" }).waitFor();
  await page.locator('.steps [data-is="now"]', { hasText: "100 %" }).waitFor();

  for (const percent of [75, 50, 25, 0]) {
    await page.getByRole("button", { name: `Roll back to ${percent} %` }).click();
    await page.getByLabel("Why?").fill(`back to ${percent}, says the test`);
    await page.getByRole("button", { name: "Roll back", exact: true }).click();
    await until(`it is at ${percent} %`, async () => (await router.get("/v1/rollout")).percent === percent);
  }
  const { entries } = await router.get("/v1/audit?limit=100");
  assert.ok(entries.some((entry) => JSON.stringify(entry.detail).includes("back to 0, says the test")), "the click is not in the audit log");
  await page.locator("section", { hasText: "Audit log" }).getByText("back to 0, says the test").first().waitFor();
  await until("it is back on the direct path", async () => (await dashboard.path()) === "direct", 90_000);
  const posted = await end();
  const { journal } = await router.get("/v1/stats");
  await until(`${journal.head_seq} has come`, async () => (seen.position = (await dashboard.ledger()).position) === journal.head_seq);
  const ended = await dashboard.ledger();
  assert.deepEqual({ missing: ended.missing, delivered: ended.delivered - began.delivered }, { missing: 0, delivered: ended.position - began.position });
  seen.moved_under_load = { posted, ...ended };
  clean(dashboard);
  await context.close();
}

/// The router is killed and comes back: so does the page, and it says so.
async function restart(browser, router, origin) {
  const context = await browser.newContext();
  const dashboard = await Dashboard.open(context, origin, "overview");
  const { page } = dashboard;
  await until("the page is live", () => dashboard.path());
  dashboard.isRouterAway = true;
  await router.kill();
  await page.locator(".banner[role=alert]").waitFor();
  await until("it is not live any more", async () => (await dashboard.path()) === undefined);
  await router.start();
  await page.locator(".note", { hasText: "The router is back" }).waitFor();
  await page.locator(".banner[role=alert]").waitFor({ state: "detached" });
  await until("the page is live again", () => dashboard.path(), 60_000);
  dashboard.isRouterAway = false;
  await dashboard.go("live");
  await router.post({ event_type: "after_restart", source: "test", category: "system", data: {} });
  await page.locator(".rows .row", { hasText: "after_restart" }).waitFor();
  assert.equal((await dashboard.ledger()).missing, 0);
  clean(dashboard);
  await context.close();
}

/// A Settings.toml that is wrong changes nothing, and the page says where and why.
async function reload(browser, router, origin) {
  const context = await browser.newContext();
  const dashboard = await Dashboard.open(context, origin, "settings");
  const { page } = dashboard;
  await page.locator(".settings").first().waitFor();
  router.configure("[session]\nheartbaet = \"20s\"\n");
  try {
    await faulty(page, router);
  } finally {
    router.configure("");
  }
  clean(dashboard);
  await context.close();
}

async function faulty(page, router) {
  const fault = page.locator(".faults", { hasText: "heartbaet" });
  await fault.waitFor();
  assert.match(await fault.innerText(), /Settings\.toml:2/);
  router.configure("[session]\nheartbeat = \"20s\"\n");
  await fault.waitFor({ state: "detached" });
  await page.locator(".settings > div", { hasText: "session.heartbeat" }).filter({ hasText: "Settings.toml:2" }).waitFor();
}

/// Faults are planted, found, shown, and the flags that stand beside them can be set.
async function migration(browser, router, origin) {
  const context = await browser.newContext();
  const dashboard = await Dashboard.open(context, origin, "migration");
  const { page } = dashboard;
  await page.locator(".match").first().waitFor();
  await page.getByRole("button", { name: "Rehearse faults…" }).click();
  await page.getByLabel("Of so many, in percent").fill("20");
  await page.getByRole("button", { name: "Plant them" }).click();
  await page.locator(".faults", { hasText: "planted on the realtime path" }).waitFor();
  const end = router.load(100, make);
  await page.locator(".match", { hasText: "realtime path" }).filter({ hasText: "under 99.9 %" }).waitFor({ timeout: 90_000 });
  await page.locator("table", { hasText: "missing" }).first().waitFor();
  await end();
  await page.getByRole("button", { name: "End the rehearsal" }).click();
  await page.getByRole("button", { name: "Rehearse faults…" }).waitFor();

  await page.getByRole("button", { name: "Set batch_size" }).click();
  await page.getByLabel("Value").fill("77");
  await page.getByLabel("Why?").fill("smaller, says the test");
  await page.getByRole("button", { name: "Set it" }).click();
  await page.locator("tr", { hasText: "batch_size" }).filter({ hasText: "override by" }).waitFor();
  const { flags } = await router.get("/v1/flags");
  assert.equal(flags.find(({ name }) => name === "batch_size").value, 77);
  await page.locator("section", { hasText: "Audit log" }).getByText("smaller, says the test").first().waitFor();
  await page.getByRole("button", { name: "Clear batch_size" }).click();
  await page.getByRole("button", { name: "Clear it" }).click();
  await page.locator("tr", { hasText: "batch_size" }).filter({ hasText: "override by" }).waitFor({ state: "detached" });
  clean(dashboard);
  await context.close();
}

/// A router that wants tokens: the page asks for one, and shows what that allows.
async function door(browser) {
  const token = (name) => `sbx_${name}_${"0123456789abcdef".repeat(2)}`;
  const tokens = { AUTH__MODE: "token", AUTH__TOKENS: `reader read ${token("reader")}` };
  const guarded = await new Router(positionals[0], { ...SETTINGS, ...tokens, SERVER__BIND: "127.0.0.1:0" }).start();
  try {
    const context = await browser.newContext();
    const dashboard = await Dashboard.open(context, guarded.origin, "sessions");
    const { page } = dashboard;
    // Refusals are what browsers complain of.
    dashboard.isRouterAway = true;
    for (const [tried, next] of [["wrong", page.getByText("That token is not good here")], [token("reader"), page.locator("tbody tr", { hasText: "this page" })]]) {
      await page.locator("form.banner input").fill(tried);
      await page.getByRole("button", { name: "Go in" }).click();
      await next.waitFor();
    }
    await until("the page is live", () => dashboard.path());
    await page.getByRole("button", { name: /^Close the session/ }).first().click();
    await page.getByRole("button", { name: "Close it" }).click();
    await page.locator(".note", { hasText: "admin" }).waitFor();
    assert.ok(!page.url().includes("sbx_"), "a token is in the URL");
    clean(dashboard);
    await context.close();
  } finally {
    await guarded.end();
  }
}

function clean(dashboard) {
  assert.deepEqual({ complaints: dashboard.complaints, elsewhere: dashboard.elsewhere }, { complaints: [], elsewhere: [] });
}

if (values.shots) mkdirSync(values.shots, { recursive: true });
const CHECKS = { views, sizes, tail, hostile, breaker, migration, moving, reload, restart, ...(values.page ? {} : { door }) };
// A proxy in front must know where it is.
const SETTINGS = { FLAGS__DUAL_MODE: "true", VALIDATION__DEADLINE: "5s", ...(process.env.ROUTER_BIND ? { SERVER__BIND: process.env.ROUTER_BIND } : {}) };
const failed = {};
const router = await new Router(positionals[0], SETTINGS).start();
try {
  await withChromium(async (browser) => {
    for (const [name, check] of Object.entries(CHECKS)) {
      if (values.only && !values.only.split(",").includes(name)) continue;
      try {
        await check(browser, router, values.page ?? router.origin);
      } catch (error) {
        failed[name] = String(error.stack ?? error);
      }
    }
  });
} finally {
  await router.end();
}
const passed = Object.keys(failed).length === 0;
console.log(JSON.stringify({ passed, ...seen, failed }, null, passed ? 0 : 1));
process.exitCode = passed ? 0 : 1;
