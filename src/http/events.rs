//! Events read back: `GET /v1/events` and `GET /v1/events/{id}`.
//!
//! Storage selects what it can by equality and time; wildcards are matched here, by the very filter
//! that sessions use. A search that matches rarely stops after a while and says where to go on.

use actix_web::{HttpResponse, web};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use utoipa::{IntoParams, ToSchema};

use super::{
    Router,
    contract::{problems, schemas::EventBody},
    problem::{self, Code, Problem, unreadable},
    query::{Pairs, Patterns, bad, unknown},
};
use crate::{
    core::{
        delivery::REALTIME,
        event::{Category, Event, Seq},
        filter::Filter,
    },
    storage::{From, Narrow, PageQuery, StorageError},
};

/// Events in an answer when nothing else is asked for.
const DEFAULT_LIMIT: usize = 100;
/// Most events in an answer.
const MAX_LIMIT: usize = 1000;
/// Events that one request looks at.
const MAX_SCANNED: usize = 20_000;

/// What is asked for.
#[derive(Debug, PartialEq)]
struct Query {
    from: From,
    limit: usize,
    filter: Filter,
    since: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
    /// Only what is meant for a Realtime.
    routed: bool,
}

const PARAMETERS: [&str; 9] =
    ["after", "before", "since", "until", "event_type", "source", "category", "path", "limit"];

impl Query {
    fn parse(pairs: &[(String, String)], max_patterns: usize) -> Result<Self, Problem> {
        let mut query = Self {
            from: From::Before(Seq::MAX),
            limit: DEFAULT_LIMIT,
            filter: Filter::all(),
            since: None,
            until: None,
            routed: false,
        };
        let mut patterns = Patterns::default();
        let mut places = 0;
        for (name, value) in pairs {
            let seq = || value.parse().ok().ok_or_else(|| bad(name, "a seq"));
            let time = || match value.parse() {
                Ok(time) => Ok(Some(time)),
                Err(error) => {
                    let wanted = "a time in RFC 3339, its `+` written as %2B";
                    Err(bad(name, format_args!("{wanted}: {error}")))
                }
            };
            match name.as_str() {
                "after" => query.from = From::After(seq()?),
                "before" => query.from = From::Before(seq()?),
                "since" => query.since = time()?,
                "until" => query.until = time()?,
                "path" if value == REALTIME => query.routed = true,
                "path" => return Err(bad(name, "`realtime`")),
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
                    query.limit = limit.ok_or_else(|| bad(name, "1 to 1000"))?;
                }
                name if patterns.take(name, value) => {}
                other => return Err(unknown(other, &PARAMETERS)),
            }
            places += usize::from(matches!(name.as_str(), "after" | "before"));
        }
        if places > 1 {
            let detail = "`after` and `before` are two directions: give one of them, once";
            return Err(Problem::new(Code::BadParameter, detail));
        }
        query.filter = patterns.filter(max_patterns)?;
        Ok(query)
    }

    fn wants(&self, event: &Event) -> bool {
        (!self.routed || event.is_routed()) && self.filter.matches(event)
    }

    fn narrow(&self) -> Narrow {
        let exact = self.filter.exact_values();
        Narrow {
            event_types: exact.event_types,
            sources: exact.sources,
            categories: exact.categories,
            since: self.since,
            until: self.until,
        }
    }
}

problems!(
    /// What a list of events may end in.
    ListProblems: BadFilter, BadParameter, UnknownParameter, JournalCorrupt, StorageUnavailable
);

problems!(
    /// What a look at one event may end in.
    EventProblems: BadId, NotFound, JournalCorrupt, StorageUnavailable
);

/// The parameters that [`Query::parse`] reads.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only described")]
struct Parameters {
    /// Those after this `seq`, oldest first; not with `before`.
    #[param(value_type = Option<u64>, format = "uint64", maximum = 18_446_744_073_709_551_615_usize)]
    after: Option<Seq>,
    /// Those before this `seq`, newest first; not with `after`.
    #[param(value_type = Option<u64>, format = "uint64", maximum = 18_446_744_073_709_551_615_usize)]
    before: Option<Seq>,
    /// Committed at this time or later.
    since: Option<DateTime<Utc>>,
    /// Committed before this time.
    until: Option<DateTime<Utc>>,
    /// Of one of these types; `*` is any run of characters.
    #[param(min_length = 1, max_length = 200, example = json!(["cache_*"]))]
    event_type: Option<Vec<String>>,
    /// From one of these sources; `*` is any run of characters.
    #[param(min_length = 1, max_length = 200)]
    source: Option<Vec<String>>,
    /// Of one of these categories.
    category: Option<Vec<Category>>,
    /// Those alone that are meant for a Realtime, as `metadata.broadcast_mode` says: exactly those
    /// that its clients are sent.
    #[param(inline)]
    path: Option<RealtimePath>,
    /// At most so many.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<usize>,
}

/// The path that events can be listed by.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "only described")]
enum RealtimePath {
    Realtime,
}

