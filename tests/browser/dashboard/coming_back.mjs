// A router that goes away, and one that asks who is there.
import assert from "node:assert/strict";
import { Dashboard } from "../dashboard_page.mjs";
import { Router, until } from "../router.mjs";

/// The router is killed and comes back: so does the page, and it says so.
export async function restart({ browser, router, origin }) {
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
  dashboard.isClean();
  await context.close();
}

/// A router that wants tokens: the page asks for one, and shows what that allows.
export async function door({ browser, binary, settings }) {
  const token = (name) => `sbx_${name}_${"0123456789abcdef".repeat(2)}`;
  const tokens = { AUTH__MODE: "token", AUTH__TOKENS: `reader read ${token("reader")}` };
  const guarded = await new Router(binary, { ...settings, ...tokens, SERVER__BIND: "127.0.0.1:0" }).start();
  try {
    const context = await browser.newContext();
    // Refusals are what browsers complain of.
    const dashboard = await Dashboard.open(context, guarded.origin, "sessions", true);
    const { page } = dashboard;
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
    dashboard.isClean();
    await context.close();
  } finally {
    await guarded.end();
  }
}
