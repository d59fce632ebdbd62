//! `GET /v1/stream`: events as server-sent events, for `EventSource` and `curl`.
//!
//! The response is one more session: its body is a pipe that the shard writes to. This file reads
//! what is asked for and begins the response.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Weak,
    task::{Context, Poll},
};

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    http::{Method, header},
    web,
};
use bytes::Bytes;
use utoipa::IntoParams;

use super::{
    Caller, Router,
    contract::{
        problems,
        schemas::{Beginning, PositionText, StreamEvent},
    },
    problem::{Code, Problem},
    query::{self, Pairs, Patterns, bad, unknown},
    room::Room,
};
use crate::{
    actors::{
        line::Line,
        pipe::Body,
        session::{Owner, SessionOptions},
        stream::{Refused, Stream, Wanted},
    },
    core::{
        event::{Category, Position},
        protocol::From,
    },
};

/// Where `EventSource` says what it has seen when it comes back.
const LAST_EVENT_ID: &str = "Last-Event-ID";

const PARAMETERS: [&str; 7] =
    ["event_type", "source", "category", "from", "last_event_id", "client_id", "ticket"];

/// The parameters that [`wanted`] reads.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only described")]
struct Parameters {
    /// Of one of these types; `*` is any run of characters.
    #[param(min_length = 1, max_length = 200, example = json!(["cache_*"]))]
    event_type: Option<Vec<String>>,
    /// From one of these sources; `*` is any run of characters.
    #[param(min_length = 1, max_length = 200)]
    source: Option<Vec<String>>,
    /// Of one of these categories.
    category: Option<Vec<Category>>,
    /// `now`, `last=N` (up to 1000), a time in RFC 3339, or the `id` of an event: all after it.
    #[param(inline, value_type = Option<Beginning>, example = "last=50")]
    from: Option<String>,
    /// The `id` of the last event that was seen: wins over `from`.
    #[param(inline, value_type = Option<PositionText>)]
    last_event_id: Option<String>,
    /// What the client calls itself.
    #[param(min_length = 1, max_length = 128)]
    client_id: Option<String>,
    /// Of `POST /v1/tickets`, where a browser can send no header.
    ticket: Option<String>,
}

/// The header that [`wanted`] reads.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only described")]
struct Headers {
    /// The `id` of the last event that was seen: wins over the query.
    #[param(
        inline, nullable = false, rename = "Last-Event-ID", value_type = Option<PositionText>,
        example = "0190b5c4-6a2e-7cc3-98c4-dc0c0c07398f.41",
    )]
    last_event_id: Option<String>,
}

problems!(
    /// Why there is no stream.
    StreamProblems: BadFilter, BadParameter, UnknownParameter, TooManyConnections,
    ShuttingDown, StorageUnavailable, TooManyFilters, TooManySessions,
);

/// Makes sense of the query and of the header, which wins: the URL of an `EventSource` stays as it
/// was when it began.
fn wanted(
    pairs: &Pairs,
    last_event_id: Option<&str>,
    max_patterns: usize,
) -> Result<Wanted, Problem> {
    let position = |name: &str, text: &str| {
        text.parse::<Position>().map(From::After).map_err(|error| {
            bad(name, format_args!("the `id` of the last event that was seen: {error}"))
        })
    };
    let mut patterns = Patterns::default();
    let (mut from, mut resume, mut client_id) = (None, None, None);
    for (name, value) in pairs {
        let twice = match name.as_str() {
            "from" => {
                let place = value.parse::<From>().map_err(|wanted| bad(name, wanted))?;
                from.replace(place).is_some()
            }
            "last_event_id" => resume.replace(position(name, value)?).is_some(),
            "client_id" => client_id.replace(query::client_id(value)?).is_some(),
            // The guard has read it.
            "ticket" => false,
            name if patterns.take(name, value) => false,
            other => return Err(unknown(other, &PARAMETERS)),
        };
        if twice {
            return Err(bad(name, "given once"));
        }
    }
    let seen = last_event_id.map(|id| position(LAST_EVENT_ID, id)).transpose()?;
    let from = seen.or(resume).or(from).unwrap_or_default();
    let owner = Owner { client_id, ..Owner::default() };
    Ok(Wanted { owner, filter: patterns.filter(max_patterns)?, from })
}

