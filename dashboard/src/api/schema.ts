// Made from docs/openapi.json by `npm run types`: change that, not this.

/** Where the events of a request are. */
export type Accepted = AcceptedEvent | AcceptedBatch;

/** The answer to a list of events. */
export type AcceptedBatch = {
  /** How many are new. */
  readonly accepted: number;
  /** How many duplicates are not the same as the first event of their id. */
  readonly differs?: number;
  /** How many were in the journal already. */
  readonly duplicates: number;
  /** The journal that places count in. */
  readonly epoch: string;
  /** The place of the first new event; the others follow in the order of the request. */
  readonly first_seq: number | null;
  /** The place of the last new event. */
  readonly last_seq: number | null;
  /** Those that are invalid, when they were to be skipped. */
  readonly rejected: readonly (RejectedEvent)[];
};

/** The answer to one event. */
export type AcceptedEvent = {
  /** `true` when it is not the same as the first event of its id, which stays. */
  readonly differs?: boolean;
  /** Whether its id was in the journal already; `seq` is then that of the first. */
  readonly duplicate: boolean;
  /** The journal that `seq` counts in. */
  readonly epoch: string;
  /** Its id, or the one that it was given. */
  readonly id: string;
  /** Its place. */
  readonly seq: number;
};

/** How a path with a cursor delivers. `GET /v1/adapters` tells more. */
export type AdapterDelivery = {
  /** Requests since the router started. */
  readonly attempts: AttemptCounts;
  /** Most events that the next request takes. */
  readonly batch_events: number;
  /** `closed`, `open` or `half-open`. */
  readonly breaker: string;
  readonly dead_letters: DeadLetterCounts | null;
  /** Events that wait, those on their way among them. */
  readonly lag_events: number;
  /** How long the oldest of them has been committed. */
  readonly lag_seconds: number;
  /** How long requests took in the last minute. */
  readonly latency: Quantiles;
  /** What it does now, in a word. */
  readonly phase: string;
  /** What became of events since the router started. */
  readonly settled: Settled;
};

/** A delivery path. */
export type AdapterKind = "websocket" | "realtime" | "dual";

/** What the broadcaster and its adapters did. */
export type AdapterMetrics = {
  /** `websocket`, `realtime` or `dual`: what delivers events that take every path that is on. */
  readonly adapter_type: AdapterKind;
  /** Each path that is on. */
  readonly adapters: readonly (AdapterStats)[];
  /** What the broadcaster did. */
  readonly metrics: BroadcasterStats;
  /** `ok`. */
  readonly status: string;
  /** When this was said. */
  readonly timestamp: string;
};

/** A delivery path. */
export type AdapterRow = {
  /** What it has done since the router started. */
  readonly counters: PathCounters;
  readonly delivery?: DeliveryRow | null;
  /** Where it leads, without a secret. */
  readonly destination: string;
  /** Why not. */
  readonly fault: string | null;
  /** Whether it would deliver now. */
  readonly healthy: boolean;
  /** Its name. */
  readonly name: AdapterKind;
};

/** A delivery path that is on. */
export type AdapterStats = (PathCounters) & ({
  /** How it delivers, where it has a cursor. */
  readonly delivery?: AdapterDelivery;
  /** Which. */
  readonly name: AdapterKind;
});

/** The delivery paths. */
export type Adapters = {
  /** The direct path first. */
  readonly adapters: readonly (AdapterRow)[];
};

/** Too much of a category is anything but matched, in the last five minutes. */
export type Alert = {
  /** Of which category. */
  readonly category: Category;
  /** Those of them that were not matched. */
  readonly faults: number;
  /** How much may be. */
  readonly limit_percent: number;
  /** How much is not matched, in percent of the scored events. */
  readonly mismatch_percent: number;
  /** Where. */
  readonly path: Path;
  /** Events that were scored. */
  readonly scored: number;
};

/** Requests, by how they ended. */
export type AttemptCounts = {
  /** The destination has the events. */
  readonly delivered: number;
  /** A setting is wrong, here or there. */
  readonly misconfigured: number;
  /** It asked for fewer requests. */
  readonly rate_limited: number;
  /** It refused some of the events. */
  readonly rejected: number;
  /** No connection, no answer, or an error that may pass. */
  readonly transient: number;
};

/** A request to a destination. */
export type AttemptRow = {
  /** When its answer came. */
  readonly at: string;
  /** The breaker when it was sent. */
  readonly breaker: string;
  /** Events in it. */
  readonly events: number;
  /** The first of them. */
  readonly first_seq: number;
  /** The last of them. */
  readonly last_seq: number;
  /** From sending it to its answer, in milliseconds. */
  readonly latency_ms: number;
  /** `delivered`, `transient`, `rate_limited`, `rejected` or `misconfigured`. */
  readonly outcome: string;
  /** The destination's words, where it failed. */
  readonly reason: string | null;
};

/** Requests that an event was in. */
export type AttemptsPart = {
  /** Oldest first. */
  readonly attempts: readonly (AttemptRow)[];
  /** Nothing is known of requests before this. */
  readonly since: string;
  readonly source: Source;
};

/** A line of the audit log. */
export type AuditEntry = {
  /** What was done. */
  readonly action: string;
  /** Who did it: a client's identity, or a part of the router. */
  readonly actor: string;
  /** When it happened. */
  readonly at: string;
  /** Before, after, and why. */
  readonly detail: Readonly<Record<string, unknown>>;
  /** Its number: later ones have greater ones. */
  readonly id: number;
  /** To what. */
  readonly subject: string;
};

/** Sums of accounts. */
export type Balance = {
  /** Events whose frames the kernel took whole, as the sessions counted. */
  readonly delivered: number;
  /** Events that will not be delivered, by reason. */
  readonly dropped: Readonly<Record<string, number>>;
  /** `matched - delivered - dropped - pending`, as absolute values summed: a defect unless 0. */
  readonly imbalance: number;
  /** Events that matched, as the filter groups counted. */
  readonly matched: number;
  /** Events that will still be delivered. */
  readonly pending: number;
};

/** A breaker. */
export type Breaker = {
  /** Why it is so. */
  readonly cause: string | null;
  /** Failures in a row. */
  readonly consecutive_failures: number;
  /** What somebody makes it do; `auto`: nobody does. */
  readonly forced: string;
  /** Since when. */
  readonly since: string;
  /** `closed`: events flow. `open`: nothing is sent. `half-open`: one event is, as a probe. */
  readonly state: string;
  /** Until when it is open, where that ends by itself. */
  readonly until: string | null;
  /** Newest attempts that count. */
  readonly window_attempts: number;
  /** Those of them that failed. */
  readonly window_failures: number;
};

/** The body of a request to a breaker. */
export type BreakerRequest = {
  /** What it is to do. */
  readonly state: Wanted;
};

/** One broadcast. */
export type Broadcast = {
  /** What channels know it by. */
  readonly event: string;
  /** Anything. */
  readonly payload: Readonly<Record<string, unknown>>;
  /** Whether the topic is the private one of that name. */
  readonly private?: boolean;
  /** The topic, without what begins it on the wire. */
  readonly topic: string;
};

