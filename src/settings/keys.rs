//! The table of every setting: the only place where a key, its type, its default, its range and
//! its meaning are written. Structs, loading, `check-config` and `Settings.toml` follow from it.
//!
//! One line a key: `name: Type = rule(default, range) => Live | Restart;`. The rules are in
//! `rules`, what must hold between keys is in `cross`. A value that nobody may see is marked by
//! `secret(rule)`. Nothing is read or checked here.

use std::{
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    path::PathBuf,
    time::Duration,
};

use super::{
    jwt::jwt_secret,
    lists::{list, list_of, optional_text, path},
    migration::{ClientId, GlobalOverride, PathName, Segment, Steps},
    places::{HostName, RealtimeUrl, WebOrigin},
    rules::{Rule, count, duration, one_of, parsed, size, truth},
    secret::{Secret, secret},
    table::{settings, typed},
    tokens::tokens,
    units::{DAY, GIB, HOUR, KIB, MIB, MILLISECOND, MINUTE, SECOND, TIB},
    values::{
        AdapterType, AuthMode, DatabaseUrl, Durability, LogFilter, LogFormat, OtherDatabase,
        TopicName, TransportKind,
    },
};

use crate::core::{
    access::{JwtKeys, RoleTable, TokenList},
    share::Share,
};

const SHARE: &str = "a percentage such as \"99.9%\"";

const LOCAL: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8080));

