//! `POST /v1/events`: bytes in, a position out, and nothing in between is ever half done.

mod answer;
mod head;
mod idempotent;

use std::{collections::HashSet, mem};

use actix_web::{
    HttpRequest, HttpResponse,
    error::BlockingError,
    http::header::{self, HeaderMap},
    web,
};
use bytes::{Bytes, BytesMut};
use chrono::Utc;
use futures_util::{Stream, StreamExt};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

pub(super) use self::answer::refused;
pub use self::idempotent::Idempotent;
use self::{
    answer::{Accepted, IngestProblems},
    head::{Form, Head, IngestHeaders, IngestQuery, OnInvalid},
    idempotent::{Answer, Attempt},
};
use super::{
    Caller, Router,
    budget::Held,
    contract::schemas::{CloudEvent, CloudEvents, NewEventLines, NewEvents},
    door::Door,
    problem::{Code, Problem},
    trace,
};
use crate::{
    actors::journal::{Publish, PublishError, Published},
    core::{
        event,
        intake::{self, Caps, Context, Parsed, UnpackError, unpack},
    },
};

/// Why `on_invalid=skip` is not followed.
const STRICT: &str = "flags.validation_strict is on, so `on_invalid=skip` is not followed";

/// Bodies above this are read on a thread of their own, so that a worker's sessions do not wait.
pub(super) const INLINE_BYTES: usize = 64 << 10;

/// Takes events, and answers once they are committed.
///
/// # Errors
/// What is wrong with the request, or why nothing (or perhaps nothing) was stored.
#[utoipa::path(
    post, path = "/v1/events", operation_id = "publish_events", tag = "events",
    description = include_str!("ingest/openapi.md"),
    params(IngestQuery, IngestHeaders),
    request_body(content(
        (inline(NewEvents) = "application/json"),
        (inline(NewEventLines) = "application/x-ndjson"),
        (CloudEvent = "application/cloudevents+json"),
        (inline(CloudEvents) = "application/cloudevents-batch+json"),
    )),
    responses(
        (
            status = 202, description = "All that is valid is committed.", body = Accepted,
            headers(("Idempotency-Replayed" = bool, description = "Whether an earlier request was \
                answered so, under the same `Idempotency-Key`.")),
        ),
        IngestProblems,
    )
)]
pub async fn post(
    router: web::Data<Router>,
    request: HttpRequest,
    caller: web::ReqData<Caller>,
    mut body: web::Payload,
) -> Result<HttpResponse, Problem> {
    let deadline = Instant::now() + router.settings().limits.body_timeout;
    let answer = publish(&router, &request, &caller, &mut body, deadline).await;
    if let Err(problem) = &answer {
        router.metrics.ingest_rejected_total.with([problem.code().as_str()]).increment(1);
        drain(&mut body, deadline).await;
    }
    answer
}

/// Throws the rest of a body away: a producer that is still writing would be cut off, and never see
/// the answer.
pub(super) async fn drain<E>(
    body: &mut (impl Stream<Item = Result<Bytes, E>> + Unpin),
    deadline: Instant,
) {
    let rest = async { while let Some(Ok(_)) = body.next().await {} };
    timeout_at(deadline, rest).await.unwrap_or_default();
}

async fn publish(
    router: &web::Data<Router>,
    request: &HttpRequest,
    caller: &Caller,
    body: &mut web::Payload,
    deadline: Instant,
) -> Result<HttpResponse, Problem> {
    let head = Head::read(request, caller.identity.name.as_deref().unwrap_or_default())?;
    if router.is_draining() {
        return Err(refused(&PublishError::ShuttingDown, &[]));
    }
    let settings = router.settings();
    let limits = &settings.limits;
    let (body, mut share) =
        receive(router, request, caller, body, (limits.body_bytes, deadline)).await?;
    if head.encoding.is_some() && !share.grow(limits.body_bytes) {
        return Err(busy());
    }
    let attempt = match idempotent::begin(router, request, &head, &body).await? {
        Attempt::Now(attempt) => attempt,
        Attempt::Before(response) => return Ok(response),
    };
    let answer = store(router, request, head, body).await;
    attempt.finish(&answer);
    answer.map(idempotent::accepted)
}

async fn store(
    router: &web::Data<Router>,
    request: &HttpRequest,
    head: Head,
    body: Bytes,
) -> Answer {
    let Read { mut parsed, by_key } = parse(router, head, body).await?;
    let drafts = mem::take(&mut parsed.drafts);
    let ids: Vec<Uuid> = drafts.iter().map(|draft| draft.id).collect();
    let publish = Publish { drafts, span: trace::recall(request) };
    let published = commit(router, publish).await.map_err(|error| refused(&error, &ids))?;
    router.metrics.events_skipped_total.increment(parsed.rejected.len() as u64);
    let accepted = Accepted::new(&published, &ids, &parsed);
    let mut told = ids.iter().zip(&published.outcomes);
    // The memory has forgotten what the journal still knows.
    if told.any(|(id, outcome)| outcome.differs && by_key.contains(id)) {
        let problem = idempotent::reused().telling(&accepted);
        let nothing_new = published.outcomes.iter().all(|outcome| outcome.duplicate);
        return Err(if nothing_new { problem.not_stored() } else { problem });
    }
    Ok(Bytes::from(serde_json::to_vec(&accepted).unwrap_or_default()))
}

