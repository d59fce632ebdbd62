//! The waits of an adapter between attempts: `backoff` lets them grow, chance draws them, and
//! [`RetryPolicy`] decides.
//!
//! `backoff` reads a clock and draws from chance whenever it is asked, which `core` must not. Here
//! neither has a say: without a limit of elapsed time its clock decides nothing, and without its
//! randomization its draw is below a nanosecond.

use std::time::Duration;

use backoff::{ExponentialBackoff, ExponentialBackoffBuilder, backoff::Backoff};

use crate::core::{delivery::DeliveryError, retry::RetryPolicy};

/// The waits of one adapter.
#[derive(Debug)]
pub struct Pauses {
    policy: RetryPolicy,
    growth: ExponentialBackoff,
}

impl Pauses {
    /// Waits that begin with the first.
    #[must_use]
    pub fn new(policy: RetryPolicy) -> Self {
        let limits = policy.limits();
        let growth = ExponentialBackoffBuilder::new()
            .with_initial_interval(limits.initial)
            .with_multiplier(2.0)
            .with_max_interval(limits.max)
            .with_randomization_factor(0.0)
            .with_max_elapsed_time(None)
            .build();
        Self { policy, growth }
    }

    /// How long to wait after an attempt that ended so.
    pub fn after(&mut self, error: &DeliveryError) -> Duration {
        let grown = if RetryPolicy::grows(error) {
            self.growth.next_backoff().unwrap_or(self.policy.limits().max)
        } else {
            self.begin_anew();
            Duration::ZERO
        };
        self.policy.wait(error, grown, fastrand::f64())
    }

    /// The destination took something: the next wait is the first again.
    pub fn begin_anew(&mut self) {
        self.growth.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{delivery::Which, retry::RetryLimits};

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn pauses() -> Pauses {
        with(RetryLimits::default())
    }

    fn with(limits: RetryLimits) -> Pauses {
        Pauses::new(RetryPolicy::try_new(limits).unwrap())
    }

    fn transient() -> DeliveryError {
        DeliveryError::Transient { reason: "x".into() }
    }

    /// A wait is drawn between half and the whole; a nanosecond is for rounding.
    #[track_caller]
    fn is_drawn_from(wait: Duration, whole: Duration) {
        let most = whole + Duration::from_nanos(1);
        assert!(whole / 2 <= wait && wait <= most, "{wait:?} of {whole:?}");
    }

    #[test]
    fn waits_double_up_to_the_longest_and_begin_anew() {
        let mut pauses = pauses();
        for whole in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
            is_drawn_from(pauses.after(&transient()), s(whole));
        }
        pauses.begin_anew();
        is_drawn_from(pauses.after(&transient()), s(1));
    }

    #[test]
    fn the_first_and_the_longest_are_those_of_the_settings() {
        let limits = RetryLimits { initial: s(2), max: s(100), ..RetryLimits::default() };
        let mut pauses = with(limits);
        for whole in [2, 4, 8, 16, 32, 64, 100, 100] {
            is_drawn_from(pauses.after(&transient()), s(whole));
        }
    }

    #[test]
    fn waits_differ() {
        let drawn = [(); 8].map(|()| pauses().after(&transient()));
        assert!(drawn.iter().any(|wait| *wait != drawn[0]), "{drawn:?}");
    }

    #[test]
    fn what_is_asked_for_is_obeyed_and_grows_when_it_is_too_little() {
        let mut pauses = pauses();
        let retry_after = Some(s(3));
        let asks = DeliveryError::RateLimited { retry_after, reason: "x".into() };
        for longest in [4, 4, 4, 8, 16] {
            let wait = pauses.after(&asks);
            assert!(s(3) <= wait && wait <= s(longest), "{wait:?}");
        }
        is_drawn_from(pauses.after(&transient()), s(32));
    }

    #[test]
    fn another_batch_is_sent_at_once_after_a_rejection() {
        let mut pauses = pauses();
        is_drawn_from(pauses.after(&transient()), s(1));
        is_drawn_from(pauses.after(&transient()), s(2));
        let rejected = DeliveryError::Rejected { which: Which::Unknown, reason: "x".into() };
        assert_eq!(pauses.after(&rejected), s(0));
        is_drawn_from(pauses.after(&transient()), s(1));
    }
}
