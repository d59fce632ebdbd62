//! How the delivery paths compare with what was committed: `GET /v1/validation`.

mod of_event;

use std::{collections::BTreeMap, time::Duration};

use actix_web::{HttpResponse, web};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

pub(super) use self::of_event::{OfEvent, of_event};
use super::{
    Router,
    ops::StoppingProblems,
    problem::{Problem, stopping},
    rehearsal::RehearsalRow,
};
use crate::{
    actors::validator::{GetValidation, ValidationView},
    core::{
        event::{Category, Seq, rfc3339},
        matching::{
            Alert, ByCategory, Case, Copies, MatchCounts, Path, PathReport, Unscored, Window,
        },
        millis,
        stats::Quantiles,
    },
};

/// How the paths compare with what was committed.
#[derive(Debug, Serialize, ToSchema)]
struct Validation {
    /// Whether events are compared: validation is on, and so is the realtime path.
    active: bool,
    /// The direct path first.
    paths: Vec<PathBody>,
    /// What there is too much of, in the last five minutes.
    alerts: Vec<Alert>,
    /// The newest events of each kind that were scored and not matched, the worst kind first.
    worst: Vec<CaseBody>,
    /// Faults that are planted on purpose now.
    #[schema(required)]
    rehearsal: Option<RehearsalRow>,
    /// Verdicts that are not kept in storage, because too many came at once, or it refused them.
    not_kept: u64,
}

/// How a path is.
#[derive(Debug, Serialize, ToSchema)]
struct PathBody {
    path: Path,
    /// Who listens there.
    probe: ProbeBody,
    /// Verdicts since the router started.
    totals: MatchRow,
    /// The unscored ones of them, by reason.
    unscored: BTreeMap<&'static str, u64>,
    /// What the probe saw.
    copies: Copies,
    /// Events that wait for their verdict.
    waiting: usize,
    /// Verdicts that fell lately.
    windows: Windows,
    /// From the commit to the probe, in the last minute.
    latency: Quantiles,
}

/// A subscriber of the router's own.
#[derive(Debug, Serialize, ToSchema)]
struct ProbeBody {
    /// Whether it is subscribed.
    up: bool,
    /// Since when.
    #[schema(format = DateTime, required)]
    since: Option<String>,
    /// Everything after this place that is delivered reaches it.
    #[schema(required, value_type = Option<u64>)]
    from_seq: Option<Seq>,
    /// Until when that is proven.
    #[schema(format = DateTime, required)]
    proven_until: Option<String>,
    /// The last time that it was not.
    #[schema(required)]
    last_down: Option<DownBody>,
}

/// A subscription that ended.
#[derive(Debug, Serialize, ToSchema)]
struct DownBody {
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// Why.
    reason: Box<str>,
}

/// How many events got which verdict.
#[derive(Debug, Serialize, ToSchema)]
struct MatchRow {
    /// All that were due.
    due: u64,
    /// Those of which something can be said.
    scored: u64,
    /// Matched of scored, in percent; `null` without any.
    #[schema(required)]
    match_rate: Option<f64>,
    #[serde(flatten)]
    counts: MatchCounts,
}

/// The last minute, five minutes, and hour; each and up to ten seconds more.
#[derive(Debug, Serialize, ToSchema)]
struct Windows {
    #[serde(rename = "1m")]
    minute: WindowBody,
    #[serde(rename = "5m")]
    five_minutes: WindowBody,
    #[serde(rename = "1h")]
    hour: WindowBody,
}

/// Verdicts of a window.
#[derive(Debug, Serialize, ToSchema)]
struct WindowBody {
    /// Of all categories.
    all: MatchRow,
    /// Of each category.
    categories: BTreeMap<&'static str, MatchRow>,
}

/// An event that is not shown as it was committed.
#[derive(Debug, Serialize, ToSchema)]
struct CaseBody {
    path: Path,
    id: Uuid,
    #[schema(value_type = u64)]
    seq: Seq,
    category: Category,
    /// `late`, `reordered`, `duplicate`, `missing` or `differs`.
    verdict: &'static str,
    /// What a client was to see, as a hash.
    expected_hash: String,
    /// What was seen.
    #[schema(required)]
    seen_hash: Option<String>,
    /// Copies that were seen.
    copies: u32,
    /// From the commit to the first of them.
    #[schema(required)]
    latency_ms: Option<f64>,
    /// When the verdict fell.
    #[schema(format = DateTime)]
    decided_at: String,
}

/// How each path compares with what was committed, as probes of the router's own see it: match rates
/// and verdicts, by window and category, and the worst cases.
///
/// # Errors
/// When the router is stopping.
#[utoipa::path(
    get, path = "/v1/validation", operation_id = "show_validation", tag = "operating",
    responses((status = 200, description = "The comparison.", body = Validation), StoppingProblems)
)]
pub async fn show(router: web::Data<Router>) -> Result<HttpResponse, Problem> {
    let view = router.validator.send(GetValidation).await.map_err(stopping)?;
    Ok(HttpResponse::Ok().json(Validation::new(view, RehearsalRow::of(&router))))
}

