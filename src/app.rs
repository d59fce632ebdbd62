//! The composition root: what is made in which order, and what is stopped in which order.

mod background;
mod delivery;
mod listeners;
mod live;
mod opening;
mod options;
mod rollout;
mod router;
mod shutdown;
mod validation;

use std::{future::Future, io, net::SocketAddr, sync::Arc};

use actix_web::web;
use tokio::sync::{Notify, oneshot};

use self::{
    delivery::Rails,
    listeners::{Listeners, Servers},
    live::Works,
    opening::Opening,
    options::shard_options,
    router::RouterParts,
    shutdown::shut_down,
    validation::Validation,
};
use crate::{
    actors::cursors::AdapterCursors,
    core::batching,
    http::{
        self, Router,
        auth::{Authenticator, NoRandomness},
        dead_letters, history, ledger,
    },
    settings::Loaded,
    storage::StorageError,
    tasks::{
        reloader::{Change, Reloader, Source, Unfit},
        retention::Retention,
        watchdog::{self, Watched, WatchedDelivery},
    },
};

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
pub async fn run(
    loaded: Loaded,
    source: Source,
    reload: Arc<Notify>,
    stop: impl Future<Output = ()>,
) -> Result<(), AppError> {
    // First what another router may have: the address, and the right to write to the database.
    let listeners = Listeners::bind(&loaded.settings)?;
    let Opening { common, pen, restored } = Opening::of(source, loaded).await?;
    let auth = Authenticator::new(&common.live.load().auth)?;
    let builtin = listeners.builtin(&auth);

    // Then what takes events, shows them and delivers them, and what compares that.
    let (fatal, stopped) = oneshot::channel();
    let works = Works::start(&common, pen, fatal, builtin.clone())?;
    let validation = Validation::start(&common, &works.journal);
    works.begin(&common).await?;

    // Then what changes it while it runs.
    let reloader = works.reloader(&common, restored);
    let probing = validation.probe(&common, reloader.follow(), builtin);
    let rollout = rollout::start(&common, &works, &reloader).await?;

    // Clients last.
    let parts = RouterParts { auth, reloader, rollout, validator: validation.validator };
    let router = parts.assemble(&common, &works, listeners.address);
    keep_going(&router, &works.rails, common.cursors.clone(), reload);
    http::rehearsal::find_unended(&router).await;
    let mut servers = listeners.start(&router, &shard_options(&common))?;

    serve(&router, &mut servers, stop, stopped).await?;
    shut_down(&router, &works.rails, &servers, probing).await;
    Ok(())
}

/// What the router does by itself, for as long as it lives.
fn keep_going(
    router: &web::Data<Router>,
    rails: &Arc<Rails>,
    cursors: Arc<AdapterCursors>,
    reload: Arc<Notify>,
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

/// Serves until `stop` resolves.
///
/// # Errors
/// Why the router cannot go on.
async fn serve(
    router: &web::Data<Router>,
    servers: &mut Servers,
    stop: impl Future<Output = ()>,
    stopped: oneshot::Receiver<String>,
) -> Result<(), AppError> {
    tracing::info!(
        storage = router.storage.describe(),
        head_seq = router.tail.load().position().seq,
        "listening on http://{} - post to /v1/events, watch with `signalbox tail`",
        servers.address,
    );
    tokio::select! {
        () = stop => Ok(()),
        actor = watchdog::watch(watched(router)) => Err(AppError::ActorGone(actor)),
        Ok(reason) = stopped => Err(AppError::Journal(reason)),
        error = servers.ended() => Err(AppError::Server(error)),
    }
}

/// The actors that a router cannot do without.
fn watched(router: &web::Data<Router>) -> Watched {
    let delivery = router.clone();
    Watched {
        journal: router.journal.clone().recipient(),
        validator: router.validator.clone().recipient(),
        rollout: router.rollout.conductor.clone().recipient(),
        broadcaster: router.broadcaster.clone().recipient(),
        delivery: Box::new(move || {
            delivery.delivery().realtime.as_ref().map(|realtime| WatchedDelivery {
                adapter: realtime.adapter.clone().recipient(),
                batcher: realtime.batcher.clone().recipient(),
            })
        }),
        metrics: router.metrics.clone(),
    }
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
