//! `GET /v1/stats`: one snapshot of everything that the dashboard shows.
//!
//! `broadcaster`, `classification` and `validation` have the names that the original system gave its
//! counters, and mean what those were meant to mean.

mod adapters;

use std::collections::BTreeMap;

use actix_web::web;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

pub use self::adapters::AdapterStats;
use super::{
    Router,
    contract::problems,
    dead_letters::dead_letter_counts,
    ledger::balances,
    ops::list_sessions,
    problem::{Problem, stopping},
};
use crate::{
    actors::{
        journal::{GetStatus, JournalStatus},
        shard::SessionRow,
    },
    adapters::Settled,
    core::{
        event::{Category, Position, Seq, rfc3339},
        ledger::Balance,
        stats::Validations,
        tail::Tail,
    },
    settings::{Mode, Paths},
    telemetry::{DeliveryStats, HttpStats, IngestStats, resident_memory},
};

problems!(
    /// A router that stops cannot tell.
    pub(super) StatsProblems: ShuttingDown
);

/// Everything at a glance. Counters begin with the process; rates are of the last whole seconds.
#[derive(Debug, Serialize, ToSchema)]
pub struct StatsSnapshot {
    /// The version that runs.
    pub version: &'static str,
    /// How long it runs.
    pub uptime_seconds: u64,
    /// Memory that the process holds, where the system tells.
    pub memory_bytes: Option<u64>,
    /// The journal, and what waits for it.
    pub journal: JournalStats,
    /// The newest events, in memory.
    pub tail: TailStats,
    /// Who is connected.
    pub sessions: SessionStats,
    /// Whether the accounts add up, by path.
    pub ledger: LedgerStats,
    /// Events on their way in.
    pub ingest: IngestStats,
    /// Events on their way out, to sessions.
    pub delivery: DeliveryStats,
    /// The delivery paths that are on, the direct one first.
    pub adapters: Vec<AdapterStats>,
    /// Requests.
    pub http: HttpStats,
    /// The counters of the original's broadcaster.
    pub broadcaster: BroadcasterStats,
    /// The counters of the original's classifier.
    pub classification: ClassificationStats,
    /// The counters of the original's validation.
    pub validation: Validations,
}

/// The journal, and what waits for it.
#[derive(Debug, Serialize, ToSchema)]
pub struct JournalStats {
    /// Its identity.
    pub epoch: Uuid,
    /// The newest event; 0 when there is none.
    #[schema(value_type = u64)]
    pub head_seq: Seq,
    /// The oldest event that is kept.
    #[schema(value_type = u64)]
    pub first_seq: Seq,
    /// When the newest event was committed, as RFC 3339.
    #[schema(format = DateTime, required)]
    pub last_created_at: Option<String>,
    /// `ready`, `recovering`, `down` or `draining`.
    pub state: &'static str,
    /// Events that wait for a commit.
    pub queue_events: usize,
    /// Bytes that wait for a commit.
    pub queue_bytes: usize,
    /// How long the oldest of them has waited, in milliseconds.
    pub queue_age_ms: u64,
    /// Most events that the next commit would take.
    pub batch_events: usize,
    /// The database, without secrets.
    pub storage: String,
}

/// The newest events, in memory.
#[derive(Debug, Serialize, ToSchema)]
pub struct TailStats {
    /// The first that can be read there.
    #[schema(value_type = u64)]
    pub first_seq: Seq,
    /// How many there are.
    pub events: u64,
    /// Bytes they take.
    pub bytes: usize,
}

/// Who is connected.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionStats {
    /// Sessions.
    pub connected: usize,
    /// Those that have subscribed.
    pub subscribed: usize,
    /// Those whose socket refuses bytes now.
    pub blocked: usize,
    /// How far the slowest is behind, in events.
    pub largest_lag: u64,
    /// Bytes that sockets of present sessions took.
    pub bytes: u64,
}

/// Whether the accounts add up.
#[derive(Debug, Serialize, ToSchema)]
pub struct LedgerStats {
    /// What subscribers of this router are given by itself, as `GET /v1/ledger` has it.
    pub direct: Balance,
    /// What is delivered to a Realtime, when that is on.
    #[schema(required)]
    pub realtime: Option<Balance>,
}

/// The counters of the original's broadcaster.
#[derive(Debug, Serialize, ToSchema)]
pub struct BroadcasterStats {
    /// Events that were to be shown, each once, whether it came alone or in a batch and whichever
    /// paths it takes; duplicates never.
    pub total_broadcasts: u64,
    /// Events put where dashboards read them, connected or not.
    pub direct_broadcasts: u64,
    /// Events that the destination of an adapter has, as it said. One that waits is not counted yet.
    pub adapter_broadcasts: u64,
    /// Events that will not arrive, on one path or all: taken and then not committed, set aside as
    /// dead letters, or deleted before they were delivered. A request that failed and is made again
    /// is not among them: `adapters` counts it.
    pub failed_broadcasts: u64,
    /// The newest `seq`. It does not begin anew with the process.
    #[schema(value_type = u64)]
    pub sequence_counter: Seq,
    /// Sessions.
    pub connected_clients: usize,
    /// Whether events are given to an adapter.
    pub use_adapter: bool,
    /// Whether events take both paths.
    pub use_dual_mode: bool,
}