/** The counters of the original's broadcaster. */
export type BroadcasterStats = {
  /** Events that the destination of an adapter has, as it said. One that waits is not counted yet. */
  readonly adapter_broadcasts: number;
  /** Sessions. */
  readonly connected_clients: number;
  /** Events put where dashboards read them, connected or not. */
  readonly direct_broadcasts: number;
  /**
   * Events that will not arrive, on one path or all: taken and then not committed, set aside as
   * dead letters, or deleted before they were delivered. A request that failed and is made again
   * is not among them: `adapters` counts it.
   */
  readonly failed_broadcasts: number;
  /** The newest `seq`. It does not begin anew with the process. */
  readonly sequence_counter: number;
  /**
   * Events that were to be shown, each once, whether it came alone or in a batch and whichever
   * paths it takes; duplicates never.
   */
  readonly total_broadcasts: number;
  /** Whether events are given to an adapter. */
  readonly use_adapter: boolean;
  /** Whether events take both paths. */
  readonly use_dual_mode: boolean;
};

/** What is to be broadcast. */
export type Broadcasts = {
  /** In this order. */
  readonly messages: readonly (Broadcast)[];
};

/** An event that is not shown as it was committed. */
export type CaseBody = {
  readonly category: Category;
  /** Copies that were seen. */
  readonly copies: number;
  /** When the verdict fell. */
  readonly decided_at: string;
  /** What a client was to see, as a hash. */
  readonly expected_hash: string;
  readonly id: string;
  /** From the commit to the first of them. */
  readonly latency_ms: number | null;
  readonly path: Path;
  /** What was seen. */
  readonly seen_hash: string | null;
  readonly seq: number;
  /** `late`, `reordered`, `duplicate`, `missing` or `differs`. */
  readonly verdict: string;
};

/** What an event is about; decides its checksum and, per category, where it is sent. */
export type Category = "critical" | "performance" | "user_activity" | "system" | "debug";

/** The counters of the original's classifier. */
export type ClassificationStats = {
  /** By category, all of which are there. */
  readonly category_distribution: Readonly<Record<string, number>>;
  /** Always 0: what nothing speaks for is `system`. */
  readonly classification_errors: number;
  /** Events that were given a category, by their producer or by the classifier, and committed. */
  readonly total_classified: number;
};

/** A path on which a dashboard gets its events. */
export type ClientPath = "direct" | "realtime";

/** A CloudEvent 1.0 in the JSON format. */
export type CloudEvent = {
  readonly data: Readonly<Record<string, unknown>>;
  /** Unique within its source. */
  readonly id: string;
  readonly source: string;
  readonly specversion: "1.0";
  readonly time?: string | null;
  readonly type: string;
};

/** The name of a problem. */
export type Code = "bad_body" | "bad_breaker_request" | "bad_encoding" | "bad_filter" | "bad_flag_request" | "bad_handshake" | "bad_http" | "bad_id" | "bad_idempotency_key" | "bad_json" | "bad_parameter" | "bad_query" | "bad_rehearsal" | "bad_rollout_request" | "bad_ticket_request" | "unknown_parameter" | "unknown_subprotocol" | "unauthenticated" | "not_allowed" | "origin_not_allowed" | "topic_reserved" | "unknown_version" | "not_found" | "method_not_allowed" | "body_timeout" | "head_timeout" | "dead_letter_recovered" | "rehearsal_impossible" | "request_in_flight" | "rollout_refused" | "settings_invalid" | "body_too_large" | "compression_ratio" | "unsupported_encoding" | "unsupported_media_type" | "host_not_allowed" | "destination_refused" | "idempotency_key_reused" | "invalid_broadcasts" | "invalid_events" | "invalid_flag" | "refused_by_storage" | "settings_refused" | "upgrade_required" | "too_many_connections" | "too_many_requests" | "head_too_large" | "journal_corrupt" | "destination_unavailable" | "not_ready" | "outcome_unknown" | "queue_full" | "shutting_down" | "storage_full" | "storage_unavailable" | "too_many_bytes" | "too_many_filters" | "too_many_sessions";

/** An event in the journal. */
export type Committed = {
  /** Its category. */
  readonly category: Category;
  /** Of its data. */
  readonly checksum: string;
  /** When it was committed. */
  readonly created_at: string;
  /** The journal's identity. */
  readonly epoch: string;
  /** Who produced it. */
  readonly event_source: string;
  /** Its type. */
  readonly event_type: string;
  /** The event's place in it. */
  readonly seq: number;
  readonly source: Source;
  /** Event time, as its producer says, or when it was received. */
  readonly timestamp: string;
};

/** The parts of it. */
export type Components = {
  /** What dashboards ask for can be read. */
  readonly dashboard: Condition;
  /** Flags do what they say; where some do not, `degraded`. */
  readonly flags: Condition;
  /** Everything that matched was delivered, dropped by name, or is on its way: the ledger balances. */
  readonly ledger: Condition;
  /** Events are taken. */
  readonly metrics: Condition;
  /** Sockets are served. */
  readonly websocket: Condition;
};

/** How something is. */
export type Condition = "healthy" | "degraded" | "unhealthy";

/** Where a client belongs, and how to get there. */
export type Connect = {
  /** The client. */
  readonly client_id: string;
  /** How to connect on the direct path. */
  readonly direct: DirectPlace;
  /** The generation of the settings that say so. */
  readonly generation: number;
  /**
   * Milliseconds from now, before which it must not move; it asks again then. 0 when it need not
   * move, or may at once.
   */
  readonly not_before_ms: number;
  /** The path that it belongs on. */
  readonly path: ClientPath;
  readonly realtime: RealtimePlace | null;
  /** Why. */
  readonly reason: ConnectReason;
  /** Milliseconds after which to ask again, on the realtime path. */
  readonly recheck_ms: number;
};

/** Why a client belongs on a path. */
export type ConnectReason = {
  /** The client's bucket; it never changes. */
  readonly bucket: number;
  /** The same in a sentence. */
  readonly detail: string;
  /** The share that counts for it, in percent. */
  readonly percent: number;
  /** What decided. */
  readonly rule: RolloutRule;
};

/** What became of what a probe saw, since the start. */
export type Copies = {
  /** Came after the verdict of an event that was seen before: a duplicate, far behind. */
  readonly again: number;
  /** Came after the event was found missing. */
  readonly arrived_after: number;
  /** Came while no subscription was told. */
  readonly outside: number;
  /** Counted for an event's verdict. */
  readonly taken: number;
  /** Of no event that is known here: committed before validation began, or forgotten, or never. */
  readonly unknown: number;
};

/** Whether every event goes to a Realtime. */
export type CoverageRow = {
  /** Whether it does. */
  readonly covered: boolean;
  /** The categories of which not every event does. */
  readonly lacking: readonly (LackRow)[];
};

/** How far a path has come, as it is stored. */
export type CursorPart = {
  readonly source: Source;
  /**
   * `settled`: the path is through with the event, which was delivered, set aside as a dead letter,
   * or committed before this path was first on. `waiting`: it is still to be settled, or that is
   * not stored yet.
   */
  readonly state: string;
  /** Everything up to here is settled. */
  readonly through: number;
  /** When that was stored. */
  readonly updated_at: string;
};

/** An event that a destination refused for good. */
export type DeadLetter = (Letter) & ({
  /** Whose destination. */
  readonly adapter: string;
  /** The event, whole, even when retention has taken it. */
  readonly event: Event;
});

/** Dead letters by status. */
export type DeadLetterCounts = {
  /** Refused again in a replay. */
  readonly failed: number;
  /** Waiting for somebody, or being replayed. */
  readonly pending: number;
  /** Delivered by a replay. */
  readonly recovered: number;
};

/** Where a dead letter stands. Whatever is not recovered can be replayed. */
export type DeadLetterStatus = "pending" | "recovered" | "failed";

