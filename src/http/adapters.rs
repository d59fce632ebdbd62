//! The delivery paths: `GET /v1/adapters`, and `POST /v1/adapters/{name}/breaker`.

use std::sync::Arc;

use actix::Addr;
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Caller, Router,
    contract::problems,
    problem::{Code, Problem},
    query::body,
};
use crate::{
    actors::{
        adapter::{Adapter, AdapterView, BreakerView, Counts, ForceBreaker, GetAdapter},
        batcher::{Batcher, BatcherView, GetBatcher},
    },
    adapters::{AdapterKind, MonitoringAdapter, PathCounters, Settled, TransportKind},
    core::{
        breaker::Force,
        delivery::{
            REALTIME,
            attempt::{Attempt, Outcome},
        },
        event::{Position, rfc3339},
        millis,
        stats::Quantiles,
    },
};

/// The delivery paths of a router, as they are now.
#[derive(Clone)]
pub struct Delivery {
    /// Every path, as it reports itself; the direct one first.
    pub paths: Vec<Arc<dyn MonitoringAdapter>>,
    /// What delivers to a Realtime, when that is on.
    pub realtime: Option<Realtime>,
}

/// The actors of the realtime path.
#[derive(Clone)]
pub struct Realtime {
    /// The one that sends.
    pub adapter: Addr<Adapter>,
    /// The one that reads.
    pub batcher: Addr<Batcher>,
}

impl Delivery {
    /// How the realtime path is; `None` when it is off, or its actors are gone.
    pub async fn realtime(&self) -> Option<(AdapterView, BatcherView)> {
        let Realtime { adapter, batcher } = self.realtime.as_ref()?;
        let (adapter, batcher) =
            futures_util::future::join(adapter.send(GetAdapter), batcher.send(GetBatcher)).await;
        adapter.ok().zip(batcher.ok())
    }
}

problems!(
    /// What forcing a breaker may end in.
    BreakerProblems: BadBreakerRequest, NotFound, ShuttingDown
);

/// The delivery paths.
#[derive(Debug, Serialize, ToSchema)]
pub struct Adapters {
    /// The direct path first.
    adapters: Vec<AdapterRow>,
}

/// A delivery path.
#[derive(Debug, Serialize, ToSchema)]
struct AdapterRow {
    /// Its name.
    name: AdapterKind,
    /// Where it leads, without a secret.
    destination: String,
    /// Whether it would deliver now.
    healthy: bool,
    /// Why not.
    #[schema(required)]
    fault: Option<String>,
    /// What it has done since the router started.
    counters: PathCounters,
    /// How it delivers, where it has a cursor.
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery: Option<DeliveryRow>,
}

/// How a path with a cursor delivers.
#[derive(Debug, Serialize, ToSchema)]
struct DeliveryRow {
    /// `broadcast`, `channel` or `postgres`.
    transport: &'static str,
    /// The commit to the journal is the delivery: nothing is sent.
    published: bool,
    /// What it does now, in a word.
    phase: &'static str,
    /// The last event that is settled.
    position: Position,
    /// Events that wait, those on their way among them.
    lag_events: u64,
    /// How long the oldest of them has been committed.
    lag_seconds: f64,
    /// What became of events since the router started.
    settled: Settled,
    /// Most events that the next request takes.
    batch_events: usize,
    /// How long the next batch would wait to fill, in milliseconds.
    linger_ms: u64,
    /// Requests since the router started.
    attempts: AttemptCounts,
    /// How long requests took in the last minute.
    latency: Quantiles,
    /// Until when it waits, after a failure or because it was asked to.
    #[schema(format = DateTime, required)]
    waits_until: Option<String>,
    /// The newest request that failed.
    #[schema(required)]
    last_failure: Option<FailureRow>,
    /// When it sends, and when it leaves the destination alone.
    breaker: BreakerRow,
    /// The last states of the breaker, newest first.
    transitions: Vec<BreakerRow>,
}

/// Requests, by how they ended.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AttemptCounts {
    /// The destination has the events.
    delivered: u64,
    /// No connection, no answer, or an error that may pass.
    transient: u64,
    /// It asked for fewer requests.
    rate_limited: u64,
    /// It refused some of the events.
    rejected: u64,
    /// A setting is wrong, here or there.
    misconfigured: u64,
}

/// A request that failed.
#[derive(Debug, Serialize, ToSchema)]
struct FailureRow {
    /// When its answer came.
    #[schema(format = DateTime)]
    at: String,
    /// `transient`, `rate_limited`, `rejected` or `misconfigured`.
    outcome: &'static str,
    /// The destination's words.
    reason: String,
    /// The first event in it.
    first_seq: u64,
    /// The last event in it.
    last_seq: u64,
}

/// A breaker.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Breaker)]
pub struct BreakerRow {
    /// `closed`: events flow. `open`: nothing is sent. `half-open`: one event is, as a probe.
    state: &'static str,
    /// Since when.
    #[schema(format = DateTime)]
    since: String,
    /// Until when it is open, where that ends by itself.
    #[schema(format = DateTime, required)]
    until: Option<String>,
    /// Why it is so.
    #[schema(required)]
    cause: Option<String>,
    /// What somebody makes it do; `auto`: nobody does.
    forced: &'static str,
    /// Failures in a row.
    consecutive_failures: u32,
    /// Newest attempts that count.
    window_attempts: usize,
    /// Those of them that failed.
    window_failures: usize,
}