/// The counters of the original's classifier.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClassificationStats {
    /// Events that were given a category, by their producer or by the classifier, and committed.
    pub total_classified: u64,
    /// By category, all of which are there.
    #[schema(value_type = BTreeMap<String, u64>)]
    pub category_distribution: BTreeMap<Category, u64>,
    /// Always 0: what nothing speaks for is `system`.
    pub classification_errors: u64,
}

/// Everything at a glance.
///
/// # Errors
/// When the router is stopping.
#[utoipa::path(
    get, path = "/v1/stats", operation_id = "get_stats", tag = "operating",
    responses((status = 200, description = "A snapshot.", body = StatsSnapshot), StatsProblems)
)]
pub async fn stats(router: web::Data<Router>) -> Result<web::Json<StatsSnapshot>, Problem> {
    snapshot(&router).await.map(web::Json)
}

/// All of it.
///
/// # Errors
/// When the router is stopping.
pub(super) async fn snapshot(router: &Router) -> Result<StatsSnapshot, Problem> {
    let journal = router.journal.send(GetStatus).await.map_err(stopping)?;
    let sessions = list_sessions(router).await?;
    let (direct, realtime) = balances(router).await?;
    let told = router.delivery().realtime().await;
    let dead_letters = dead_letter_counts(router).await;
    let settled = told.as_ref().map(|(_, batcher)| batcher.settled).unwrap_or_default();
    let tail = router.tail.load();
    let metrics = &router.metrics;
    let ingest = metrics.stats.ingest();
    Ok(StatsSnapshot {
        version: env!("CARGO_PKG_VERSION"),
        uptime_seconds: router.started.elapsed().as_secs(),
        memory_bytes: resident_memory(),
        journal: journal_stats(journal, &tail, router.storage.describe()),
        tail: tail_stats(&tail),
        sessions: session_stats(&sessions),
        ledger: LedgerStats { direct, realtime },
        broadcaster: BroadcasterStats {
            sequence_counter: tail.position().seq,
            connected_clients: sessions.len(),
            ..broadcaster_stats(&ingest, settled, Paths::of(&router.settings().flags).mode)
        },
        classification: classification_stats(&ingest),
        validation: metrics.stats.validation(),
        delivery: metrics.stats.delivery(),
        adapters: adapters::adapters(router, &told, dead_letters.as_ref()),
        http: metrics.stats.http(),
        ingest,
    })
}

fn journal_stats(status: JournalStatus, tail: &Tail, storage: String) -> JournalStats {
    let head = tail.head();
    let Position { epoch, seq } = head.position();
    JournalStats {
        epoch,
        head_seq: seq,
        first_seq: head.first_seq,
        last_created_at: (seq > 0).then(|| rfc3339(head.last_created_at)),
        state: status.state,
        queue_events: status.queue_events,
        queue_bytes: status.queue_bytes,
        queue_age_ms: status.oldest_ms,
        batch_events: status.batch_events,
        storage,
    }
}

fn tail_stats(tail: &Tail) -> TailStats {
    let first_seq = tail.first();
    TailStats { first_seq, events: tail.next() - first_seq, bytes: tail.bytes() }
}

fn session_stats(sessions: &[SessionRow]) -> SessionStats {
    let count = |f: fn(&SessionRow) -> bool| sessions.iter().filter(|session| f(session)).count();
    SessionStats {
        connected: sessions.len(),
        subscribed: count(|session| session.seq.is_some()),
        blocked: count(|session| session.blocked),
        largest_lag: sessions.iter().map(|session| session.lag).max().unwrap_or(0),
        bytes: sessions.iter().map(|session| session.bytes).sum(),
    }
}

fn broadcaster_stats(ingest: &IngestStats, settled: Settled, mode: Mode) -> BroadcasterStats {
    let Settled { delivered, dead, skipped, .. } = settled;
    BroadcasterStats {
        total_broadcasts: ingest.accepted + ingest.failed,
        direct_broadcasts: ingest.accepted,
        adapter_broadcasts: delivered,
        failed_broadcasts: ingest.failed + dead + skipped,
        sequence_counter: 0,
        connected_clients: 0,
        use_adapter: mode != Mode::Direct,
        use_dual_mode: mode == Mode::Dual,
    }
}

fn classification_stats(ingest: &IngestStats) -> ClassificationStats {
    let all = Category::ALL.into_iter();
    let of = |category| ingest.categories.get(&category).copied().unwrap_or(0);
    ClassificationStats {
        total_classified: ingest.accepted,
        category_distribution: all.map(|category| (category, of(category))).collect(),
        classification_errors: 0,
    }
}