/// Events, and where to go on.
#[derive(ToSchema)]
#[expect(dead_code, reason = "joined from bytes: only described")]
struct EventPage {
    /// In the order that was asked for.
    events: Vec<EventBody>,
    /// What to give as `after`, or as `before`, for the next; `null` at the end.
    #[schema(value_type = Option<u64>, required)]
    next: Option<Seq>,
}

/// Newest first, or oldest first when asked for what comes after a place. A search that matches
/// rarely may end with few events, or none, and a `next`.
///
/// # Errors
/// When the query makes no sense, or storage cannot be read.
#[utoipa::path(
    get, path = "/v1/events", operation_id = "list_events", tag = "events", params(Parameters),
    responses((status = 200, description = "A page of events.", body = EventPage), ListProblems)
)]
pub async fn list(
    router: web::Data<Router>,
    pairs: web::Query<Pairs>,
) -> Result<HttpResponse, Problem> {
    let query = Query::parse(&pairs, router.settings().session.filter_patterns)?;
    let (events, next) =
        search(&router, &query).await.map_err(|error| unreadable(&router.metrics, &error))?;
    let mut body = Vec::from(&b"{\"events\":["[..]);
    for (index, event) in events.iter().enumerate() {
        if index > 0 {
            body.push(b',');
        }
        body.extend_from_slice(event);
    }
    let next = next.map_or("null".to_owned(), |next| next.to_string());
    body.extend_from_slice(format!("],\"next\":{next}}}").as_bytes());
    Ok(HttpResponse::Ok().content_type("application/json").body(body))
}

/// One event.
///
/// # Errors
/// When there is none of that id, or storage cannot be read.
#[utoipa::path(
    get, path = "/v1/events/{id}", operation_id = "get_event", tag = "events",
    params(("id" = uuid::Uuid, Path, description = "As the router wrote it.")),
    responses((status = 200, description = "The event.", body = EventBody), EventProblems)
)]
pub async fn one(
    router: web::Data<Router>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let event = find(&router, &id).await?;
    Ok(HttpResponse::Ok().content_type("application/json").body(event.json))
}

/// The event whose id a path names.
pub(super) async fn find(router: &Router, id: &str) -> Result<Event, Problem> {
    let id = problem::uuid("an event", id)?;
    let event = router.storage.event(id).await;
    let event = event.map_err(|error| unreadable(&router.metrics, &error))?;
    event.ok_or_else(|| {
        Problem::new(Code::NotFound, format!("there is no event {id}, or no longer"))
    })
}

/// Pages of storage until there are enough events, nothing is left, or it was enough for one
/// request; where to go on, when there may be more.
async fn search(router: &Router, query: &Query) -> Result<(Vec<Bytes>, Option<Seq>), StorageError> {
    let mut found = Vec::new();
    let mut scanned = 0;
    // What is committed but not yet shown live is not shown here either: a client that subscribes
    // after it would be ahead of the journal.
    let end = router.tail.load().next();
    let from = match query.from {
        From::Before(seq) => From::Before(seq.min(end)),
        after @ From::After(_) => after,
    };
    let mut page_query = PageQuery { from, limit: query.limit, narrow: query.narrow() };
    loop {
        let page = router.storage.page(&page_query).await?;
        scanned += page.events.len();
        let whole = page.events.len() < page_query.limit;
        let matching = |event: &Event| event.seq < end && query.wants(event);
        for event in page.events.into_iter().filter(matching) {
            if found.len() == query.limit {
                return Ok((found, Some(page_query_place(&page_query, event.seq))));
            }
            found.push(event.json);
        }
        if whole {
            return Ok((found, None));
        }
        let through = page.scanned_through.min(end.saturating_sub(1));
        page_query.from = match page_query.from {
            From::After(_) => From::After(through),
            From::Before(_) => From::Before(through),
        };
        if found.len() == query.limit || scanned >= MAX_SCANNED {
            return Ok((found, Some(through)));
        }
        page_query.limit = MAX_LIMIT;
    }
}

/// The place from which an event that did not fit any more comes first.
fn page_query_place(query: &PageQuery, seq: Seq) -> Seq {
    match query.from {
        From::After(_) => seq - 1,
        From::Before(_) => seq + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(pairs: &[(&str, &str)]) -> Result<Query, Problem> {
        let pairs: Vec<_> = pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        Query::parse(&pairs, 8)
    }

    #[test]
    fn a_query_is_read_or_refused() {
        let query =
            parse(&[("after", "5"), ("limit", "2"), ("event_type", "a*"), ("event_type", "b")]);
        let query = query.unwrap();
        assert_eq!((query.from, query.limit), (From::After(5), 2));
        assert!(query.narrow().event_types.is_empty(), "a wildcard is not for storage");
        assert_eq!(parse(&[("source", "x")]).unwrap().narrow().sources, ["x"]);
        assert!(parse(&[("path", "realtime")]).unwrap().routed);
        for pairs in [
            &[("after", "-1")][..],
            &[("path", "direct")],
            &[("limit", "0")],
            &[("limit", "1001")],
            &[("since", "yesterday")],
            &[("afterr", "1")],
            &[("category", "none")],
            &[("after", "1"), ("before", "9")],
        ] {
            assert!(parse(pairs).is_err(), "{pairs:?}");
        }
    }
}