/** How a path with a cursor delivers. */
export type DeliveryRow = {
  /** Requests since the router started. */
  readonly attempts: AttemptCounts;
  /** Most events that the next request takes. */
  readonly batch_events: number;
  /** When it sends, and when it leaves the destination alone. */
  readonly breaker: Breaker;
  /** Events that wait, those on their way among them. */
  readonly lag_events: number;
  /** How long the oldest of them has been committed. */
  readonly lag_seconds: number;
  readonly last_failure: FailureRow | null;
  /** How long requests took in the last minute. */
  readonly latency: Quantiles;
  /** How long the next batch would wait to fill, in milliseconds. */
  readonly linger_ms: number;
  /** What it does now, in a word. */
  readonly phase: string;
  /** The last event that is settled. */
  readonly position: Position;
  /** The commit to the journal is the delivery: nothing is sent. */
  readonly published: boolean;
  /** What became of events since the router started. */
  readonly settled: Settled;
  /** The last states of the breaker, newest first. */
  readonly transitions: readonly (Breaker)[];
  /** `broadcast`, `channel` or `postgres`. */
  readonly transport: string;
  /** Until when it waits, after a failure or because it was asked to. */
  readonly waits_until: string | null;
};

/** Events on their way out. */
export type DeliveryStats = {
  /** Bytes that the kernel took for clients. */
  readonly bytes_per_second: PerSecond;
  /** Events that the kernel took for clients. */
  readonly events_per_second: PerSecond;
  /** From commit to socket: one observation for each pass of a worker, of its oldest event. */
  readonly pass: Quantiles;
};

/**
 * Sessions, streams and channels that are connected now, and that an event is for: their filter
 * matches it, and they began before it. Who was connected earlier is not remembered.
 */
export type Direct = {
  /** How many it is for. */
  readonly matched: number;
  /** How many more there are. */
  readonly omitted: number;
  /** How many of them are still to get it. */
  readonly pending: number;
  /** How many of them have it. */
  readonly reached: number;
  /** Some of them: those that are still to get it first. */
  readonly sessions: readonly (ReachedSession)[];
  readonly source: Source;
};

/** The direct path. */
export type DirectPlace = {
  /** The session protocol, relative to the router. */
  readonly url: string;
};

/** A subscription that ended. */
export type DownBody = {
  /** When. */
  readonly at: string;
  /** Why. */
  readonly reason: string;
};

/** Lines of the audit log, and where to go on. */
export type EntryPage = {
  /** In the order that was asked for. */
  readonly entries: readonly (AuditEntry)[];
  /** What to give as `after`, or as `before`, for the next; `null` at the end. */
  readonly next: number | null;
};

/** A committed event. */
export type Event = {
  /** What it is about. */
  readonly category: Category;
  /** Over the canonical form of `data` (RFC 8785): CRC32, or SHA-256 for `critical`. */
  readonly checksum: string;
  /** When it was committed. */
  readonly created_at: string;
  /** Its own. */
  readonly data: Readonly<Record<string, unknown>>;
  /** The journal that `seq` counts in. */
  readonly epoch: string;
  /** What kind of event it is. */
  readonly event_type: string;
  /** The idempotency key. */
  readonly id: string;
  /** About it; the router adds `broadcast_mode`. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Its place in the journal: contiguous from 1, in commit order. */
  readonly seq: number;
  /** Where it comes from. */
  readonly source: string;
  /** When it happened, in UTC to the microsecond. */
  readonly timestamp: string;
};

/** Events, and where to go on. */
export type EventPage = {
  /** In the order that was asked for. */
  readonly events: readonly (Event)[];
  /** What to give as `after`, or as `before`, for the next; `null` at the end. */
  readonly next: number | null;
};

/** The path of an event. */
export type EventTrace = {
  /** How it came into the journal. */
  readonly committed: Committed;
  /** Whom it reaches by the router itself. */
  readonly direct: Direct;
  /** The event's id. */
  readonly id: string;
  readonly realtime: OnRealtime | null;
  readonly validation: OfEvent | null;
};

/** A request that failed. */
export type FailureRow = {
  /** When its answer came. */
  readonly at: string;
  /** The first event in it. */
  readonly first_seq: number;
  /** The last event in it. */
  readonly last_seq: number;
  /** `transient`, `rate_limited`, `rejected` or `misconfigured`. */
  readonly outcome: string;
  /** The destination's words. */
  readonly reason: string;
};

/** One thing that is wrong with an event. */
export type Fault = {
  /** The stable name of the rule. */
  readonly code: Rule;
  /** What is wrong, and what to do. */
  readonly detail: string;
  /** Where, as a JSON pointer (RFC 6901) into the body; an event of a list is its index. */
  readonly pointer: string;
};

/** Events for each fault. */
export type FaultCounts = {
  /** With another value in `data`. */
  readonly alter: number;
  /** Held back. */
  readonly delay: number;
  /** Not sent: on the realtime path they count as delivered all the same. */
  readonly drop: number;
  /** Sent twice. */
  readonly duplicate: number;
  /** Sent behind the event after it. */
  readonly reorder: number;
};

/** A share of events for each fault, from 0 to 1. */
export type FaultShares = {
  /** With another value in `data`. */
  readonly alter: number;
  /** Held back. */
  readonly delay: number;
  /** Not sent. */
  readonly drop: number;
  /** Sent twice. */
  readonly duplicate: number;
  /** Sent behind the event after it. */
  readonly reorder: number;
};

/** What a reader wants to see. Serialises to the wire form. */
export type Filter = {
  readonly category?: readonly (Category)[];
  readonly event_type?: readonly (string)[];
  readonly source?: readonly (string)[];
};

/** A flag as it is by now. */
export type FlagChange = {
  /** Keys with another value than before. */
  readonly changed: readonly (string)[];
  /** The flag. */
  readonly flag: FlagRow;
  /** The number of the settings in force. */
  readonly generation: number;
  /** Where flags contradict each other now, and what else is to be said. */
  readonly issues: readonly (IssueRow)[];
};

/** By its name, its key, or the variable of the original system. */
export type FlagName = "use_adapter" | "flags.use_adapter" | "MONITORING_USE_ADAPTER" | "adapter_type" | "flags.adapter_type" | "MONITORING_ADAPTER_TYPE" | "dual_mode" | "flags.dual_mode" | "MONITORING_DUAL_MODE" | "enable_validation" | "flags.enable_validation" | "MONITORING_ENABLE_VALIDATION" | "validation_strict" | "flags.validation_strict" | "MONITORING_VALIDATION_STRICT" | "metrics_flush_interval" | "flags.metrics_flush_interval" | "MONITORING_METRICS_FLUSH_INTERVAL" | "metrics_persistence" | "flags.metrics_persistence" | "MONITORING_METRICS_PERSISTENCE" | "batch_size" | "flags.batch_size" | "MONITORING_BATCH_SIZE" | "timeout_ms" | "flags.timeout_ms" | "MONITORING_TIMEOUT_MS" | "global_override" | "flags.global_override" | "DUAL_WRITE_GLOBAL_OVERRIDE" | "critical_enabled" | "flags.critical_enabled" | "critical_percentage" | "flags.critical_percentage" | "DUAL_WRITE_CRITICAL_PERCENTAGE" | "critical_paths" | "flags.critical_paths" | "performance_enabled" | "flags.performance_enabled" | "performance_percentage" | "flags.performance_percentage" | "DUAL_WRITE_PERFORMANCE_PERCENTAGE" | "performance_paths" | "flags.performance_paths" | "user_activity_enabled" | "flags.user_activity_enabled" | "user_activity_percentage" | "flags.user_activity_percentage" | "DUAL_WRITE_USER_ACTIVITY_PERCENTAGE" | "user_activity_paths" | "flags.user_activity_paths" | "system_enabled" | "flags.system_enabled" | "system_percentage" | "flags.system_percentage" | "DUAL_WRITE_SYSTEM_PERCENTAGE" | "system_paths" | "flags.system_paths" | "debug_enabled" | "flags.debug_enabled" | "debug_percentage" | "flags.debug_percentage" | "DUAL_WRITE_DEBUG_PERCENTAGE" | "debug_paths" | "flags.debug_paths" | "rollout.percent" | "rollout.auto";

