//! `GET /v1/stats`: one snapshot of everything that the dashboard shows.

use actix_web::{HttpResponse, web};
use serde_json::json;

use super::{
    Router,
    ops::{balance, list_sessions, stopping},
    problem::Problem,
};
use crate::{
    actors::{journal::GetStatus, shard::SessionRow},
    core::event::Position,
};

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
