//! What must hold before the next step, and what brings it back.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    measures::{Counts, Measures},
    plan::Plan,
};
use crate::core::{millis, share::Share};

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RolloutSign)]
pub enum Sign {
    /// Whether every event goes there.
    Coverage,
    /// Whether verdicts are being made.
    Validation,
    /// Whether the breaker is closed.
    Breaker,
    /// Events with a verdict.
    Samples,
    /// Their share of those whose verdict is due.
    Scored,
    /// The share of them that were seen as they should be.
    MatchRate,
    /// How long 95 of 100 took.
    Latency,
    /// The share of requests that failed.
    ErrorRate,
    /// The percentage that must not be passed.
    Maximum,
}

impl Sign {
    /// Its name in the API, in metrics and in the audit.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Coverage => "coverage",
            Self::Validation => "validation",
            Self::Breaker => "breaker",
            Self::Samples => "samples",
            Self::Scored => "scored",
            Self::MatchRate => "match_rate",
            Self::Latency => "latency",
            Self::ErrorRate => "error_rate",
            Self::Maximum => "maximum",
        }
    }
}

impl fmt::Display for Sign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A gate: what must hold before the next step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = RolloutGate)]
pub struct Gate {
    /// What is looked at.
    pub gate: Sign,
    /// Whether it holds.
    pub holds: bool,
    /// What is measured: percent, milliseconds, or events; `null` when nothing is, or it is yes or no.
    #[schema(required)]
    pub value: Option<f64>,
    /// What is needed, in the same unit; `null` when it is yes or no.
    #[schema(required)]
    pub limit: Option<f64>,
    /// The same in words.
    pub detail: String,
}

/// What brings it back, and the words for it.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
#[schema(as = RolloutReason)]
pub struct Reason {
    /// What was looked at.
    pub trigger: Sign,
    /// What was measured: percent, or milliseconds; `null` for the breaker.
    #[schema(required)]
    pub value: Option<f64>,
    /// What it should have kept to.
    #[schema(required)]
    pub limit: Option<f64>,
    /// The same in words.
    pub detail: String,
}

/// All gates, by what was counted since the step began.
pub(super) fn gates(plan: &Plan, step: Counts, now: &Measures) -> Vec<Gate> {
    let yes = |gate, holds, good: &str, bad: &str| Gate {
        gate,
        holds,
        value: None,
        limit: None,
        detail: if holds { good } else { bad }.to_owned(),
    };
    vec![
        yes(
            Sign::Coverage,
            now.covered,
            "every event goes to Realtime",
            "not every event goes to Realtime",
        ),
        yes(Sign::Validation, now.validating, "verdicts are made", "no verdicts are made"),
        yes(Sign::Breaker, !now.breaker_open, "the breaker is closed", "the breaker is not closed"),
        samples(plan, step),
        rate(Sign::Scored, step.scored_rate(), plan.min_scored, "of the due events are scored"),
        rate(Sign::MatchRate, step.match_rate(), plan.match_rate, "of the scored events match"),
        latency(plan, now.p95),
        errors(plan, step.error_rate()),
    ]
}

#[expect(clippy::cast_precision_loss, reason = "shown as a float, compared as integers")]
fn samples(plan: &Plan, step: Counts) -> Gate {
    Gate {
        gate: Sign::Samples,
        holds: step.scored >= plan.min_events,
        value: Some(step.scored as f64),
        limit: Some(plan.min_events as f64),
        detail: format!("{} of {} events are scored", step.scored, plan.min_events),
    }
}

fn rate(gate: Sign, value: Option<Share>, limit: Share, what: &str) -> Gate {
    let detail = value.map_or_else(
        || format!("nothing to tell yet, of {limit}"),
        |value| format!("{value} {what}, of {limit}"),
    );
    let holds = value.is_some_and(|value| value >= limit);
    of_share(gate, holds, value, limit, detail)
}

fn of_share(gate: Sign, holds: bool, value: Option<Share>, limit: Share, detail: String) -> Gate {
    let limit = Some(limit.as_percent());
    Gate { gate, holds, value: value.map(Share::as_percent), limit, detail }
}

fn latency(plan: &Plan, p95: Option<Duration>) -> Gate {
    let limit = millis::exact(plan.latency);
    let detail = p95.map(millis::exact).map_or_else(
        || "nothing arrived in the last minute".to_owned(),
        |value| format!("p95 is {value:.1} ms, of at most {limit} ms"),
    );
    let holds = p95.is_some_and(|p95| p95 <= plan.latency);
    Gate { gate: Sign::Latency, holds, value: p95.map(millis::exact), limit: Some(limit), detail }
}

fn errors(plan: &Plan, value: Option<Share>) -> Gate {
    let limit = plan.error_rate;
    let detail = value.map_or_else(
        || "no request was made yet".to_owned(),
        |value| format!("{value} of the requests failed, of less than {limit}"),
    );
    let holds = value.is_some_and(|value| value < limit);
    of_share(Sign::ErrorRate, holds, value, limit, detail)
}

/// What is measured when it is looked whether anything is bad.
pub(super) struct Pulse {
    /// Counted since the step began.
    pub(super) step: Counts,
    /// Counted within the window.
    pub(super) lately: Counts,
    /// Of the last minute.
    pub(super) p95: Option<Duration>,
    /// What the p95 must not pass.
    pub(super) slow: Duration,
}

/// What is bad right now, of what needs to stay so for a while: at most one of each.
pub(super) fn bad(plan: &Plan, pulse: &Pulse) -> Vec<Reason> {
    let Pulse { step, lately, p95, slow } = *pulse;
    let match_rate = lately
        .match_rate()
        .filter(|rate| *rate < plan.match_floor && lately.faults() >= plan.min_faults)
        .filter(|_| step.scored >= plan.patience_events)
        .map(|value| Reason {
            trigger: Sign::MatchRate,
            value: Some(value.as_percent()),
            limit: Some(plan.match_floor.as_percent()),
            detail: format!(
                "the match rate is {value}, below {}: {} of {} events",
                plan.match_floor,
                lately.faults(),
                lately.scored
            ),
        });
    let error_rate = lately
        .error_rate()
        .filter(|rate| *rate > plan.error_ceiling && lately.failures >= plan.min_faults)
        .map(|value| Reason {
            trigger: Sign::ErrorRate,
            value: Some(value.as_percent()),
            limit: Some(plan.error_ceiling.as_percent()),
            detail: format!(
                "{value} of the requests failed, more than {}: {} of {}",
                plan.error_ceiling, lately.failures, lately.attempts
            ),
        });
    let latency = p95.filter(|p95| *p95 > slow).map(|p95| Reason {
        trigger: Sign::Latency,
        value: Some(millis::exact(p95)),
        limit: Some(millis::exact(slow)),
        detail: format!(
            "p95 is {:.1} ms, more than {:.1} ms",
            millis::exact(p95),
            millis::exact(slow)
        ),
    });
    [match_rate, error_rate, latency].into_iter().flatten().collect()
}

/// The breaker opened.
pub(super) fn opened() -> Reason {
    Reason {
        trigger: Sign::Breaker,
        value: None,
        limit: None,
        detail: "the breaker opened".to_owned(),
    }
}

/// It stands beyond the maximum: that was lowered.
pub(super) fn beyond(percent: u8, maximum: u8) -> Reason {
    Reason {
        trigger: Sign::Maximum,
        value: Some(f64::from(percent)),
        limit: Some(f64::from(maximum)),
        detail: format!("the maximum is {maximum} %"),
    }
}