impl Validation {
    fn new(view: ValidationView, rehearsal: Option<RehearsalRow>) -> Self {
        let clock = Clock(view.began);
        let worst = view.worst().into_iter().map(|case| CaseBody::new(case, clock)).collect();
        let downs = view.downs.iter().map(|down| {
            let (at, reason) = down.as_ref()?;
            Some(DownBody { at: rfc3339(*at), reason: reason.clone() })
        });
        let paths = view.paths.iter().zip(downs);
        Self {
            active: view.is_active,
            paths: paths.map(|(report, down)| PathBody::new(report, down, clock)).collect(),
            alerts: view.alerts,
            rehearsal,
            worst,
            not_kept: view.not_kept,
        }
    }
}

impl PathBody {
    fn new(report: &PathReport, last_down: Option<DownBody>, clock: Clock) -> Self {
        let reasons = Unscored::ALL.into_iter().zip(report.reasons);
        let window = |window| WindowBody::from(report.by_category(window));
        let probe = report.probe;
        Self {
            path: report.path,
            probe: ProbeBody {
                up: probe.is_some(),
                since: probe.map(|probe| clock.at(probe.since)),
                from_seq: probe.map(|probe| probe.from),
                proven_until: probe.map(|probe| clock.at(probe.proven)),
                last_down,
            },
            totals: report.totals.into(),
            unscored: reasons.map(|(reason, count)| (reason.name(), count)).collect(),
            copies: report.copies,
            waiting: report.waiting,
            windows: Windows {
                minute: window(Window::Minute),
                five_minutes: window(Window::FiveMinutes),
                hour: window(Window::Hour),
            },
            latency: report.latency,
        }
    }
}

impl From<ByCategory> for WindowBody {
    fn from(counts: ByCategory) -> Self {
        let mut all = MatchCounts::default();
        for each in counts {
            all += each;
        }
        let categories = Category::ALL.into_iter().zip(counts);
        let rows = categories.map(|(category, counts)| (category.as_str(), counts.into()));
        Self { all: all.into(), categories: rows.collect() }
    }
}

impl From<MatchCounts> for MatchRow {
    fn from(counts: MatchCounts) -> Self {
        Self { due: counts.due(), scored: counts.scored(), match_rate: counts.match_rate(), counts }
    }
}

impl CaseBody {
    fn new(case: &Case, clock: Clock) -> Self {
        Self {
            path: case.path,
            id: case.id,
            seq: case.seq,
            category: case.category,
            verdict: case.verdict.name(),
            expected_hash: case.expected.to_string(),
            seen_hash: case.seen.map(|hash| hash.to_string()),
            copies: case.copies,
            latency_ms: case.latency.map(millis::exact),
            decided_at: clock.at(case.decided_at),
        }
    }
}

/// What durations of the validator are counted from.
#[derive(Clone, Copy)]
struct Clock(DateTime<Utc>);

impl Clock {
    fn at(self, since: Duration) -> String {
        let since = TimeDelta::from_std(since).unwrap_or_default();
        rfc3339(self.0.checked_add_signed(since).unwrap_or(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::matching::{Committed, MatchLimits, Matcher, PayloadHash};

    /// Each is what its name says: one event of ten seconds ago, another of two minutes, a third of
    /// ten.
    #[test]
    fn windows_are_of_their_length() {
        let s = Duration::from_secs;
        let limits = MatchLimits {
            deadline: s(1),
            late_after: s(1),
            settle: s(1),
            proof_within: s(1),
            max_events: 10,
        };
        let mut matcher = Matcher::new(limits, 0);
        let mut seq = 0;
        for at in [1_000, 1_480, 1_590] {
            seq += 1;
            let (id, epoch) = (Uuid::from_u128(seq.into()), Uuid::nil());
            matcher.committed(Committed {
                id,
                epoch,
                seq,
                category: Category::Debug,
                expected: PayloadHash::of("x"),
                routed: false,
                at: s(at),
            });
            matcher.tick(s(at + 5));
        }
        let report = matcher.report(Path::Websocket, s(1_600));
        let body = PathBody::new(&report, None, Clock(DateTime::UNIX_EPOCH));
        let windows = serde_json::to_value(&body.windows).unwrap();
        let due = |window: &str| windows[window]["all"]["due"].as_u64();
        assert_eq!((due("1m"), due("5m"), due("1h")), (Some(1), Some(2), Some(3)), "{windows}");
        assert_eq!(windows["5m"]["categories"]["debug"]["due"], 2);
    }
}
