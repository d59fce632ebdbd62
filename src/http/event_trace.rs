//! The whole path of one event: `GET /v1/events/{id}/trace`.
//!
//! Each part says where it is from: what storage tells is durable, and as true after a restart; a
//! recent record is in memory and bounded; what is computed now is of who is connected now.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    Router,
    contract::problems,
    dead_letters::Letter,
    events::find,
    problem::{Problem, spoilt, stopping, unreadable},
    validation::{OfEvent, of_event},
};
use crate::{
    actors::{
        adapter::{AttemptsOf, GetAttempts},
        shard::{GetReached, ReachedRow},
    },
    core::{
        delivery::{REALTIME, attempt::Attempt},
        event::{Category, Event, Seq, rfc3339},
        millis,
    },
};

problems!(
    /// Why an event's path cannot be told.
    TraceProblems: BadId, NotFound, ShuttingDown, StorageUnavailable
);

/// Sessions that are named, of all that an event is for.
const MAX_SESSIONS: usize = 100;

/// Where a part of the answer is from.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Source {
    /// The database: durable, and the same after a restart.
    Storage,
    /// A record in memory, of the last requests since the router started.
    Recent,
    /// Looked up for this answer, among those that are connected.
    Now,
}

/// The path of an event.
#[derive(Debug, Serialize, ToSchema)]
struct EventTrace {
    /// The event's id.
    id: Uuid,
    /// How it came into the journal.
    committed: Committed,
    /// Whom it reaches by the router itself.
    direct: Direct,
    /// How it went to a Realtime; `null` when that path is off and never was on.
    #[schema(required)]
    realtime: Option<OnRealtime>,
    /// What probes saw of it; `null` when nothing is remembered of that, and nothing kept.
    #[schema(required)]
    validation: Option<OfEvent>,
}

/// An event in the journal.
#[derive(Debug, Serialize, ToSchema)]
struct Committed {
    source: Source,
    /// The journal's identity.
    epoch: Uuid,
    /// The event's place in it.
    #[schema(value_type = u64)]
    seq: Seq,
    /// Its type.
    event_type: Box<str>,
    /// Who produced it.
    event_source: Box<str>,
    /// Its category.
    category: Category,
    /// Event time, as its producer says, or when it was received.
    #[schema(format = DateTime)]
    timestamp: String,
    /// When it was committed.
    #[schema(format = DateTime)]
    created_at: String,
    /// Of its data.
    checksum: String,
}

/// What is read from an event's own JSON.
#[derive(Deserialize)]
struct Said {
    epoch: Uuid,
    timestamp: String,
    checksum: String,
}

/// Sessions, streams and channels that are connected now, and that an event is for: their filter
/// matches it, and they began before it. Who was connected earlier is not remembered.
#[derive(Debug, Serialize, ToSchema)]
struct Direct {
    source: Source,
    /// How many it is for.
    matched: usize,
    /// How many of them have it.
    reached: usize,
    /// How many of them are still to get it.
    pending: usize,
    /// Some of them: those that are still to get it first.
    sessions: Vec<ReachedRow>,
    /// How many more there are.
    omitted: usize,
}

/// An event on the way to a Realtime.
#[derive(Debug, Serialize, ToSchema)]
struct OnRealtime {
    /// How far the path is; `null` when it was never on.
    #[schema(required)]
    cursor: Option<CursorPart>,
    /// The requests that the event was in; `null` when the path is off.
    #[schema(required)]
    attempts: Option<AttemptsPart>,
    /// The dead letter that it is, if it was set aside.
    #[schema(required)]
    dead_letter: Option<LetterPart>,
}

/// How far a path has come, as it is stored.
#[derive(Debug, Serialize, ToSchema)]
struct CursorPart {
    source: Source,
    /// `settled`: the path is through with the event, which was delivered, set aside as a dead letter,
    /// or committed before this path was first on. `waiting`: it is still to be settled, or that is
    /// not stored yet.
    state: &'static str,
    /// Everything up to here is settled.
    #[schema(value_type = u64)]
    through: Seq,
    /// When that was stored.
    #[schema(format = DateTime)]
    updated_at: String,
}

/// Requests that an event was in.
#[derive(Debug, Serialize, ToSchema)]
struct AttemptsPart {
    source: Source,
    /// Nothing is known of requests before this.
    #[schema(format = DateTime)]
    since: String,
    /// Oldest first.
    attempts: Vec<AttemptRow>,
}

