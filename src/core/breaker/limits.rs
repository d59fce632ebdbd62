//! The knobs of a breaker, and their ranges.

use std::time::Duration;

use crate::core::retry::half_to_whole;

/// Most failures in a row, and most successes, that can be asked for.
const MAX_IN_A_ROW: u32 = 1_000;
/// The longest window, in attempts: it is kept whole.
const MAX_ATTEMPTS: usize = 10_000;

/// When a breaker opens, for how long, and when it closes.
///
/// | knob | range | raising it |
/// |---|---|---|
/// | `failures` | 1 to 1,000 | opens later when nothing works |
/// | `error_percent` | 1 to 100 | bears more of a destination that works now and then |
/// | `attempts` | 1 to 10,000 | remembers longer: slower to open, and to forget |
/// | `min_attempts` | 1 to `attempts` | needs more proof for the percentage |
/// | `open_for` | above 0, to `open_max` | asks less often, and notices later that it is back |
/// | `open_max` | `open_for` and more | the same, in a long outage |
/// | `successes` | 1 to 1,000 | more proof before all goes there again |
/// | `probe_for` | above 0 | must be longer than a request may take |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerLimits {
    /// Failures in a row that open it.
    pub failures: u32,
    /// Failures in a hundred that open it.
    pub error_percent: u32,
    /// Newest attempts that the percentage is of.
    pub attempts: usize,
    /// Attempts below which the percentage says nothing.
    pub min_attempts: usize,
    /// The first time open.
    pub open_for: Duration,
    /// The longest time open.
    pub open_max: Duration,
    /// Probes that must succeed to close it.
    pub successes: u32,
    /// How long the outcome of a probe is waited for before another may go.
    pub probe_for: Duration,
}

impl Default for BreakerLimits {
    fn default() -> Self {
        Self {
            failures: 5,
            error_percent: 5,
            attempts: 100,
            min_attempts: 20,
            open_for: Duration::from_secs(30),
            open_max: Duration::from_mins(5),
            successes: 2,
            probe_for: Duration::from_mins(1),
        }
    }
}

/// Why limits cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadBreaker {
    /// It would never open, or at once.
    #[error("failures ({0}) must be from 1 to {MAX_IN_A_ROW}")]
    Failures(u32),
    /// No percentage.
    #[error("error_percent ({0}) must be from 1 to 100")]
    Percent(u32),
    /// The window is kept in memory.
    #[error("attempts ({0}) must be from 1 to {MAX_ATTEMPTS}")]
    Attempts(usize),
    /// The percentage would never count.
    #[error("min_attempts ({min}) must be from 1 to attempts ({attempts})")]
    MinAttempts {
        /// As given.
        min: usize,
        /// As given.
        attempts: usize,
    },
    /// It would not be open, or shorter each time.
    #[error("open_for must be above zero, and not above open_max")]
    OpenFor,
    /// It would never close, or without proof.
    #[error("successes ({0}) must be from 1 to {MAX_IN_A_ROW}")]
    Successes(u32),
    /// Any number of probes could go at once.
    #[error("probe_for must be above zero")]
    ProbeFor,
}

impl BreakerLimits {
    pub(super) fn check(&self) -> Result<(), BadBreaker> {
        let Self { failures, error_percent, attempts, min_attempts: min, successes, .. } = *self;
        match () {
            () if !(1..=MAX_IN_A_ROW).contains(&failures) => Err(BadBreaker::Failures(failures)),
            () if !(1..=100).contains(&error_percent) => Err(BadBreaker::Percent(error_percent)),
            () if !(1..=MAX_ATTEMPTS).contains(&attempts) => Err(BadBreaker::Attempts(attempts)),
            () if !(1..=attempts).contains(&min) => Err(BadBreaker::MinAttempts { min, attempts }),
            () if self.open_for.is_zero() || self.open_for > self.open_max => {
                Err(BadBreaker::OpenFor)
            }
            () if !(1..=MAX_IN_A_ROW).contains(&successes) => Err(BadBreaker::Successes(successes)),
            () if self.probe_for.is_zero() => Err(BadBreaker::ProbeFor),
            () => Ok(()),
        }
    }

    /// How long it stays open after `reopened` failed probes: between half and the whole of the
    /// doubled time.
    pub(super) fn open_period(&self, reopened: u32, jitter: f64) -> Duration {
        let doubled = self.open_for.saturating_mul(2_u32.saturating_pow(reopened));
        half_to_whole(doubled.min(self.open_max), jitter)
    }
}
