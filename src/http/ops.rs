//! What operators look at: health, metrics, who is connected, and whether the ledger balances.

use actix::MailboxError;
use actix_web::{HttpResponse, http::header::ContentType, web};
use serde_json::json;

use super::{
    ROUTES, Route, Router,
    problem::{self, Problem},
};
use crate::{
    actors::{
        broadcaster::{CloseSession, GetLedger, ListSessions},
        journal::GetStatus,
        shard::SessionRow,
    },
    core::{event::Position, ledger::Balance},
};

/// The process answers: that is all this says.
pub async fn livez() -> &'static str {
    "ok\n"
}

/// Whether events are taken.
///
/// # Errors
/// 503 with the reason when they are not.
pub async fn readyz(router: web::Data<Router>) -> Result<&'static str, Problem> {
    let status = router.journal.send(GetStatus).await;
    let state = status.map_or("gone", |status| status.state);
    if state == "ready" && !router.is_draining() {
        return Ok("ready\n");
    }
    let state = if router.is_draining() { "draining" } else { state };
    let detail = format!("the journal is {state}");
    Err(Problem::unavailable("not_ready", detail, std::time::Duration::from_secs(1)))
}

/// All metrics.
pub async fn metrics(router: web::Data<Router>) -> HttpResponse {
    let body = router.metrics.render();
    HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(body)
}

/// Who is connected.
///
/// # Errors
/// When the router is stopping.
pub async fn sessions(router: web::Data<Router>) -> Result<HttpResponse, Problem> {
    let mut sessions = list_sessions(&router).await?;
    sessions.sort_by_key(|session| session.id);
    Ok(HttpResponse::Ok().json(json!({ "sessions": sessions })))
}

/// Closes a session.
///
/// # Errors
/// When there is none of that id.
pub async fn close_session(
    router: web::Data<Router>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = problem::uuid("a session", &id)?;
    match router.broadcaster.send(CloseSession(id)).await {
        Ok(true) => Ok(HttpResponse::NoContent().finish()),
        Ok(false) => Err(Problem::not_found(format!("there is no session {id}"))),
        Err(error) => Err(stopping(error)),
    }
}

/// Everything at a glance.
///
/// # Errors
/// When the router is stopping.
pub async fn stats(router: web::Data<Router>) -> Result<HttpResponse, Problem> {
    let journal = router.journal.send(GetStatus).await.map_err(stopping)?;
    let sessions = list_sessions(&router).await?;
    let ledger = balance(&router).await?;
    let (head, tail_first, tail_bytes) = {
        let tail = router.tail.load();
        (tail.head(), tail.first(), tail.bytes())
    };
    let Position { epoch, seq } = head.position();
    let sum = |f: fn(&SessionRow) -> u64| sessions.iter().map(f).sum::<u64>();
    Ok(HttpResponse::Ok().json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_seconds": router.started.elapsed().as_secs(),
        "journal": {
            "epoch": epoch,
            "head_seq": seq,
            "first_seq": head.first_seq,
            "last_created_at": (seq > 0).then(|| crate::core::event::rfc3339(head.last_created_at)),
            "state": journal.state,
            "queue_events": journal.queue_events,
            "queue_bytes": journal.queue_bytes,
            "batch_events": journal.batch_events,
            "storage": router.storage.describe(),
        },
        "tail": { "first_seq": tail_first, "events": seq + 1 - tail_first, "bytes": tail_bytes },
        "sessions": {
            "connected": sessions.len(),
            "subscribed": sum(|session| u64::from(session.seq.is_some())),
            "blocked": sum(|session| u64::from(session.blocked)),
            "largest_lag": sessions.iter().map(|session| session.lag).max().unwrap_or(0),
            "bytes": sum(|session| session.bytes),
        },
        "ledger": { "direct": ledger },
    })))
}

/// Whether what matched was delivered, dropped by name, or is still to come.
///
/// # Errors
/// When the router is stopping.
pub async fn ledger(router: web::Data<Router>) -> Result<HttpResponse, Problem> {
    let direct = balance(&router).await?;
    let balances = direct.imbalance == 0;
    Ok(HttpResponse::Ok().json(json!({ "balances": balances, "direct": direct })))
}

/// Where to look.
pub async fn index() -> HttpResponse {
    let mut text = format!("Signalbox {}\n\n", env!("CARGO_PKG_VERSION"));
    for route in ROUTES {
        let Route { method, path, what } = route;
        text.extend([&*format!("{method:7} {path:22} "), what, "\n"]);
    }
    HttpResponse::Ok().insert_header(ContentType::plaintext()).body(text)
}

/// Everybody who is connected.
pub(super) async fn list_sessions(router: &Router) -> Result<Vec<SessionRow>, Problem> {
    router.broadcaster.send(ListSessions).await.map_err(stopping)
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
async fn balance(router: &Router) -> Result<Balance, Problem> {
    let balance = router.broadcaster.send(GetLedger).await.map_err(stopping)?;
    router.metrics.ledger_imbalance.set(balance.imbalance as f64);
    Ok(balance)
}

/// An actor does not answer any more, which says nothing to a client but that.
fn stopping(error: MailboxError) -> Problem {
    tracing::debug!(%error, "an actor is gone");
    let after = std::time::Duration::from_secs(5);
    Problem::unavailable("shutting_down", "the router is shutting down", after)
}