/// Begins a stream; HEAD is told what it would look like. A router that stops begins it too, to say
/// when to come back: any other status would end an `EventSource` for good.
///
/// # Errors
/// When the query makes no sense, or there can be no session more now.
#[utoipa::path(
    get, path = "/v1/stream", operation_id = "stream_events", tag = "events",
    params(Parameters, Headers),
    responses(
        (
            status = 200, body = StreamEvent, content_type = "text/event-stream",
            description = "Server-sent events, each as the schema says. It does not end by itself.",
        ),
        StreamProblems,
    )
)]
pub async fn stream(
    router: web::Data<Router>,
    options: web::Data<SessionOptions>,
    caller: web::ReqData<Caller>,
    request: HttpRequest,
    pairs: web::Query<Pairs>,
) -> Result<HttpResponse, Problem> {
    let seen = request.headers().get(LAST_EVENT_ID);
    let seen = seen.map(|id| id.to_str().unwrap_or_default());
    let mut wanted = wanted(&pairs, seen, router.settings().session.filter_patterns)?;
    wanted.owner.identity = caller.identity.clone();
    if request.method() == Method::HEAD {
        return Ok(response().finish());
    }
    let room = Room::take(router.clone(), &caller.account)?;
    // It lasts at least as long as its requests.
    let line = request.conn_data::<Weak<Line>>().and_then(Weak::upgrade);
    let line = line.ok_or_else(|| router.stopping())?;
    match Stream::open(line, wanted, options.into_inner()).await {
        // The connection is the session's: it ends when the session does.
        Ok(body) => Ok(response().force_close().streaming(Answer { body, _room: room })),
        // Nobody hears what a client is told that is gone.
        Err(Refused::Stopping(_) | Refused::Gone(_)) => Err(router.stopping()),
        Err(error @ Refused::Unavailable(_)) => {
            Err(Problem::new(Code::StorageUnavailable, error.to_string()))
        }
        Err(error @ Refused::TooManyFilters(_)) => {
            Err(Problem::new(Code::TooManyFilters, error.to_string()))
        }
    }
}

fn response() -> HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        // Proxies that collect answers would hold events back.
        .insert_header(("x-accel-buffering", "no"));
    response
}

/// The body of a response, and the session's place while it lasts.
struct Answer {
    body: Body,
    _room: Room,
}

impl futures_util::Stream for Answer {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.body).poll_next(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "00000000-0000-0000-0000-000000000009.12";

    fn parse(pairs: &[(&str, &str)], header: Option<&str>) -> Result<Wanted, Code> {
        let pairs: Pairs = pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        wanted(&pairs, header, 2).map_err(|problem| problem.code())
    }

    #[test]
    fn a_stream_begins_where_its_client_was() {
        let from = |pairs: &[_], header| parse(pairs, header).unwrap().from;
        let at = |id: &str| From::After(id.parse().unwrap());
        assert_eq!(from(&[], None), From::Now);
        assert_eq!(from(&[("from", "last=5")], None), From::Last(5));
        assert_eq!(from(&[("from", "last=5"), ("last_event_id", ID)], None), at(ID));
        let later = ID.replace("12", "15");
        assert_eq!(from(&[("from", "now"), ("last_event_id", ID)], Some(&later)), at(&later));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (pairs, code) in [
            (&[("from", "yesterday")][..], Code::BadParameter),
            (&[("last_event_id", "12")], Code::BadParameter),
            (&[("last_event_id", "")], Code::BadParameter),
            (&[("from", "now"), ("from", "now")], Code::BadParameter),
            (&[("client_id", "")], Code::BadParameter),
            (&[("category", "none")], Code::BadFilter),
            (&[("source", "a"), ("source", "b"), ("source", "c")], Code::BadFilter),
            (&[("lastEventId", ID)], Code::UnknownParameter),
        ] {
            assert_eq!(parse(pairs, None).unwrap_err(), code, "{pairs:?}");
        }
        assert_eq!(parse(&[], Some("12")).unwrap_err(), Code::BadParameter);
    }
}
