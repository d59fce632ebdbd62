//! The composition root: what is made in which order, and what is stopped in which order.

use std::{
    future::Future,
    io,
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use actix::Actor;
use actix_server::ServerHandle;
use actix_web::web;
use tokio::sync::{oneshot, watch};
use uuid::Uuid;

use crate::{
    actors::{
        broadcaster::{Broadcaster, Dismiss},
        journal::{Drain, Journal, JournalOptions, tell_proof},
        legacy::board::Board,
        shard::ShardOptions,
    },
    core::{
        backlog::BacklogLimits,
        batching::{self, BatchPolicy},
        fanout::FanoutLimits,
        heartbeat::Patience,
        protocol::CloseReason,
        tail::{SharedTail, Tail, TailLimits},
    },
    http::{
        Router,
        auth::{Authenticator, NoRandomness},
        budget::Budget,
        in_flight::InFlight,
        limits::Limits,
        server,
    },
    realtime::topics::{TopicOptions, Topics},
    settings::{JournalSettings, Settings},
    storage::{self, OpenWriter, Opened, Storage, StorageError, StorageOptions},
    tasks::{
        retention::Retention,
        watchdog::{self, Watched},
    },
    telemetry::Metrics,
};

/// How long another router on the same database may take to end: a server may notice late that one
/// was killed.
const LOCK_WAIT: Duration = Duration::from_secs(5);
/// How long a client may take to answer a close frame.
const LINGER: Duration = Duration::from_secs(2);
/// How often a router that stops looks whether anybody is still there.
const QUIET: Duration = Duration::from_millis(10);
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

/// Runs the router until `stop` resolves, or until it cannot go on.
///
/// # Errors
/// See [`AppError`].
pub async fn run(settings: Settings, stop: impl Future<Output = ()>) -> Result<(), AppError> {
    let (listener, port) = listen(settings.server.bind)?;
    let storage = open_storage(&settings).await?;
    let Opened { writer, head, proof } = take_writer(&*storage).await?;
    tell_proof(&*storage, proof);

    let metrics = Arc::new(Metrics::new());
    let tail = Arc::new(SharedTail::new(Tail::empty(head, tail_limits(&settings.journal))));
    let (advanced, follow) = watch::channel(());
    let topics = Arc::new(Topics::new(TopicOptions {
        settings: settings.realtime.clone(),
        journal: tail.clone(),
        advanced: advanced.clone(),
        metrics: metrics.clone(),
    }));
    let (fatal, stopped) = oneshot::channel();
    let journal = Journal::new(JournalOptions {
        storage: storage.clone(),
        writer,
        tail: tail.clone(),
        advanced,
        limits: backlog_limits(&settings.journal),
        policy: BatchPolicy::try_new(batch_limits(&settings.journal))?,
        recovery: settings.journal.recovery_timeout,
        fatal,
        metrics: metrics.clone(),
    })
    .start();
    let broadcaster = Broadcaster::default().start();
    let shard = ShardOptions {
        tail: tail.clone(),
        advanced: follow,
        storage: storage.clone(),
        limits: fanout_limits(&settings),
        page_events: settings.session.page_events,
        linger: LINGER,
        generation: GENERATION,
        metrics: metrics.clone(),
    };
    let router = web::Data::new(Router {
        auth: Authenticator::new(&settings.auth)?,
        limits: Arc::new(Limits::new(&settings.limits, metrics.clone())),
        legacy: Arc::new(Board::new(storage.clone(), tail.clone(), metrics.clone(), port)),
        settings,
        storage,
        journal,
        broadcaster,
        tail,
        topics,
        metrics,
        sessions: AtomicUsize::new(0),
        requests: InFlight::default(),
        bodies: Budget::default(),
        draining: AtomicBool::new(false),
        started: Instant::now(),
    });
    serve(listener, router, shard, stop, stopped).await
}

async fn serve(
    listener: TcpListener,
    router: web::Data<Router>,
    shard: ShardOptions,
    stop: impl Future<Output = ()>,
    stopped: oneshot::Receiver<String>,
) -> Result<(), AppError> {
    let address = listener.local_addr().map_err(AppError::Server)?;
    let server = server::start(listener, router.clone(), shard).map_err(AppError::Server)?;
    let handle = server.handle();
    let serving = actix_rt::spawn(server);
    actix_rt::spawn(retention(&router).run());
    actix_rt::spawn(router.limits.clone().sweep());
    actix_rt::spawn(router.topics.clone().sweep());
    let watched = Watched {
        journal: router.journal.clone().recipient(),
        broadcaster: router.broadcaster.clone().recipient(),
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
        ended = serving => return Err(AppError::Server(why(ended))),
    }
    shut_down(&router, &handle).await;
    Ok(())
}

/// Why a server ended that nobody stopped.
fn why(ended: Result<io::Result<()>, tokio::task::JoinError>) -> io::Error {
    match ended {
        Ok(Err(error)) => error,
        Ok(Ok(())) => io::Error::other("it ended by itself"),
        Err(panicked) => io::Error::other(panicked),
    }
}

/// Stops in the order that loses nothing.
async fn shut_down(router: &Router, server: &ServerHandle) {
    tracing::info!("shutting down");
    let within = router.settings.server.shutdown_timeout;
    // 1. Nothing new: `/readyz` says so, ingest answers 503.
    router.draining.store(true, Ordering::Relaxed);
    // 2. What was taken is committed, and shown.
    if tokio::time::timeout(within, router.journal.send(Drain)).await.is_err() {
        tracing::warn!("the journal could not be drained in time; producers were told");
    }
    // 3. Sessions are told, and when to come back.
    let window = router.settings.server.reconnect_window;
    let dismiss = Dismiss { reason: CloseReason::ShuttingDown, window };
    if router.broadcaster.send(dismiss).await.is_err() {
        tracing::error!("the broadcaster was gone before the sessions were told");
    }
    // 4. The server ends when requests and sessions have, or when their time is over. It is not
    // told to wait: that is for every connection, and most are only kept for a next request.
    let quiet = async {
        while router.is_busy() {
            tokio::time::sleep(QUIET).await;
        }
    };
    if tokio::time::timeout(within, quiet).await.is_err() {
        tracing::warn!("requests or sessions that did not end in time are cut");
    }
    server.stop(false).await;
    // 5. The writer, and with it the lock, goes with the journal, which nobody holds any more.
    tracing::info!("stopped");
}

/// Listens; at which port, when any was to do.
fn listen(address: SocketAddr) -> Result<(TcpListener, u16), AppError> {
    let listener = server::listen(address).map_err(|error| {
        let reason = match error.kind() {
            io::ErrorKind::AddrInUse => {
                "the port is taken: stop what listens there, or set server.bind".to_owned()
            }
            _ => error.to_string(),
        };
        AppError::Listen { address, reason }
    })?;
    let port = listener.local_addr().map_err(AppError::Server)?.port();
    Ok((listener, port))
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

fn retention(router: &Router) -> Retention {
    let storage = &router.settings.storage;
    Retention {
        storage: router.storage.clone(),
        journal: router.journal.clone(),
        tail: router.tail.clone(),
        retain: storage.retain,
        max_bytes: storage.max_bytes,
        interval: storage.retention_interval,
        metrics: router.metrics.clone(),
    }
}
