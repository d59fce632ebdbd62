// Without a mouse, and without eyes.
import assert from "node:assert/strict";
import { Dashboard } from "../dashboard_page.mjs";
import { until } from "../router.mjs";
import { make } from "./events_made.mjs";

/// By keys alone: past the head, through the tail, into an event and a question, and out of both.
export async function keyboard({ browser, router, origin }) {
  const context = await browser.newContext();
  const dashboard = await Dashboard.open(context, origin, "live");
  const { page } = dashboard;
  const { keyboard: keys } = page;
  const isFocused = (what) => until(`${what} has the focus`, () => page.evaluate((it) => document.activeElement?.matches(it), what));
  await router.post(make(0), make(1), make(2));
  await page.locator(".rows .row").nth(2).waitFor();
  await keys.press("p");
  await page.locator(".live-state", { hasText: "Held still" }).waitFor();
  await keys.press("Tab");
  await isFocused(".skip");
  await keys.press("Enter");
  await isFocused("#main");
  await keys.press("/");
  await isFocused("#live-search");
  for (let turn = 0; turn < 20 && !(await page.evaluate(() => document.activeElement?.matches(".rows"))); turn += 1) await keys.press("Tab");
  await isFocused(".rows");
  await keys.press("ArrowDown");
  await keys.press("ArrowDown");
  await page.locator(".detail .path").waitFor();
  assert.deepEqual(await dashboard.faults(), []);
  await keys.press("Escape");
  await page.locator(".detail").waitFor({ state: "detached" });

  await dashboard.go("adapters");
  await page.getByRole("button", { name: "Force open" }).focus();
  await keys.press("Enter");
  await page.locator("dialog[open]").waitFor();
  assert.ok(await page.evaluate(() => document.querySelector("dialog[open]").contains(document.activeElement)), "the question has the focus");
  assert.deepEqual(await dashboard.faults(), []);
  await keys.press("Escape");
  await page.locator("dialog[open]").waitFor({ state: "detached" });
  const { adapters } = await router.get("/v1/adapters");
  assert.ok(adapters.every(({ delivery }) => !delivery || delivery.breaker.forced === "auto"), "what was not answered is done");
  dashboard.isClean();
  await context.close();
}
