// A router of one's own, in a folder of its own: started, killed, started again where it was.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";

export class Router {
  #child;
  #loads = [];
  #bind = "127.0.0.1:0";

  /// `settings` as environment: `{ FLAGS__DUAL_MODE: "true" }`.
  constructor(binary, settings = {}) {
    // It runs in a folder of its own.
    this.binary = resolve(binary);
    this.settings = settings;
    this.folder = mkdtempSync(join(tmpdir(), "signalbox-page-"));
  }

  async start() {
    const own = { SERVER__BIND: this.#bind, ...this.settings };
    const named = Object.entries(own).map(([name, value]) => [`SIGNALBOX__${name}`, value]);
    const options = { cwd: this.folder, env: { ...process.env, ...Object.fromEntries(named) }, stdio: ["ignore", "pipe", "pipe"] };
    this.#child = spawn(this.binary, ["serve"], options);
    const said = [];
    const origin = await new Promise((found, failed) => {
      this.#child.once("exit", (code) => failed(new Error(`the router ended with ${code}: ${said.join("\n")}`)));
      for (const stream of [this.#child.stdout, this.#child.stderr]) {
        createInterface(stream).on("line", (line) => {
          if (said.push(line) > 50) said.shift();
          const listening = /listening on (http:\/\/[\d.:]+)/.exec(line);
          if (listening) found(listening[1]);
        });
      }
    });
    this.origin = origin;
    this.#bind = new URL(origin).host;
    return this;
  }

  async kill() {
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await ended;
  }

  async end() {
    for (const load of this.#loads) load.isOver = true;
    if (this.#child?.exitCode === null && this.#child.signalCode === null) await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /// Writes Settings.toml, which the router finds where it runs.
  configure(text) {
    writeFileSync(join(this.folder, "Settings.toml"), text);
  }

  async ask(method, place, body) {
    const headers = body === undefined ? {} : { "content-type": "application/json" };
    const response = await fetch(this.origin + place, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${place}: ${response.status} ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  }

  get(place) {
    return this.ask("GET", place);
  }

  post(...events) {
    return this.ask("POST", "/v1/events", events);
  }

  /// Posts events at a rate until what is returned is called; that says how many there were.
  load(rate, make) {
    const load = { isOver: false };
    this.#loads.push(load);
    let count = 0;
    const began = performance.now();
    const turns = (async () => {
      while (!load.isOver) {
        const due = Math.floor(((performance.now() - began) * rate) / 1000) - count;
        if (due > 0) {
          const events = Array.from({ length: Math.min(due, 1000) }, (_, place) => make(count + place));
          await this.post(...events);
          count += events.length;
        }
        await new Promise((done) => setTimeout(done, 20));
      }
      return count;
    })();
    // Whoever waits for its end hears of it.
    turns.catch(() => {});
    return () => {
      load.isOver = true;
      return turns;
    };
  }
}

/// Waits until something holds, for as long as it may take on a machine that is busy.
export async function until(what, holds, patience = 30_000) {
  const began = performance.now();
  for (;;) {
    const found = await holds();
    if (found) return found;
    if (performance.now() - began > patience) throw new Error(`waited in vain until ${what}`);
    await new Promise((done) => setTimeout(done, 30));
  }
}