/** A flag as it is to be. */
export type FlagRequest = {
  /** After which time it ends by itself, up to 366 days; without, when it is cleared. */
  readonly expires_in?: string | null;
  /** Why, for the audit log. */
  readonly reason?: string | null;
  /** Its value, as Settings.toml would have it. */
  readonly value: FlagValue;
};

/** A flag. */
export type FlagRow = {
  /** What is allowed, to follow "must be". */
  readonly allowed: string;
  /** The value when nobody sets it. */
  readonly default: unknown;
  /** What it means. */
  readonly description: string;
  /** Its key in Settings.toml. */
  readonly key: string;
  /** Its name here: that of the key, without the section `flags`. */
  readonly name: string;
  /** Where the value comes from: for one that was set at run time, by whom and until when. */
  readonly origin: SettingOrigin;
  /** The variable by which the original system knew it; `null` when it did not. */
  readonly other_name: string | null;
  /** What its value is. */
  readonly type: FlagType;
  /** Its value. */
  readonly value: unknown;
  /** The environment variable that sets it. */
  readonly variable: string;
};

/** What the value of a flag is. */
export type FlagType = "boolean" | "integer" | "word" | "list";

/** `GET /v1/flags` tells what each may be. */
export type FlagValue = boolean | number | "auto" | "websocket" | "realtime" | "dual" | "none" | "websocket_only" | "realtime_only" | readonly ("websocket" | "realtime")[];

/** How flags are. */
export type FlagsCondition = "healthy" | "degraded";

/** Whether flags contradict each other. */
export type FlagsHealth = {
  /** Each contradiction, as a sentence. */
  readonly issues: readonly (string)[];
  /** What else is to be said. */
  readonly notes: readonly (string)[];
  /** `degraded` when there are issues. */
  readonly status: FlagsCondition;
  /** When this was said. */
  readonly timestamp: string;
};

/** The flags in force. */
export type FlagsSnapshot = {
  /** Whether every event goes to a Realtime: clients are not moved there before. */
  readonly coverage: CoverageRow;
  /** Every flag, in the order of Settings.toml. */
  readonly flags: readonly (FlagRow)[];
  /** The number of the settings in force: one more with each change. */
  readonly generation: number;
  /** Where flags contradict each other, and what else is to be said. */
  readonly issues: readonly (IssueRow)[];
  /** The paths that are on by them. */
  readonly paths: PathsRow;
};

/** The flags, under the names that the original system had for them. */
export type FlagsStatus = {
  /** By the name of the variable. */
  readonly flags: Readonly<Record<string, unknown>>;
  /** The number of the settings in force. */
  readonly generation: number;
  /** `ok`. */
  readonly status: string;
  /** When this was said. */
  readonly timestamp: string;
};

/** Whether the router does its work. */
export type Health = {
  readonly components: Components;
  /** Where the router listens. */
  readonly port: number;
  /** `signalbox`. */
  readonly service: string;
  /** That of the worst of them. */
  readonly status: Condition;
  /** When this was said. */
  readonly timestamp_utc: string;
};

/** What was measured. */
export type History = {
  /** When each point begins, in seconds since 1970. What was not measured is not there. */
  readonly at: readonly (number)[];
  /**
   * What changed meanwhile, the oldest first, of the newest 200 lines of the audit log; `null` while
   * the storage does not tell.
   */
  readonly marks: readonly (HistoryMark)[] | null;
  readonly series: HistorySeries;
  /** From when. */
  readonly since: string;
  /** What a point stands for, in milliseconds: the mean of what flows, the most of all else. */
  readonly step_ms: number;
  /** Until when. */
  readonly until: string;
};

/** A change, as a chart marks it. */
export type HistoryMark = {
  /** When. */
  readonly at: string;
  readonly kind: MarkKind;
  /** What became of what, in some words. */
  readonly what: string;
};

/** Each as long as `at`; `null` is what could not be told. */
export type HistorySeries = {
  /** Most events that the next request to the destination takes. */
  readonly batch: readonly (number | null)[];
  /** The breaker: 0 is closed, 1 half-open, 2 open. */
  readonly breaker: readonly (number | null)[];
  /** Commits, in milliseconds: 95 % of the last minute's. */
  readonly commit_p95: readonly (number | null)[];
  /** From commit to socket, in milliseconds: half of the last minute's passes. */
  readonly direct_p50: readonly (number | null)[];
  /** The same of 95 %. */
  readonly direct_p95: readonly (number | null)[];
  /** The same of 99 %. */
  readonly direct_p99: readonly (number | null)[];
  /** Of the last minute's requests those answered with 5xx, in percent. */
  readonly http_errors: readonly (number | null)[];
  /** HTTP answers, in milliseconds: 95 % of the last minute's. */
  readonly http_p95: readonly (number | null)[];
  /** Of the last minute's events those that were invalid or failed, in percent. */
  readonly ingest_errors: readonly (number | null)[];
  /** Events that wait for the destination. */
  readonly lag_events: readonly (number | null)[];
  /** How long the oldest of them has been committed. */
  readonly lag_seconds: readonly (number | null)[];
  /** Events matched of those scored on the realtime path in five minutes, in percent. */
  readonly match_rate: readonly (number | null)[];
  /** Memory that the process holds, in bytes. */
  readonly memory: readonly (number | null)[];
  /** How long the oldest event has waited for its commit, in milliseconds. */
  readonly queue_age: readonly (number | null)[];
  /** Of the second's requests to the destination those that failed, in percent. */
  readonly realtime_errors: readonly (number | null)[];
  /** Requests to the destination, in milliseconds: half of the last minute's. */
  readonly realtime_p50: readonly (number | null)[];
  /** The same of 95 %. */
  readonly realtime_p95: readonly (number | null)[];
  /** The same of 99 %. */
  readonly realtime_p99: readonly (number | null)[];
  /** Events that the destination of the realtime path took, a second. */
  readonly sent: readonly (number | null)[];
  /** Sessions that are open. */
  readonly sessions: readonly (number | null)[];
  /** Events that the kernel took for sessions, a second. */
  readonly shown: readonly (number | null)[];
  /** Events committed, a second. */
  readonly taken: readonly (number | null)[];
};

/** Requests, but for upgrades. */
export type HttpStats = {
  /** What answers took. */
  readonly answer: Quantiles;
  /** Of the last minute's requests those answered with 5xx, in percent; nothing without requests. */
  readonly error_rate?: number | null;
  /** Answered requests. */
  readonly requests_per_second: PerSecond;
};

/** Events on their way in. Rates of errors are in percent. */
export type IngestStats = {
  /** Events committed for the first time, since the start. */
  readonly accepted: number;
  /** Events committed for the first time. */
  readonly accepted_per_second: PerSecond;
  /** Events committed for the first time by category, since the start. */
  readonly categories: Readonly<Record<string, number>>;
  /** What commits took. */
  readonly commit: Quantiles;
  /** Of the last minute's events those that were invalid or failed; nothing without events. */
  readonly error_rate?: number | null;
  /** Events that were taken, and then could not be committed, since the start. */
  readonly failed: number;
  /** Events with faults, since the start. */
  readonly invalid: number;
};

