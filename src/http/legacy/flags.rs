//! What the original system told of its flags and its metrics: under its names, and only what is so.

use std::{future::Future, time::Duration};

use actix::MailboxError;
use actix_web::{HttpResponse, web};
use chrono::Utc;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{
    actors::{
        journal::{PublishError, WriteCursors},
        validator::WriteVerdicts,
    },
    adapters::AdapterKind,
    core::{
        event::{Position, Seq, rfc3339},
        flags::{Level, Mode},
        stats::Validations,
    },
    http::{
        Router,
        contract::problems,
        problem::{Code, Problem},
        stats::{self, AdapterStats, BroadcasterStats, StatsProblems},
    },
    settings::Snapshot,
};

problems!(
    /// What writing what waits may end in.
    FlushProblems: OutcomeUnknown, QueueFull, ShuttingDown, StorageFull, StorageUnavailable
);

/// The flags, under the names that the original system had for them.
#[derive(Debug, Serialize, ToSchema)]
pub struct FlagsStatus {
    /// By the name of the variable.
    #[schema(value_type = Object, example = json!({ "MONITORING_DUAL_MODE": false }))]
    flags: Map<String, Value>,
    /// The number of the settings in force.
    generation: u64,
    /// `ok`.
    status: &'static str,
    /// When this was said.
    #[schema(format = "date-time")]
    timestamp: String,
}

/// Whether flags contradict each other.
#[derive(Debug, Serialize, ToSchema)]
pub struct FlagsHealth {
    /// Each contradiction, as a sentence.
    issues: Vec<String>,
    /// What else is to be said.
    notes: Vec<String>,
    /// `degraded` when there are issues.
    status: FlagsCondition,
    /// When this was said.
    #[schema(format = "date-time")]
    timestamp: String,
}

/// How flags are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FlagsCondition {
    /// Each does what it says.
    Healthy,
    /// Some do not.
    Degraded,
}

/// What validation found at ingest.
#[derive(Debug, Serialize, ToSchema)]
pub struct ValidationMetrics {
    /// By event type, since the router started.
    metrics: Validations,
    /// `ok`.
    status: &'static str,
    /// When this was said.
    #[schema(format = "date-time")]
    timestamp: String,
}

/// What the broadcaster and its adapters did.
#[derive(Debug, Serialize, ToSchema)]
pub struct AdapterMetrics {
    /// `websocket`, `realtime` or `dual`: what delivers events that take every path that is on.
    adapter_type: AdapterKind,
    /// What the broadcaster did.
    metrics: BroadcasterStats,
    /// Each path that is on.
    adapters: Vec<AdapterStats>,
    /// `ok`.
    status: &'static str,
    /// When this was said.
    #[schema(format = "date-time")]
    timestamp: String,
}

/// What was written, all of which is durable by now.
#[derive(Debug, Serialize, ToSchema)]
pub struct Written {
    /// Always true: when it is not, the answer is a problem.
    flushed: bool,
    /// How far adapters are, where that had waited to be written; none when nothing waited.
    cursors: Vec<WrittenCursor>,
    /// How many verdicts of validation had waited to be written; `matched` ones never are.
    verdicts: usize,
    /// `ok`.
    status: &'static str,
    /// When this was said.
    #[schema(format = "date-time")]
    timestamp: String,
}

/// How far an adapter is.
#[derive(Debug, Serialize, ToSchema)]
pub struct WrittenCursor {
    /// Which.
    adapter: Box<str>,
    /// The last event that was settled there.
    position: Position,
    /// Nothing up to this `seq` is left to do.
    #[schema(value_type = u64)]
    through: Seq,
}

fn now() -> String {
    rfc3339(Utc::now())
}

/// The flags under the names of their variables. `GET /v1/flags` tells where the values come from.
#[utoipa::path(
    get, path = "/flags/status", operation_id = "get_legacy_flags", tag = "legacy",
    responses((status = 200, description = "The flags in force.", body = FlagsStatus))
)]
pub async fn flags_status(router: web::Data<Router>) -> web::Json<FlagsStatus> {
    let settings = router.settings();
    let flags = values(&settings);
    let generation = settings.generation;
    web::Json(FlagsStatus { flags, generation, status: "ok", timestamp: now() })
}

fn values(settings: &Snapshot) -> Map<String, Value> {
    let rows = settings.effective(&settings.origins).into_iter();
    rows.filter_map(|row| Some((row.key.other_name()?.to_owned(), row.value))).collect()
}

