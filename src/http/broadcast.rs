//! Broadcasts over HTTP, for who has no channel: the routes of Supabase Realtime, under both of the
//! prefixes that its clients use.
//!
//! A 202 says that they were taken, and nothing of who hears them.

use actix_web::{
    FromRequest as _, HttpRequest, HttpResponse, HttpResponseBuilder,
    http::header::{self, HeaderMap},
    web,
};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::Instant;
use utoipa::{IntoParams, ToSchema};

use super::{
    Caller, Router,
    contract::problems,
    door::Door,
    ingest,
    problem::{Code, Problem},
};
use crate::{
    core::realtime::{
        join::{MAX_NAME, Topic},
        phoenix::{Broadcast, Encoding, UserBroadcast},
    },
    realtime::gate,
};

/// Largest body, in bytes, as on the real server.
const MAX_BODY: usize = 8_000_000;

problems!(
    /// Why nothing is broadcast.
    BroadcastProblems: BadBody, BadJson, BodyTimeout, BodyTooLarge, UnsupportedMediaType,
    InvalidBroadcasts, TooManyRequests, ShuttingDown, TooManyBytes, TopicReserved,
);

/// What is to be broadcast.
#[derive(Deserialize, ToSchema)]
#[schema(as = Broadcasts)]
struct Messages<'a> {
    /// In this order.
    #[serde(borrow)]
    #[schema(value_type = Vec<Message<'static>>)]
    messages: Vec<Message<'a>>,
}

/// One broadcast.
#[derive(Deserialize, ToSchema)]
#[schema(as = Broadcast)]
struct Message<'a> {
    /// The topic, without what begins it on the wire.
    #[schema(example = "room", min_length = 1)]
    topic: Box<str>,
    /// What channels know it by.
    #[schema(example = "greeting", min_length = 1)]
    event: Box<str>,
    /// Anything.
    #[serde(borrow)]
    #[schema(value_type = Object)]
    payload: &'a RawValue,
    /// Whether the topic is the private one of that name.
    #[serde(default)]
    private: bool,
}

/// The parts of the path that [`one`] reads.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct Place {
    /// The topic, without what begins it on the wire.
    topic: Box<str>,
    /// What channels know it by.
    event: Box<str>,
}

/// What [`one`] reads of the query.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only described")]
struct Choice {
    /// `true` for the private topic of that name.
    #[param(nullable = false)]
    private: Option<String>,
}

/// Broadcasts several messages.
///
/// # Errors
/// When one of them is at fault; none is sent then.
#[utoipa::path(
    post, path = "/api/broadcast", operation_id = "broadcast", tag = "realtime",
    request_body = Messages<'static>,
    responses((status = 202, description = "They are on their way."), BroadcastProblems)
)]
pub async fn post(
    router: web::Data<Router>,
    request: HttpRequest,
    caller: web::ReqData<Caller>,
    body: web::Payload,
) -> Result<HttpResponse, Problem> {
    answer(&router, &request, &caller, body, several).await
}

/// Broadcasts several messages, where `supabase-js` posts them.
///
/// # Errors
/// When one of them is at fault; none is sent then.
#[utoipa::path(
    post, path = "/realtime/v1/api/broadcast", operation_id = "broadcast_realtime",
    tag = "realtime", request_body = Messages<'static>,
    responses((status = 202, description = "They are on their way."), BroadcastProblems)
)]
pub async fn post_realtime(
    router: web::Data<Router>,
    request: HttpRequest,
    caller: web::ReqData<Caller>,
    body: web::Payload,
) -> Result<HttpResponse, Problem> {
    answer(&router, &request, &caller, body, several).await
}

/// Broadcasts one message: the body is its payload.
///
/// # Errors
/// When it is at fault.
#[utoipa::path(
    post, path = "/api/broadcast/{topic}/events/{event}", operation_id = "broadcast_one",
    tag = "realtime", request_body(content((serde_json::Value = "application/json"), (Vec<u8> = "application/octet-stream"))),
    params(Place, Choice),
    responses((status = 202, description = "It is on its way."), BroadcastProblems)
)]
pub async fn post_one(
    router: web::Data<Router>,
    request: HttpRequest,
    caller: web::ReqData<Caller>,
    body: web::Payload,
) -> Result<HttpResponse, Problem> {
    answer(&router, &request, &caller, body, one).await
}

/// Broadcasts one message, where `supabase-js` posts it: the body is its payload.
///
/// # Errors
/// When it is at fault.
#[utoipa::path(
    post, path = "/realtime/v1/api/broadcast/{topic}/events/{event}",
    operation_id = "broadcast_one_realtime", tag = "realtime",
    request_body(content((serde_json::Value = "application/json"), (Vec<u8> = "application/octet-stream"))),
    params(Place, Choice),
    responses((status = 202, description = "It is on its way."), BroadcastProblems)
)]
pub async fn post_one_realtime(
    router: web::Data<Router>,
    request: HttpRequest,
    caller: web::ReqData<Caller>,
    body: web::Payload,
) -> Result<HttpResponse, Problem> {
    answer(&router, &request, &caller, body, one).await
}

type Read = fn(&HttpRequest, &Bytes) -> Result<Vec<(Topic, Broadcast)>, Problem>;

async fn answer(
    router: &Router,
    request: &HttpRequest,
    caller: &Caller,
    mut body: web::Payload,
    read: Read,
) -> Result<HttpResponse, Problem> {
    let deadline = Instant::now() + router.settings().limits.body_timeout;
    let answer = publish(router, request, caller, &mut body, (read, deadline)).await;
    if answer.is_err() {
        ingest::drain(&mut body, deadline).await;
    }
    answer.map_err(Problem::for_realtime)
}

