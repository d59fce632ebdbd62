//! The rollout's rules, as the settings have them.

use std::time::Duration;

use crate::{
    adapters::TransportKind,
    core::rollout::{
        Audience, BadPattern, BadPlan, Circumstances, Path, Patterns, Plan, Segment, Steps,
    },
    settings::{ClientId, GlobalOverride, RealtimeUrl, Settings},
};

/// What of the settings makes no rollout.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotRoll {
    /// A knob is out of its range.
    #[error("[rollout]: {0}")]
    Plan(#[from] BadPlan),
    /// No pattern of clients.
    #[error("[rollout]: {0}")]
    Clients(#[from] BadPattern),
}

/// Whether a rollout can be made of settings.
///
/// # Errors
/// When it cannot.
pub fn check(settings: &Settings) -> Result<(), CannotRoll> {
    plan(settings)?;
    audience(settings)?;
    Ok(())
}

/// The p95 is of so long.
const MINUTE: Duration = Duration::from_mins(1);

/// When it goes on, and when it comes back.
///
/// # Errors
/// When a knob is out of its range.
pub fn plan(settings: &Settings) -> Result<Plan, CannotRoll> {
    let (rollout, validation) = (&settings.rollout, &settings.validation);
    let steps: Vec<u8> = [0].iter().chain(rollout.steps.list()).copied().collect();
    let plan = Plan {
        advances: rollout.auto,
        rolls_back: rollout.auto,
        steps: Steps::try_new(&steps)?,
        hold: rollout.hold,
        maximum: rollout.maximum,
        min_events: rollout.min_events,
        min_scored: rollout.min_scored,
        match_rate: rollout.match_rate,
        latency: if settings.realtime.transport == TransportKind::Postgres {
            rollout.latency_postgres
        } else {
            rollout.latency
        },
        error_rate: rollout.error_rate,
        match_floor: rollout.match_floor,
        error_ceiling: rollout.error_ceiling,
        latency_percent: rollout.latency_percent,
        latency_floor: rollout.latency_floor,
        patience: rollout.patience,
        patience_events: rollout.patience_events,
        grace: MINUTE.max(validation.deadline.saturating_add(validation.settle)),
        cool_down: rollout.cool_down,
        ..Plan::default()
    };
    plan.check()?;
    Ok(plan)
}

/// Who goes to Realtime when all is well.
///
/// # Errors
/// When a pattern is none.
pub fn audience(settings: &Settings) -> Result<Audience, CannotRoll> {
    let rollout = &settings.rollout;
    let segments = rollout.segments.iter();
    Ok(Audience {
        percent: rollout.percent.min(rollout.maximum),
        allow: Patterns::try_new(rollout.allow.iter().map(ClientId::as_str))?,
        deny: Patterns::try_new(rollout.deny.iter().map(ClientId::as_str))?,
        segments: segments
            .map(|segment| Segment::try_new(&segment.pattern, segment.percent))
            .collect::<Result<_, _>>()?,
    })
}

/// How things are for everybody.
#[must_use]
pub fn circumstances(settings: &Settings, up: bool) -> Circumstances {
    let routing = settings.routing();
    Circumstances {
        forced: match settings.flags.global_override {
            GlobalOverride::None => None,
            GlobalOverride::WebsocketOnly => Some(Path::Direct),
            GlobalOverride::RealtimeOnly => Some(Path::Realtime),
        },
        on: routing.paths().realtime,
        covered: routing.is_covered(),
        up,
    }
}

/// Where clients reach the Realtime; relative to the router when it is the router's own.
#[must_use]
pub fn realtime_url(settings: &Settings) -> String {
    match &settings.realtime.url {
        RealtimeUrl::Builtin => "/realtime/v1".to_owned(),
        RealtimeUrl::Project(url) => format!("{url}/realtime/v1"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_rules() {
        let plan = plan(&Settings::default()).unwrap();
        let expected = Plan {
            advances: false,
            rolls_back: false,
            grace: Duration::from_mins(1),
            ..Plan::default()
        };
        assert_eq!(plan, expected);
    }

    #[test]
    fn postgres_has_a_latency_of_its_own() {
        let mut settings = Settings::default();
        settings.realtime.transport = TransportKind::Postgres;
        assert_eq!(plan(&settings).unwrap().latency, Duration::from_secs(1));
    }
}
