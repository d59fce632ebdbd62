//! `POST /v1/events`: bytes in, a position out, and nothing in between is ever half done.

use std::time::Duration;

use actix_web::{
    HttpMessage, HttpRequest, HttpResponse,
    error::BlockingError,
    http::{StatusCode, header},
    web,
};
use bytes::BytesMut;
use chrono::{DurationRound, TimeDelta, Utc};
use futures_util::StreamExt;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::{Router, problem::Problem};
use crate::{
    actors::journal::{Publish, PublishError, Published},
    core::{
        event::Draft,
        intake::{self, Context, Parsed},
    },
};

/// Bodies above this are read on a thread of their own, so that a worker's sessions do not wait.
const INLINE_BYTES: usize = 64 << 10;
/// When to come back to a queue that is full, or to a storage that is down.
const RETRY_AFTER: Duration = Duration::from_secs(1);

#[derive(Clone, Copy)]
enum Form {
    Json,
    Ndjson,
}

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
    if !request.query_string().is_empty() {
        // What it asks for would otherwise be left undone without a word.
        let detail = "posting events takes no parameters in the URL";
        return Err(Problem::bad_request("unknown_parameter", detail));
    }
    let form = form(request)?;
    if router.is_draining() {
        return Err(refused(&PublishError::ShuttingDown, &[]));
    }
    let body = collect(body, router.settings.limits.body_bytes, deadline).await?;
    let Parsed { drafts, many } = parse(router, form, body).await?;
    let ids: Vec<Uuid> = drafts.iter().map(|draft| draft.id).collect();
    let published = commit(router, drafts).await.map_err(|error| refused(&error, &ids))?;
    Ok(accepted(&published, &ids, many))
}

fn form(request: &HttpRequest) -> Result<Form, Problem> {
    let unsupported = |code, detail| {
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        Err(Problem::new(status, code, detail))
    };
    let encoding = request.headers().get(header::CONTENT_ENCODING);
    if encoding.is_some_and(|encoding| encoding != "identity") {
        return unsupported(
            "unsupported_encoding",
            "send the body without Content-Encoding".into(),
        );
    }
    match request.content_type().to_ascii_lowercase().as_str() {
        "application/json" => Ok(Form::Json),
        "application/x-ndjson" => Ok(Form::Ndjson),
        other => {
            let other = if other.is_empty() { "nothing" } else { other };
            let detail = format!(
                "the Content-Type says {other}; use application/json for an event or an array, \
                 application/x-ndjson for an event a line"
            );
            unsupported("unsupported_media_type", detail)
        }
    }
}

async fn collect(
    body: &mut web::Payload,
    limit: usize,
    deadline: Instant,
) -> Result<BytesMut, Problem> {
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
            bytes.extend_from_slice(&chunk);
        }
        Ok(())
    };
    let status = StatusCode::REQUEST_TIMEOUT;
    let late = Problem::new(status, "body_timeout", "the body did not arrive in time");
    timeout_at(deadline, all).await.unwrap_or(Err(late))?;
    Ok(bytes)
}

async fn parse(router: &web::Data<Router>, form: Form, body: BytesMut) -> Result<Parsed, Problem> {
    let limits = intake::Limits {
        batch_events: router.settings.limits.batch_events,
        event_bytes: router.settings.limits.event_bytes,
    };
    let received = Utc::now();
    let received = received.duration_trunc(TimeDelta::microseconds(1)).unwrap_or(received);
    let large = body.len() > INLINE_BYTES;
    let read = move || {
        let context = Context { received, limits, secret: None, broadcast_mode: "direct" };
        match form {
            Form::Json => intake::parse_json(&body, &context, &mut Uuid::now_v7),
            Form::Ndjson => intake::parse_ndjson(&body, &context, &mut Uuid::now_v7),
        }
    };
    let parsed = if large {
        let stopping = |_: BlockingError| refused(&PublishError::ShuttingDown, &[]);
        web::block(read).await.map_err(stopping)?
    } else {
        read()
    };
    parsed.map_err(|faults| Problem::faults(&faults))
}

async fn commit(router: &Router, drafts: Vec<Draft>) -> Result<Published, PublishError> {
    let within = router.settings.journal.answer_timeout;
    match tokio::time::timeout(within, router.journal.send(Publish(drafts))).await {
        Ok(Ok(answer)) => answer,
        // A journal that is gone may have committed first.
        Ok(Err(_)) | Err(_) => Err(PublishError::Unknown),
    }
}

fn accepted(published: &Published, ids: &[Uuid], many: bool) -> HttpResponse {
    let Published { epoch, outcomes } = published;
    let mut body = Map::new();
    let mut tell = |name: &str, value: Value| drop(body.insert(name.to_owned(), value));
    tell("epoch", json!(epoch));
    if let (false, [outcome], [id]) = (many, &**outcomes, ids) {
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
        tell("rejected", json!([]));
        tell("first_seq", json!(fresh.first().map(|outcome| outcome.seq)));
        tell("last_seq", json!(fresh.last().map(|outcome| outcome.seq)));
        let differs = outcomes.iter().filter(|outcome| outcome.differs).count();
        if differs > 0 {
            tell("differs", differs.into());
        }
    }
    HttpResponse::Accepted().json(body)
}

/// The answer to a request that was not, or perhaps not, committed. `outcome` says which.
fn refused(error: &PublishError, ids: &[Uuid]) -> Problem {
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
