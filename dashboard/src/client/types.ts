// What a program that uses the client sees: events, places, options, what it is told.

/** How an event is routed and filtered. */
export type Category = "critical" | "performance" | "user_activity" | "system" | "debug";

/** A place in the journal: `seq` counts from 1 within an `epoch`. */
export interface Position {
  readonly epoch: string;
  readonly seq: number;
}

/** A monitoring event, the same on either path. */
export interface MonitoringEvent extends Position {
  readonly id: string;
  readonly event_type: string;
  /** RFC 3339, UTC: when it happened. */
  readonly timestamp: string;
  readonly source: string;
  readonly category: Category;
  readonly data: Readonly<Record<string, unknown>>;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly checksum: string;
  /** RFC 3339, UTC: when it was committed. */
  readonly created_at: string;
}

/** Which events are wanted: all that is given must match, any one value in each. `*` is any run of characters. */
export interface Filter {
  readonly event_type?: readonly string[];
  readonly source?: readonly string[];
  readonly category?: readonly Category[];
}

/** Where to begin: with what comes, after a place, with the newest that match, or at a time (RFC 3339). */
export type From = "now" | Position | { readonly last: number } | { readonly time: string };

/** A delivery path. */
export type Path = "direct" | "realtime";

/** Events that will not come, both ends included. */
export interface Gap {
  readonly epoch: string;
  readonly from_seq: number;
  readonly to_seq: number;
  /** The router's reason, or `unfilled`: lost on the realtime path, and not to be read back in time. */
  readonly reason: string;
}

/** What the client is doing. */
export type State =
  /** Asks where it belongs, or opens the connection. */
  | "connecting"
  /** Events come. */
  | "live"
  /** Events come, and the other path is being opened. */
  | "moving"
  /** There is no connection; it will try again. */
  | "waiting"
  /** Given up: trying again would not help. `reason` says why. */
  | "stopped"
  /** `close()` was called. */
  | "closed";

/** How the client is. */
export interface Status {
  /** The path that events come by, or came by last. */
  readonly path: Path | undefined;
  readonly state: State;
  /** Why it is so. */
  readonly reason: string;
  /** All before and at this place has been told, or named by a `gap`. */
  readonly position: Position | undefined;
  /** Since when path and state are these. */
  readonly since: Date;
}

/** A move from one path to the other, or one that was given up. */
export interface Move {
  readonly from: Path;
  readonly to: Path;
  /** Why it was begun. */
  readonly reason: string;
  readonly outcome: "moved" | "stayed";
  /** Why it stayed; empty when it moved. */
  readonly detail: string;
  /** Where events go on by the new path. */
  readonly position: Position | undefined;
  readonly at: Date;
  readonly took_ms: number;
}

/** Something that went wrong. The client goes on, unless `fatal`. */
export class ClientError extends Error {
  override readonly name = "ClientError";

  constructor(
    /** A stable word: a close code as `closed_4401`, a code of the router, or one of the client's own. */
    readonly code: string,
    message: string,
    /** The client has stopped. */
    readonly fatal: boolean = false,
  ) {
    super(message);
  }
}

/** What the client has counted since it was made. */
export interface ClientRecord {
  /** Events that were told. */
  readonly delivered: number;
  /** Events that came again and were not told again. */
  readonly duplicates: number;
  /** Events that the realtime path lost or was late with, read from the journal. */
  readonly filled: number;
  /** Events that are known to be missing, with those of gaps that are not listed any more. */
  readonly missing: number;
  /** The newest gaps, at most 100. */
  readonly gaps: readonly Gap[];
  /** The newest moves, at most 100. */
  readonly moves: readonly Move[];
  /** How often a connection was opened, moves included. */
  readonly connections: number;
  /** How often a connection was lost. */
  readonly losses: number;
  /** The last place of each journal. */
  readonly last: Readonly<Record<string, number>>;
}

/** What the client tells. */
export interface Told {
  event: MonitoringEvent;
  gap: Gap;
  status: Status;
  switch: Move;
  error: ClientError;
}

/** A WebSocket as browsers have it. */
export type WebSocketConstructor = new (url: string | URL, protocols?: string | string[]) => WebSocket;

/** Times, in milliseconds. */
export interface Timing {
  /** How long to open a connection, or to ask, may take. */
  readonly patience: number;
  /** How long paths may take to overlap when the client moves. */
  readonly overlap: number;
  /** How long what is missing on the realtime path may be late before it is read from the journal. */
  readonly late: number;
  /** The time between two heads on the realtime path when it is idle. */
  readonly head: number;
  /** How often it is asked again where the client belongs. */
  readonly recheck: number;
  /** The first wait before a new connection; it doubles. */
  readonly backoff: number;
  /** The longest wait. */
  readonly backoff_max: number;
}

/** How to connect. */
export interface Options {
  /** The router, as `http://127.0.0.1:8080`. */
  readonly url: string | URL;
  /** What the client is known by: the same for ever, since its bucket of a rollout is made from it. One is made and kept where there is none. */
  readonly clientId?: string;
  /** The token to show, or what gives one, asked before each connection. */
  readonly token?: string;
  readonly getToken?: () => string | Promise<string>;
  readonly filter?: Filter;
  /** Default: `"now"`. */
  readonly from?: From;
  readonly onEvent?: (event: MonitoringEvent) => void;
  readonly onGap?: (gap: Gap) => void;
  readonly onStatus?: (status: Status) => void;
  readonly onSwitch?: (move: Move) => void;
  readonly onError?: (error: ClientError) => void;
  /** Where the platform has none: Node.js before 22. */
  readonly WebSocket?: WebSocketConstructor;
  readonly fetch?: typeof fetch;
  readonly timing?: Partial<Timing>;
}
