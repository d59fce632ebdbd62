// The levers, and what comes of them.
import assert from "node:assert/strict";
import { Dashboard } from "../dashboard_page.mjs";
import { until } from "../router.mjs";
import { make } from "./events_made.mjs";

/// A breaker that is opened is shown wherever somebody looks, and can be released.
export async function breaker({ browser, router, origin }) {
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
  dashboard.isClean();
  await context.close();
}

/// The page moves from one path to the other under load, and back by a click that is audited; it
/// loses nothing, and says so itself.
export async function moving({ browser, router, origin, seen }) {
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
  await until(`${journal.head_seq} has come`, async () => (await dashboard.ledger()).position === journal.head_seq);
  const ended = await dashboard.ledger();
  assert.deepEqual({ missing: ended.missing, delivered: ended.delivered - began.delivered }, { missing: 0, delivered: ended.position - began.position });
  seen.moved_under_load = { posted, ...ended };
  dashboard.isClean();
  await context.close();
}

/// Faults are planted, found, shown, and the flags that stand beside them can be set.
export async function migration({ browser, router, origin }) {
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
  dashboard.isClean();
  await context.close();
}

/// A Settings.toml that is wrong changes nothing, and the page says where and why.
export async function reload({ browser, router, origin }) {
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
  dashboard.isClean();
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