settings! {
    /// Where the router listens, and how it stops.
    server: ServerSettings {
        /// Address and port to listen on.
        bind: SocketAddr = parsed(LOCAL, "an address and port") => Restart;
        /// Names by which clients may call the router, besides loopback ones; any, when there are
        /// none. With `auth.mode = "open"` only loopback ones count.
        hosts: Vec<HostName> = list(HostName::FORM) => Restart;
        /// Worker threads; 0 means one a core.
        workers: usize = count(0, 0..=1024) => Restart;
        /// How long a connection is kept for a next request.
        keep_alive: Duration = duration(75 * SECOND, SECOND..=HOUR) => Restart;
        /// How long requests in flight may still take when the router stops.
        shutdown_timeout: Duration = duration(30 * SECOND, SECOND..=10 * MINUTE) => Restart;
        /// The time over which clients spread their reconnecting after a `bye`; raise it with the
        /// number of clients.
        reconnect_window: Duration = duration(10 * SECOND, 0..=10 * MINUTE) => Live;
    }

    /// The database that holds the journal, and how much of it is kept.
    storage: StorageSettings {
        /// The database; one that needs a password belongs in the environment.
        url: DatabaseUrl = parsed(DatabaseUrl::DEFAULT, DatabaseUrl::FORM) => Restart;
        /// What an accepted event survives: `full` a loss of power, `process` only the end of the
        /// process, with faster commits.
        durability: Durability = one_of(
            Durability::Full,
            &[("full", Durability::Full), ("process", Durability::Process)],
        ) => Restart;
        /// How long events are kept; ids are recognised as duplicates for as long.
        retain: Duration = duration(7 * DAY, MINUTE..=3650 * DAY) => Live;
        /// Size at which the oldest events go before their time.
        max_bytes: u64 = size(10 * GIB, MIB..=1024 * TIB) => Live;
        /// How often events past their time are looked for.
        retention_interval: Duration = duration(MINUTE, 100 * MILLISECOND..=DAY) => Live;
        /// Connections that read at the same time.
        pool_size: usize = count(4, 1..=256) => Restart;
    }

    /// The queue before the journal, its commits, and the tail that readers share.
    journal: JournalSettings {
        /// Events that may wait for a commit; above it producers are told to come back later.
        queue_events: usize = count(50_000, 1..=10_000_000) => Live;
        /// Bytes that may wait for a commit; above it producers are told to come back later.
        queue_bytes: usize = size(64 * MIB, 64 * KIB..=64 * GIB) => Live;
        /// Newest events kept in memory; a reader further behind reads storage.
        tail_events: usize = count(65_536, 1..=10_000_000) => Live;
        /// Bytes of the newest events kept in memory; a reader further behind reads storage.
        tail_bytes: usize = size(64 * MIB, 64 * KIB..=64 * GIB) => Live;
        /// Most events in one commit, but for a single request that has more.
        batch_events: usize = count(1_000, 1..=10_000) => Live;
        /// What a commit may take: batches grow while it takes less, and shrink when it takes more.
        target_latency: Duration = duration(50 * MILLISECOND, MILLISECOND..=10 * SECOND) => Live;
        /// How long a producer waits for its commit before it is told that the outcome is unknown.
        answer_timeout: Duration = duration(10 * SECOND, 100 * MILLISECOND..=5 * MINUTE) => Live;
        /// How long one attempt to take up a lost database again may last.
        recovery_timeout: Duration = duration(30 * SECOND, 100 * MILLISECOND..=10 * MINUTE) => Live;
    }

    /// Connected clients.
    session: SessionSettings {
        /// Sessions at the same time; a client above it is closed with 4429. Raised while the router
        /// runs, it counts up to twice what it was at the start.
        max_sessions: usize = count(20_000, 1..=10_000_000) => Live;
        /// Time between two pings.
        heartbeat: Duration = duration(25 * SECOND, SECOND..=HOUR) => Live;
        /// Time between two comments on a stream of server-sent events.
        stream_heartbeat: Duration = duration(15 * SECOND, SECOND..=HOUR) => Live;
        /// How long a pong may take, while nothing is left unsent.
        pong_timeout: Duration = duration(10 * SECOND, 100 * MILLISECOND..=HOUR) => Live;
        /// How long a client may take no bytes before it is cut.
        stall_timeout: Duration = duration(30 * SECOND, 100 * MILLISECOND..=HOUR) => Live;
        /// Events a client may be behind before it is closed with 4410; 0 means any number.
        max_lag: u64 = count(0, 0..=1_000_000_000_000) => Live;
        /// What the kernel holds for a client that does not read; it counts for every session.
        send_buffer: usize = size(64 * KIB, 4 * KIB..=16 * MIB) => Live;
        /// Largest message a client may send.
        max_frame: usize = size(64 * KIB, KIB..=16 * MIB) => Live;
        /// Faulty messages a client may send before it is closed with 4400.
        max_errors: usize = count(10, 0..=1_000) => Live;
        /// Most bytes handed to one socket before the next session has its turn.
        window_bytes: usize = size(256 * KIB, 4 * KIB..=64 * MIB) => Live;
        /// Events read from storage at a time for a session that is catching up.
        page_events: usize = count(256, 1..=10_000) => Live;
        /// Patterns in one filter.
        filter_patterns: usize = count(64, 1..=10_000) => Live;
        /// Different filters on one worker.
        filters_per_worker: usize = count(1_024, 1..=1_000_000) => Live;
    }

    /// Where the realtime path leads, and the built-in Realtime. The limits of that are those of a
    /// self-hosted Supabase Realtime, but for each client, not for all together.
    realtime: RealtimeSettings {
        /// The Realtime that events are delivered to: `builtin`, or a project's URL.
        url: RealtimeUrl = parsed(RealtimeUrl::Builtin, RealtimeUrl::FORM) => Live;
        /// The key for it, for the environment only; the built-in one needs none.
        key: Secret = secret() => Live;
        /// The same in a file: a line of text.
        key_file: Option<PathBuf> = path() => Live;
        /// How it is reached: `broadcast` by HTTP, `channel` by a WebSocket, `postgres` by rows in its
        /// database.
        transport: TransportKind = one_of(
            TransportKind::Broadcast,
            &[
                ("broadcast", TransportKind::Broadcast),
                ("channel", TransportKind::Channel),
                ("postgres", TransportKind::Postgres),
            ],
        ) => Live;
        /// The database that feeds `postgres_changes` there, for `postgres`; one that needs a password
        /// belongs in the environment.
        database_url: OtherDatabase = parsed(OtherDatabase::NONE, OtherDatabase::FORM) => Live;
        /// What clients are told to be known by there, such as a project's public (anon) key.
        client_key: Option<String> = optional_text() => Live;
        /// Bytes of one request to it; an event above it is a dead letter.
        request_bytes: usize = size(2 * MIB, 4 * KIB..=64 * MIB) => Live;
        /// Events sent to it a second; 0 means any number.
        send_per_second: u32 = count(0, 0..=1_000_000) => Live;
        /// How often `signalbox:head` is said when nothing else is.
        head_interval: Duration = duration(2 * SECOND, 100 * MILLISECOND..=HOUR) => Live;
        /// The topic on which events are broadcast.
        topic: TopicName = parsed(TopicName::DEFAULT, TopicName::FORM) => Restart;
        /// Topics at the same time; above it, channels of new ones are refused.
        topics: usize = count(10_000, 1..=10_000_000) => Restart;
        /// Newest messages of a topic kept in memory, for who reads slowly or asks for a replay.
        topic_events: usize = count(1_000, 1..=1_000_000) => Restart;
        /// Bytes of the newest messages of a topic kept in memory.
        topic_bytes: usize = size(4 * MIB, 64 * KIB..=4 * GIB) => Restart;
        /// Bytes of all topics together, above which the largest are forgotten; and of all who are
        /// present on any of them, above which nobody more is.
        total_bytes: usize = size(256 * MIB, MIB..=1024 * GIB) => Restart;
        /// How long a private topic is kept, for replays, when it has no channel and nothing is said.
        replay_window: Duration = duration(10 * MINUTE, 0..=3 * DAY) => Restart;
        /// Bytes of all who are present on a topic: whoever joins is told of all of them.
        presence_bytes: usize = size(MIB, KIB..=64 * MIB) => Restart;
        /// Channels of one socket; 0 means none.
        channels_per_client: usize = count(100, 0..=100_000) => Restart;
        /// Joins of one socket a second, on an average of a minute; 0 means any number.
        joins_per_second: u32 = count(100, 0..=1_000_000) => Restart;
        /// Broadcasts of one socket a second, on an average of a minute; 0 means any number.
        events_per_second: u32 = count(100, 0..=1_000_000) => Restart;
        /// Presence messages of one socket a second, on an average of a minute; 0 means any number.
        presence_per_second: u32 = count(1_000, 0..=1_000_000) => Restart;
        /// Presence messages of one channel within `presence_window`; 0 means any number.
        presence_calls: u32 = count(5, 0..=1_000_000) => Restart;
        /// See `presence_calls`.
        presence_window: Duration = duration(30 * SECOND, SECOND..=HOUR) => Restart;
        /// Largest payload of a broadcast or a presence.
        payload_bytes: usize = size(3_000_500, KIB..=4 * MIB) => Restart;
        /// Broadcasts over HTTP a second, of all clients, on an average of a minute; 0 means any
        /// number.
        http_events_per_second: u32 = count(0, 0..=10_000_000) => Restart;
        /// Silence after which a socket is closed: clients say something each 25 s.
        idle_timeout: Duration = duration(MINUTE, SECOND..=HOUR) => Restart;
        /// Time without a channel after which a socket is closed.
        channel_timeout: Duration = duration(10 * MINUTE, SECOND..=DAY) => Restart;
    }

    /// How many waiting events an adapter sends together.
    batcher: BatcherSettings {
        /// Longest wait for a batch to fill, while the destination asks for fewer requests.
        max_linger: Duration = duration(2 * SECOND, 0..=10 * SECOND) => Live;
        /// What a request should take: batches that take longer are not made longer still.
        target_latency: Duration = duration(250 * MILLISECOND, MILLISECOND..=10 * SECOND) => Live;
    }

    /// When an adapter stops sending to a destination that fails, and for how long.
    breaker: BreakerSettings {
        /// Failures in a row that open it.
        failures: u32 = count(5, 1..=1_000) => Live;
        /// Failures in a hundred that open it.
        error_percent: u32 = count(5, 1..=100) => Live;
        /// Newest attempts that the percentage is of.
        attempts: usize = count(100, 1..=10_000) => Live;
        /// Attempts below which the percentage says nothing.
        min_attempts: usize = count(20, 1..=10_000) => Live;
        /// How long it stays open; twice as long each time a probe fails.
        open_for: Duration = duration(30 * SECOND, 10 * MILLISECOND..=HOUR) => Live;
        /// The longest that it stays open.
        open_max: Duration = duration(5 * MINUTE, 10 * MILLISECOND..=DAY) => Live;
        /// Probes in a row that close it.
        successes: u32 = count(2, 1..=100) => Live;
        /// Probes that an event may fail, while the destination is well otherwise, before it is a
        /// dead letter.
        poison_probes: u32 = count(5, 1..=1_000) => Live;
    }

    /// How an adapter waits between attempts, while the breaker is closed.
    retry: RetrySettings {
        /// The first wait; each further one is twice as long.
        initial: Duration = duration(SECOND, MILLISECOND..=HOUR) => Live;
        /// The longest wait that is not asked for.
        max: Duration = duration(MINUTE, MILLISECOND..=HOUR) => Live;
        /// The longest wait that a destination may ask for.
        max_asked: Duration = duration(10 * MINUTE, SECOND..=DAY) => Live;
        /// How often pending dead letters are sent again by themselves, oldest first; 0 means never.
        dead_letters_interval: Duration = duration(0, 0..=30 * DAY) => Live;
        /// How long a recovered dead letter is kept.
        dead_letters_keep: Duration = duration(30 * DAY, SECOND..=3650 * DAY) => Live;
    }

    /// Which paths are on, and which events go there. With neither of the first two, events go to direct
    /// sessions alone. `MONITORING_*` and `DUAL_WRITE_*` are other names of these in the environment.
    flags: FlagSettings {
        /// Deliver by the adapter too.
        use_adapter: bool = truth(false) => Live;
        /// The adapter of `use_adapter`: `auto` is `realtime`.
        adapter_type: AdapterType = one_of(
            AdapterType::Auto,
            &[
                ("auto", AdapterType::Auto),
                ("websocket", AdapterType::Websocket),
                ("realtime", AdapterType::Realtime),
                ("dual", AdapterType::Dual),
            ],
        ) => Live;
        /// Deliver by both paths, whatever `use_adapter` says.
        dual_mode: bool = truth(false) => Live;
        /// Compare both paths with the journal, while events go to a Realtime.
        enable_validation: bool = truth(true) => Live;
        /// Take no part of a request: with an invalid event in it, all of it is refused, whatever
        /// `on_invalid` says.
        validation_strict: bool = truth(false) => Live;
        /// How long a verdict waits to be stored, in seconds; a hundred of them wait no longer than a second.
        metrics_flush_interval: u64 = count(300, 1..=86_400) => Live;
        /// Store verdicts other than `matched`.
        metrics_persistence: bool = truth(true) => Live;
        /// Most events in a request to a Realtime.
        batch_size: usize = count(100, 1..=10_000) => Live;
        /// How long one request to it may take, in milliseconds.
        timeout_ms: u64 = count(5_000, 100..=300_000) => Live;
        /// One path for everything, whatever stands above and below.
        global_override: GlobalOverride = one_of(
            GlobalOverride::None,
            &[
                ("none", GlobalOverride::None),
                ("websocket_only", GlobalOverride::WebsocketOnly),
                ("realtime_only", GlobalOverride::RealtimeOnly),
            ],
        ) => Live;
        /// Whether events of this category, failures somebody must act on, go to a Realtime at all.
        critical_enabled: bool = truth(true) => Live;
        /// Which share of them goes there, in percent.
        critical_percentage: u8 = count(100, 0..=100) => Live;
        /// Their paths; the router's own sessions get every category, whatever is listed.
        critical_paths: Vec<PathName> = list_of(PathName::FORM, PathName::BOTH) => Live;
        /// Whether events of this category, measurements, go to a Realtime at all.
        performance_enabled: bool = truth(true) => Live;
        /// Which share of them goes there, in percent.
        performance_percentage: u8 = count(100, 0..=100) => Live;
        /// Their paths; the router's own sessions get every category, whatever is listed.
        performance_paths: Vec<PathName> = list_of(PathName::FORM, PathName::BOTH) => Live;
        /// Whether events of this category, what people do, go to a Realtime at all.
        user_activity_enabled: bool = truth(true) => Live;
        /// Which share of them goes there, in percent.
        user_activity_percentage: u8 = count(100, 0..=100) => Live;
        /// Their paths; the router's own sessions get every category, whatever is listed.
        user_activity_paths: Vec<PathName> = list_of(PathName::FORM, PathName::BOTH) => Live;
        /// Whether events of this category, the machinery itself, go to a Realtime at all.
        system_enabled: bool = truth(true) => Live;
        /// Which share of them goes there, in percent.
        system_percentage: u8 = count(100, 0..=100) => Live;
        /// Their paths; the router's own sessions get every category, whatever is listed.
        system_paths: Vec<PathName> = list_of(PathName::FORM, PathName::BOTH) => Live;
        /// Whether events of this category, what is for developers, go to a Realtime at all.
        debug_enabled: bool = truth(true) => Live;
        /// Which share of them goes there, in percent.
        debug_percentage: u8 = count(100, 0..=100) => Live;
        /// Their paths; the router's own sessions get every category, whatever is listed.
        debug_paths: Vec<PathName> = list_of(PathName::FORM, PathName::BOTH) => Live;
    }

    /// Which share of the clients is on the realtime path, and when it grows or shrinks by itself.
    rollout: RolloutSettings {
        /// The share of clients on the realtime path, in percent. The router sets it by itself with `auto`.
        percent: u8 = count(0, 0..=100) => Live;
        /// Go on by itself when the gates below hold, and back when they do not.
        auto: bool = truth(false) => Live;
        /// The steps after 0, in percent.
        steps: Steps = parsed(Steps::DEFAULT, Steps::FORM) => Live;
        /// It never goes beyond this share, in percent.
        maximum: u8 = count(100, 0..=100) => Live;
        /// How long the gates of a step must hold before the next one.
        hold: Duration = duration(10 * MINUTE, SECOND..=30 * DAY) => Live;
        /// Scored events below which a step waits.
        min_events: u64 = count(5_000, 1..=1_000_000_000) => Live;
        /// Share of the events whose verdict is due that must be scored; below it a step waits.
        min_scored: Share = parsed(Share::percent(99), SHARE) => Live;
        /// Match rate of a step that may go on.
        match_rate: Share = parsed(Share::parts(999_000), SHARE) => Live;
        /// Match rate below which it goes back.
        match_floor: Share = parsed(Share::parts(999_000), SHARE) => Live;
        /// Error rate of a step that may go on: requests to the Realtime that failed.
        error_rate: Share = parsed(Share::parts(1_000), SHARE) => Live;
        /// Error rate above which it goes back.
        error_ceiling: Share = parsed(Share::percent(5), SHARE) => Live;
        /// p95 of the realtime path, from commit to client, of a step that may go on.
        latency: Duration = duration(100 * MILLISECOND, MILLISECOND..=HOUR) => Live;
        /// The same with the transport `postgres`: the other side polls.
        latency_postgres: Duration = duration(SECOND, MILLISECOND..=HOUR) => Live;
        /// It goes back when p95 is above so many percent of what it was at step 0.
        latency_percent: u32 = count(200, 100..=10_000) => Live;
        /// What p95 was at step 0 at least, for that comparison.
        latency_floor: Duration = duration(20 * MILLISECOND, MILLISECOND..=HOUR) => Live;
        /// How long a reason to go back must last.
        patience: Duration = duration(10 * SECOND, 0..=HOUR) => Live;
        /// Scored events of a step below which its match rate is no reason to go back.
        patience_events: u64 = count(1_000, 1..=1_000_000_000) => Live;
        /// How long it stays after it went back.
        cool_down: Duration = duration(10 * MINUTE, 0..=30 * DAY) => Live;
        /// Clients that are moved a second.
        pace: u32 = count(50, 1..=100_000) => Live;
        /// How often a client on the realtime path asks whether it belongs there.
        recheck: Duration = duration(30 * SECOND, SECOND..=HOUR) => Live;
        /// How long direct sessions may take to move when `flags.global_override` ends their path.
        grace: Duration = duration(MINUTE, SECOND..=HOUR) => Live;
        /// Clients that are always on the realtime path, while it is on.
        allow: Vec<ClientId> = list(ClientId::FORM) => Live;
        /// Clients that are never there.
        deny: Vec<ClientId> = list(ClientId::FORM) => Live;
        /// Clients with a percentage of their own; the first that fits counts.
        segments: Vec<Segment> = list(Segment::FORM) => Live;
    }

    /// How both paths are compared with the journal.
    validation: ValidationSettings {
        /// How long after its delivery an event may take to be seen before it is missing.
        deadline: Duration = duration(30 * SECOND, 100 * MILLISECOND..=HOUR) => Live;
        /// How long after an event was seen it is looked whether it comes again.
        settle: Duration = duration(SECOND, 0..=HOUR) => Live;
        /// From when on an event is late.
        late_after: Duration = duration(5 * SECOND, MILLISECOND..=HOUR) => Live;
        /// Events that wait for their verdict; above it the oldest get none.
        max_events: usize = count(100_000, 100..=10_000_000) => Live;
        /// How often it is made sure that each path is still heard.
        canary: Duration = duration(SECOND, 100 * MILLISECOND..=MINUTE) => Live;
        /// Share of critical events without a match that raises an alert.
        critical_alert: Share = parsed(Share::percent(1), SHARE) => Live;
        /// The same for performance events.
        performance_alert: Share = parsed(Share::percent(5), SHARE) => Live;
        /// The same for user activity.
        user_activity_alert: Share = parsed(Share::percent(3), SHARE) => Live;
        /// The same for events of the system.
        system_alert: Share = parsed(Share::percent(2), SHARE) => Live;
        /// The same for events of debugging.
        debug_alert: Share = parsed(Share::percent(10), SHARE) => Live;
    }

    /// What a request may bring, and a client take.
    limits: LimitSettings {
        /// Largest body, also after it is unpacked.
        body_bytes: usize = size(16 * MIB, KIB..=GIB) => Live;
        /// Bytes that one byte of a compressed body may become, on average and once there are more
        /// than 256 KiB of them.
        compression_ratio: usize = count(100, 1..=100_000) => Live;
        /// Bytes of all bodies that are being received and read at the same time; above it producers
        /// are told to come back later. A packed body counts as its own and as `body_bytes`.
        inflight_bytes: usize = size(256 * MIB, 64 * KIB..=64 * GIB) => Live;
        /// Events in one request.
        batch_events: usize = count(10_000, 1..=10_000) => Live;
        /// Largest single event.
        event_bytes: usize = size(256 * KIB, KIB..=64 * MIB) => Live;
        /// How long the head of a request may take to arrive.
        head_timeout: Duration = duration(10 * SECOND, 100 * MILLISECOND..=HOUR) => Restart;
        /// How long a body may take to arrive.
        body_timeout: Duration = duration(30 * SECOND, 100 * MILLISECOND..=HOUR) => Live;
        /// Sockets and streams of one client; 0 means any number. A client is a token's name, or
        /// an address (of IPv6, its /64). Of all clients together, see `session.max_sessions`.
        client_connections: usize = count(0, 0..=1_000_000) => Live;
        /// Requests of one client a second; 0 means any number.
        client_requests: usize = count(0, 0..=1_000_000) => Live;
        /// Requests of one client at once; 0 means as many as in a second.
        client_burst: usize = count(0, 0..=1_000_000) => Live;
        /// Bytes of one client's bodies a second; 0 means any number. As many may come at once, and
        /// the largest body anyhow.
        client_bytes: usize = size(0, 0..=GIB) => Live;
        /// Requests of all clients a second; 0 means any number.
        total_requests: usize = count(0, 0..=1_000_000) => Live;
        /// Requests of all clients at once; 0 means as many as in a second.
        total_burst: usize = count(0, 0..=1_000_000) => Live;
        /// Bytes of all bodies a second; 0 means any number.
        total_bytes: usize = size(0, 0..=GIB) => Live;
        /// Answers to requests with an `Idempotency-Key` that are kept, to be given again; 0 keeps
        /// none, and events still get their ids from the key.
        idempotency_keys: usize = count(10_000, 0..=10_000_000) => Live;
        /// Bytes of those answers together; above it the oldest go before their time.
        idempotency_bytes: usize = size(16 * MIB, 64 * KIB..=GIB) => Live;
        /// How long such an answer is kept, while the router runs.
        idempotency_ttl: Duration = duration(DAY, SECOND..=30 * DAY) => Live;
    }

    /// What the router says about itself.
    telemetry: TelemetrySettings {
        /// What is logged, by level and module.
        log: LogFilter = parsed(LogFilter::DEFAULT, LogFilter::FORM) => Restart;
        /// How it is logged: `auto` means `pretty` on a terminal and `json` elsewhere.
        format: LogFormat = one_of(
            LogFormat::Auto,
            &[("auto", LogFormat::Auto), ("pretty", LogFormat::Pretty), ("json", LogFormat::Json)],
        ) => Restart;
    }

    /// Who may do what.
    auth: AuthSettings {
        /// `open` asks nobody who they are, and listens on loopback addresses only; `token` asks
        /// for one of the tokens below; `jwt` for one of them or a JSON Web Token.
        mode: AuthMode = one_of(
            AuthMode::Open,
            &[("open", AuthMode::Open), ("token", AuthMode::Token), ("jwt", AuthMode::Jwt)],
        ) => Restart;
        /// Who is known, a line each: NAME SCOPES HASH, and perhaps when it expires. `signalbox token`
        /// makes a token and its line. Scopes are ingest, read and admin, which includes the others.
        tokens_file: Option<PathBuf> = path() => Restart;
        /// The same with the tokens themselves, for the environment only: they are hashed as they
        /// are read, and never shown.
        tokens: TokenList = tokens() => Restart;
        /// The secret that JSON Web Tokens are signed with by HS256: a line of text.
        jwt_secret_file: Option<PathBuf> = path() => Restart;
        /// The same, for the environment only. Both may be set, while one replaces the other.
        jwt_secret: JwtKeys = jwt_secret() => Restart;
        /// Public keys of RS256 (RSA) and ES256 (P-256), in PEM or as a JSON Web Key Set.
        jwt_keys_file: Option<PathBuf> = path() => Restart;
        /// What `aud` of a JSON Web Token must hold, such as "authenticated"; empty means anything.
        jwt_audience: Option<String> = optional_text() => Restart;
        /// What `iss` of a JSON Web Token must be; empty means anything.
        jwt_issuer: Option<String> = optional_text() => Restart;
        /// What the `role` of a JSON Web Token may do; other roles may do nothing.
        jwt_roles: RoleTable = parsed(RoleTable::DEFAULT, RoleTable::FORM) => Restart;
        /// How long a ticket opens a socket or a stream, after `POST /v1/tickets`.
        ticket_ttl: Duration = duration(MINUTE, SECOND..=10 * MINUTE) => Restart;
        /// Pages that may use the router besides its own, by their origin.
        cors_origins: Vec<WebOrigin> = list(WebOrigin::FORM) => Restart;
    }
}
