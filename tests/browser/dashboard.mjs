// The dashboard, on a router of its own, as somebody uses it.
//
//   node dashboard.mjs target/debug/signalbox [--page ORIGIN] [--only CHECK,…]
//
// --page takes the page from elsewhere, which must hand the rest on to the router. Prints one line of JSON; exit code 0 when all is as it
// should be.
import { parseArgs } from "node:util";
import { withChromium } from "./chromium.mjs";
import { door, restart } from "./dashboard/coming_back.mjs";
import { hostile, tail } from "./dashboard/events.mjs";
import { keyboard } from "./dashboard/keyboard.mjs";
import { sizes, views } from "./dashboard/looks.mjs";
import { past } from "./dashboard/past.mjs";
import { breaker, migration, moving, reload } from "./dashboard/steering.mjs";
import { Router } from "./router.mjs";

const { values, positionals } = parseArgs({ allowPositionals: true, options: { page: { type: "string" }, only: { type: "string" } } });
const CHECKS = { views, sizes, keyboard, tail, hostile, breaker, migration, past, moving, reload, restart, ...(values.page ? {} : { door }) };
// A proxy in front must know where it is.
const settings = { FLAGS__DUAL_MODE: "true", VALIDATION__DEADLINE: "5s", ...(process.env.ROUTER_BIND ? { SERVER__BIND: process.env.ROUTER_BIND } : {}) };
const [binary] = positionals;
const [seen, failed] = [{}, {}];
const router = await new Router(binary, settings).start();
try {
  await withChromium(async (browser) => {
    const origin = values.page ?? router.origin;
    for (const [name, check] of Object.entries(CHECKS)) {
      if (values.only && !values.only.split(",").includes(name)) continue;
      try {
        await check({ browser, router, origin, binary, settings, seen });
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
