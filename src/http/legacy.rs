//! What the original system answered about itself: `/status` and `/health`, with values that are
//! looked at and not written down. Its sockets are opened by [`upgrade`].

pub mod flags;
pub mod producer;

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::Utc;
use serde::Serialize;
use utoipa::ToSchema;

use self::flags::FlagsCondition;
use super::{
    Router, ops,
    problem::Problem,
    upgrade::{self, UpgradeProblems},
};
use crate::{
    actors::{broadcaster::AreShardsAlive, journal::GetStatus},
    core::event::rfc3339,
};

/// The name of this service.
const SERVICE: &str = "signalbox";

/// That the router is there.
#[derive(Debug, Serialize, ToSchema)]
pub struct Presence {
    /// Everybody who is connected, whatever they speak.
    clients_connected: usize,
    /// `signalbox`.
    service: &'static str,
    /// `ok`.
    status: &'static str,
    /// When this was said.
    #[schema(format = "date-time")]
    timestamp: String,
}

/// Whether the router does its work.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    components: Components,
    /// Where the router listens.
    port: u16,
    /// `signalbox`.
    service: &'static str,
    /// That of the worst of them.
    status: Condition,
    /// When this was said.
    #[schema(format = "date-time")]
    timestamp_utc: String,
}

/// The parts of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Components {
    /// What dashboards ask for can be read.
    dashboard: Condition,
    /// Flags do what they say; where some do not, `degraded`.
    flags: Condition,
    /// Events are taken.
    metrics: Condition,
    /// Everything that matched was delivered, dropped by name, or is on its way: the ledger balances.
    ledger: Condition,
    /// Sockets are served.
    websocket: Condition,
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    /// As it should be.
    Healthy,
    /// Not as it should be, and does its work.
    Degraded,
    /// Does not do its work.
    Unhealthy,
}

impl Condition {
    fn of(is_healthy: bool) -> Self {
        if is_healthy { Self::Healthy } else { Self::Unhealthy }
    }

    /// Of something without which the work is done all the same.
    fn of_extra(is_healthy: bool) -> Self {
        if is_healthy { Self::Healthy } else { Self::Degraded }
    }
}

/// That it is there, and how many clients are connected, whatever they speak.
///
/// # Errors
/// When the router is stopping.
#[utoipa::path(
    get, path = "/status", operation_id = "get_legacy_status", tag = "legacy",
    responses((status = 200, description = "It is there.", body = Presence), ops::StoppingProblems)
)]
pub async fn status(router: web::Data<Router>) -> Result<HttpResponse, Problem> {
    let clients_connected = ops::list_sessions(&router).await?.len();
    let timestamp = rfc3339(Utc::now());
    Ok(HttpResponse::Ok().json(Presence {
        clients_connected,
        service: SERVICE,
        status: "ok",
        timestamp,
    }))
}

/// Whether sockets are served, what dashboards ask for can be read, events are taken, and flags do
/// what they say. No client is needed for any of it.
#[utoipa::path(
    get, path = "/health", operation_id = "get_legacy_health", tag = "legacy",
    responses(
        (status = 200, description = "It does its work.", body = Health),
        (status = 503, description = "It does not.", body = Health),
    )
)]
pub async fn health(router: web::Data<Router>) -> HttpResponse {
    let are_shards_alive = router.broadcaster.send(AreShardsAlive).await.unwrap_or(false);
    let journal = router.journal.send(GetStatus).await;
    let components = Components {
        dashboard: Condition::of(router.storage.head().await.is_ok()),
        flags: match FlagsCondition::of(&router.settings()) {
            FlagsCondition::Healthy => Condition::Healthy,
            FlagsCondition::Degraded => Condition::Degraded,
        },
        metrics: Condition::of(journal.is_ok_and(|status| status.state == "ready")),
        ledger: Condition::of_extra(router.ledger.balances()),
        websocket: Condition::of(are_shards_alive && !router.is_draining()),
    };
    let Components { dashboard, flags, metrics, ledger, websocket } = components;
    let status = dashboard.max(flags).max(metrics).max(ledger).max(websocket);
    let mut response = match status {
        Condition::Healthy | Condition::Degraded => HttpResponse::Ok(),
        Condition::Unhealthy => HttpResponse::ServiceUnavailable(),
    };
    response.json(Health {
        components,
        port: router.legacy.port(),
        service: SERVICE,
        status,
        timestamp_utc: rfc3339(Utc::now()),
    })
}

/// A WebSocket for dashboards of the original system.
///
/// # Errors
/// Always, because an upgrade does not come here.
#[utoipa::path(
    get, path = "/ws", operation_id = "open_legacy_dashboard", tag = "legacy",
    params(
        ("client_id" = Option<String>, Query, description = "What the client is called in the list of sessions.", min_length = 1, max_length = 128),
    ),
    responses((status = 101, description = "`initial_stats` follows."), UpgradeProblems)
)]
pub async fn dashboard(request: HttpRequest) -> Result<HttpResponse, Problem> {
    upgrade::expected(request).await
}

/// A WebSocket for producers of the original system.
///
/// # Errors
/// Always, because an upgrade does not come here.
#[utoipa::path(
    get, path = "/events", operation_id = "open_legacy_producer", tag = "legacy",
    responses((status = 101, description = "A frame is an event."), UpgradeProblems)
)]
pub async fn producer(request: HttpRequest) -> Result<HttpResponse, Problem> {
    upgrade::expected(request).await
}
