// What opening and moving need of the client they are done for.

import type { DirectLink, Loss } from "./direct.js";
import type { Flow } from "./flow.js";
import type { Frame } from "./frames.js";
import type { RealtimeLink } from "./realtime.js";
import type { Router } from "./router.js";
import type { Options, Timing } from "./types.js";

export type Link = DirectLink | RealtimeLink;

export interface Owner {
  readonly clientId: string;
  readonly options: Options;
  readonly timing: Timing;
  readonly router: Router;
  readonly flow: Flow;
  /** Where events come from, if from anywhere. */
  readonly link: Link | undefined;
  /** From now on events come from this one, and from no other. */
  live(link: Link, reason: string): void;
  /** The one that events came from is gone. */
  lost(link: Link, loss: Loss): void;
  /** What the session that is heard says, but for events and gaps. */
  says(frame: Frame): void;
  /** Something failed, and something else makes up for it. */
  failed(error: unknown): void;
}

/** A connection that ended before it was one. */
export class Lost extends Error {
  constructor(readonly loss: Loss) {
    super(loss.reason);
  }
}

/** What an attempt ends in when it is given up. */
export function abandoned(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const give = () => reject(new Lost({ code: "abandoned", reason: String(signal.reason), then: "return", after_ms: undefined }));
    if (signal.aborted) give();
    else signal.addEventListener("abort", give, { once: true });
  });
}
