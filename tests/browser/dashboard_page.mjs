// The dashboard in a browser, and what it must never do: complain, ask anybody else, break its policy.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

export const VIEWS = ["overview", "live", "migration", "adapters", "sessions", "settings"];

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/// What a browser says of requests that nobody answers.
const AWAY = /Failed to load resource|WebSocket connection to|ERR_CONNECTION|net::ERR/;

export class Dashboard {
  complaints = [];
  elsewhere = [];
  /// While it is, requests may fail.
  isRouterAway = false;
  #bodies = new Map();

  constructor(page, origin) {
    this.page = page;
    this.origin = origin;
    page.on("console", (line) => {
      if (line.type() === "error" && !(this.isRouterAway && AWAY.test(line.text()))) this.complaints.push(`${line.text()} ${line.location().url}`);
    });
    page.on("pageerror", (error) => this.complaints.push(String(error.stack ?? error)));
    page.on("dialog", (dialog) => {
      this.complaints.push(`a dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on("request", (request) => {
      if (new URL(request.url()).origin !== origin) this.elsewhere.push(request.url());
    });
    page.on("websocket", (socket) => {
      if (new URL(socket.url()).host !== new URL(origin).host) this.elsewhere.push(socket.url());
    });
    page.on("response", async (response) => {
      const type = response.headers()["content-type"] ?? "";
      if (/html|javascript|css|svg/.test(type)) this.#bodies.set(response.url(), gzipSync(await response.body().catch(() => "")).length);
    });
  }

  static async open(context, origin, view = "overview", isRouterAway = false) {
    const page = await context.newPage();
    await page.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) => console.error(`policy: ${violatedDirective} ${blockedURI}`));
    });
    const dashboard = Object.assign(new Dashboard(page, origin), { isRouterAway });
    await page.goto(`${origin}/#/${view}`);
    await page.waitForSelector("main");
    return dashboard;
  }

  /// Bytes of what the page itself is made of, compressed.
  get weight() {
    return [...this.#bodies.values()].reduce((sum, it) => sum + it, 0);
  }

  async go(view) {
    await this.page.evaluate((hash) => void (location.hash = hash), `#/${view}`);
  }

  /// Which path the page says it is on, when it is live.
  async path() {
    const summary = this.page.locator(".connection summary");
    return (await summary.getAttribute("data-state")) === "live" ? summary.getAttribute("data-path") : undefined;
  }

  /// What the page's own connection has counted, as it shows it.
  async ledger() {
    const { page } = this;
    await page.locator(".connection").evaluate((it) => void (it.open = true));
    const facts = await page.locator(".connection-details .facts > div").evaluateAll((rows) => rows.map((row) => [row.children[0].textContent, row.children[1].textContent]));
    await page.locator(".connection").evaluate((it) => void (it.open = false));
    const all = Object.fromEntries(facts);
    const number = (name) => Number(all[name].replaceAll(",", ""));
    return { delivered: number("Delivered"), missing: number("Missing"), position: number("Position") };
  }

  /// What axe finds that is serious, on what is shown now.
  async faults() {
    await this.page.evaluate(AXE);
    const { violations } = await this.page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
    return violations.filter(({ impact }) => impact === "serious" || impact === "critical").map(({ id, nodes }) => `${id}: ${nodes.map(({ target, any }) => `${target} ${any[0]?.message ?? ""}`).slice(0, 3).join("; ")}`);
  }

  /// That it never did what it must not.
  isClean() {
    assert.deepEqual({ complaints: this.complaints, elsewhere: this.elsewhere }, { complaints: [], elsewhere: [] });
  }
}