/// A request to a destination.
#[derive(Debug, Serialize, ToSchema)]
struct AttemptRow {
    /// When its answer came.
    #[schema(format = DateTime)]
    at: String,
    /// `delivered`, `transient`, `rate_limited`, `rejected` or `misconfigured`.
    outcome: &'static str,
    /// The destination's words, where it failed.
    #[schema(required)]
    reason: Option<String>,
    /// From sending it to its answer, in milliseconds.
    latency_ms: f64,
    /// The breaker when it was sent.
    breaker: &'static str,
    /// Events in it.
    events: usize,
    /// The first of them.
    #[schema(value_type = u64)]
    first_seq: Seq,
    /// The last of them.
    #[schema(value_type = u64)]
    last_seq: Seq,
}

/// A dead letter, without its event.
#[derive(Debug, Serialize, ToSchema)]
struct LetterPart {
    source: Source,
    #[serde(flatten)]
    letter: Letter,
}

/// The whole path of an event that is still in the journal: how it was committed, whom it reaches by
/// the router itself, and how it went to a Realtime. Each part names its `source`.
///
/// # Errors
/// When there is none of that id, or storage cannot be read.
#[utoipa::path(
    get, path = "/v1/events/{id}/trace", operation_id = "trace_event", tag = "events",
    params(("id" = uuid::Uuid, Path, description = "As the router wrote it.")),
    responses((status = 200, description = "Its path.", body = EventTrace), TraceProblems)
)]
pub async fn trace(
    router: web::Data<Router>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let event = find(&router, &id).await?;
    let id = event.id;
    let realtime = on_realtime(&router, &event).await?;
    let committed = committed(&event)?;
    let reached = router.broadcaster.send(GetReached(event.into())).await.map_err(stopping)?;
    let direct = direct(reached);
    let validation = of_event(&router, id).await?;
    Ok(HttpResponse::Ok().json(EventTrace { id, committed, direct, realtime, validation }))
}

fn committed(event: &Event) -> Result<Committed, Problem> {
    let Said { epoch, timestamp, checksum } = serde_json::from_slice(&event.json)
        .map_err(|error| spoilt(&format!("event {}", event.id), &error))?;
    Ok(Committed {
        source: Source::Storage,
        epoch,
        seq: event.seq,
        event_type: event.event_type.clone(),
        event_source: event.source.clone(),
        category: event.category,
        timestamp,
        created_at: rfc3339(event.created_at),
        checksum,
    })
}

fn direct(mut sessions: Vec<ReachedRow>) -> Direct {
    let matched = sessions.len();
    let pending = sessions.iter().filter(|session| session.state == "pending").count();
    sessions.sort_by_key(|session| (session.state, session.id));
    sessions.truncate(MAX_SESSIONS);
    let omitted = matched - sessions.len();
    Direct { source: Source::Now, matched, reached: matched - pending, pending, sessions, omitted }
}

async fn on_realtime(router: &Router, event: &Event) -> Result<Option<OnRealtime>, Problem> {
    let unreadable = |error| unreadable(&router.metrics, &error);
    let attempts = match &router.delivery().realtime {
        Some(realtime) => {
            let attempts = realtime.adapter.send(GetAttempts(event.seq)).await;
            Some(attempts.map_err(stopping)?.into())
        }
        None => None,
    };
    let cursor = router.storage.cursor(REALTIME).await.map_err(unreadable)?;
    let letter = router.storage.dead_letter_of(REALTIME, event.id).await.map_err(unreadable)?;
    if attempts.is_none() && cursor.is_none() && letter.is_none() {
        return Ok(None);
    }
    let cursor = cursor.map(|cursor| CursorPart {
        source: Source::Storage,
        state: if event.seq <= cursor.through { "settled" } else { "waiting" },
        through: cursor.through,
        updated_at: rfc3339(cursor.updated_at),
    });
    let dead_letter =
        letter.as_ref().map(|letter| LetterPart { source: Source::Storage, letter: letter.into() });
    Ok(Some(OnRealtime { cursor, attempts, dead_letter }))
}

impl From<AttemptsOf> for AttemptsPart {
    fn from(AttemptsOf { attempts, since }: AttemptsOf) -> Self {
        let attempts = attempts.into_iter().map(Into::into).collect();
        Self { source: Source::Recent, since: rfc3339(since), attempts }
    }
}

impl From<Attempt> for AttemptRow {
    fn from(attempt: Attempt) -> Self {
        Self {
            at: rfc3339(attempt.at),
            outcome: attempt.outcome.name(),
            reason: attempt.reason,
            latency_ms: millis::exact(attempt.latency),
            breaker: attempt.breaker.name(),
            events: attempt.events,
            first_seq: attempt.first,
            last_seq: attempt.last,
        }
    }
}
