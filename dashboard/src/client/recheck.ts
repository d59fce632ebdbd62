// When to ask where the client belongs, and whether to move then. Pure: it is told what was answered, and says what to do.

import type { Path } from "./types.js";

/** Of the answer of `GET /v1/connect`, what decides. */
export interface Told {
  readonly path: Path;
  /** How long to wait before moving, in milliseconds. */
  readonly not_before_ms: number;
}

/** What to do about an answer. */
export type Decision =
  /** The client is where it belongs. */
  | { readonly do: "stay" }
  /** It is to ask again then, since its time to move has not come. */
  | { readonly do: "wait"; readonly ms: number }
  /** It moves, now. */
  | { readonly do: "move" };

/** A time that is so near is now. */
const NOW_MS = 50;

/**
 * A move that somebody wants, by a `switch` frame or by an answer: the client waits for its time, asks again, and moves
 * only if it is still told so. A router that gives it a new time with each answer makes it wait `ROUNDS` times at most; then
 * it waits the last time out and moves.
 */
export class Agreement {
  #waited = 0;
  static readonly ROUNDS = 3;

  constructor(readonly to: Path) {}

  /** What to do, now that the router has answered. */
  answered({ path, not_before_ms }: Told): Decision {
    if (path !== this.to) return { do: "stay" };
    if (not_before_ms <= NOW_MS || this.#waited >= Agreement.ROUNDS) return { do: "move" };
    this.#waited += 1;
    return { do: "wait", ms: not_before_ms };
  }
}

/** What silence on the realtime path means: heads come every `head` milliseconds when nothing else does. */
export function silence(quiet: number, head: number, asked: boolean): "fine" | "ask" | "down" {
  if (quiet >= 6 * head) return "down";
  return quiet >= 3 * head && !asked ? "ask" : "fine";
}
