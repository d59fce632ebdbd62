// One session of the direct path, from its opening to its loss.

import { after, type Then } from "./closing.js";
import { frame, type Frame } from "./frames.js";
import type { WebSocketConstructor } from "./types.js";

const SUBPROTOCOL = "signalbox.v1.json";
/** How long an answer to a ping may take, in milliseconds. */
const PONG_MS = 10_000;

/** What a connection ended by. */
export interface Loss {
  /** A word for the code of an error. */
  readonly code: string;
  readonly reason: string;
  readonly then: Then;
  /** When the router says to come back, in milliseconds. */
  readonly after_ms: number | undefined;
}

/** What a session tells, in the order of its frames. */
export interface Hears {
  frame(frame: Frame): void;
  /** Once, unless it is closed by us. */
  lost(loss: Loss): void;
}

export class DirectLink {
  readonly path = "direct";
  readonly #socket: WebSocket;
  #isOver = false;
  #bye: { reason: string; after_ms: number } | undefined;
  #heartbeat: ReturnType<typeof setInterval> | undefined;
  #heard = Date.now();
  #asked = false;
  readonly #patience: ReturnType<typeof setTimeout>;

  /** Opens a session, and says `subscribe`. `patience`: how long until `subscribed`, in milliseconds. */
  constructor(
    make: WebSocketConstructor,
    url: URL,
    subscribe: object,
    patience: number,
    private readonly hears: Hears,
  ) {
    this.#patience = setTimeout(() => this.#lose("timeout", "it is not subscribed in time", "return"), patience);
    this.#socket = new make(url.href, SUBPROTOCOL);
    this.#socket.onopen = () => this.#socket.send(JSON.stringify({ type: "subscribe", ...subscribe }));
    this.#socket.onmessage = ({ data }) => this.#message(String(data));
    this.#socket.onclose = ({ code, reason }) => {
      const why = this.#bye?.reason ?? reason;
      this.#lose(`closed_${code}`, why || (code === 1006 ? "the connection is gone" : "closed"), after(code));
    };
    // What there is to know comes with `onclose`.
    this.#socket.onerror = () => undefined;
  }

  /** Ends it; nothing is told any more. */
  close(): void {
    if (this.#isOver) return;
    this.#end();
    this.#socket.close(1000);
  }

  #message(text: string): void {
    if (this.#isOver) return;
    this.#heard = Date.now();
    this.#asked = false;
    const found = frame(text);
    if (found?.type === "welcome") this.#watch(found.heartbeat_ms);
    if (found?.type === "subscribed") clearTimeout(this.#patience);
    if (found?.type === "bye") this.#bye = { reason: found.reason, after_ms: found.reconnect_after_ms };
    if (found) this.hears.frame(found);
  }

  /** Pages do not see the router's pings, so a peer that is gone is known only by asking it. */
  #watch(every: number): void {
    clearInterval(this.#heartbeat);
    this.#heartbeat = setInterval(() => {
      const quiet = Date.now() - this.#heard;
      if (this.#asked && quiet >= every + PONG_MS) this.#lose("no_pong", "the router does not answer", "return");
      else if (!this.#asked && quiet >= every) {
        this.#asked = true;
        this.#socket.send(JSON.stringify({ type: "ping" }));
      }
    }, Math.min(every, PONG_MS) / 2);
  }

  #lose(code: string, reason: string, then: Then): void {
    if (this.#isOver) return;
    this.#end();
    this.#socket.close();
    this.hears.lost({ code, reason, then, after_ms: this.#bye?.after_ms });
  }

  #end(): void {
    this.#isOver = true;
    clearTimeout(this.#patience);
    clearInterval(this.#heartbeat);
  }
}
