// What a client is known by. It decides its bucket of a rollout, so it is kept where there is a place for it.

const KEY = "signalbox.client_id";

/** The id that is kept; a new one where none is, or nothing can be. */
export function clientId(): string {
  const made = uuid();
  try {
    const kept = globalThis.localStorage?.getItem(KEY);
    if (kept) return kept;
    globalThis.localStorage?.setItem(KEY, made);
  } catch {
    // Pages may be forbidden to keep anything: the id lasts as long as the page.
  }
  return made;
}

/** `crypto.randomUUID` is there for pages of HTTPS and loopback only. */
function uuid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
