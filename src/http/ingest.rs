//! `POST /v1/events`: bytes in, a position out, and nothing in between is ever half done.

mod head;

use std::{mem, time::Duration};

use actix_web::{HttpRequest, HttpResponse, error::BlockingError, http::StatusCode, web};
use bytes::{Bytes, BytesMut};
use chrono::Utc;
use futures_util::StreamExt;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use self::head::{Form, Head, OnInvalid};
use super::{
    Router,
    budget::Held,
    problem::{self, Problem},
};
use crate::{
    actors::journal::{Publish, PublishError, Published},
    core::{
        event::{self, Draft},
        intake::{self, Caps, Context, Parsed, Rejected, UnpackError, unpack},
    },
};

/// Bodies above this are read on a thread of their own, so that a worker's sessions do not wait.
pub(super) const INLINE_BYTES: usize = 64 << 10;
/// When to come back to a queue that is full, or to a storage that is down.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Takes events, and answers once they are committed.
///
/// # Errors
/// What is wrong with the request, or why nothing (or perhaps nothing) was stored.
pub async fn post(
    router: web::Data<Router>,
    request: HttpRequest,
    mut body: web::Payload,
) -> Result<HttpResponse, Problem> {
    let deadline = Instant::now() + router.settings.limits.body_timeout;
    let answer = publish(&router, &request, &mut body, deadline).await;
    if let Err(problem) = &answer {
        router.metrics.ingest_rejected_total.with([problem.code()]).increment(1);
        // A producer that is still writing would be cut off, and never see the answer.
        let rest = async { while let Some(Ok(_)) = body.next().await {} };
        timeout_at(deadline, rest).await.unwrap_or_default();
    }
    answer
}

async fn publish(
    router: &web::Data<Router>,
    request: &HttpRequest,
    body: &mut web::Payload,
    deadline: Instant,
) -> Result<HttpResponse, Problem> {
    let head = Head::read(request)?;
    if router.is_draining() {
        return Err(refused(&PublishError::ShuttingDown, &[]));
    }
    let limits = &router.settings.limits;
    let mut share = router.bodies.hold(limits.inflight_bytes);
    let body = collect(body, limits.body_bytes, &mut share, deadline).await?;
    if head.encoding.is_some() && !share.grow(limits.body_bytes) {
        return Err(busy());
    }
    let mut parsed = parse(router, head, body).await?;
    let drafts = mem::take(&mut parsed.drafts);
    let ids: Vec<Uuid> = drafts.iter().map(|draft| draft.id).collect();
    let published = commit(router, drafts).await.map_err(|error| refused(&error, &ids))?;
    router.metrics.events_skipped_total.increment(parsed.rejected.len() as u64);
    Ok(accepted(&published, &ids, &parsed))
}

async fn collect(
    body: &mut web::Payload,
    limit: usize,
    held: &mut Held<'_>,
    deadline: Instant,
) -> Result<Bytes, Problem> {
    let mut bytes = BytesMut::new();
    let all = async {
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|error| {
                Problem::bad_request("bad_body", format!("the body broke off: {error}"))
            })?;
            if bytes.len() + chunk.len() > limit {
                let detail = format!("a body may have {limit} bytes; send several");
                let status = StatusCode::PAYLOAD_TOO_LARGE;
                return Err(Problem::new(status, "body_too_large", detail));
            }
            if !held.grow(chunk.len()) {
                return Err(busy());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(())
    };
    let status = StatusCode::REQUEST_TIMEOUT;
    let late = Problem::new(status, "body_timeout", "the body did not arrive in time");
    timeout_at(deadline, all).await.unwrap_or(Err(late))?;
    Ok(bytes.freeze())
}

/// Other requests bring as much as may be in memory.
pub(super) fn busy() -> Problem {
    let detail = "too many bytes are being received at the same time";
    Problem::unavailable("too_many_bytes", detail, RETRY_AFTER).with("outcome", "not_stored")
}

