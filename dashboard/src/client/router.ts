// The router's HTTP routes that the client uses.

import { isEverything, parameters } from "./filter.js";
import { answer, event, type Answer } from "./frames.js";
import type { Hole } from "./merge.js";
import type { Filter, MonitoringEvent, Options, Path } from "./types.js";

/** An answer that is no success, or none at all (`status` 0). */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    /** When to come back, in milliseconds, if that is said. */
    readonly after_ms: number | undefined,
  ) {
    super(message);
  }

  /** Whether asking again as before could help. */
  get passes(): boolean {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

/** Most events of a page. */
const PAGE = 1000;

export class Router {
  readonly #base: URL;
  readonly #fetch: typeof fetch;

  constructor(
    private readonly options: Options,
    private readonly patience: number,
  ) {
    this.#base = new URL(options.url);
    if (!/^https?:$/.test(this.#base.protocol)) throw new TypeError(`${options.url} is no URL of HTTP`);
    this.#fetch = options.fetch ?? globalThis.fetch.bind(globalThis);
  }

  /** An address of the router's, or another's where it is whole. */
  url(place: string, scheme?: "ws"): URL {
    const isWhole = /^[a-z][a-z0-9+.-]*:/i.test(place);
    const url = isWhole ? new URL(place) : new URL(this.#base.pathname.replace(/\/+$/, "") + place, this.#base);
    if (scheme) url.protocol = url.protocol.replace(/^http/, "ws");
    return url;
  }

  /** Where a client belongs. A router that has no such route has the direct path only. */
  async connect(client_id: string, on: Path | undefined): Promise<Answer> {
    try {
      const found = answer(await this.#get("/v1/connect", [["client_id", client_id], ...(on ? [["on", on] as const] : [])]));
      if (found) return found;
    } catch (error) {
      if (!(error instanceof Refused && error.status === 404)) throw error;
      const reason = "the router has no /v1/connect";
      return { path: "direct", reason, not_before_ms: 0, recheck_ms: undefined, direct: "/v1/ws", realtime: undefined };
    }
    throw new Refused(0, "bad_answer", "the answer of /v1/connect makes no sense", undefined);
  }

  /** What opens a socket, where a token is needed to have it. */
  async ticket(): Promise<string | undefined> {
    if (this.options.token === undefined && !this.options.getToken) return undefined;
    const { ticket } = (await this.#ask("POST", this.url("/v1/tickets"))) as { ticket?: unknown };
    return typeof ticket === "string" ? ticket : undefined;
  }

  /** The newest event of the realtime path, whatever the filter. */
  async newest(): Promise<MonitoringEvent | undefined> {
    return (await this.#page([["limit", "1"]])).events[0];
  }

  /** The newest events of the realtime path that are wanted, oldest first. */
  async last(count: number, filter: Filter | undefined): Promise<MonitoringEvent[]> {
    const found: MonitoringEvent[] = [];
    for (let before: number | null | undefined; before !== null && found.length < count; ) {
      const query: [string, string][] = [["limit", String(Math.min(count - found.length, PAGE))], ...parameters(filter)];
      if (before !== undefined) query.push(["before", String(before)]);
      const page = await this.#page(query);
      found.push(...page.events);
      before = page.next;
    }
    return found.reverse();
  }

  /** The events of the realtime path that were committed at a time or later and are wanted, up to a place. */
  async since(time: string, through: number, filter: Filter | undefined): Promise<MonitoringEvent[]> {
    return this.#forward(0, through, [["since", time], ...parameters(filter)]);
  }

  /** The events of a hole that are wanted. */
  async fill({ after, through }: Hole, filter: Filter | undefined): Promise<MonitoringEvent[]> {
    return this.#forward(after, through, isEverything(filter) ? [] : parameters(filter));
  }

  async #forward(start: number, through: number, query: [string, string][]): Promise<MonitoringEvent[]> {
    const found: MonitoringEvent[] = [];
    for (let after: number | null = start; after !== null && after < through; ) {
      const limit = String(Math.min(PAGE, through - after));
      const page = await this.#page([["after", String(after)], ["limit", limit], ...query]);
      found.push(...page.events.filter(({ seq }) => seq <= through));
      after = page.next;
    }
    return found;
  }

  async #page(query: [string, string][]): Promise<{ events: MonitoringEvent[]; next: number | null }> {
    const page = await this.#get("/v1/events", [["path", "realtime"], ...query]);
    const { events, next } = page as { events?: unknown; next?: unknown };
    if (!Array.isArray(events)) throw new Refused(0, "bad_answer", "the answer of /v1/events makes no sense", undefined);
    const found = events.map(event).filter((it) => it !== undefined);
    return { events: found, next: typeof next === "number" ? next : null };
  }

  #get(place: string, query: readonly (readonly [string, string])[]): Promise<unknown> {
    const url = this.url(place);
    for (const [name, value] of query) url.searchParams.append(name, value);
    return this.#ask("GET", url);
  }

  async #ask(method: "GET" | "POST", url: URL): Promise<unknown> {
    const { token, getToken } = this.options;
    let response: Response;
    let body: unknown;
    try {
      const shown = getToken ? await getToken() : token;
      const headers: HeadersInit = shown === undefined ? {} : { authorization: `Bearer ${shown}` };
      const signal = AbortSignal.timeout(this.patience);
      response = await this.#fetch(url, { method, headers, signal, cache: "no-store" });
      const text = await response.text();
      body = response.ok ? JSON.parse(text) : problem(text);
    } catch (error) {
      throw new Refused(0, "unreachable", `${url.origin} cannot be reached: ${String(error)}`, undefined);
    }
    if (response.ok) return body;
    const { code, detail } = body as { code?: unknown; detail?: unknown };
    const after = Number(response.headers.get("retry-after") ?? NaN);
    const [name, text] = [code, detail].map((it) => (typeof it === "string" ? it : undefined));
    throw new Refused(response.status, name ?? `http_${response.status}`, text ?? response.statusText, after >= 0 ? after * 1000 : undefined);
  }
}

/** What an error says; a proxy's says nothing that is understood here. */
function problem(text: string): unknown {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}