/** Something to know about the flags. */
export type IssueRow = {
  /** What is said, and what happens instead. */
  readonly detail: string;
  /** The key to change. */
  readonly flag: string;
  /**
   * `contradiction`: a flag does not do what it says, and health is degraded. `note`: it does,
   * perhaps not as expected.
   */
  readonly level: Level;
};

/** The journal, and what waits for it. */
export type JournalStats = {
  /** Most events that the next commit would take. */
  readonly batch_events: number;
  /** Its identity. */
  readonly epoch: string;
  /** The oldest event that is kept. */
  readonly first_seq: number;
  /** The newest event; 0 when there is none. */
  readonly head_seq: number;
  /** When the newest event was committed, as RFC 3339. */
  readonly last_created_at: string | null;
  /** How long the oldest of them has waited, in milliseconds. */
  readonly queue_age_ms: number;
  /** Bytes that wait for a commit. */
  readonly queue_bytes: number;
  /** Events that wait for a commit. */
  readonly queue_events: number;
  /** `ready`, `recovering`, `down` or `draining`. */
  readonly state: string;
  /** The database, without secrets. */
  readonly storage: string;
};

/** A category of which not every event goes to a Realtime. */
export type LackRow = {
  /** Which. */
  readonly category: Category;
  /** Which share of them does, in percent. */
  readonly percent: number;
  /** Why. */
  readonly reason: ReasonWord;
};

/** The accounts, and whether they add up. */
export type Ledger = {
  /** `false` would be a defect. */
  readonly balances: boolean;
  /**
   * What subscribers of this router are given by itself: events by sessions and streams, and rows
   * and messages of topics by channels of the built-in Realtime, each counted by subscription.
   */
  readonly direct: Balance;
  readonly realtime: Balance | null;
};

/** Whether the accounts add up. */
export type LedgerStats = {
  /** What subscribers of this router are given by itself, as `GET /v1/ledger` has it. */
  readonly direct: Balance;
  readonly realtime: Balance | null;
};

/** What became of a dead letter. */
export type Letter = {
  /** How often it was sent, replays included. */
  readonly attempts: number;
  /** When it was first set aside. */
  readonly created_at: string;
  /** Its number: later ones have greater ones. */
  readonly id: number;
  /** What the destination said last. */
  readonly reason: string;
  /** When a replay delivered it. */
  readonly recovered_at: string | null;
  /** When it was last replayed. */
  readonly replayed_at: string | null;
  /**
   * `pending` waits for somebody or is being replayed, `failed` was refused again in a replay;
   * both can be replayed.
   */
  readonly status: DeadLetterStatus;
};

/** Dead letters, and where to go on. */
export type LetterPage = {
  /** In the order that was asked for. */
  readonly dead_letters: readonly (DeadLetter)[];
  /** What to give as `after`, or as `before`, for the next; `null` at the end. */
  readonly next: number | null;
};

/** A dead letter, without its event. */
export type LetterPart = (Letter) & ({
  readonly source: Source;
});

/** How bad an issue is. */
export type Level = "contradiction" | "note";

/** What changed. */
export type MarkKind = "flag" | "rollout" | "reload" | "breaker";

/** How many events got which verdict. */
export type MatchCounts = {
  /** Seen with another content. */
  readonly differs: number;
  /** Seen more than once. */
  readonly duplicate: number;
  /** Seen late, while the breaker was closed. */
  readonly late: number;
  /** Seen once, in time, in order, and unchanged. */
  readonly matched: number;
  /** Not seen. */
  readonly missing: number;
  /** Seen after an event that follows them. */
  readonly reordered: number;
  /** Nothing can be said of them. */
  readonly unscored: number;
};

/** How many events got which verdict. */
export type MatchRow = (MatchCounts) & ({
  /** All that were due. */
  readonly due: number;
  /** Matched of scored, in percent; `null` without any. */
  readonly match_rate: number | null;
  /** Those of which something can be said. */
  readonly scored: number;
});

/** How an event is delivered. */
export type Mode = "direct" | "adapter" | "dual";

/**
 * An event as a producer sends it. One that was read from the router can be sent again: `seq`,
 * `epoch`, `checksum` and `created_at` are then ignored.
 */
export type NewEvent = {
  readonly category?: Category | null;
  /** Ignored. */
  readonly checksum?: unknown;
  /** Ignored. */
  readonly created_at?: unknown;
  /** Its own. */
  readonly data: Readonly<Record<string, unknown>>;
  /** Ignored. */
  readonly epoch?: unknown;
  /** What kind of event it is. */
  readonly event_type: string;
  /** The idempotency key; made when absent. */
  readonly id?: string | null;
  /** About it. */
  readonly metadata?: Readonly<Record<string, unknown>> | null;
  /** Ignored. */
  readonly seq?: unknown;
  /** Where it comes from. */
  readonly source: string;
  /** When it happened, with a zone; the time of receipt when absent. */
  readonly timestamp?: string | null;
};

/**
 * What probes saw of an event. Verdicts other than `matched` are kept; a match is told only while
 * it is remembered.
 */
export type OfEvent = {
  /** The direct path first; only those of which something is known. */
  readonly paths: readonly (OnPath)[];
};

/** What a probe saw of an event on a path. */
export type OnPath = {
  /** Copies that were seen before the verdict, where that is remembered. */
  readonly copies: number | null;
  /** When the verdict fell. */
  readonly decided_at: string | null;
  /** What a client is to see, as a hash. */
  readonly expected_hash: string;
  /** Number of the settings then, where it was kept. */
  readonly generation: number | null;
  /** From the commit to the first of them, where that is remembered. */
  readonly latency_ms: number | null;
  readonly path: Path;
  /** Why nothing can be said of it. */
  readonly reason: string | null;
  /** What was seen: the copy that differs, else the first one. */
  readonly seen_hash: string | null;
  /** `recent`: from memory. `storage`: it was kept. */
  readonly source: string;
  /** What became of it; `null`: it waits for its verdict. */
  readonly verdict: string | null;
};

/** An event on the way to a Realtime. */
export type OnRealtime = {
  readonly attempts: AttemptsPart | null;
  readonly cursor: CursorPart | null;
  readonly dead_letter: LetterPart | null;
};

/** What became of the events of a request that failed. */
export type Outcome = "not_stored" | "unknown";

/** A path that events are compared on. */
export type Path = "websocket" | "realtime";

/** How a path is. */
export type PathBody = {
  /** What the probe saw. */
  readonly copies: Copies;
  /** From the commit to the probe, in the last minute. */
  readonly latency: Quantiles;
  readonly path: Path;
  /** Who listens there. */
  readonly probe: ProbeBody;
  /** Verdicts since the router started. */
  readonly totals: MatchRow;
  /** The unscored ones of them, by reason. */
  readonly unscored: Readonly<Record<string, number>>;
  /** Events that wait for their verdict. */
  readonly waiting: number;
  /** Verdicts that fell lately. */
  readonly windows: Windows;
};

/** What became of events on a path since the router started. */
export type PathCounters = {
  /** Events set aside as dead letters. */
  readonly dead: number;
  /** Deliveries: an event that went to two sessions counts twice on the direct path. */
  readonly delivered: number;
  /** Requests that failed, or events that a session was not given. */
  readonly failed: number;
};