/// Whether each flag does what it says. Contradictions never make the router unready.
#[utoipa::path(
    get, path = "/health/flags", operation_id = "get_legacy_flags_health", tag = "legacy",
    responses((status = 200, description = "How flags are.", body = FlagsHealth))
)]
pub async fn flags_health(router: web::Data<Router>) -> web::Json<FlagsHealth> {
    let all = router.settings().flag_issues();
    let told = |level| {
        let issues = all.iter().filter(|issue| issue.level == level);
        issues.map(|issue| issue.detail.clone()).collect::<Vec<_>>()
    };
    let (issues, notes) = (told(Level::Contradiction), told(Level::Note));
    let status = FlagsCondition::of(&router.settings());
    web::Json(FlagsHealth { issues, notes, status, timestamp: now() })
}

impl FlagsCondition {
    /// By these settings.
    pub(super) fn of(settings: &Snapshot) -> Self {
        let contradict = |issue: &crate::core::flags::Issue| issue.level == Level::Contradiction;
        if settings.flag_issues().iter().any(contradict) { Self::Degraded } else { Self::Healthy }
    }
}

/// What validation found at ingest, by event type, since the router started.
#[utoipa::path(
    get, path = "/metrics/validation", operation_id = "get_legacy_validation_metrics", tag = "legacy",
    responses((status = 200, description = "Counts by event type.", body = ValidationMetrics))
)]
pub async fn validation_metrics(router: web::Data<Router>) -> web::Json<ValidationMetrics> {
    let metrics = router.metrics.stats.validation();
    web::Json(ValidationMetrics { metrics, status: "ok", timestamp: now() })
}

/// What the broadcaster did, and each path that is on.
///
/// # Errors
/// When the router is stopping.
#[utoipa::path(
    get, path = "/metrics/adapter", operation_id = "get_legacy_adapter_metrics", tag = "legacy",
    responses(
        (status = 200, description = "Counts since the router started.", body = AdapterMetrics),
        StatsProblems,
    )
)]
pub async fn adapter_metrics(
    router: web::Data<Router>,
) -> Result<web::Json<AdapterMetrics>, Problem> {
    let snapshot = stats::snapshot(&router).await?;
    Ok(web::Json(AdapterMetrics {
        adapter_type: match router.settings().routing().paths().mode {
            Mode::Direct => AdapterKind::Websocket,
            Mode::Adapter => AdapterKind::Realtime,
            Mode::Dual => AdapterKind::Dual,
        },
        metrics: snapshot.broadcaster,
        adapters: snapshot.adapters,
        status: "ok",
        timestamp: now(),
    }))
}

/// Has what waits to be stored beside the events written now, and says what was: how far adapters
/// are, which is otherwise written within half a second, and verdicts of validation, of which a
/// hundred are written each second.
///
/// # Errors
/// When it is not durable, or perhaps not.
#[utoipa::path(
    post, path = "/metrics/flush", operation_id = "flush_legacy_metrics", tag = "legacy",
    responses((status = 200, description = "All that waited is durable.", body = Written), FlushProblems)
)]
pub async fn flush(router: web::Data<Router>) -> Result<HttpResponse, Problem> {
    let within = router.settings().journal.answer_timeout;
    let steps = written(within, router.journal.send(WriteCursors)).await;
    let steps = steps.map_err(|error| unwritten("what waits", &error))?;
    let verdicts = written(within, router.validator.send(WriteVerdicts)).await;
    let verdicts = verdicts.map_err(|error| {
        unwritten("how far adapters are is written, and what waits of verdicts", &error)
    })?;
    let cursors = steps.into_iter().map(|step| WrittenCursor {
        adapter: step.name,
        position: step.position,
        through: step.through,
    });
    let (cursors, timestamp) = (cursors.collect(), now());
    Ok(HttpResponse::Ok().json(Written {
        flushed: true,
        cursors,
        verdicts,
        status: "ok",
        timestamp,
    }))
}

/// What is known of it in time.
async fn written<T>(
    within: Duration,
    answer: impl Future<Output = Result<Result<T, PublishError>, MailboxError>>,
) -> Result<T, PublishError> {
    match tokio::time::timeout(within, answer).await {
        Ok(Ok(written)) => written,
        Ok(Err(_)) | Err(_) => Err(PublishError::Unknown),
    }
}

fn unwritten(what: &str, error: &PublishError) -> Problem {
    let code = match error {
        PublishError::QueueFull => Code::QueueFull,
        PublishError::StorageFull => Code::StorageFull,
        PublishError::ShuttingDown => Code::ShuttingDown,
        PublishError::Unavailable | PublishError::Refused(_) => Code::StorageUnavailable,
        PublishError::Unknown => Code::OutcomeUnknown,
    };
    Problem::new(code, format!("{what} is not known to be written: {error}"))
}
