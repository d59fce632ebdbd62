// Every view, as it looks: on all screens, in both themes, to everybody.
import assert from "node:assert/strict";
import { Dashboard, VIEWS } from "../dashboard_page.mjs";
import { until } from "../router.mjs";
import { make } from "./events_made.mjs";

/// Bytes, compressed.
const FIRST_LOAD = 150_000;

/// Every view shows what the router says, complains of nothing, and can be used by everybody.
export async function views({ browser, router, origin, seen }) {
  await router.post(...Array.from({ length: 300 }, (_, n) => make(n)));
  const end = router.load(40, make);
  const context = await browser.newContext({ colorScheme: "light", viewport: { width: 1440, height: 900 } });
  const dashboard = await Dashboard.open(context, origin);
  const { page } = dashboard;
  await until("the page is live", () => dashboard.path());
  await until("something is in the charts", async () => /[1-9]/.test((await page.locator(".chart .plot").first().getAttribute("aria-label")) ?? ""));
  const faults = [];
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    for (const view of VIEWS) {
      await dashboard.go(view);
      await page.waitForSelector(`.view-${view} .panel, .view-${view} .rows .row`);
      assert.match(await page.locator("main").innerText(), /\d/, `${view} says no number`);
      assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), colorScheme);
      for (const fault of await dashboard.faults()) faults.push(`${view}, ${colorScheme}: ${fault}`);
      const beside = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(beside <= 0, `${view} is wider than its window`);
    }
  }
  await end();
  seen.first_load_bytes = dashboard.weight;
  assert.deepEqual(faults, []);
  assert.ok(seen.first_load_bytes > 0 && seen.first_load_bytes <= FIRST_LOAD, `the first load is ${seen.first_load_bytes} bytes`);
  dashboard.isClean();
  await context.close();
}

/// No view is wider than a small telephone, or lost on a large screen.
export async function sizes({ browser, router, origin }) {
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
    }
    dashboard.isClean();
    await context.close();
  }
}
