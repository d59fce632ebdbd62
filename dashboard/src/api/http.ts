// Asking the router: JSON there and back, and errors as it says them.

import { Store } from "../app/store.js";

const KEY = "signalbox.token";
const PATIENCE_MS = 10_000;
const JSON_TYPE = "application/json";

/** An error of the router, or none at all from it: then `status` is 0. */
export class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly faults: readonly { readonly pointer?: string; readonly detail: string }[] = [],
  ) {
    super(message);
  }

  /** The router was not to be had, now. */
  get isAway(): boolean {
    return this.status === 0 || this.status === 502 || this.status === 503 || this.status === 504;
  }

  /** This router has no such route. */
  get isAbsent(): boolean {
    return this.status === 404 && this.code === "not_found";
  }
}

/** What this page shows at the door: kept until the tab is closed. */
export const token = new Store<string | undefined>(kept());

/** Whether the router has asked for a token, or for a better one. */
export const door = new Store<"open" | "wants_token" | "refused">("open");

export function enter(value: string): void {
  try {
    sessionStorage.setItem(KEY, value);
  } catch {
    // Pages may be forbidden to keep anything: it is good for as long as the page.
  }
  door.set("open");
  token.set(value);
}

function kept(): string | undefined {
  try {
    return sessionStorage.getItem(KEY) ?? undefined;
  } catch {
    return undefined;
  }
}

/** Where the router is: beside this page. */
export const ROUTER = new URL(".", location.href).origin;

export type Query = Readonly<Record<string, string | number | readonly string[] | undefined>>;

export function address(place: string, query: Query = {}): string {
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) for (const one of [value ?? []].flat()) asked.append(name, String(one));
  const text = asked.toString();
  return text ? `${place}?${text}` : place;
}

export function get<T>(place: string, query?: Query, signal?: AbortSignal): Promise<T> {
  return ask<T>("GET", address(place, query), undefined, signal);
}

/** What is no JSON. */
export function getText(place: string, accept: string): Promise<string> {
  return ask<string>("GET", place, undefined, undefined, accept);
}

export function send<T = unknown>(method: "POST" | "PUT" | "DELETE", place: string, body?: unknown): Promise<T> {
  return ask<T>(method, place, body);
}

async function ask<T>(method: string, place: string, body?: unknown, signal?: AbortSignal, accept = JSON_TYPE): Promise<T> {
  const headers: Record<string, string> = { accept };
  if (token.value) headers["authorization"] = `Bearer ${token.value}`;
  if (body !== undefined) headers["content-type"] = "application/json";
  const patience = AbortSignal.timeout(PATIENCE_MS);
  let response: Response;
  let text: string;
  try {
    response = await fetch(ROUTER + place, {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, patience]) : patience,
      cache: "no-store",
    });
    text = await response.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, "unreachable", patience.aborted ? "The router does not answer." : "The router cannot be reached.");
  }
  if (!response.ok) throw problem(response.status, text);
  if (accept !== JSON_TYPE) return text as T;
  return (text === "" ? undefined : JSON.parse(text)) as T;
}

function problem(status: number, text: string): ApiError {
  if (status === 401) door.set(token.value ? "refused" : "wants_token");
  let said: { code?: string; detail?: string; title?: string; errors?: { pointer?: string; detail: string }[] } = {};
  try {
    said = JSON.parse(text) ?? {};
  } catch {
    // It comes from somebody between the page and the router.
  }
  const { code = `http_${status}`, detail, title, errors } = said;
  return new ApiError(status, code, detail ?? title ?? `The router answered ${status}.`, errors);
}

/** What to tell people of an error. */
export function told(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