async fn parse(router: &web::Data<Router>, head: Head, body: Bytes) -> Result<Parsed, Problem> {
    let limits = &router.settings.limits;
    let caps = Caps { bytes: limits.body_bytes, ratio: limits.compression_ratio };
    let limits =
        intake::Limits { batch_events: limits.batch_events, event_bytes: limits.event_bytes };
    let received = event::to_micros(Utc::now());
    // How much a packed body holds shows only when it is unpacked.
    let large = body.len() > INLINE_BYTES || head.encoding.is_some();
    let read = move || {
        let body = match head.encoding {
            Some(encoding) => unpack(encoding, &body, caps).map_err(|error| packed(&error))?.into(),
            None => body,
        };
        let context = Context { received, limits, secret: None, broadcast_mode: "direct" };
        let batch = match &head.form {
            Form::Json => intake::read_json(&body, &context, &mut Uuid::now_v7),
            Form::Ndjson => intake::read_ndjson(&body, &context, &mut Uuid::now_v7),
            Form::CloudEvent => intake::read_cloudevent(&body, &context),
            Form::CloudEventBatch => intake::read_cloudevents(&body, &context),
            Form::CloudEventData(head) => intake::read_binary_cloudevent(head, &body, &context),
        };
        let parsed = batch.and_then(|batch| match head.on_invalid {
            OnInvalid::Reject => batch.all_or_nothing(),
            OnInvalid::Skip => batch.valid_only(),
        });
        parsed.map_err(|faults| Problem::faults(&faults))
    };
    if large {
        let stopping = |_: BlockingError| refused(&PublishError::ShuttingDown, &[]);
        web::block(read).await.map_err(stopping)?
    } else {
        read()
    }
}

/// Why a compressed body was not unpacked.
fn packed(error: &UnpackError) -> Problem {
    let code = match error {
        UnpackError::TooLarge(_) => "body_too_large",
        UnpackError::Ratio(_) => "compression_ratio",
        UnpackError::Corrupt(..) => return Problem::bad_request("bad_encoding", error.to_string()),
    };
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, code, error.to_string())
}

/// Stores events, which takes a commit.
pub(super) async fn commit(router: &Router, drafts: Vec<Draft>) -> Result<Published, PublishError> {
    let within = router.settings.journal.answer_timeout;
    match tokio::time::timeout(within, router.journal.send(Publish(drafts))).await {
        Ok(Ok(answer)) => answer,
        // A journal that is gone may have committed first.
        Ok(Err(_)) | Err(_) => Err(PublishError::Unknown),
    }
}

fn accepted(published: &Published, ids: &[Uuid], parsed: &Parsed) -> HttpResponse {
    let Published { epoch, outcomes } = published;
    let mut body = Map::new();
    let mut tell = |name: &str, value: Value| drop(body.insert(name.to_owned(), value));
    tell("epoch", json!(epoch));
    if let (false, [outcome], [id]) = (parsed.many, &**outcomes, ids) {
        tell("id", json!(id));
        tell("seq", outcome.seq.into());
        tell("duplicate", outcome.duplicate.into());
        if outcome.differs {
            tell("differs", true.into());
        }
    } else {
        let fresh: Vec<_> = outcomes.iter().filter(|outcome| !outcome.duplicate).collect();
        tell("accepted", fresh.len().into());
        tell("duplicates", (outcomes.len() - fresh.len()).into());
        tell("rejected", parsed.rejected.iter().map(rejected).collect());
        tell("first_seq", json!(fresh.first().map(|outcome| outcome.seq)));
        tell("last_seq", json!(fresh.last().map(|outcome| outcome.seq)));
        let differs = outcomes.iter().filter(|outcome| outcome.differs).count();
        if differs > 0 {
            tell("differs", differs.into());
        }
    }
    HttpResponse::Accepted().json(body)
}

fn rejected(event: &Rejected) -> Value {
    let mut members = problem::errors(&event.faults);
    members.insert("index".to_owned(), event.index.into());
    members.into()
}

/// The answer to a request that was not, or perhaps not, committed. `outcome` says which.
pub(super) fn refused(error: &PublishError, ids: &[Uuid]) -> Problem {
    let later = |code, detail: &str| Problem::unavailable(code, detail, RETRY_AFTER);
    let problem = match error {
        PublishError::QueueFull => later("queue_full", "too many events wait to be committed"),
        PublishError::Unavailable => later("storage_unavailable", "the storage cannot be reached"),
        PublishError::StorageFull => later("storage_full", "the storage is full"),
        PublishError::ShuttingDown => later("shutting_down", "the router is shutting down"),
        PublishError::Refused(reason) => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            let detail = format!("the database refused the events: {reason}");
            Problem::new(status, "refused_by_storage", detail)
        }
        PublishError::Unknown => {
            let detail = "whether the events were stored is not known: post them again with these \
                          ids, which stores none of them twice";
            return later("outcome_unknown", detail)
                .with("outcome", "unknown")
                .with("ids", ids.iter().map(Uuid::to_string).collect::<Vec<_>>());
        }
    };
    problem.with("outcome", "not_stored")
}
