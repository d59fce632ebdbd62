//! `GET /v1/history`: what was measured in the last day, as the columns of charts, and what changed
//! meanwhile. It is in memory and begins with the process.

mod marks;
mod record;
mod series;

use std::sync::{Mutex, MutexGuard, PoisonError};

use actix_web::{HttpResponse, web};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

pub use self::record::watch;
use self::{
    marks::{Mark, marks},
    series::{COUNT, JOINS, Series},
};
use super::{
    Router,
    contract::problems,
    problem::{Code, Problem},
    query::{Pairs, bad, unknown},
};
use crate::core::{
    event::rfc3339,
    stats::{Columns, History, Row},
};

problems!(
    /// What a look at the past may end in.
    HistoryProblems: BadParameter, UnknownParameter
);

/// How far back it goes.
const DAY: TimeDelta = TimeDelta::hours(24);
/// How far back it goes when nothing else is asked for.
const LATELY: TimeDelta = TimeDelta::minutes(5);
/// Points, when nothing else is asked for, and bounds of what may be.
const POINTS: (usize, std::ops::RangeInclusive<usize>) = (300, 10..=1_000);

const PARAMETERS: [&str; 3] = ["since", "until", "points"];

/// What was measured, shared between threads.
pub struct Past(Mutex<History<COUNT>>);

impl Default for Past {
    fn default() -> Self {
        Self(Mutex::new(History::new(JOINS)))
    }
}

impl Past {
    fn push(&self, at: u64, row: &Row<COUNT>) {
        self.lock().push(at, row);
    }

    fn columns(&self, query: &Query) -> Columns<COUNT> {
        let second = |at: DateTime<Utc>| u64::try_from(at.timestamp()).unwrap_or_default();
        self.lock().columns(second(query.since), second(query.until), query.points)
    }

    fn lock(&self) -> MutexGuard<'_, History<COUNT>> {
        // Points are sound whoever panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is asked for.
#[derive(Debug, PartialEq)]
struct Query {
    since: DateTime<Utc>,
    until: DateTime<Utc>,
    points: usize,
}

/// The parameters that [`Query::parse`] reads.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only described")]
struct Parameters {
    /// From this time on: five minutes before `until` when nothing is said, and a day ago at most.
    since: Option<DateTime<Utc>>,
    /// Up to this time: now, when nothing is said.
    until: Option<DateTime<Utc>>,
    /// At most so many points.
    #[param(minimum = 10, maximum = 1000, default = 300)]
    points: Option<usize>,
}

/// What was measured.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = History)]
struct HistoryBody {
    /// From when.
    #[schema(format = DateTime)]
    since: String,
    /// Until when.
    #[schema(format = DateTime)]
    until: String,
    /// What a point stands for, in milliseconds: the mean of what flows, the most of all else.
    step_ms: u64,
    /// When each point begins, in seconds since 1970. What was not measured is not there.
    at: Vec<u64>,
    series: Series,
    /// What changed meanwhile, the oldest first, of the newest 200 lines of the audit log; `null` while
    /// the storage does not tell.
    #[schema(required)]
    marks: Option<Vec<Mark>>,
}

impl Query {
    fn parse(pairs: &[(String, String)], now: DateTime<Utc>) -> Result<Self, Problem> {
        let (mut since, mut until, mut points) = (None, now, POINTS.0);
        for (name, value) in pairs {
            let time = || {
                value.parse().map_err(|error| {
                    let wanted = "a time in RFC 3339, its `+` written as %2B";
                    bad(name, format_args!("{wanted}: {error}"))
                })
            };
            match name.as_str() {
                "since" => since = Some(time()?),
                "until" => until = time()?,
                "points" => {
                    let wanted = value.parse().ok().filter(|points| POINTS.1.contains(points));
                    points = wanted.ok_or_else(|| bad(name, "10 to 1000"))?;
                }
                other => return Err(unknown(other, &PARAMETERS)),
            }
        }
        if since.is_some_and(|since| since > until) {
            let detail = "`since` must not be after `until`, which is now when nothing is said";
            return Err(Problem::new(Code::BadParameter, detail));
        }
        // Of what is not known there are no points, however long it is.
        let known = |at: DateTime<Utc>| at.clamp(now - DAY, now);
        let until = known(until);
        let since = known(since.unwrap_or(until - LATELY));
        Ok(Self { since, until, points })
    }
}

/// What was measured in the last day, once a second, in no more points than asked for; and what changed
/// meanwhile. It begins with the process.
///
/// # Errors
/// When the query makes no sense.
#[utoipa::path(
    get, path = "/v1/history", operation_id = "get_history", tag = "operating", params(Parameters),
    responses((status = 200, description = "Columns.", body = HistoryBody), HistoryProblems)
)]
pub async fn show(
    router: web::Data<Router>,
    pairs: web::Query<Pairs>,
) -> Result<HttpResponse, Problem> {
    let query = Query::parse(&pairs, Utc::now())?;
    let Columns { step, at, series } = router.history.columns(&query);
    Ok(HttpResponse::Ok().json(HistoryBody {
        since: rfc3339(query.since),
        until: rfc3339(query.until),
        step_ms: step.saturating_mul(1_000),
        at,
        series: series.into(),
        marks: marks(&router, query.since, query.until).await,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn parse(pairs: &[(&str, &str)]) -> Result<Query, Problem> {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Query::parse(&pairs.iter().map(own).collect::<Vec<_>>(), NOW)
    }

    #[test]
    fn nothing_asked_is_the_last_five_minutes() {
        let query = parse(&[]).unwrap();
        assert_eq!(query, Query { since: NOW - LATELY, until: NOW, points: 300 });
    }

    #[test]
    fn until_a_time_is_the_five_minutes_before() {
        let until = NOW - TimeDelta::hours(1);
        let query =
            parse(&[("until", &until.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))]).unwrap();
        assert_eq!((query.since, query.until), (until - LATELY, until));
    }

    #[test]
    fn no_more_than_a_day_is_looked_at() {
        let long = [("since", "0001-01-01T00:00:00Z"), ("until", "9999-01-01T00:00:00Z")];
        let query = parse(&long).unwrap();
        assert_eq!((query.since, query.until), (NOW - DAY, NOW));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for pairs in [
            [("since", "yesterday")],
            [("since", "1971-01-01T00:00:00Z")],
            [("points", "9")],
            [("points", "1001")],
            [("point", "100")],
        ] {
            assert!(parse(&pairs).is_err(), "{pairs:?}");
        }
    }
}
