//! What the original system answered about itself: `/status` and `/health`, with values that are
//! looked at and not written down. Its sockets are opened by [`upgrade`](super::upgrade).

pub mod producer;

use actix_web::{HttpResponse, web};
use chrono::Utc;
use serde_json::json;

use super::{Router, ops, problem::Problem};
use crate::{
    actors::{broadcaster::AreShardsAlive, journal::GetStatus},
    core::event::rfc3339,
};

/// The name of this service.
const SERVICE: &str = "signalbox";

/// That it is there, and how many clients are connected, whatever they speak.
///
/// # Errors
/// When the router is stopping.
pub async fn status(router: web::Data<Router>) -> Result<HttpResponse, Problem> {
    let clients = ops::list_sessions(&router).await?.len();
    Ok(HttpResponse::Ok().json(json!({
        "status": "ok",
        "service": SERVICE,
        "clients_connected": clients,
        "timestamp": rfc3339(Utc::now()),
    })))
}

/// Whether it does its work: sockets are served, what dashboards ask for can be read, and metrics
/// are taken. 503 when one of these is not so; no client is needed for any.
pub async fn health(router: web::Data<Router>) -> HttpResponse {
    let are_shards_alive = router.broadcaster.send(AreShardsAlive).await.unwrap_or(false);
    let websocket = are_shards_alive && !router.is_draining();
    let dashboard = router.storage.head().await.is_ok();
    let journal = router.journal.send(GetStatus).await;
    let metrics = journal.is_ok_and(|status| status.state == "ready");
    let is_healthy = websocket && dashboard && metrics;
    let word = |is_healthy| if is_healthy { "healthy" } else { "unhealthy" };
    let mut response =
        if is_healthy { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    response.json(json!({
        "status": word(is_healthy),
        "timestamp_utc": rfc3339(Utc::now()),
        "port": router.legacy.port(),
        "service": SERVICE,
        "components": {
            "websocket": word(websocket),
            "dashboard": word(dashboard),
            "metrics": word(metrics),
        },
    }))
}