impl From<BreakerView> for BreakerRow {
    fn from(view: BreakerView) -> Self {
        Self {
            state: view.state.name(),
            since: rfc3339(view.since),
            until: view.until.map(rfc3339),
            cause: view.cause,
            forced: view.forced.name(),
            consecutive_failures: view.consecutive_failures,
            window_attempts: view.window_attempts,
            window_failures: view.window_failures,
        }
    }
}

impl From<Counts> for AttemptCounts {
    fn from(counts: Counts) -> Self {
        Self {
            delivered: counts.of(Outcome::Delivered),
            transient: counts.of(Outcome::Transient),
            rate_limited: counts.of(Outcome::RateLimited),
            rejected: counts.of(Outcome::Rejected),
            misconfigured: counts.of(Outcome::Misconfigured),
        }
    }
}

impl From<Attempt> for FailureRow {
    fn from(attempt: Attempt) -> Self {
        Self {
            at: rfc3339(attempt.at),
            outcome: attempt.outcome.name(),
            reason: attempt.reason.unwrap_or_default(),
            first_seq: attempt.first,
            last_seq: attempt.last,
        }
    }
}

impl DeliveryRow {
    fn new(adapter: AdapterView, batcher: &BatcherView) -> Self {
        Self {
            transport: match adapter.transport {
                TransportKind::Broadcast => "broadcast",
                TransportKind::Channel => "channel",
                TransportKind::Postgres => "postgres",
            },
            published: adapter.published,
            phase: batcher.phase,
            position: batcher.position,
            lag_events: batcher.lag_events,
            lag_seconds: batcher.lag.as_secs_f64(),
            settled: batcher.settled,
            batch_events: batcher.batch_events,
            linger_ms: millis::whole(batcher.linger),
            attempts: adapter.attempts.into(),
            latency: adapter.latency,
            waits_until: adapter.waits_until.map(rfc3339),
            last_failure: adapter.last_failure.map(Into::into),
            breaker: adapter.breaker.into(),
            transitions: adapter.transitions.into_iter().map(Into::into).collect(),
        }
    }
}

/// Every delivery path: how it is, how far, and what it has done.
#[utoipa::path(
    get, path = "/v1/adapters", tag = "operating",
    responses((status = 200, description = "The paths that are on.", body = Adapters))
)]
pub async fn list(router: web::Data<Router>) -> web::Json<Adapters> {
    let delivery = router.delivery();
    let mut realtime = delivery.realtime().await;
    let mut adapters = Vec::with_capacity(delivery.paths.len());
    for path in &delivery.paths {
        let name = path.kind();
        let delivery = if name == AdapterKind::Realtime { realtime.take() } else { None };
        let health = path.health().await;
        adapters.push(AdapterRow {
            name,
            destination: path.describe(),
            healthy: health.is_ok(),
            fault: health.err(),
            counters: path.counters(),
            delivery: delivery.map(|(adapter, batcher)| DeliveryRow::new(adapter, &batcher)),
        });
    }
    web::Json(Adapters { adapters })
}

/// What a breaker is to do.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Wanted {
    /// Nothing is sent, until somebody says otherwise.
    Open,
    /// Events are sent, whatever becomes of them.
    Closed,
    /// It decides by itself again, and begins with a probe.
    Auto,
}

/// The body of a request to a breaker.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BreakerRequest {
    /// What it is to do.
    state: Wanted,
}

/// Opens or closes a breaker, or lets it decide by itself again. The audit log says who did it.
///
/// # Errors
/// When there is no such breaker, or the body makes no sense.
#[utoipa::path(
    post, path = "/v1/adapters/{name}/breaker", operation_id = "force_breaker", tag = "operating",
    params(("name" = String, Path, description = "The adapter: `realtime`.", example = "realtime")),
    request_body = BreakerRequest,
    responses((status = 200, description = "The breaker, as it is now.", body = BreakerRow), BreakerProblems)
)]
pub async fn force(
    router: web::Data<Router>,
    caller: web::ReqData<Caller>,
    name: web::Path<String>,
    sent: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let delivery = router.delivery();
    let realtime = delivery.realtime.as_ref().filter(|_| *name.as_str() == *REALTIME);
    let Some(Realtime { adapter, .. }) = realtime else {
        let detail = format!("there is no adapter {name:?} with a breaker; see /v1/adapters");
        return Err(Problem::new(Code::NotFound, detail));
    };
    let form = r#"{"state": "open", "closed" or "auto"}"#;
    let BreakerRequest { state } = body(&sent, Code::BadBreakerRequest, form)?;
    let force = match state {
        Wanted::Open => Force::Open,
        Wanted::Closed => Force::Closed,
        Wanted::Auto => Force::Auto,
    };
    let forced = adapter.send(ForceBreaker { force, by: caller.name().into() }).await;
    let view = forced.map_err(|_gone| router.stopping())?;
    Ok(HttpResponse::Ok().json(BreakerRow::from(view)))
}