/** The paths that are on. */
export type PathsRow = {
  /** The router's own sessions. */
  readonly direct: boolean;
  /** The mode of events that go there; `direct` when none does. */
  readonly mode: Mode;
  /** A Realtime. */
  readonly realtime: boolean;
};

/** What happened a second, over the last whole seconds. */
export type PerSecond = {
  /** In the last ten seconds, or since the start. */
  readonly "10s": number;
  /** In the last second. */
  readonly "1s": number;
  /** In the last minute, or since the start. */
  readonly "60s": number;
};

/** A place that means the same for ever: a `seq` counts only within its `epoch`. */
export type Position = {
  /** Made when the journal is created, or when it cannot be proved to be the same one. */
  readonly epoch: string;
  /** The place within the epoch. */
  readonly seq: number;
};

export type PositionText = string;

/** That the router is there. */
export type Presence = {
  /** Everybody who is connected, whatever they speak. */
  readonly clients_connected: number;
  /** `signalbox`. */
  readonly service: string;
  /** `ok`. */
  readonly status: string;
  /** When this was said. */
  readonly timestamp: string;
};

/** A subscriber of the router's own. */
export type ProbeBody = {
  /** Everything after this place that is delivered reaches it. */
  readonly from_seq: number | null;
  readonly last_down: DownBody | null;
  /** Until when that is proven. */
  readonly proven_until: string | null;
  /** Since when. */
  readonly since: string | null;
  /** Whether it is subscribed. */
  readonly up: boolean;
};

/** An error (RFC 9457). */
export type Problem = {
  /** The stable name of what went wrong. */
  readonly code: Code;
  /** What is wrong and what to do, for people. */
  readonly detail: string;
  /** What is wrong with events, one fault an item. */
  readonly errors?: readonly (Fault)[];
  /** How many more faults there are. */
  readonly errors_omitted?: number;
  /** The ids under which to post the events again, when the outcome is unknown. */
  readonly ids?: readonly (string)[];
  /** The key of `[limits]` that is reached. */
  readonly limit?: string;
  /** What became of posted events. */
  readonly outcome?: Outcome;
  /** Whether the same request may succeed after `Retry-After` seconds. */
  readonly retryable: boolean;
  /** The scope that would be needed. */
  readonly scope?: string;
  /** The status of the answer. */
  readonly status: number;
  /** The status in words. */
  readonly title: string;
  /** The code as a URI. */
  readonly type: string;
};

/**
 * How long it took: that share of all, in the last minute, took no longer. Milliseconds, rounded
 * up by 3 % at most; nothing when nothing happened.
 */
export type Quantiles = {
  /** How many there were. */
  readonly count: number;
  /** Half of them. */
  readonly p50_ms?: number | null;
  /** 95 %. */
  readonly p95_ms?: number | null;
  /** 99 %. */
  readonly p99_ms?: number | null;
};

/** A session that an event is for. */
export type ReachedSession = {
  /** What the client calls itself. */
  readonly client_id: string | null;
  /** The session's id. */
  readonly id: string;
  /** What it is spoken to in. */
  readonly protocol: string;
  /** `reached`: its socket has taken the event. `pending`: it will. */
  readonly state: string;
};

/** The realtime path. */
export type RealtimePlace = {
  /** What to be known by there; `null` for the router's own. */
  readonly key: string | null;
  /** `broadcast`, or `postgres_changes`. */
  readonly kind: string;
  /** The topic. */
  readonly topic: string;
  /** What a client of Supabase Realtime is given; relative to the router when it is the router's own. */
  readonly url: string;
};

/** Why some events do not go to a Realtime. */
export type ReasonWord = "off" | "disabled" | "unlisted" | "share";

/** A rehearsal under way. */
export type Rehearsal = {
  /** When it began. */
  readonly began_at: string;
  /** Who began it. */
  readonly by: string;
  /** How long delayed events are held back, in milliseconds. */
  readonly delay_ms: number;
  /** Events of the realtime path that are held back now. */
  readonly held_events: number;
  /** Where faults are planted. */
  readonly path: Path;
  /** Faults planted so far. */
  readonly planted: FaultCounts;
  /** The share of events for each fault. */
  readonly shares: FaultShares;
  /** When it ends by itself. */
  readonly until: string;
};

/** Which faults are planted, where, and for how long. An event meets with one of them at most. */
export type RehearsalRequest = {
  /** Share that has another value in `data`. */
  readonly alter?: number;
  /** Share that is held back for `delay_ms`. */
  readonly delay?: number;
  /** How long delayed events are held back, in milliseconds. */
  readonly delay_ms?: number | null;
  /** Share of events that are not sent. */
  readonly drop?: number;
  /** Share that is sent twice. */
  readonly duplicate?: number;
  /**
   * `realtime`: where events are sent, so that everybody there meets with the faults. `websocket`:
   * at the ear of the probe alone.
   */
  readonly path: Path;
  /** Share that comes behind the event after it. */
  readonly reorder?: number;
  /** How long it lasts, in seconds. */
  readonly seconds?: number | null;
};

/** What is rehearsed. */
export type RehearsalView = {
  readonly rehearsal: Rehearsal | null;
};

/** An event that was skipped. */
export type RejectedEvent = {
  /** What is wrong with it. */
  readonly errors: readonly (Fault)[];
  /** How many more faults it has. */
  readonly errors_omitted?: number;
  /** Which of the list it is, from 0. */
  readonly index: number;
};

/** An attempt to load the settings again. */
export type Reload = {
  /** When. */
  readonly at: string;
  /** Keys that took effect. */
  readonly changed: readonly (string)[];
  /** What is wrong, when it was refused. */
  readonly errors: readonly (ReloadError)[];
  /** Keys that will take effect with the next start. */
  readonly needs_restart: readonly (string)[];
  /** `applied`, `unchanged`, or `refused`, which changes nothing. */
  readonly outcome: string;
};

/** One thing that is wrong with settings. */
export type ReloadError = {
  /** The key it is about, where it is about one. */
  readonly key?: string | null;
  /** What is wrong, what is allowed, and what was probably meant. */
  readonly message: string;
  /** Where it is written. */
  readonly origin: SettingOrigin;
};

/** The rollout, as it is. */
export type Rollout = {
  /** Whether it goes on and comes back by itself. */
  readonly auto: boolean;
  /** The latency before anybody moved, in milliseconds; `null` when it is not known. */
  readonly baseline_ms: number | null;
  /** When it began. */
  readonly began: string;
  /** The same in a sentence. */
  readonly detail: string;
  /** How often it came back by itself in a row. */
  readonly fallen: number;
  /** What must hold before the next step. */
  readonly gates: readonly (RolloutGate)[];
  /** The generation of the settings. */
  readonly generation: number;
  /** How the steps before ended, newest first. */
  readonly history: readonly (RolloutHistory)[];
  /** It never goes beyond this. */
  readonly maximum: number;
  /** Clients that were told to move since the percentage began. */
  readonly moves: RolloutMoves;
  /** The next step; `null` at the end. */
  readonly next: number | null;
  /** The share of clients on the realtime path, in percent. */
  readonly percent: number;
  /** The step before; `null` at 0. */
  readonly previous: number | null;
  /** Above this p95 it comes back, in milliseconds. */
  readonly slow_ms: number;
  /** The steps, in percent. */
  readonly steps: readonly (number)[];
  /** What brings it back if it stays so. */
  readonly suspicions: readonly (RolloutReason)[];
  /** Until when, where that is known. */
  readonly until: string | null;
  /** Clients whose turn to move is yet to come. */
  readonly waiting: number;
  /**
   * Why it stays where it is: `done`, `manual`, `paused`, `frozen`, `cool_down`, `gates`, `hold`, or
   * `unknown` before anything was measured.
   */
  readonly waits: string;
};

