// Pictures of each view for the documentation, light and dark, in the middle of a migration: some minutes of real data.
//
//   node dashboard_pictures.mjs target/debug/signalbox FOLDER
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { connect } from "../../dashboard/dist/client.js";
import { withChromium } from "./chromium.mjs";
import { make } from "./dashboard/events_made.mjs";
import { Dashboard, VIEWS } from "./dashboard_page.mjs";
import { Router, until } from "./router.mjs";

const WebSocket = createRequire(new URL("../../dashboard/package.json", import.meta.url))("ws");
const [binary, folder] = process.argv.slice(2);

const SETTINGS = `
[flags]
dual_mode = true
enable_validation = true

[validation]
deadline = "5s"

[rollout]
hold = "2m"
pace = 20
recheck = "1s"
`;

const sleep = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds));

/// Walls and laptops that follow the events, on whichever path they are told.
function clients(url) {
  const names = ["wall-lobby", "wall-ops", "wall-support", "wall-war-room", "ops-laptop", "on-call-phone", "kiosk-1", "kiosk-2", "kiosk-3", "kiosk-4", "report-builder", "archive"];
  return names.map((clientId) => connect({ url, clientId, WebSocket, onEvent: () => {} }));
}

/// What a team does in some minutes, each with its reason.
async function migrate(router) {
  const rollout = (action, more) => router.ask("POST", "/v1/rollout", { action, ...more });
  await sleep(45);
  await router.ask("PUT", "/v1/validation/rehearsal", { path: "realtime", drop: 0.004, alter: 0.002, seconds: 20 });
  await sleep(30);
  await router.ask("PUT", "/v1/flags/batch_size", { value: 60, reason: "smaller requests, for the evening", expires_in: "2h" });
  await sleep(30);
  await rollout("set", { percent: 25, reason: "the first quarter, as agreed" });
  await sleep(45);
  await router.ask("POST", "/v1/adapters/realtime/breaker", { state: "open" });
  await sleep(10);
  await router.ask("POST", "/v1/adapters/realtime/breaker", { state: "auto" });
  await sleep(50);
  router.configure(`${SETTINGS}\n[session]\nheartbeat = "20s"\n`);
  await sleep(20);
  await rollout("advance", { force: true, reason: "the numbers are good" });
  await sleep(40);
}

/// What a view looks like before its picture is taken.
const READY = {
  live: async (page) => {
    await page.getByRole("button", { name: "Hold" }).click();
    await page.locator(".rows .row").nth(4).click();
    await page.locator(".detail .path").waitFor();
  },
};

async function take(dashboard, name) {
  const { page } = dashboard;
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    // Nothing is pointed at; charts are drawn anew in other colours.
    await page.mouse.move(0, 0);
    await page.waitForTimeout(1500);
    await page.screenshot({ path: join(folder, `${name}-${colorScheme}.png`) });
  }
}

mkdirSync(folder, { recursive: true });
const router = new Router(binary);
router.configure(SETTINGS);
await router.start();
try {
  const followers = clients(router.origin);
  const end = router.load(60, make);
  await migrate(router);
  await withChromium(async (browser) => {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
    const dashboard = await Dashboard.open(context, router.origin);
    const { page } = dashboard;
    await until("the page is live", () => dashboard.path());
    for (const view of VIEWS) {
      await dashboard.go(view);
      await page.waitForSelector(`.view-${view} .panel, .view-${view} .rows .row`);
      await READY[view]?.(page);
      await take(dashboard, view);
    }
    for (const [view, title, name] of [["overview", "Over time", "history"], ["migration", "Match rate", "verdicts"]]) {
      await dashboard.go(view);
      await page.getByRole("heading", { name: title, exact: true }).waitFor();
      await page.getByRole("heading", { name: title, exact: true }).evaluate((it) => it.closest(".panel").scrollIntoView({ block: "start" }));
      await take(dashboard, name);
    }
    dashboard.isClean();
  });
  for (const follower of followers) follower.close();
  await end();
} finally {
  await router.end();
}
