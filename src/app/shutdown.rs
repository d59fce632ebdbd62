//! The end of a router, in the order that loses nothing.

use std::{sync::atomic::Ordering, time::Duration};

use super::{
    delivery::Rails,
    listeners::Servers,
    validation::{self, Probing},
};
use crate::{
    actors::{broadcaster::Dismiss, journal::Drain},
    core::protocol::CloseReason,
    http::{Router, rehearsal},
};

/// How often a router that stops looks whether anybody is still there.
const QUIET: Duration = Duration::from_millis(10);
/// How long a collector may take for the last spans.
const LAST_SPANS: Duration = Duration::from_secs(3);

/// Stops in the order that loses nothing.
pub(super) async fn shut_down(router: &Router, rails: &Rails, servers: &Servers, probing: Probing) {
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
    // 4. What is on its way to a destination, or was held back, is waited for, and how far that is, stored.
    let rehearsed = router.rehearsals.end(None);
    router.rehearsals.wind_up(within).await;
    rails.finish(within).await;
    if let Some(ended) = rehearsed {
        rehearsal::stopped(router, &ended).await;
    }
    if tokio::time::timeout(within, router.journal.send(Drain)).await.is_err() {
        tracing::warn!("the adapter's cursor could not be stored in time");
    }
    validation::finish(&router.validator, probing, within).await;
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
