//! The rollout's rules, as the settings have them.

use std::time::Duration;

use crate::{
    adapters::TransportKind,
    core::rollout::{
        Audience, BadPattern, BadPlan, Circumstances, Path, Patterns, Plan, Segment, Steps,
    },
    settings::{ClientId, FlagSettings, GlobalOverride, PathName, Paths, RealtimeUrl, Settings},
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
    let flags = &settings.flags;
    Circumstances {
        forced: match flags.global_override {
            GlobalOverride::None => None,
            GlobalOverride::WebsocketOnly => Some(Path::Direct),
            GlobalOverride::RealtimeOnly => Some(Path::Realtime),
        },
        on: Paths::of(flags).realtime,
        covered: covered(flags),
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

/// Whether every event goes to Realtime, whole.
#[must_use]
pub fn covered(flags: &FlagSettings) -> bool {
    let whole = |enabled, percentage, paths: &[PathName]| {
        enabled && percentage == 100 && paths.contains(&PathName::Realtime)
    };
    Paths::of(flags).realtime
        && whole(flags.critical_enabled, flags.critical_percentage, &flags.critical_paths)
        && whole(flags.performance_enabled, flags.performance_percentage, &flags.performance_paths)
        && whole(
            flags.user_activity_enabled,
            flags.user_activity_percentage,
            &flags.user_activity_paths,
        )
        && whole(flags.system_enabled, flags.system_percentage, &flags.system_paths)
        && whole(flags.debug_enabled, flags.debug_percentage, &flags.debug_paths)
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

    #[test]
    fn one_category_that_does_not_go_there_whole_is_no_coverage() {
        let mut flags = FlagSettings { dual_mode: true, ..FlagSettings::default() };
        assert!(covered(&flags));
        flags.debug_percentage = 99;
        assert!(!covered(&flags));
        flags = FlagSettings { system_paths: vec![PathName::Websocket], dual_mode: true, ..flags };
        flags.debug_percentage = 100;
        assert!(!covered(&flags));
        assert!(!covered(&FlagSettings::default()), "the path is off");
    }
}
