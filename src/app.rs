//! The composition root: what is made in which order, and what is stopped in which order.

mod delivery;
mod listeners;

use std::{
    future::Future,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use actix::Actor;
use actix_web::web;
use chrono::Utc;
use tokio::sync::{oneshot, watch};
use uuid::Uuid;

use self::listeners::{Listeners, Servers};
use crate::{
    actors::{
        broadcaster::{Broadcaster, Dismiss},
        cursors::AdapterCursors,
        journal::{Drain, Journal, JournalOptions, tell_proof},
        legacy::board::Board,
        shard::ShardOptions,
    },
    adapters::factory::CannotDeliver,
    core::{
        backlog::BacklogLimits,
        batching::{self, BatchPolicy},
        breaker::BadBreaker,
        fanout::FanoutLimits,
        heartbeat::Patience,
        protocol::CloseReason,
        retry::BadRetry,
        tail::{SharedTail, Tail, TailLimits},
    },
    http::{
        Router,
        auth::{Authenticator, NoRandomness},
        budget::Budget,
        dead_letters,
        in_flight::InFlight,
        ingest::Idempotent,
        limits::Limits,
    },
    realtime::topics::{TopicOptions, Topics},
    settings::{JournalSettings, LiveSettings, Loaded, Settings, Snapshot},
    storage::{self, OpenWriter, Opened, Storage, StorageError, StorageOptions, Writer},
    tasks::{
        reloader::{Reloader, Source},
        retention::Retention,
        watchdog::{self, Watched, WatchedDelivery},
    },
    telemetry::{Metrics, Traces},
};

/// How long another router on the same database may take to end: a server may notice late that one
/// was killed.
const LOCK_WAIT: Duration = Duration::from_secs(5);
/// How long a client may take to answer a close frame.
const LINGER: Duration = Duration::from_secs(2);
/// How often a router that stops looks whether anybody is still there.
const QUIET: Duration = Duration::from_millis(10);
/// How long a collector may take for the last spans.
const LAST_SPANS: Duration = Duration::from_secs(3);
/// The number of the settings, until they can be reloaded.
const GENERATION: u64 = 1;

/// Why the router did not start, or ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {reason}")]
    Listen {
        /// See `server.bind`.
        address: SocketAddr,
        /// What to do about it.
        reason: String,
    },
    /// The database cannot be used.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A setting of the journal makes no sense.
    #[error("the journal's batches cannot be planned: {0}")]
    Batching(#[from] batching::BadLimits),
    /// A setting of the realtime path makes no sense.
    #[error("events cannot be delivered: {0}")]
    Delivery(#[from] CannotDeliver),
    /// A setting of the breaker makes no sense.
    #[error("the breaker cannot be made: {0}")]
    Breaker(#[from] BadBreaker),
    /// A setting of retries makes no sense.
    #[error("retries cannot be planned: {0}")]
    Retry(#[from] BadRetry),
    /// Tickets cannot be signed.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// The server stopped.
    #[error("the server stopped: {0}")]
    Server(#[source] io::Error),
    /// The journal must not go on.
    #[error("the journal stopped: {0}")]
    Journal(String),
    /// An actor is gone.
    #[error("the {0} is gone, and with it this router: start it again")]
    ActorGone(&'static str),
}

/// Runs the router until `stop` resolves, or until it cannot go on; `source` is where `loaded` came
/// from, to be read again.
///
/// # Errors
/// See [`AppError`].
pub async fn run(
    loaded: Loaded,
    source: Source,
    stop: impl Future<Output = ()>,
) -> Result<(), AppError> {
    let live = Arc::new(LiveSettings::new(Snapshot::first(loaded, Utc::now())));
    let settings = live.load();
    let listeners = Listeners::bind(&settings)?;
    let storage = open_storage(&settings).await?;
    let Opened { writer, head, proof } = take_writer(&*storage).await?;
    tell_proof(&*storage, proof);

    let metrics = Arc::new(Metrics::new());
    let traces = start_traces(&metrics);
    let tail = Arc::new(SharedTail::new(Tail::empty(head, tail_limits(&settings.journal))));
    let cursors = Arc::<AdapterCursors>::default();
    let common = Common { storage, tail, cursors: cursors.clone(), metrics, traces };
    let (advanced, follow) = watch::channel(());
    let topics = topic_options(&settings, &common, advanced.clone(), &listeners);
    let topics = Arc::new(Topics::new(topics));
    let (fatal, stopped) = oneshot::channel();
    let journal =
        Journal::new(journal_options(&settings, &common, writer, advanced, fatal)?).start();
    let shard = shard_options(&settings, &common, follow.clone());
    let auth = Authenticator::new(&settings.auth)?;
    let builtin = listeners.builtin(&auth);
    let delivery = delivery::start(&settings, &common, &journal, follow, builtin).await?;
    let board = board(&common, &listeners);
    let Common { storage, tail, metrics, traces, .. } = common;
    let router = web::Data::new(Router {
        auth,
        limits: Arc::new(Limits::new(&settings.limits, metrics.clone())),
        legacy: Arc::new(board),
        reloader: Arc::new(Reloader::new(source, live.clone())),
        live,
        storage,
        journal,
        broadcaster: Broadcaster::default().start(),
        delivery,
        tail,
        topics,
        metrics,
        traces,
        sessions: AtomicUsize::new(0),
        requests: InFlight::default(),
        bodies: Budget::default(),
        idempotent: Idempotent::default(),
        draining: AtomicBool::new(false),
        started: Instant::now(),
    });
    actix_rt::spawn(retention(&router, cursors).run());
    actix_rt::spawn(dead_letters::drain(router.clone()));
    serve(listeners, router, shard, stop, stopped).await
}

/// What actors and handlers have in common.
struct Common {
    storage: Arc<dyn Storage>,
    tail: Arc<SharedTail>,
    cursors: Arc<AdapterCursors>,
    metrics: Arc<Metrics>,
    traces: Option<Arc<Traces>>,
}

fn board(common: &Common, listeners: &Listeners) -> Board {
    let Common { storage, tail, metrics, .. } = common;
    Board::new(storage.clone(), tail.clone(), metrics.clone(), listeners.address.port())
}

fn journal_options(
    settings: &Settings,
    common: &Common,
    writer: Box<dyn Writer>,
    advanced: watch::Sender<()>,
    fatal: oneshot::Sender<String>,
) -> Result<JournalOptions, AppError> {
    Ok(JournalOptions {
        storage: common.storage.clone(),
        writer,
        tail: common.tail.clone(),
        advanced,
        cursors: common.cursors.clone(),
        limits: backlog_limits(&settings.journal),
        policy: BatchPolicy::try_new(batch_limits(&settings.journal))?,
        recovery: settings.journal.recovery_timeout,
        fatal,
        metrics: common.metrics.clone(),
        traces: common.traces.clone(),
    })
}

fn topic_options(
    settings: &Settings,
    common: &Common,
    advanced: watch::Sender<()>,
    listeners: &Listeners,
) -> TopicOptions {
    TopicOptions {
        settings: settings.realtime.clone(),
        is_destination: listeners.private_address().is_some(),
        journal: common.tail.clone(),
        advanced,
        metrics: common.metrics.clone(),
    }
}

fn shard_options(
    settings: &Settings,
    common: &Common,
    advanced: watch::Receiver<()>,
) -> ShardOptions {
    ShardOptions {
        tail: common.tail.clone(),
        advanced,
        storage: common.storage.clone(),
        limits: fanout_limits(settings),
        page_events: settings.session.page_events,
        linger: LINGER,
        generation: GENERATION,
        metrics: common.metrics.clone(),
        traces: common.traces.clone(),
    }
}

async fn serve(
    listeners: Listeners,
    router: web::Data<Router>,
    shard: ShardOptions,
    stop: impl Future<Output = ()>,
    stopped: oneshot::Receiver<String>,
) -> Result<(), AppError> {
    let address = listeners.address;
    let mut servers = listeners.start(&router, &shard)?;
    actix_rt::spawn(router.limits.clone().sweep());
    actix_rt::spawn(router.topics.clone().sweep());
    let watched = Watched {
        journal: router.journal.clone().recipient(),
        broadcaster: router.broadcaster.clone().recipient(),
        delivery: router.delivery.realtime.as_ref().map(|realtime| WatchedDelivery {
            adapter: realtime.adapter.clone().recipient(),
            batcher: realtime.batcher.clone().recipient(),
        }),
        metrics: router.metrics.clone(),
    };
    let head_seq = router.tail.load().position().seq;
    tracing::info!(
        storage = router.storage.describe(),
        head_seq,
        "listening on http://{address} - post to /v1/events, watch with `signalbox tail`",
    );
    tokio::select! {
        () = stop => {}
        actor = watchdog::watch(watched) => return Err(AppError::ActorGone(actor)),
        Ok(reason) = stopped => return Err(AppError::Journal(reason)),
        error = servers.ended() => return Err(AppError::Server(error)),
    }
    shut_down(&router, &servers).await;
    Ok(())
}

/// Stops in the order that loses nothing.
async fn shut_down(router: &Router, servers: &Servers) {
    tracing::info!("shutting down");
    let within = router.settings().server.shutdown_timeout;
    // 1. Nothing new: `/readyz` says so, ingest answers 503.
    router.draining.store(true, Ordering::Relaxed);
    // 2. What was taken is committed, and shown.
    if tokio::time::timeout(within, router.journal.send(Drain)).await.is_err() {
        tracing::warn!("the journal could not be drained in time; producers were told");
    }
    // 3. Sessions are told, and when to come back.
    let window = router.settings().server.reconnect_window;
    let dismiss = Dismiss { reason: CloseReason::ShuttingDown, window };
    if router.broadcaster.send(dismiss).await.is_err() {
        tracing::error!("the broadcaster was gone before the sessions were told");
    }
    // 4. What is on its way to a destination is waited for, and how far that is, stored.
    if let Some(realtime) = &router.delivery.realtime {
        delivery::finish(realtime, within).await;
        if tokio::time::timeout(within, router.journal.send(Drain)).await.is_err() {
            tracing::warn!("the adapter's cursor could not be stored in time");
        }
    }
    // 5. The server ends when requests and sessions have, or when their time is over. It is not
    // told to wait: that is for every connection, and most are only kept for a next request.
    let quiet = async {
        while router.is_busy() {
            tokio::time::sleep(QUIET).await;
        }
    };
    if tokio::time::timeout(within, quiet).await.is_err() {
        tracing::warn!("requests or sessions that did not end in time are cut");
    }
    servers.stop().await;
    // 6. The last spans go out, if the collector takes them.
    if let Some(traces) = &router.traces {
        traces.stop(LAST_SPANS).await;
    }
    // 7. The writer, and with it the lock, goes with the journal, which nobody holds any more.
    tracing::info!("stopped");
}

/// Traces, where they are asked for. A router routes without them too.
fn start_traces(metrics: &Arc<Metrics>) -> Option<Arc<Traces>> {
    match Traces::start(metrics) {
        Ok(traces) => traces.map(Arc::new),
        Err(error) => {
            tracing::warn!(%error, "there are no traces, although the environment asks for them");
            None
        }
    }
}

async fn open_storage(settings: &Settings) -> Result<Arc<dyn Storage>, StorageError> {
    let storage = storage::open(&StorageOptions::from(&settings.storage)).await?;
    for migration in storage.migrate().await? {
        tracing::info!(migration, "migrated the database");
    }
    Ok(storage)
}

/// Takes the lock; another router that is just ending has a moment to let it go.
async fn take_writer(storage: &dyn Storage) -> Result<Opened, StorageError> {
    let request = OpenWriter { wait: Duration::ZERO, fresh: Uuid::new_v4(), last_seen: None };
    match storage.open_writer(request).await {
        Err(StorageError::Locked { what }) => {
            tracing::info!("another router is writing to {what}: waiting for its end");
            storage.open_writer(OpenWriter { wait: LOCK_WAIT, ..request }).await
        }
        opened => opened,
    }
}

fn tail_limits(journal: &JournalSettings) -> TailLimits {
    TailLimits { events: journal.tail_events, bytes: journal.tail_bytes }
}

fn backlog_limits(journal: &JournalSettings) -> BacklogLimits {
    BacklogLimits { events: journal.queue_events, bytes: journal.queue_bytes }
}

fn batch_limits(journal: &JournalSettings) -> batching::Limits {
    let max = journal.batch_events;
    batching::Limits {
        // Not smaller: where a commit is slow, it is for its own sake and not for its events'.
        min: max.div_ceil(4),
        max,
        step: max.div_ceil(8),
        shrink_percent: 50,
        target_latency: journal.target_latency,
        max_linger: Duration::ZERO,
    }
}

fn fanout_limits(settings: &Settings) -> FanoutLimits {
    let session = &settings.session;
    FanoutLimits {
        window_bytes: session.window_bytes,
        groups: session.filters_per_worker,
        max_lag: session.max_lag,
        patience: Patience {
            heartbeat: session.heartbeat,
            pong: session.pong_timeout,
            stall: session.stall_timeout,
        },
        stream_heartbeat: session.stream_heartbeat,
        reconnect_window: settings.server.reconnect_window,
    }
}

fn retention(router: &Router, cursors: Arc<AdapterCursors>) -> Retention {
    let settings = router.settings();
    let storage = &settings.storage;
    Retention {
        storage: router.storage.clone(),
        journal: router.journal.clone(),
        cursors,
        tail: router.tail.clone(),
        retain: storage.retain,
        max_bytes: storage.max_bytes,
        interval: storage.retention_interval,
        metrics: router.metrics.clone(),
    }
}
