//! The knobs of a rollout, and their ranges.

use std::time::Duration;

use crate::core::share::Share;

/// The percentages that a rollout takes, from 0 up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Steps(Box<[u8]>);

impl Steps {
    /// Takes the steps in their order.
    ///
    /// # Errors
    /// When they do not begin at 0, do not rise, or go beyond 100.
    pub fn try_new(steps: &[u8]) -> Result<Self, BadPlan> {
        let rise = steps.iter().zip(steps.iter().skip(1)).all(|(one, next)| one < next);
        match (steps.first(), steps.last()) {
            (Some(0), Some(1..=100)) if rise => Ok(Self(steps.into())),
            _ => Err(BadPlan::Steps(steps.to_vec())),
        }
    }

    /// The first above a percentage.
    #[must_use]
    pub fn after(&self, percent: u8) -> Option<u8> {
        self.0.iter().copied().find(|step| *step > percent)
    }

    /// The last below a percentage.
    #[must_use]
    pub fn before(&self, percent: u8) -> Option<u8> {
        self.0.iter().copied().rfind(|step| *step < percent)
    }

    /// All of them, rising.
    #[must_use]
    pub fn all(&self) -> &[u8] {
        &self.0
    }
}

impl Default for Steps {
    fn default() -> Self {
        Self([0, 25, 50, 75, 100].into())
    }
}

/// When a rollout goes on, and when it comes back.
///
/// | knob | range | raising it |
/// |---|---|---|
/// | `hold` | any | each step takes longer, and has shown more |
/// | `maximum` | 0 to 100 | more clients move |
/// | `min_events` | any | needs more proof before the next step |
/// | `min_scored` | any | bears less that is not known |
/// | `match_rate` | any | needs a better path to go on |
/// | `latency` | above 0 | goes on with a slower path |
/// | `error_rate` | any | goes on with a path that fails more often |
/// | `match_floor` | any | comes back sooner |
/// | `error_ceiling` | any | bears more failures before it comes back |
/// | `latency_percent` | 100 and more | bears more latency before it comes back |
/// | `latency_floor` | above 0 | the same, where the path was very fast |
/// | `window` | above 0 | remembers faults for longer |
/// | `min_faults` | 1 and more | needs more faults to believe it |
/// | `patience_events` | any | needs more events to believe the match rate |
/// | `patience` | any | needs them for longer |
/// | `grace` | any | waits longer for what is still under way after it came back |
/// | `cool_down` | any | waits longer after it came back before it goes on |
/// | `freeze_after` | any, 0: never | comes back more often before it waits for somebody |
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Whether it goes on by itself.
    pub advances: bool,
    /// Whether it comes back by itself.
    pub rolls_back: bool,
    /// The percentages it takes.
    pub steps: Steps,
    /// How long all gates must hold before it goes on.
    pub hold: Duration,
    /// It never goes beyond this percentage.
    pub maximum: u8,
    /// Events that must have a verdict since the step began.
    pub min_events: u64,
    /// Share of those whose verdict was due since then that must have one that counts.
    pub min_scored: Share,
    /// Gate: match rate since the step began, at least.
    pub match_rate: Share,
    /// Gate: 95 of 100 events take at most this long, in the last minute.
    pub latency: Duration,
    /// Gate: share of requests that failed since the step began, less than.
    pub error_rate: Share,
    /// Comes back below this match rate within the window.
    pub match_floor: Share,
    /// Comes back above this share of failed requests within the window.
    pub error_ceiling: Share,
    /// Comes back when the p95 is above so many percent of the baseline.
    pub latency_percent: u32,
    /// The baseline is taken for at least this.
    pub latency_floor: Duration,
    /// What counts as lately.
    pub window: Duration,
    /// Faults within the window below which a rate says nothing.
    pub min_faults: u64,
    /// Scored events of the step below which the match rate is no reason to come back.
    pub patience_events: u64,
    /// How long the match rate, the error rate or the p95 must be bad before it comes back.
    pub patience: Duration,
    /// After it came back: how long what is measured is not counted, since it is of before. At least the
    /// deadline of verdicts, and the minute that the p95 is of.
    pub grace: Duration,
    /// After it came back: how long it does not go on.
    pub cool_down: Duration,
    /// It waits for somebody when it came back so many times in a row. 0: never.
    pub freeze_after: u32,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            advances: true,
            rolls_back: true,
            steps: Steps::default(),
            hold: Duration::from_mins(10),
            maximum: 100,
            min_events: 5_000,
            min_scored: Share::percent(99),
            match_rate: Share::parts(999_000),
            latency: Duration::from_millis(100),
            error_rate: Share::parts(1_000),
            match_floor: Share::parts(999_000),
            error_ceiling: Share::percent(5),
            latency_percent: 200,
            latency_floor: Duration::from_millis(20),
            window: Duration::from_mins(5),
            min_faults: 5,
            patience_events: 1_000,
            patience: Duration::from_secs(10),
            grace: Duration::from_secs(90),
            cool_down: Duration::from_mins(10),
            freeze_after: 3,
        }
    }
}

