//! The knobs of a rollout, and their ranges.

use std::time::Duration;

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
/// | `min_scored` | any | needs more proof before the next step |
/// | `min_scored_percent` | 0 to 100 | bears less that is not known |
/// | `match_rate` | 0 to 100 | needs a better path to go on |
/// | `p95` | above 0 | goes on with a slower path |
/// | `error_rate` | 0 to 100 | goes on with a path that fails more often |
/// | `floor` | 0 to 100 | comes back sooner |
/// | `max_error_rate` | 0 to 100 | bears more failures before it comes back |
/// | `max_slowdown` | 1 and more | bears more latency before it comes back |
/// | `baseline_floor` | above 0 | the same, where the path was very fast |
/// | `window` | above 0 | remembers faults for longer |
/// | `min_faults` | 1 and more | needs more faults to believe it |
/// | `confirm` | any | needs them for longer |
/// | `grace` | any | waits longer for what is still under way after it came back |
/// | `cool_down` | any | waits longer after it came back before it goes on |
/// | `freeze_after` | any, 0: never | comes back more often before it waits for somebody |
#[derive(Clone, Debug, PartialEq)]
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
    pub min_scored: u64,
    /// Percentage of those committed since then that must have one.
    pub min_scored_percent: f64,
    /// Gate: match rate since the step began, in percent, at least.
    pub match_rate: f64,
    /// Gate: 95 of 100 events take at most this long, in the last minute.
    pub p95: Duration,
    /// Gate: percentage of requests that failed since the step began, less than.
    pub error_rate: f64,
    /// Comes back below this match rate, in percent, within the window.
    pub floor: f64,
    /// Comes back above this percentage of failed requests within the window.
    pub max_error_rate: f64,
    /// Comes back when the p95 is more than so many times the baseline.
    pub max_slowdown: f64,
    /// The baseline is taken for at least this.
    pub baseline_floor: Duration,
    /// What counts as lately.
    pub window: Duration,
    /// Faults within the window below which a rate says nothing.
    pub min_faults: u64,
    /// How long the match rate, the error rate or the p95 must be bad before it comes back.
    pub confirm: Duration,
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
            min_scored: 5_000,
            min_scored_percent: 99.0,
            match_rate: 99.9,
            p95: Duration::from_millis(100),
            error_rate: 0.1,
            floor: 99.9,
            max_error_rate: 5.0,
            max_slowdown: 2.0,
            baseline_floor: Duration::from_millis(20),
            window: Duration::from_mins(5),
            min_faults: 5,
            confirm: Duration::from_secs(10),
            grace: Duration::from_secs(90),
            cool_down: Duration::from_mins(10),
            freeze_after: 3,
        }
    }
}

/// Why a plan cannot be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum BadPlan {
    /// Not a way up from 0.
    #[error("steps ({0:?}) must begin with 0 and rise, to 100 at most")]
    Steps(Vec<u8>),
    /// No percentage.
    #[error("{knob} ({value}) must be from 0 to 100")]
    Percent {
        /// Which.
        knob: &'static str,
        /// As given.
        value: f64,
    },
    /// It would come back whatever the latency.
    #[error("max_slowdown ({0}) must be 1 or more")]
    Slowdown(f64),
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
        let percents = [
            ("maximum", f64::from(self.maximum)),
            ("min_scored_percent", self.min_scored_percent),
            ("match_rate", self.match_rate),
            ("error_rate", self.error_rate),
            ("floor", self.floor),
            ("max_error_rate", self.max_error_rate),
        ];
        let out = percents.into_iter().find(|(_, value)| !(0.0..=100.0).contains(value));
        if let Some((knob, value)) = out {
            return Err(BadPlan::Percent { knob, value });
        }
        if !(1.0..=1e6).contains(&self.max_slowdown) {
            return Err(BadPlan::Slowdown(self.max_slowdown));
        }
        let zero = [
            ("p95", self.p95.is_zero()),
            ("baseline_floor", self.baseline_floor.is_zero()),
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
        assert_eq!([0, 9, 10, 99, 100].map(|at| steps.after(at)), [
            Some(10),
            Some(10),
            Some(100),
            Some(100),
            None
        ]);
        assert_eq!([0, 9, 10, 11, 100].map(|at| steps.before(at)), [
            None,
            Some(0),
            Some(0),
            Some(10),
            Some(10)
        ]);
    }

    #[test]
    fn a_plan_out_of_range_is_refused() {
        Plan::default().check().unwrap();
        let set: [(fn(&mut Plan), &str); 5] = [
            (|plan| plan.floor = 100.1, "floor (100.1) must be from 0 to 100"),
            (|plan| plan.error_rate = f64::NAN, "error_rate (NaN) must be from 0 to 100"),
            (|plan| plan.max_slowdown = 0.9, "max_slowdown (0.9) must be 1 or more"),
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
