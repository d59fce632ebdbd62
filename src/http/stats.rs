//! `GET /v1/stats`: one snapshot of everything that the dashboard shows.

use actix_web::web;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    Router,
    contract::problems,
    ops::{balance, list_sessions, stopping},
    problem::Problem,
};
use crate::{
    actors::{journal::GetStatus, shard::SessionRow},
    core::{
        event::{Position, Seq, rfc3339},
        ledger::Balance,
    },
};

problems!(
    /// A router that stops cannot tell.
    StatsProblems: ShuttingDown
);

/// Everything at a glance.
#[derive(Debug, Serialize, ToSchema)]
pub struct Stats {
    journal: JournalStats,
    ledger: LedgerStats,
    sessions: SessionStats,
    tail: TailStats,
    /// How long this process runs.
    uptime_seconds: u64,
    /// What runs.
    #[schema(example = "0.1.0")]
    version: &'static str,
}

/// The journal.
#[derive(Debug, Serialize, ToSchema)]
struct JournalStats {
    /// Most events that the next commit would take.
    batch_events: usize,
    /// Its identity.
    epoch: Uuid,
    /// The oldest event that is kept.
    #[schema(value_type = u64)]
    first_seq: Seq,
    /// The newest event that can be read; 0 when there is none.
    #[schema(value_type = u64)]
    head_seq: Seq,
    /// When that was committed.
    #[schema(format = DateTime, required)]
    last_created_at: Option<String>,
    /// Bytes that wait for a commit.
    queue_bytes: usize,
    /// Events that wait for a commit.
    queue_events: usize,
    /// `ready`, `recovering`, `down` or `draining`.
    state: &'static str,
    /// The database, without a secret.
    storage: String,
}

/// The newest events, in memory.
#[derive(Debug, Serialize, ToSchema)]
struct TailStats {
    bytes: usize,
    events: u64,
    #[schema(value_type = u64)]
    first_seq: Seq,
}

/// All sessions together.
#[derive(Debug, Serialize, ToSchema)]
struct SessionStats {
    /// Sessions whose socket refuses bytes now.
    blocked: u64,
    /// Bytes that sockets took.
    bytes: u64,
    /// Open sessions.
    connected: usize,
    /// How many events the last of them is behind.
    largest_lag: u64,
    /// Sessions that get events.
    subscribed: u64,
}

/// The accounts of each path.
#[derive(Debug, Serialize, ToSchema)]
struct LedgerStats {
    direct: Balance,
}

/// Everything at a glance.
///
/// # Errors
/// When the router is stopping.
#[utoipa::path(
    get, path = "/v1/stats", operation_id = "get_stats", tag = "operating",
    responses((status = 200, description = "A snapshot.", body = Stats), StatsProblems)
)]
pub async fn stats(router: web::Data<Router>) -> Result<web::Json<Stats>, Problem> {
    let journal = router.journal.send(GetStatus).await.map_err(stopping)?;
    let sessions = list_sessions(&router).await?;
    let direct = balance(&router).await?;
    let (head, tail_first, tail_bytes) = {
        let tail = router.tail.load();
        (tail.head(), tail.first(), tail.bytes())
    };
    let Position { epoch, seq } = head.position();
    let sum = |f: fn(&SessionRow) -> u64| sessions.iter().map(f).sum::<u64>();
    Ok(web::Json(Stats {
        version: env!("CARGO_PKG_VERSION"),
        uptime_seconds: router.started.elapsed().as_secs(),
        journal: JournalStats {
            epoch,
            head_seq: seq,
            first_seq: head.first_seq,
            last_created_at: (seq > 0).then(|| rfc3339(head.last_created_at)),
            state: journal.state,
            queue_events: journal.queue_events,
            queue_bytes: journal.queue_bytes,
            batch_events: journal.batch_events,
            storage: router.storage.describe(),
        },
        tail: TailStats { first_seq: tail_first, events: seq + 1 - tail_first, bytes: tail_bytes },
        sessions: SessionStats {
            connected: sessions.len(),
            subscribed: sum(|session| u64::from(session.seq.is_some())),
            blocked: sum(|session| u64::from(session.blocked)),
            largest_lag: sessions.iter().map(|session| session.lag).max().unwrap_or(0),
            bytes: sum(|session| session.bytes),
        },
        ledger: LedgerStats { direct },
    }))
}