/** A gate: what must hold before the next step. */
export type RolloutGate = {
  /** The same in words. */
  readonly detail: string;
  /** What is looked at. */
  readonly gate: RolloutSign;
  /** Whether it holds. */
  readonly holds: boolean;
  /** What is needed, in the same unit; `null` when it is yes or no. */
  readonly limit: number | null;
  /** What is measured: percent, milliseconds, or events; `null` when nothing is, or it is yes or no. */
  readonly value: number | null;
};

/** A step that is over. */
export type RolloutHistory = {
  /** When it began. */
  readonly began: string;
  /** How it ended. */
  readonly end: RolloutStepEnd;
  /** The percentage. */
  readonly percent: number;
};

/** A client that would move. */
export type RolloutMover = {
  /** Its bucket, 0 to 9,999. */
  readonly bucket: number;
  /** The client. */
  readonly client_id: string;
  /** Where it belongs now. */
  readonly from: ClientPath;
  /** What would decide. */
  readonly rule: RolloutRule;
  /** Where it would belong. */
  readonly to: ClientPath;
};

/** Clients that were told to move, by where to. */
export type RolloutMoves = {
  /** Back to the direct path, by the answer to a question where to go. */
  readonly to_direct: number;
  /** To the realtime path, by the answer to a question where to go. */
  readonly to_realtime: number;
  /** By a frame: sessions on the direct path. */
  readonly told: number;
};

/** What would happen. */
export type RolloutPreview = {
  /** Clients looked at. */
  readonly clients: number;
  /** Some of those that would move, in the order given. */
  readonly movers: readonly (RolloutMover)[];
  /** Of them would be on the realtime path then, moved or not. */
  readonly on_realtime: number;
  /** Of them would come back to the direct path. */
  readonly to_direct: number;
  /** Of them would go to the realtime path. */
  readonly to_realtime: number;
};

/** What brings it back, and the words for it. */
export type RolloutReason = {
  /** The same in words. */
  readonly detail: string;
  /** What it should have kept to. */
  readonly limit: number | null;
  /** What was looked at. */
  readonly trigger: RolloutSign;
  /** What was measured: percent, or milliseconds; `null` for the breaker. */
  readonly value: number | null;
};

/** Why somebody does something: nothing, or up to 500 characters. */
export type RolloutReasonGiven = string;

/** The steps that a rollout has taken, the newest last. */
export type RolloutReport = {
  /** Each percentage, for as long as it stayed. */
  readonly steps: readonly (RolloutStep)[];
};

/** What the rollout is to do. */
export type RolloutRequest = {
  readonly action: "advance";
  /** Also when gates do not hold; coverage always must. */
  readonly force?: boolean;
  /** Why, for the audit log. */
  readonly reason?: RolloutReasonGiven;
} | {
  readonly action: "pause";
  /** Why, for the audit log. */
  readonly reason?: RolloutReasonGiven;
} | {
  readonly action: "resume";
  /** Why, for the audit log. */
  readonly reason?: RolloutReasonGiven;
} | {
  readonly action: "rollback";
  /** Why, for the audit log. */
  readonly reason?: RolloutReasonGiven;
} | {
  readonly action: "set";
  /** Which, in percent. */
  readonly percent: number;
  /** Why, for the audit log. */
  readonly reason?: RolloutReasonGiven;
};

/** What decided. */
export type RolloutRule = "override" | "off" | "coverage" | "down" | "deny" | "allow" | "segment" | "bucket";

/** What is looked at. */
export type RolloutSign = "coverage" | "validation" | "breaker" | "samples" | "scored" | "match_rate" | "latency" | "error_rate" | "maximum";

/** One percentage, from when it began to when it ended. */
export type RolloutStep = {
  /** The latency before anybody moved, in milliseconds; `null` when it is not known. */
  readonly baseline_ms: number | null;
  /** When it began. */
  readonly began: string;
  readonly end: RolloutStepEnd | null;
  /** The gates, as they were at the end, or are now. */
  readonly gates: readonly (RolloutGate)[];
  /** Clients that were told to move. */
  readonly moves: RolloutMoves;
  /** The share of clients. */
  readonly percent: number;
  /** Verdicts on the realtime path since it began, by name. */
  readonly verdicts: Readonly<Record<string, number>>;
  /** Some of the events that were not seen there as they should be. */
  readonly worst: readonly (RolloutWorstCase)[];
};

/** How a percentage ended. */
export type RolloutStepEnd = {
  /** When. */
  readonly at: string;
  /** Who did it: a client's identity, or `rollout` when it did so by itself. */
  readonly by: string;
  /** What was done. */
  readonly outcome: RolloutStepOutcome;
  /** Why. */
  readonly reason: string;
  /** The percentage after it. */
  readonly to: number;
};

/** What ended a percentage. */
export type RolloutStepOutcome = "advanced" | "rolled_back" | "brought_back" | "set";

/** An event that was not seen as it should be. */
export type RolloutWorstCase = {
  /** Which. */
  readonly id: string;
  /** Where it stands in the journal. */
  readonly seq: number;
  /** What was wrong. */
  readonly verdict: string;
};

/** The name of a rule for events. */
export type Rule = "binary_data" | "duplicate_key" | "empty" | "event_too_large" | "invalid_id" | "invalid_timestamp" | "length" | "lone_surrogate" | "not_utf8" | "nul_character" | "number_out_of_range" | "required" | "syntax" | "too_deep" | "too_many_events" | "unknown_category" | "unknown_field" | "unsupported_version" | "wrong_type";

/** One kind of thing that a caller may do. */
export type Scope = "ingest" | "read" | "admin";

/** One connected client, as `GET /v1/sessions` shows it. */
export type Session = {
  /** Whether its socket refuses bytes now. */
  readonly blocked: boolean;
  /** Bytes its socket took. */
  readonly bytes: number;
  /** What the client calls itself. */
  readonly client_id: string | null;
  /** Events delivered in this subscription. */
  readonly delivered: number;
  readonly filter: Filter | null;
  /** The session's id. */
  readonly id: string;
  /** What it is known as; `null` when nobody was asked. */
  readonly identity: string | null;
  /** How many events the journal is ahead of it. */
  readonly lag: number;
  /** Whether it can be moved to another path: it was opened with `switch=1`. */
  readonly movable: boolean;
  /** The delivery path. */
  readonly path: string;
  /** Where it connects from. */
  readonly peer: string | null;
  /** What it is spoken to in. */
  readonly protocol: string;
  /** The last `seq` it is through with; `null` before it subscribes, and for who hears topics only. */
  readonly seq: number | null;
  /** The topics of Realtime that it listens to, as they are on the wire. */
  readonly topics: readonly (string)[];
};

/** Who is connected. */
export type SessionStats = {
  /** Those whose socket refuses bytes now. */
  readonly blocked: number;
  /** Bytes that sockets of present sessions took. */
  readonly bytes: number;
  /** Sessions. */
  readonly connected: number;
  /** How far the slowest is behind, in events. */
  readonly largest_lag: number;
  /** Those that have subscribed. */
  readonly subscribed: number;
};

/** Who is connected. */
export type Sessions = {
  /** By id. */
  readonly sessions: readonly (Session)[];
};