async fn publish(
    router: &Router,
    request: &HttpRequest,
    caller: &Caller,
    body: &mut web::Payload,
    (read, deadline): (Read, Instant),
) -> Result<HttpResponse, Problem> {
    let is_own = caller.door == Door::Private;
    if router.is_draining() && !is_own {
        return Err(router.stopping());
    }
    let most = if is_own { MAX_BODY } else { MAX_BODY.min(router.settings().limits.body_bytes) };
    let (body, _share) = ingest::receive(router, request, caller, body, (most, deadline)).await?;
    let broadcasts = read(request, &body)?;
    let largest = router.settings().realtime.payload_bytes;
    if broadcasts.iter().any(|(_, broadcast)| broadcast.len() > largest) {
        let detail = "Payload size exceeds tenant limit";
        return Err(Problem::new(Code::InvalidBroadcasts, detail));
    }
    let mut response = HttpResponse::Accepted();
    if !is_own {
        let rolling = admit(router, &broadcasts)?;
        tell_rate(&mut response, router.settings().realtime.http_events_per_second, rolling);
    }
    let from = if is_own { "router" } else { "http" };
    for (topic, broadcast) in broadcasts {
        router.topics.count(from);
        if router.topics.publish(&topic, broadcast).is_err() {
            router.metrics.realtime_dropped_total.with(["too_many_topics"]).increment(1);
        }
    }
    Ok(response.finish())
}

/// Whether a client may say all of this now; and how much clients said, a second.
fn admit(router: &Router, broadcasts: &[(Topic, Broadcast)]) -> Result<f64, Problem> {
    let reserved = router.topics.reserved();
    if let Some((topic, _)) = broadcasts.iter().find(|(topic, _)| reserved == Some(&*topic.name)) {
        let detail = format!("on {} only the router speaks", topic.name);
        return Err(Problem::new(Code::TopicReserved, detail));
    }
    let (admitted, rolling) = router.topics.admit(broadcasts.len());
    if admitted {
        return Ok(rolling);
    }
    let detail = if broadcasts.len() > 1 {
        "Too many messages to broadcast, please reduce the batch size"
    } else {
        "You have exceeded your rate limit"
    };
    Err(Problem::new(Code::TooManyRequests, detail))
}

/// Says how much is left of the rate, where there is one.
fn tell_rate(response: &mut HttpResponseBuilder, limit: u32, rolling: f64) {
    if limit > 0 {
        let left = (f64::from(limit) - rolling).max(0.0);
        response.insert_header(("x-rate-rolling", format!("{rolling:.2}")));
        response.insert_header(("x-rate-limit", limit.to_string()));
        response.insert_header(("x-rate-limit-remaining", format!("{left:.0}")));
    }
}

fn invalid(detail: impl Into<String>) -> Problem {
    Problem::new(Code::InvalidBroadcasts, detail)
}

/// What a body of several messages says.
fn several(_: &HttpRequest, body: &Bytes) -> Result<Vec<(Topic, Broadcast)>, Problem> {
    let messages: Messages<'_> = serde_json::from_slice(body).map_err(|error| {
        if error.is_data() {
            invalid(format!("the body is {{\"messages\":[{{topic, event, payload}}]}}: {error}"))
        } else {
            Problem::new(Code::BadJson, format!("the body is JSON: {error}"))
        }
    })?;
    let broadcasts = messages.messages.into_iter().enumerate().map(|(index, message)| {
        let Message { topic, event, payload, private } = message;
        let at_fault = [
            (topic.is_empty(), "topic: can't be blank"),
            (topic.len() > MAX_NAME, "topic: has too many bytes"),
            (event.is_empty(), "event: can't be blank"),
            (!payload.get().starts_with('{'), "payload: must be an object"),
        ];
        if let Some((_, what)) = at_fault.into_iter().find(|(is_at_fault, _)| *is_at_fault) {
            return Err(invalid(format!("messages/{index}/{what}")));
        }
        let payload = body.slice_ref(payload.get().as_bytes());
        let broadcast = user(event, Encoding::Json, payload);
        Ok((Topic { name: topic, private }, broadcast))
    });
    broadcasts.collect()
}

/// What a path and a body say, which is the payload.
fn one(request: &HttpRequest, body: &Bytes) -> Result<Vec<(Topic, Broadcast)>, Problem> {
    let path = web::Path::<Place>::extract(request).into_inner();
    let Place { topic, event } =
        path.map_err(|error| invalid(format!("the path: {error}")))?.into_inner();
    if topic.len() > MAX_NAME {
        return Err(invalid(format!("a topic has at most {MAX_NAME} bytes")));
    }
    let encoding = match content_type(request.headers()) {
        "application/octet-stream" => Encoding::Binary,
        "application/json" => Encoding::Json,
        _ => {
            let known = "application/json, application/octet-stream";
            let detail = format!("the content type is one of {known}");
            let problem = Problem::new(Code::UnsupportedMediaType, detail);
            return Err(problem.header(header::ACCEPT, known));
        }
    };
    if encoding == Encoding::Json {
        let read = serde_json::from_slice::<&RawValue>(body);
        read.map_err(|error| Problem::new(Code::BadJson, format!("the body is JSON: {error}")))?;
    }
    let private = gate::parameter(request.head(), "private");
    let private = private.is_some_and(|private| private.eq_ignore_ascii_case("true"));
    Ok(vec![(Topic { name: topic, private }, user(event, encoding, body.clone()))])
}

fn user(event: Box<str>, encoding: Encoding, payload: Bytes) -> Broadcast {
    Broadcast::User(UserBroadcast { event, encoding, payload, meta: None })
}

/// The content type without its parameters.
fn content_type(headers: &HeaderMap) -> &str {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.and_then(|value| value.split(';').next()).unwrap_or_default().trim()
}
