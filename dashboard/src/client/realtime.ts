// One channel of the realtime path, on a connection of its own, from joining to its loss. It does not come back by itself: whether
// it should is for the router to say.

import { RealtimeClient, type RealtimeChannel } from "@supabase/realtime-js";

import { HEAD, message, position, row, type Channel } from "./frames.js";
import type { Message } from "./merge.js";
import type { Position, WebSocketConstructor } from "./types.js";

/** What a channel tells. */
export interface Hears {
  /** All that comes from now on is heard. */
  joined(): void;
  message(message: Message): void;
  head(head: Position): void;
  /** Once, unless it is left by us. */
  lost(reason: string): void;
}

/** How to join. */
export interface Joining {
  readonly url: URL;
  readonly channel: Channel;
  /** The key, or what lets in instead. */
  readonly key: string;
  readonly WebSocket: WebSocketConstructor | undefined;
  /** How long until it is joined, in milliseconds. */
  readonly patience: number;
  /** Of which journal rows are: they do not say. */
  readonly epoch: () => string | undefined;
}

/** A time that does not come: the client below has no say in when to come back. */
const NEVER_MS = 2 ** 31 - 1;

export class RealtimeLink {
  readonly path = "realtime";
  readonly kind: Channel["kind"];
  readonly #client: RealtimeClient;
  readonly #channel: RealtimeChannel;
  readonly #patience: ReturnType<typeof setTimeout>;
  #isOver = false;
  #heard = Date.now();

  constructor(
    { url, channel, key, WebSocket, patience, epoch }: Joining,
    private readonly hears: Hears,
  ) {
    this.kind = channel.kind;
    this.#patience = setTimeout(() => this.#lose("it is not joined in time"), patience);
    this.#client = new RealtimeClient(url.href, {
      params: { apikey: key },
      timeout: patience,
      reconnectAfterMs: () => NEVER_MS,
      ...(WebSocket ? { transport: WebSocket } : {}),
    });
    this.#channel = this.#client.channel(channel.topic);
    if (channel.kind === "broadcast") this.#hearBroadcasts();
    else this.#hearRows(epoch);
    this.#channel.subscribe((status, error) => {
      if (status !== "SUBSCRIBED") this.#lose(error?.message || `the channel is ${status}`);
      else if (channel.kind === "broadcast") this.#joined();
    }, patience);
  }

  /** For how long nothing has come, in milliseconds. */
  quiet(now: number): number {
    return now - this.#heard;
  }

  /** Leaves; nothing is told any more. */
  close(): void {
    if (this.#isOver) return;
    this.#end();
  }

  #hearBroadcasts(): void {
    this.#channel.on("broadcast", { event: "*" }, ({ event, payload }) => {
      if (this.#isOver) return;
      const head = event === HEAD ? position(payload) : undefined;
      const found = event === HEAD ? undefined : message(payload);
      // What somebody else says on the topic is no news of ours.
      if (head || found) this.#heard = Date.now();
      if (head) this.hears.head(head);
      if (found) this.hears.message(found);
    });
  }

  #hearRows(epoch: () => string | undefined): void {
    const table = { event: "INSERT", schema: "monitoring", table: "monitoring_events" } as const;
    this.#channel.on("postgres_changes", table, ({ new: record }) => {
      const found = this.#isOver ? undefined : row(record, epoch());
      if (!found) return;
      this.#heard = Date.now();
      this.hears.message(found);
    });
    this.#channel.on("system", {}, ({ extension, status, message }) => {
      if (extension !== "postgres_changes") return;
      if (status === "ok") this.#joined();
      else this.#lose(String(message));
    });
  }

  #joined(): void {
    if (this.#isOver) return;
    clearTimeout(this.#patience);
    this.#heard = Date.now();
    this.hears.joined();
  }

  #lose(reason: string): void {
    if (this.#isOver) return;
    this.#end();
    this.hears.lost(reason);
  }

  #end(): void {
    this.#isOver = true;
    clearTimeout(this.#patience);
    // Whatever becomes of the goodbye, the connection is closed after it.
    const leave = async () => {
      await this.#channel.unsubscribe(1000);
      await this.#client.disconnect();
    };
    leave().catch(() => this.#client.disconnect());
  }
}
