//! How much happens a second, over the last second, ten seconds, and minute.

use std::time::Duration;

use serde::Serialize;

/// Whole seconds that are kept.
const SECONDS: u64 = 60;
/// Those, and the one that is not over.
const SLOTS: usize = 61;

/// Counts by second. Only whole seconds count, so that a rate does not depend on when it is asked.
#[derive(Clone, Debug)]
pub struct Rates {
    slots: [u64; SLOTS],
    /// The second that is not over.
    second: u64,
    total: u64,
}

/// What happened a second, over the last whole seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct PerSecond {
    /// In the last second.
    #[serde(rename = "1s")]
    pub last_second: f64,
    /// In the last ten seconds, or since the start.
    #[serde(rename = "10s")]
    pub last_10_seconds: f64,
    /// In the last minute, or since the start.
    #[serde(rename = "60s")]
    pub last_minute: f64,
}

impl Default for Rates {
    fn default() -> Self {
        Self { slots: [0; SLOTS], second: 0, total: 0 }
    }
}

impl Rates {
    /// So many happened. A time before an earlier one counts as that one.
    pub fn add(&mut self, now: Duration, n: u64) {
        self.go_on(now);
        self.total += n;
        if let Some(slot) = self.slots.get_mut(slot(self.second)) {
            *slot += n;
        }
    }

    /// All that ever happened.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// How much happens a second.
    #[expect(clippy::cast_precision_loss, reason = "a rate is a float")]
    pub fn per_second(&mut self, now: Duration) -> PerSecond {
        let mut rate = |seconds: u64| {
            let over = seconds.min(now.as_secs()).max(1);
            self.within(now, seconds) as f64 / over as f64
        };
        PerSecond { last_second: rate(1), last_10_seconds: rate(10), last_minute: rate(SECONDS) }
    }

    /// How many happened in the last minute, but for the second that is not over.
    pub fn last_minute(&mut self, now: Duration) -> u64 {
        self.within(now, SECONDS)
    }

    fn within(&mut self, now: Duration, seconds: u64) -> u64 {
        self.go_on(now);
        let whole = self.second.saturating_sub(seconds)..self.second;
        whole.filter_map(|second| self.slots.get(slot(second))).sum()
    }

    fn go_on(&mut self, now: Duration) {
        let now = now.as_secs();
        if now > self.second {
            let begun = self.second + 1..=now;
            // Beyond a whole round every slot is empty already.
            for second in begun.take(SLOTS) {
                if let Some(slot) = self.slots.get_mut(slot(second)) {
                    *slot = 0;
                }
            }
            self.second = now;
        }
    }
}

fn slot(second: u64) -> usize {
    usize::try_from(second % SLOTS as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn only_whole_seconds_count() {
        let mut rates = Rates::default();
        rates.add(at(100), 30);
        assert_eq!(rates.per_second(at(900)), PerSecond::default());
        let rate =
            |last_second, rest| PerSecond { last_second, last_10_seconds: rest, last_minute: rest };
        assert_eq!(rates.per_second(at(1_000)), rate(30.0, 30.0));
        assert_eq!(rates.per_second(at(3_500)), rate(0.0, 10.0));
        let later = rates.per_second(at(60_999));
        assert_eq!((later.last_10_seconds, later.last_minute), (0.0, 0.5));
        assert_eq!(rates.per_second(at(61_000)), PerSecond::default());
        assert_eq!(rates.total(), 30);
    }

    proptest! {
        #[test]
        fn a_rate_is_what_a_list_of_everything_says(
            steps in prop::collection::vec((0u64..90_000, 0u64..100), 0..80), ask in 0u64..200_000,
        ) {
            let (mut rates, mut all, mut now) = (Rates::default(), Vec::new(), 0);
            for (step, n) in steps {
                now += step;
                rates.add(at(now), n);
                all.push((now / 1_000, n));
            }
            let second = (now + ask) / 1_000;
            let within = |seconds: u64| -> u64 {
                let lately = |(at, _): &&(u64, u64)| *at < second && *at + seconds >= second;
                all.iter().filter(lately).map(|(_, n)| n).sum()
            };
            for seconds in [1, 10, 60] {
                prop_assert_eq!(rates.within(at(now + ask), seconds), within(seconds));
            }
        }

        #[test]
        fn a_time_before_an_earlier_one_loses_nothing(times in prop::collection::vec(0u64..59_000, 1..50)) {
            let mut rates = Rates::default();
            for time in &times {
                rates.add(at(*time), 1);
            }
            prop_assert_eq!(rates.within(at(60_000), 60), times.len() as u64);
        }
    }
}
