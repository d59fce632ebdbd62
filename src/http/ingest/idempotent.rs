//! Requests with an `Idempotency-Key`: a repetition is answered as the first one was, one that is
//! something else is refused, and one at the same time is asked to wait. What is true in general
//! is in [`idempotency`](crate::core::idempotency); this keeps its memory, for all workers.

use std::sync::{Mutex, MutexGuard, PoisonError};

use actix_web::{
    HttpMessage, HttpRequest, HttpResponse, ResponseError,
    http::header::{self, HeaderName, HeaderValue},
    web,
};
use bytes::Bytes;

use super::{INLINE_BYTES, head::Head, stopping};
use crate::{
    core::idempotency::{Begin, Fingerprint, Key, Limits, Memory},
    http::{
        Router,
        problem::{Code, Problem},
    },
};

const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// What a request was answered: the body of a 202, or what was wrong with it.
pub(super) type Answer = Result<Bytes, Problem>;

/// The answered requests, and those under way.
#[derive(Debug, Default)]
pub struct Idempotent(Mutex<Memory<Answer>>);

impl Idempotent {
    fn lock(&self) -> MutexGuard<'_, Memory<Answer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a request goes on.
pub(super) enum Attempt<'a> {
    /// It is done now; what comes of it wants to be known.
    Now(UnderWay<'a>),
    /// It was done before.
    Before(HttpResponse),
}

/// A request that is being done. Dropped without an answer, it is as if it had never been.
pub(super) struct UnderWay<'a> {
    router: &'a Router,
    key: Option<Key>,
}

/// Begins a request whose body has arrived.
pub(super) async fn begin<'a>(
    router: &'a Router,
    request: &HttpRequest,
    head: &Head,
    body: &Bytes,
) -> Result<Attempt<'a>, Problem> {
    let limits = limits(router);
    let key = head.key.filter(|_| limits.keys > 0);
    let Some(key) = key else { return Ok(Attempt::Now(UnderWay { router, key })) };
    let fingerprint = fingerprint(request, head, body).await?;
    let begin = router.idempotent.lock().begin(key, fingerprint, router.started.elapsed(), &limits);
    let count = |outcome| router.metrics.idempotent_requests_total.with([outcome]).increment(1);
    match begin {
        Begin::First => {
            count("first");
            Ok(Attempt::Now(UnderWay { router, key: Some(key) }))
        }
        Begin::Answered(answer) => {
            count("replayed");
            let mut response = answer.map_or_else(|problem| problem.error_response(), accepted);
            response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
            Ok(Attempt::Before(response))
        }
        Begin::UnderWay => {
            count("in_flight");
            let detail = "a request with this Idempotency-Key is being answered: repeat it later";
            Err(Problem::new(Code::RequestInFlight, detail))
        }
        Begin::Reused => {
            count("reused");
            Err(reused().not_stored())
        }
    }
}

/// The key belongs to another request.
pub(super) fn reused() -> Problem {
    let detail = "this Idempotency-Key was used for a request with another content: what is new \
                  needs a new key";
    Problem::new(Code::IdempotencyKeyReused, detail)
}

/// The answer to events that are committed.
pub(super) fn accepted(body: Bytes) -> HttpResponse {
    HttpResponse::Accepted().content_type("application/json").body(body)
}

impl UnderWay<'_> {
    /// Remembers the answer, if a repetition would get the same.
    pub(super) fn finish(mut self, answer: &Answer) {
        let bytes = match answer {
            Ok(body) => body.len(),
            Err(problem) if problem.code().retryable() => return,
            Err(problem) => serde_json::to_vec(problem.body()).map_or(0, |body| body.len()),
        };
        let Some(key) = self.key.take() else { return };
        let (now, limits) = (self.router.started.elapsed(), limits(self.router));
        let evicted =
            self.router.idempotent.lock().finish(key, (answer.clone(), bytes), now, &limits);
        self.router.metrics.idempotent_answers_evicted_total.increment(evicted as u64);
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.router.idempotent.lock().abandon(key);
        }
    }
}

fn limits(router: &Router) -> Limits {
    let settings = router.settings();
    let limits = &settings.limits;
    Limits {
        keys: limits.idempotency_keys,
        bytes: limits.idempotency_bytes,
        ttl: limits.idempotency_ttl,
    }
}

/// Of all that decides what the request means; a large one on a thread of its own.
async fn fingerprint(
    request: &HttpRequest,
    head: &Head,
    body: &Bytes,
) -> Result<Fingerprint, Problem> {
    let encoding = request.headers().get(header::CONTENT_ENCODING);
    let mut parts = vec![
        Bytes::copy_from_slice(request.content_type().as_bytes()),
        Bytes::copy_from_slice(encoding.map_or(b"", HeaderValue::as_bytes)),
        Bytes::copy_from_slice(request.query_string().as_bytes()),
        body.clone(),
    ];
    parts.extend(head.attributes().into_iter().map(Bytes::from));
    let hash = move || Fingerprint::of(parts.iter().map(|part| &**part));
    if body.len() > INLINE_BYTES { web::block(hash).await.map_err(stopping) } else { Ok(hash()) }
}
