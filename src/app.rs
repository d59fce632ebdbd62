//! The composition root: what is made in which order, and what is stopped in which order.

mod delivery;
mod listeners;
mod live;
mod options;
mod rollout;
mod shutdown;
mod validation;

use std::{
    future::Future,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize},
    },
    time::{Duration, Instant},
};

use actix::Actor;
use actix_web::web;
use chrono::Utc;
use tokio::sync::{Mutex, Notify, oneshot, watch};
use uuid::Uuid;

use self::{
    delivery::Rails,
    listeners::{Listeners, Servers},
    live::Works,
    options::{Common, board, journal_options, shard_options, topic_options},
    shutdown::shut_down,
    validation::{Probing, Validation},
};
use crate::{
    actors::{
        broadcaster::Broadcaster,
        cursors::AdapterCursors,
        journal::{Journal, tell_proof},
    },
    core::batching,
    http::{
        self, Router,
        auth::{Authenticator, NoRandomness},
        budget::Budget,
        dead_letters,
        history::{self, Past},
        in_flight::InFlight,
        ingest::Idempotent,
        ledger::{self, LedgerState},
        limits::Limits,
    },
    realtime::topics::Topics,
    settings::{LiveSettings, Loaded, Settings, Snapshot},
    storage::{self, OpenWriter, Opened, Storage, StorageError, StorageOptions},
    tasks::{
        reloader::{Change, Reloader, ReloaderOptions, Source, Unfit, restore},
        retention::Retention,
        watchdog::{self, Watched, WatchedDelivery},
    },
};

/// How long another router on the same database may take to end: a server may notice late that one
/// was killed.
const LOCK_WAIT: Duration = Duration::from_secs(5);

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
    /// The settings are valid, and cannot be followed here and now.
    #[error(transparent)]
    Unfit(#[from] Unfit),
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
/// from, to be read again, also when `reload` says so.
///
/// # Errors
/// See [`AppError`].
#[expect(clippy::too_many_lines, reason = "a list of what is made, in its order")]
pub async fn run(
    loaded: Loaded,
    source: Source,
    reload: Arc<Notify>,
    stop: impl Future<Output = ()>,
) -> Result<(), AppError> {
    let listeners = Listeners::bind(&loaded.settings)?;
    let storage = open_storage(&loaded.settings).await?;
    let Opened { writer, head, proof } = take_writer(&*storage).await?;
    tell_proof(&*storage, proof);
    let (loaded, overrides) = restore(&source, storage.overrides().await?, loaded);
    let read = loaded.read.clone();
    let live = Arc::new(LiveSettings::new(Snapshot::first(loaded, Utc::now())));
    let settings = live.load();
    let common = Common::new(storage, head, &settings);
    let (advanced, follow) = watch::channel(());
    let topics = Arc::new(Topics::new(topic_options(&settings, &common, advanced.clone())));
    let (fatal, stopped) = oneshot::channel();
    let journal =
        Journal::new(journal_options(&settings, &common, writer, advanced, fatal)?).start();
    let shard = shard_options(&settings, &common, follow.clone(), &live);
    let auth = Authenticator::new(&settings.auth)?;
    let validation = Validation::start(&live, &common, &journal, follow.clone());
    let builtin = listeners.builtin(&auth);
    let rails = Rails::new(&common, &journal, follow, builtin.clone());
    let limits = Arc::new(Limits::new(&settings.limits, common.metrics.clone()));
    let broadcaster = Broadcaster::default().start();
    let followers = Works::new(rails, &topics, &journal, &broadcaster, &limits);
    followers.begin(&settings).await?;
    let (rails, address) = (followers.rails.clone(), listeners.address);
    let board = board(&common, &listeners);
    let reloader = Arc::new(Reloader::new(ReloaderOptions {
        source,
        live: live.clone(),
        read,
        overrides,
        followers,
        journal: journal.clone(),
        metrics: common.metrics.clone(),
    }));
    let probing = validation.probe(&live, reloader.follow(), &common, builtin);
    let rollout = rollout::start(&common, &live, &reloader, &journal, &broadcaster).await?;
    let Common { storage, tail, cursors, rehearsals, metrics, traces, .. } = common;
    let router = web::Data::new(Router {
        auth,
        limits,
        legacy: Arc::new(board),
        reloader,
        live,
        storage,
        journal,
        broadcaster,
        validator: validation.validator,
        rehearsals,
        delivery: rails.shown(),
        rollout,
        replays: Mutex::default(),
        tail,
        topics,
        metrics,
        traces,
        sessions: AtomicUsize::new(0),
        requests: InFlight::default(),
        bodies: Budget::default(),
        idempotent: Idempotent::default(),
        history: Past::default(),
        ledger: LedgerState::default(),
        draining: AtomicBool::new(false),
        started: Instant::now(),
    });
    keep_going(&router, &rails, reload, cursors);
    let servers = listeners.start(&router, &shard)?;
    serve((address, servers), &router, (&rails, probing), (stop, stopped)).await
}

/// What the router does by itself, for as long as it lives.
fn keep_going(
    router: &web::Data<Router>,
    rails: &Arc<Rails>,
    reload: Arc<Notify>,
    cursors: Arc<AdapterCursors>,
) {
    let reloader = &router.reloader;
    actix_rt::spawn(rails.clone().run());
    actix_rt::spawn(reloader.clone().watch());
    actix_rt::spawn(reloader.clone().expire());
    actix_rt::spawn(reload_when(reload, reloader.clone()));
    actix_rt::spawn(retention(router, cursors).run());
    actix_rt::spawn(dead_letters::drain(router.clone()));
    actix_rt::spawn(ledger::watch(router.clone()));
    actix_rt::spawn(history::watch(router.clone()));
    actix_rt::spawn(http::rollout::watch(router.clone()));
    actix_rt::spawn(router.limits.clone().sweep());
    actix_rt::spawn(router.topics.clone().sweep());
}

async fn serve(
    (address, mut servers): (SocketAddr, Servers),
    router: &web::Data<Router>,
    (rails, probing): (&Rails, Probing),
    (stop, stopped): (impl Future<Output = ()>, oneshot::Receiver<String>),
) -> Result<(), AppError> {
    let delivery = router.clone();
    let watched = Watched {
        journal: router.journal.clone().recipient(),
        validator: router.validator.clone().recipient(),
        broadcaster: router.broadcaster.clone().recipient(),
        delivery: Box::new(move || {
            delivery.delivery().realtime.as_ref().map(|realtime| WatchedDelivery {
                adapter: realtime.adapter.clone().recipient(),
                batcher: realtime.batcher.clone().recipient(),
            })
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
    shut_down(router, rails, &servers, probing).await;
    Ok(())
}

/// Loads the settings again whenever somebody asks; what became of it is told by the reloader.
async fn reload_when(asked: Arc<Notify>, reloader: Arc<Reloader>) {
    loop {
        asked.notified().await;
        if reloader.apply(Change::Reload).await.is_err() {
            tracing::debug!("see the error before this");
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

fn retention(router: &Router, cursors: Arc<AdapterCursors>) -> Retention {
    Retention {
        storage: router.storage.clone(),
        journal: router.journal.clone(),
        cursors,
        tail: router.tail.clone(),
        live: router.live.clone(),
        metrics: router.metrics.clone(),
    }
}