/// Why a plan cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPlan {
    /// Not a way up from 0.
    #[error("steps ({0:?}) must begin with 0 and rise, to 100 at most")]
    Steps(Vec<u8>),
    /// No percentage.
    #[error("maximum ({0}) must be from 0 to 100")]
    Maximum(u8),
    /// It would come back whatever the latency.
    #[error("latency_percent ({0}) must be 100 or more")]
    Slowdown(u32),
    /// It would come back, or never go on, whatever is measured.
    #[error("{0} must be above zero")]
    Zero(&'static str),
}

impl Plan {
    /// Whether all knobs are in their ranges.
    ///
    /// # Errors
    /// At the first that is not.
    pub fn check(&self) -> Result<(), BadPlan> {
        if self.maximum > 100 {
            return Err(BadPlan::Maximum(self.maximum));
        }
        if self.latency_percent < 100 {
            return Err(BadPlan::Slowdown(self.latency_percent));
        }
        let zero = [
            ("latency", self.latency.is_zero()),
            ("latency_floor", self.latency_floor.is_zero()),
            ("window", self.window.is_zero()),
            ("min_faults", self.min_faults == 0),
        ];
        zero.into_iter().find(|(_, is)| *is).map_or(Ok(()), |(knob, _)| Err(BadPlan::Zero(knob)))
    }

    /// The next step up, if the maximum allows it.
    #[must_use]
    pub fn next(&self, percent: u8) -> Option<u8> {
        self.steps.after(percent).filter(|step| *step <= self.maximum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_begin_at_0_and_rise() {
        let bad: [&[u8]; 6] = [&[], &[0], &[25, 50], &[0, 50, 50], &[0, 50, 25], &[0, 101]];
        for steps in bad {
            assert_eq!(Steps::try_new(steps), Err(BadPlan::Steps(steps.to_vec())));
        }
        let steps = Steps::try_new(&[0, 10, 100]).unwrap();
        assert_eq!(
            [0, 9, 10, 99, 100].map(|at| steps.after(at)),
            [Some(10), Some(10), Some(100), Some(100), None]
        );
        assert_eq!(
            [0, 9, 10, 11, 100].map(|at| steps.before(at)),
            [None, Some(0), Some(0), Some(10), Some(10)]
        );
    }

    #[test]
    fn a_plan_out_of_range_is_refused() {
        type Change = fn(&mut Plan);
        Plan::default().check().unwrap();
        let set: [(Change, &str); 4] = [
            (|plan| plan.maximum = 101, "maximum (101) must be from 0 to 100"),
            (|plan| plan.latency_percent = 99, "latency_percent (99) must be 100 or more"),
            (|plan| plan.window = Duration::ZERO, "window must be above zero"),
            (|plan| plan.min_faults = 0, "min_faults must be above zero"),
        ];
        for (break_it, words) in set {
            let mut plan = Plan::default();
            break_it(&mut plan);
            assert_eq!(plan.check().unwrap_err().to_string(), words);
        }
    }
}
