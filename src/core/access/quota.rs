//! How much a client may take: so much a second, and so much at once after a pause.
//!
//! What is left is kept elsewhere; here is what follows from it, and how it is told: `RateLimit` and
//! `RateLimit-Policy`, as draft-ietf-httpapi-ratelimit-headers has them.

use std::{num::NonZeroU32, time::Duration};

/// A rate with a burst, of requests or of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// What comes back in a second.
    pub per_second: NonZeroU32,
    /// What may be taken at once.
    pub burst: NonZeroU32,
}

impl Quota {
    /// The quota of a setting, where 0 means that there is none; without a burst of its own, what
    /// comes back in a second may be taken at once, and `at_least` anyhow.
    #[must_use]
    pub fn of(per_second: usize, burst: usize, at_least: usize) -> Option<Self> {
        let clamp = |number: usize| NonZeroU32::new(u32::try_from(number).unwrap_or(u32::MAX));
        let per_second = clamp(per_second)?;
        let burst = clamp(burst).unwrap_or(per_second);
        Some(Self { per_second, burst: clamp(at_least).map_or(burst, |least| burst.max(least)) })
    }

    /// How long it takes until so much has come back.
    #[must_use]
    pub fn refill(&self, amount: u32) -> Duration {
        Duration::from_secs_f64(f64::from(amount) / f64::from(self.per_second.get()))
    }

    /// The policy's item in `RateLimit-Policy`; `unit` is the quota unit, requests without one.
    #[must_use]
    pub fn policy(&self, name: &str, unit: Option<&str>) -> String {
        let window = seconds(self.refill(self.burst.get())).max(1);
        let unit = unit.map(|unit| format!(";qu=\"{unit}\"")).unwrap_or_default();
        format!("\"{name}\";q={}{unit};w={window}", self.burst)
    }

    /// The item in `RateLimit` when `remaining` is left: `t` is when all is there again.
    #[must_use]
    pub fn standing(&self, name: &str, remaining: u32) -> String {
        let taken = self.burst.get().saturating_sub(remaining);
        format!("\"{name}\";r={remaining};t={}", seconds(self.refill(taken)))
    }
}

/// Whole seconds, up.
fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_rate_is_no_quota_and_no_burst_is_that_of_a_second() {
        assert_eq!(Quota::of(0, 5, 5), None);
        let burst = |per_second, burst, least| Quota::of(per_second, burst, least).unwrap().burst;
        assert_eq!(burst(10, 0, 0).get(), 10);
        assert_eq!(burst(10, 3, 0).get(), 3);
        assert_eq!(burst(10, 0, 16).get(), 16, "the largest body must fit");
        assert_eq!(burst(usize::MAX, 0, 0).get(), u32::MAX);
    }

    #[test]
    fn headers_tell_the_window_and_what_is_left() {
        let quota = Quota::of(10, 25, 0).unwrap();
        assert_eq!(quota.policy("client", None), "\"client\";q=25;w=3");
        let bytes = quota.policy("client-bytes", Some("content-bytes"));
        assert_eq!(bytes, "\"client-bytes\";q=25;qu=\"content-bytes\";w=3");
        assert_eq!(quota.standing("client", 25), "\"client\";r=25;t=0");
        assert_eq!(quota.standing("client", 24), "\"client\";r=24;t=1");
        assert_eq!(quota.standing("client", 0), "\"client\";r=0;t=3");
        assert_eq!(Quota::of(100, 1, 0).unwrap().policy("a", None), "\"a\";q=1;w=1");
    }
}
