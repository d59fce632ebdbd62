//! How long to wait before the next attempt, while the breaker is closed.
//!
//! Every attempt that did not succeed is followed by another: what differs is how long to wait, and
//! what is sent then, which [`super::delivery::settling`] knows. The breaker is asked after the
//! wait; when it waits too, the later of both counts.
//!
//! | what came of it | the wait |
//! |---|---|
//! | [`DeliveryError::Transient`] | what the row of failures has grown to, jittered |
//! | [`DeliveryError::RateLimited`] | the same, but not less than was asked, up to `max_asked` |
//! | [`DeliveryError::Rejected`] | none: what is sent next is something else |
//! | [`DeliveryError::Misconfigured`] | the longest, jittered: only a breaker that is forced closed lets it matter |
//!
//! Waits grow outside, by twice each time from `initial` to `max`: what they have grown to comes in.
//! Jitter takes between half and the whole of it; on what is asked for it adds up to a tenth, so that
//! those who were all sent away at once do not all come back at once.

use std::time::Duration;

use super::delivery::DeliveryError;

/// The knobs of waiting.
///
/// | knob | range | raising it |
/// |---|---|---|
/// | `initial` | above 0, to `max` | gentler after one failure, slower to go on |
/// | `max` | `initial` and more | gentler to a destination that fails for long |
/// | `max_asked` | above 0 | obeys a destination that asks for more patience |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryLimits {
    /// The first wait; each further one is twice as long.
    pub initial: Duration,
    /// The longest wait that is not asked for.
    pub max: Duration,
    /// The longest wait that a destination may ask for.
    pub max_asked: Duration,
}

impl Default for RetryLimits {
    fn default() -> Self {
        Self {
            initial: Duration::from_secs(1),
            max: Duration::from_mins(1),
            max_asked: Duration::from_mins(10),
        }
    }
}

/// Why limits cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRetry {
    /// Failures would follow each other without a pause, or waits would shrink.
    #[error("initial must be above zero, and not above max")]
    Initial,
    /// Nothing that is asked for would be obeyed.
    #[error("max_asked must be above zero")]
    MaxAsked,
}

/// How waits are drawn; see the module's documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    limits: RetryLimits,
}

impl RetryPolicy {
    /// A policy of these limits.
    ///
    /// # Errors
    /// When a limit is out of its range.
    pub fn try_new(limits: RetryLimits) -> Result<Self, BadRetry> {
        match () {
            () if limits.initial.is_zero() || limits.initial > limits.max => Err(BadRetry::Initial),
            () if limits.max_asked.is_zero() => Err(BadRetry::MaxAsked),
            () => Ok(Self { limits }),
        }
    }

    /// The limits.
    #[must_use]
    pub fn limits(&self) -> RetryLimits {
        self.limits
    }

    /// Whether `error` makes the next wait longer; any other answer begins anew.
    #[must_use]
    pub fn grows(error: &DeliveryError) -> bool {
        matches!(error, DeliveryError::Transient { .. } | DeliveryError::RateLimited { .. })
    }

    /// How long to wait after `error`, when waits have `grown` so far, and `jitter`, in `0.0..1.0`,
    /// was drawn.
    #[must_use]
    pub fn wait(&self, error: &DeliveryError, grown: Duration, jitter: f64) -> Duration {
        let RetryLimits { initial, max, max_asked } = self.limits;
        let own = half_to_whole(grown.clamp(initial, max), jitter);
        match error {
            DeliveryError::Rejected { .. } => Duration::ZERO,
            DeliveryError::Misconfigured { .. } => half_to_whole(max, jitter),
            DeliveryError::Transient { .. }
            | DeliveryError::RateLimited { retry_after: None, .. } => own,
            DeliveryError::RateLimited { retry_after: Some(asked), .. } => {
                let spread = scaled(*asked, share(jitter) / 10.0);
                asked.saturating_add(spread).min(max_asked).max(own)
            }
        }
    }
}

/// Between half of a time and the whole, by a draw in `0.0..1.0`; what is no such draw is the next
/// that is.
#[must_use]
pub(super) fn half_to_whole(whole: Duration, jitter: f64) -> Duration {
    scaled(whole, 0.5 + share(jitter) / 2.0)
}

/// A part of a time, without a panic for the longest ones.
fn scaled(whole: Duration, part: f64) -> Duration {
    Duration::try_from_secs_f64(whole.as_secs_f64() * part).unwrap_or(whole).min(whole)
}

fn share(jitter: f64) -> f64 {
    if jitter.is_nan() { 1.0 } else { jitter.clamp(0.0, 1.0) }
}

#[cfg(test)]
mod tests;
