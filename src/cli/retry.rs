//! When to come back after a lost connection.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(10);

/// How long to wait before attempt number `attempt` (from 0), never less than the router `asked`
/// for. `jitter`, in `0.0..1.0`, spreads clients that were all sent away at once.
#[must_use]
pub fn delay(attempt: u32, asked: Option<Duration>, jitter: f64) -> Duration {
    let backoff = FIRST.saturating_mul(2_u32.saturating_pow(attempt)).min(LONGEST);
    let backoff = backoff.mul_f64(0.5 + jitter / 2.0);
    asked.map_or(backoff, |asked| asked + backoff.max(asked.mul_f64(jitter / 2.0)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn waits_double_up_to_a_bound() {
        let at = |attempt| delay(attempt, None, 1.0).as_millis();
        assert_eq!(
            [at(0), at(1), at(2), at(5), at(6), at(99)],
            [250, 500, 1000, 8000, 10_000, 10_000]
        );
    }

    proptest! {
        #[test]
        fn never_sooner_than_asked_and_never_much_later(
            attempt in 0_u32.., asked in 0_u64..60_000, jitter in 0.0..1.0,
        ) {
            let asked = Duration::from_millis(asked);
            let wait = delay(attempt, Some(asked), jitter);
            prop_assert!(asked < wait && wait <= asked + LONGEST.max(asked / 2));
            prop_assert!(delay(attempt, None, jitter) >= FIRST / 2);
        }
    }
}
