//! The knobs of a policy, and which values make sense.

use std::time::Duration;

/// The largest `max`.
pub const MAX_BATCH: usize = 100_000;
/// The largest `max_linger`.
pub const MAX_LINGER: Duration = Duration::from_secs(10);

/// The knobs; see the table in the documentation of [`batching`](super).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Fewest events the size goes down to.
    pub min: usize,
    /// Most events in a batch.
    pub max: usize,
    /// Events that the size grows by, once it no longer doubles.
    pub step: usize,
    /// Percent of the size that is left when it shrinks.
    pub shrink_percent: usize,
    /// What an answer may take; one that takes longer must be worth it.
    pub target_latency: Duration,
    /// Longest wait for a batch to fill. Zero: never wait.
    pub max_linger: Duration,
}

/// Why limits cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLimits {
    /// A batch must hold something.
    #[error("min must be at least 1")]
    NoMin,
    /// There is no size in between.
    #[error("min ({min}) must not be above max ({max})")]
    MinAboveMax {
        /// As given.
        min: usize,
        /// As given.
        max: usize,
    },
    /// See [`MAX_BATCH`].
    #[error("max ({0}) must not be above {MAX_BATCH}")]
    MaxTooLarge(usize),
    /// The size would never grow, or jump from end to end.
    #[error("step ({0}) must be from 1 to max")]
    Step(usize),
    /// The size would not shrink, or be gone at once.
    #[error("shrink_percent ({0}) must be from 1 to 99")]
    Shrink(usize),
    /// Every answer would be late.
    #[error("target_latency must be above zero")]
    NoTarget,
    /// See [`MAX_LINGER`].
    #[error("max_linger must not be above {} s", MAX_LINGER.as_secs())]
    LingerTooLong,
}

/// Limits of a delivery path, for [`PathPolicy`](super::PathPolicy): from single events to
/// `max_events`.
#[must_use]
pub fn adaptive(max_events: usize, max_linger: Duration, target_latency: Duration) -> Limits {
    Limits {
        min: 1,
        max: max_events,
        step: max_events.div_ceil(10),
        shrink_percent: 50,
        target_latency,
        max_linger,
    }
}

impl Limits {
    /// The limits, if each is in its range.
    ///
    /// # Errors
    /// Which one is not.
    pub(super) fn checked(self) -> Result<Self, BadLimits> {
        let Self { min, max, step, shrink_percent, target_latency, max_linger } = self;
        match () {
            () if min == 0 => Err(BadLimits::NoMin),
            () if min > max => Err(BadLimits::MinAboveMax { min, max }),
            () if max > MAX_BATCH => Err(BadLimits::MaxTooLarge(max)),
            () if step == 0 || step > max => Err(BadLimits::Step(step)),
            () if !(1..100).contains(&shrink_percent) => Err(BadLimits::Shrink(shrink_percent)),
            () if target_latency.is_zero() => Err(BadLimits::NoTarget),
            () if max_linger > MAX_LINGER => Err(BadLimits::LingerTooLong),
            () => Ok(self),
        }
    }
}