/** One setting in force. */
export type Setting = {
  /** What is allowed, to follow "must be". */
  readonly allowed: string;
  /** The value when nobody sets it. */
  readonly default: unknown;
  /** What it means. */
  readonly description: string;
  /** Its section and name. */
  readonly key: string;
  /** Whether a change needs a restart. */
  readonly needs_restart: boolean;
  /** Where the value comes from. */
  readonly origin: SettingOrigin;
  /** Whether nobody may see its value. */
  readonly secret: boolean;
  /** `bytes` or `duration`; `null` for what is neither. */
  readonly unit: string | null;
  /** Its value as it is written in Settings.toml; `"***"` for a secret that is set. */
  readonly value: unknown;
};

/** Where a value comes from. */
export type SettingOrigin = {
  readonly kind: "default";
} | {
  /** The character within the line, from 1. */
  readonly column?: number | null;
  readonly kind: "file";
  /** The line, from 1; nothing when the file could not be read. */
  readonly line?: number | null;
  /** The file, as it was named. */
  readonly path: string;
} | {
  /** When. */
  readonly at: string;
  /** Who set it. */
  readonly by: string;
  readonly kind: "override";
  /** Until when; `null` means until it is cleared. */
  readonly until: string | null;
} | {
  readonly kind: "variable";
  /** Its name. */
  readonly name: string;
};

/** The settings in force. */
export type SettingsSnapshot = {
  /** The file that was read, as it was named; `null` when there was none. */
  readonly file: string | null;
  /** Their number: 1 at the start, one more with each reload that took effect. */
  readonly generation: number;
  readonly last_reload: Reload | null;
  /** When they were loaded. */
  readonly loaded_at: string;
  /** Keys with another value by now, which takes effect with the next start. */
  readonly needs_restart: readonly (string)[];
  /** Every setting, in the order of Settings.toml. */
  readonly settings: readonly (Setting)[];
};

/** What became of the events of a path that has a cursor. */
export type Settled = {
  /** Set aside as dead letters. */
  readonly dead: number;
  /** The destination has them. */
  readonly delivered: number;
  /** Those of them that it had before. */
  readonly known: number;
  /** Deleted by retention before they were delivered. */
  readonly skipped: number;
};

/** Where a part of the answer is from. */
export type Source = "storage" | "recent" | "now";

/** Everything at a glance. Counters begin with the process; rates are of the last whole seconds. */
export type StatsSnapshot = {
  /** The delivery paths that are on, the direct one first. */
  readonly adapters: readonly (AdapterStats)[];
  /** The counters of the original's broadcaster. */
  readonly broadcaster: BroadcasterStats;
  /** The counters of the original's classifier. */
  readonly classification: ClassificationStats;
  /** Events on their way out, to sessions. */
  readonly delivery: DeliveryStats;
  /** Requests. */
  readonly http: HttpStats;
  /** Events on their way in. */
  readonly ingest: IngestStats;
  /** The journal, and what waits for it. */
  readonly journal: JournalStats;
  /** Whether the accounts add up, by path. */
  readonly ledger: LedgerStats;
  /** Memory that the process holds, where the system tells. */
  readonly memory_bytes?: number | null;
  /** Who is connected. */
  readonly sessions: SessionStats;
  /** The newest events, in memory. */
  readonly tail: TailStats;
  /** How long it runs. */
  readonly uptime_seconds: number;
  /** The counters of the original's validation. */
  readonly validation: Validations;
  /** The version that runs. */
  readonly version: string;
};

/** One server-sent event. */
export type StreamEvent = {
  /** An event, as JSON; or the members of `subscribed`, `gap` or `bye`. */
  readonly data: string;
  /** `subscribed`, `gap` or `bye`; absent with an event. */
  readonly event?: string;
  /** The place from which to go on. */
  readonly id?: PositionText;
  /** When to come back, in milliseconds. */
  readonly retry?: number;
};

/** The newest events, in memory. */
export type TailStats = {
  /** Bytes they take. */
  readonly bytes: number;
  /** How many there are. */
  readonly events: number;
  /** The first that can be read there. */
  readonly first_seq: number;
};

/** A ticket, good for as long as `auth.ticket_ttl`. */
export type Ticket = {
  /** When it is good no longer. */
  readonly expires_at: string;
  /** For `?ticket=` in the URL of a socket or a stream. */
  readonly ticket: string;
};

/** What a ticket is asked for. */
export type TicketRequest = {
  /** What it allows, of `ingest`, `read` and `admin`; all that the caller may, without it. */
  readonly scopes?: readonly (Scope)[] | null;
};

/** How the paths compare with what was committed. */
export type Validation = {
  /** Whether events are compared: validation is on, and so is the realtime path. */
  readonly active: boolean;
  /** What there is too much of, in the last five minutes. */
  readonly alerts: readonly (Alert)[];
  /** Verdicts that are not kept in storage, because too many came at once, or it refused them. */
  readonly not_kept: number;
  /** The direct path first. */
  readonly paths: readonly (PathBody)[];
  readonly rehearsal: Rehearsal | null;
  /** The newest events of each kind that were scored and not matched, the worst kind first. */
  readonly worst: readonly (CaseBody)[];
};

/** What validation found at ingest. */
export type ValidationMetrics = {
  /** By event type, since the router started. */
  readonly metrics: Validations;
  /** `ok`. */
  readonly status: string;
  /** When this was said. */
  readonly timestamp: string;
};

/** What validation found in events of one type since the start. */
export type ValidationRow = {
  /** What looking at one took; the events of a request share its time evenly. */
  readonly avg_validation_time_ms?: number | null;
  /** Those with faults. */
  readonly failed_events: number;
  /** When the last one was looked at, as RFC 3339. */
  readonly last_updated?: string | null;
  /** Those without a fault, in percent; nothing without events. */
  readonly pass_rate?: number | null;
  /** Those without a fault. */
  readonly passed_events: number;
  /** All faults. */
  readonly total_errors: number;
  /** Events that were looked at. */
  readonly total_events: number;
  /** Always 0: there is no rule that only warns. */
  readonly total_warnings: number;
};

/** What validation found, as `GET /v1/stats` shows it. */
export type Validations = {
  /** Types that have a row of their own, at most; the first that had a valid event. */
  readonly max_types: number;
  /** All other types together. */
  readonly other: ValidationRow;
  /** By event type. */
  readonly types: Readonly<Record<string, ValidationRow>>;
  /** Events whose type cannot be read. */
  readonly unreadable: ValidationRow;
};

/** What a breaker is to do. */
export type Wanted = "open" | "closed" | "auto";

/** Verdicts of a window. */
export type WindowBody = {
  /** Of all categories. */
  readonly all: MatchRow;
  /** Of each category. */
  readonly categories: Readonly<Record<string, MatchRow>>;
};

/** The last minute, five minutes, and hour; each and up to ten seconds more. */
export type Windows = {
  readonly "1h": WindowBody;
  readonly "1m": WindowBody;
  readonly "5m": WindowBody;
};

/** What was written, all of which is durable by now. */
export type Written = {
  /** How far adapters are, where that had waited to be written; none when nothing waited. */
  readonly cursors: readonly (WrittenCursor)[];
  /** Always true: when it is not, the answer is a problem. */
  readonly flushed: boolean;
  /** `ok`. */
  readonly status: string;
  /** When this was said. */
  readonly timestamp: string;
  /** How many verdicts of validation had waited to be written; `matched` ones never are. */
  readonly verdicts: number;
};

/** How far an adapter is. */
export type WrittenCursor = {
  /** Which. */
  readonly adapter: string;
  /** The last event that was settled there. */
  readonly position: Position;
  /** Nothing up to this `seq` is left to do. */
  readonly through: number;
};
