// What the charts show of the time before the page was opened.
import assert from "node:assert/strict";
import { Dashboard } from "../dashboard_page.mjs";
import { until } from "../router.mjs";
import { make } from "./events_made.mjs";

/// A page that has just been opened shows what the router remembers, with a mark for what changed.
export async function past({ browser, router, origin }) {
  const end = router.load(50, make);
  await router.ask("PUT", "/v1/flags/batch_size", { value: 88, reason: "a secret of somebody" });
  await router.ask("DELETE", "/v1/flags/batch_size");
  const remembered = async () => {
    const { series, marks } = await router.get("/v1/history?points=1000");
    return series.taken.filter((it) => it > 0).length >= 5 && marks.some(({ what }) => what.includes("88"));
  };
  await until("five seconds are remembered", remembered);
  await end();
  // From now on the page itself sees nothing come.
  await until("nothing comes any more", async () => (await router.get("/v1/stats")).ingest.accepted_per_second["1s"] === 0);
  const context = await browser.newContext();
  const dashboard = await Dashboard.open(context, origin, "overview");
  const { page } = dashboard;
  await page.locator(".changes li", { hasText: "flags.batch_size" }).filter({ hasText: "88" }).first().waitFor();
  const said = await page.locator(".changes").innerText();
  assert.ok(!said.includes("secret"), "whoever reads the charts is told why somebody did something");
  const drawn = page.locator(".chart", { hasText: "Throughput" }).locator(".plot");
  await until("the time before is drawn", async () => /at most in [1-9]/.test(await drawn.getAttribute("aria-label")));
  await page.getByRole("button", { name: "24 h" }).click();
  await page.locator(".changes li", { hasText: "flags.batch_size" }).first().waitFor();
  assert.match(page.url(), /range=86400/);
  dashboard.isClean();
  await context.close();
}
