//! The delivery paths among the statistics: what a dashboard shows of each.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    actors::{adapter::AdapterView, batcher::BatcherView},
    adapters::{AdapterKind, PathCounters, Settled},
    core::{delivery::REALTIME, stats::Quantiles},
    http::{Router, adapters::AttemptCounts, dead_letters::DeadLetterCounts},
};

/// A delivery path that is on.
#[derive(Debug, Serialize, ToSchema)]
pub struct AdapterStats {
    /// Which.
    name: AdapterKind,
    /// What it has done since the router started.
    #[serde(flatten)]
    counters: PathCounters,
    /// How it delivers, where it has a cursor.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    delivery: Option<AdapterDelivery>,
}

/// How a path with a cursor delivers. `GET /v1/adapters` tells more.
#[derive(Debug, Serialize, ToSchema)]
struct AdapterDelivery {
    /// What it does now, in a word.
    phase: &'static str,
    /// `closed`, `open` or `half-open`.
    breaker: &'static str,
    /// Events that wait, those on their way among them.
    lag_events: u64,
    /// How long the oldest of them has been committed.
    lag_seconds: f64,
    /// What became of events since the router started.
    settled: Settled,
    /// Requests since the router started.
    attempts: AttemptCounts,
    /// How long requests took in the last minute.
    latency: Quantiles,
    /// Most events that the next request takes.
    batch_events: usize,
    /// How many dead letters there are; `null` while the database does not tell.
    #[schema(required)]
    dead_letters: Option<DeadLetterCounts>,
}

/// What the actors of the realtime path told, when it is on.
pub(super) type Told = Option<(AdapterView, BatcherView)>;

/// Every path that is on.
pub(super) fn adapters(
    router: &Router,
    told: &Told,
    dead_letters: Option<&BTreeMap<String, DeadLetterCounts>>,
) -> Vec<AdapterStats> {
    let dead_letters = dead_letters.map(|all| all.get(REALTIME).copied().unwrap_or_default());
    let delivery = |(adapter, batcher): &(AdapterView, BatcherView)| AdapterDelivery {
        phase: batcher.phase,
        breaker: adapter.breaker.state.name(),
        lag_events: batcher.lag_events,
        lag_seconds: batcher.lag.as_secs_f64(),
        settled: batcher.settled,
        attempts: adapter.attempts.into(),
        latency: adapter.latency,
        batch_events: batcher.batch_events,
        dead_letters,
    };
    let paths = router.delivery();
    let paths = paths.paths.iter().map(|path| AdapterStats {
        name: path.kind(),
        counters: path.counters(),
        delivery: match path.kind() {
            AdapterKind::Realtime => told.as_ref().map(delivery),
            AdapterKind::Websocket | AdapterKind::Dual => None,
        },
    });
    paths.collect()
}
