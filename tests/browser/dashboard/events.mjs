// Events as they come, also from those who mean harm.
import assert from "node:assert/strict";
import { Dashboard, VIEWS } from "../dashboard_page.mjs";
import { until } from "../router.mjs";
import { make } from "./events_made.mjs";

/// What is posted is seen, in less than a second; its filters stand in the URL.
export async function tail({ browser, router, origin }) {
  const context = await browser.newContext();
  const dashboard = await Dashboard.open(context, origin, "live");
  const { page } = dashboard;
  await until("the page is live", () => dashboard.path());
  await isSeenWithin(1000, page, router);

  await page.getByRole("searchbox", { name: "Type, as cache_*" }).fill("seen_0");
  await until("one event is left", async () => (await page.locator(".rows .row").count()) === 1);
  assert.match(page.url(), /type=seen_0/);
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
  dashboard.isClean();
  await context.close();
}

/// One event after the other is posted and looked for so long, until one is found in that time: on a machine that
/// is busy with other tests it need not be the first. None is lost.
async function isSeenWithin(patience, page, router) {
  for (let turn = 0; turn < 20; turn += 1) {
    const event_type = `seen_${turn}`;
    const row = page.locator(".rows .row", { hasText: event_type });
    await router.post({ event_type, source: "test", category: "system", data: {} });
    const isFound = await row.waitFor({ timeout: patience }).then(
      () => true,
      () => false,
    );
    if (isFound) return;
    await row.waitFor();
  }
  assert.fail(`no event is seen within ${patience} ms`);
}

/// Events that want to do harm are text.
export async function hostile({ browser, router, origin }) {
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
  dashboard.isClean();
  await context.close();
}
