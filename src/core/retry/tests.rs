use proptest::prelude::*;

use super::*;
use crate::core::delivery::Which;

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn policy() -> RetryPolicy {
    RetryPolicy::try_new(RetryLimits::default()).unwrap()
}

fn asks(retry_after: Option<Duration>) -> DeliveryError {
    DeliveryError::RateLimited { retry_after, reason: "slower".into() }
}

#[test]
fn each_error_has_its_wait() {
    let reason = || "x".to_owned();
    let transient = || DeliveryError::Transient { reason: reason() };
    let rejected = DeliveryError::Rejected { which: Which::Unknown, reason: reason() };
    let misconfigured = DeliveryError::Misconfigured { reason: reason() };
    let table = [
        ("whole", transient(), s(8), 1.0, s(8)),
        ("half", transient(), s(8), 0.0, s(4)),
        ("not below the first", transient(), s(0), 1.0, s(1)),
        ("not above the longest", transient(), s(99), 1.0, s(60)),
        ("another is sent at once", rejected, s(8), 0.5, s(0)),
        ("nothing helps", misconfigured, s(1), 1.0, s(60)),
        ("without a time", asks(None), s(8), 1.0, s(8)),
        ("obeyed", asks(Some(s(100))), s(8), 0.0, s(100)),
        ("and spread", asks(Some(s(100))), s(8), 1.0, s(110)),
        ("up to a bound", asks(Some(s(86_400))), s(8), 0.5, s(600)),
        ("at once is no time", asks(Some(s(0))), s(8), 1.0, s(8)),
        ("no number", transient(), s(8), f64::NAN, s(8)),
    ];
    for (name, error, grown, jitter, wait) in table {
        assert_eq!(policy().wait(&error, grown, jitter), wait, "{name}");
    }
}

#[test]
fn a_limit_out_of_its_range_is_named() {
    let good = RetryLimits::default();
    let table = [
        (RetryLimits { initial: s(0), ..good }, BadRetry::Initial),
        (RetryLimits { initial: s(61), ..good }, BadRetry::Initial),
        (RetryLimits { max_asked: s(0), ..good }, BadRetry::MaxAsked),
    ];
    for (limits, fault) in table {
        assert_eq!(RetryPolicy::try_new(limits), Err(fault));
    }
}

proptest! {
    #[test]
    fn never_sooner_than_asked_and_never_beyond_the_bounds(
        asked in proptest::option::of(0_u64..=u64::MAX), grown in 0_u64..=u64::MAX,
        jitter in proptest::num::f64::ANY,
    ) {
        let (asked, limits) = (asked.map(Duration::from_millis), policy().limits());
        let wait = policy().wait(&asks(asked), Duration::from_millis(grown), jitter);
        prop_assert!(wait >= asked.unwrap_or_default().min(limits.max_asked));
        prop_assert!(limits.initial / 2 <= wait && wait <= limits.max.max(limits.max_asked));
        let longest = Duration::from_millis(grown).clamp(limits.initial, limits.max);
        prop_assert!(wait <= longest.max(asked.map_or(longest, |asked| asked.saturating_add(asked / 10))));
    }

    #[test]
    fn a_draw_is_between_half_and_the_whole(
        whole in any::<u64>(), jitter in proptest::num::f64::ANY,
    ) {
        let whole = Duration::from_nanos(whole);
        let drawn = half_to_whole(whole, jitter);
        // A time of years has no nanoseconds as a floating-point number.
        let rounding = whole / 1_000_000_000 + Duration::from_nanos(1);
        prop_assert!(whole / 2 <= drawn + rounding && drawn <= whole, "{drawn:?}");
    }
}