/// Takes a body of at most so many bytes, by then, and charges it to the caller; the bytes, and
/// their share of what bodies may take together.
pub(super) async fn receive<'a>(
    router: &'a Router,
    request: &HttpRequest,
    caller: &Caller,
    body: &mut web::Payload,
    (most, deadline): (usize, Instant),
) -> Result<(Bytes, Held<'a>), Problem> {
    let charge = |bytes| {
        let charged = router.limits.bytes(&caller.account, bytes);
        charged.map_err(Problem::not_stored)
    };
    // Better before it is sent than when half of it is here.
    let declared = declared_length(request.headers());
    charge(declared.unwrap_or(0).min(most))?;
    // The router sends itself one at a time: no crowd of clients holds that up.
    let limit = match caller.door {
        Door::Public => router.settings().limits.inflight_bytes,
        Door::Private => usize::MAX,
    };
    let mut share = router.bodies.hold(limit);
    let take = |bytes| {
        if declared.is_none() {
            charge(bytes)?;
        }
        if share.grow(bytes) { Ok(()) } else { Err(busy()) }
    };
    let body = collect(body, most, take, deadline).await?;
    Ok((body, share))
}

/// How long the body is, where that is known before it comes.
fn declared_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn collect(
    body: &mut web::Payload,
    limit: usize,
    mut take: impl FnMut(usize) -> Result<(), Problem>,
    deadline: Instant,
) -> Result<Bytes, Problem> {
    let mut bytes = BytesMut::new();
    let all = async {
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|error| {
                Problem::new(Code::BadBody, format!("the body broke off: {error}"))
            })?;
            if bytes.len() + chunk.len() > limit {
                let detail = format!("a body may have {limit} bytes; send several");
                return Err(Problem::new(Code::BodyTooLarge, detail));
            }
            take(chunk.len())?;
            bytes.extend_from_slice(&chunk);
        }
        Ok(())
    };
    let late = Problem::new(Code::BodyTimeout, "the body did not arrive in time");
    timeout_at(deadline, all).await.unwrap_or(Err(late))?;
    Ok(bytes.freeze())
}

/// Other requests bring as much as may be in memory.
pub(super) fn busy() -> Problem {
    let detail = "too many bytes are being received at the same time";
    Problem::new(Code::TooManyBytes, detail).not_stored()
}

/// A body that was read.
struct Read {
    parsed: Parsed,
    /// The ids that were made from the request's key.
    by_key: HashSet<Uuid>,
}

async fn parse(router: &web::Data<Router>, head: Head, body: Bytes) -> Result<Read, Problem> {
    let settings = router.settings();
    let limits = &settings.limits;
    let caps = Caps { bytes: limits.body_bytes, ratio: limits.compression_ratio };
    let limits =
        intake::Limits { batch_events: limits.batch_events, event_bytes: limits.event_bytes };
    let received = event::to_micros(Utc::now());
    let traceparent = head.traceparent;
    let metrics = router.metrics.clone();
    let routing = settings.routing();
    let strict = settings.flags.validation_strict;
    // How much a packed body holds shows only when it is unpacked.
    let large = body.len() > INLINE_BYTES || head.encoding.is_some();
    let read = move || {
        let body = match head.encoding {
            Some(encoding) => unpack(encoding, &body, caps).map_err(|error| packed(&error))?.into(),
            None => body,
        };
        let context = Context { received, limits, secret: None, routing: &routing, traceparent };
        let began = Instant::now();
        let mut by_key = HashSet::new();
        let mut new_id = |index| {
            let id = head.key.map(|key| key.event_id(index));
            by_key.extend(id);
            id.unwrap_or_else(Uuid::now_v7)
        };
        let batch = match &head.form {
            Form::Json => intake::read_json(&body, &context, &mut new_id),
            Form::Ndjson => intake::read_ndjson(&body, &context, &mut new_id),
            Form::CloudEvent => intake::read_cloudevent(&body, &context),
            Form::CloudEventBatch => intake::read_cloudevents(&body, &context),
            Form::CloudEventData(head) => intake::read_binary_cloudevent(head, &body, &context),
        };
        if let Ok(batch) = &batch {
            metrics.stats.validated(batch, began.elapsed());
        }
        let parsed = batch.and_then(|batch| match head.on_invalid {
            OnInvalid::Skip if !strict => batch.valid_only(),
            OnInvalid::Skip | OnInvalid::Reject => batch.all_or_nothing(),
        });
        let parsed = parsed.map_err(|faults| match head.on_invalid {
            OnInvalid::Skip if strict => Problem::faults(&faults).adding(STRICT),
            OnInvalid::Skip | OnInvalid::Reject => Problem::faults(&faults),
        })?;
        Ok(Read { parsed, by_key })
    };
    if large { web::block(read).await.map_err(stopping)? } else { read() }
}

/// No thread is left to do it on.
fn stopping(_: BlockingError) -> Problem {
    refused(&PublishError::ShuttingDown, &[])
}

/// Why a compressed body was not unpacked.
fn packed(error: &UnpackError) -> Problem {
    let code = match error {
        UnpackError::TooLarge(_) => Code::BodyTooLarge,
        UnpackError::Ratio(_) => Code::CompressionRatio,
        UnpackError::Corrupt(..) => Code::BadEncoding,
    };
    Problem::new(code, error.to_string())
}

/// Stores events, which takes a commit.
pub(super) async fn commit(router: &Router, publish: Publish) -> Result<Published, PublishError> {
    router.write(publish).await
}
