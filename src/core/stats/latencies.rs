//! How long things took within the last minute, as quantiles.
//!
//! Durations are sorted into buckets that are a 32nd of their value wide, so a quantile is at most
//! that much too high; there is one set of buckets for every ten seconds, and the oldest is
//! forgotten as a whole.

use std::time::Duration;

use serde::Serialize;

/// How long a slice is.
const SLICE_SECONDS: u64 = 10;
/// Slices of the last minute, and the one that is not over.
const SLICES: usize = 7;
/// Buckets for each power of two, as a power of two.
const PRECISION: u32 = 5;
/// Powers of two of microseconds that are told apart: up to 19 hours.
const POWERS: u32 = 36;
const BUCKETS: usize = ((POWERS - PRECISION + 1) << PRECISION) as usize;

/// What took how long lately.
#[derive(Clone, Debug)]
pub struct Latencies {
    slices: [Slice; SLICES],
    /// Number of the slice that is not over.
    now: u64,
}

#[derive(Clone, Debug)]
struct Slice {
    buckets: Box<[u32; BUCKETS]>,
    count: u64,
}

/// How long it took: that share of all, in the last minute, took no longer. Milliseconds, rounded
/// up by 3 % at most; nothing when nothing happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Quantiles {
    /// How many there were.
    pub count: u64,
    /// Half of them.
    pub p50_ms: Option<f64>,
    /// 95 %.
    pub p95_ms: Option<f64>,
    /// 99 %.
    pub p99_ms: Option<f64>,
}

impl Default for Latencies {
    fn default() -> Self {
        let slice = || Slice { buckets: Box::new([0; BUCKETS]), count: 0 };
        Self { slices: std::array::from_fn(|_| slice()), now: 0 }
    }
}

impl Latencies {
    /// Something took so long. A time before an earlier one counts as that one.
    pub fn record(&mut self, now: Duration, took: Duration) {
        self.go_on(now);
        let Some(slice) = self.slices.get_mut(place(self.now)) else { return };
        if let Some(bucket) = slice.buckets.get_mut(bucket(took)) {
            *bucket = bucket.saturating_add(1);
            slice.count += 1;
        }
    }

    /// How long it took in the last minute, up to ten seconds more.
    pub fn quantiles(&mut self, now: Duration) -> Quantiles {
        self.go_on(now);
        let count = self.slices.iter().map(|slice| slice.count).sum();
        let within = |percent| (count > 0).then(|| milliseconds(self.quantile(count, percent)));
        Quantiles { count, p50_ms: within(50), p95_ms: within(95), p99_ms: within(99) }
    }

    /// In microseconds.
    fn quantile(&self, count: u64, percent: u64) -> u64 {
        // The smallest number of them that is at least that share.
        let rank = (count * percent).div_ceil(100);
        let mut seen = 0;
        let reached = (0..BUCKETS).find(|bucket| {
            let of = |slice: &Slice| slice.buckets.get(*bucket).copied().unwrap_or(0);
            seen += self.slices.iter().map(of).map(u64::from).sum::<u64>();
            seen >= rank
        });
        highest(reached.unwrap_or(BUCKETS - 1))
    }

    fn go_on(&mut self, now: Duration) {
        let now = now.as_secs() / SLICE_SECONDS;
        if now > self.now {
            for slice in (self.now + 1..=now).take(SLICES) {
                if let Some(slice) = self.slices.get_mut(place(slice)).filter(|it| it.count > 0) {
                    slice.buckets.fill(0);
                    slice.count = 0;
                }
            }
            self.now = now;
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of 19 hours are exact")]
fn milliseconds(micros: u64) -> f64 {
    micros as f64 / 1_000.0
}

fn place(slice: u64) -> usize {
    usize::try_from(slice % SLICES as u64).unwrap_or(0)
}

/// The bucket of a duration: microseconds as they are below 32, then 32 for each power of two.
fn bucket(took: Duration) -> usize {
    let longest = (1 << POWERS) - 1;
    let micros = u64::try_from(took.as_micros()).unwrap_or(longest).min(longest);
    let power = micros.checked_ilog2().unwrap_or(0);
    let shift = power.saturating_sub(PRECISION);
    let bucket = (u64::from(shift) << PRECISION) + (micros >> shift);
    usize::try_from(bucket).unwrap_or(BUCKETS - 1)
}

/// The longest duration of a bucket, in microseconds.
fn highest(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let shift = (bucket >> PRECISION).saturating_sub(1);
    ((bucket - (shift << PRECISION) + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn micros(n: u64) -> Duration {
        Duration::from_micros(n)
    }

    #[test]
    fn nothing_took_no_time_at_all() {
        assert_eq!(Latencies::default().quantiles(Duration::from_secs(5)), Quantiles::default());
    }

    #[test]
    fn a_minute_later_it_is_forgotten() {
        let mut latencies = Latencies::default();
        latencies.record(Duration::from_secs(9), micros(20_000));
        for (second, count) in [(9, 1), (60, 1), (69, 1), (70, 0), (700, 0)] {
            let quantiles = latencies.quantiles(Duration::from_secs(second));
            assert_eq!(quantiles.count, count, "after {second} s");
        }
    }

    #[test]
    fn every_bucket_ends_where_the_next_begins() {
        let mut at = 0;
        for index in 0..BUCKETS {
            assert_eq!(bucket(micros(at)), index);
            assert_eq!(bucket(micros(highest(index))), index);
            at = highest(index) + 1;
        }
        assert_eq!(at, 1 << POWERS);
        assert_eq!(bucket(Duration::MAX), BUCKETS - 1);
    }

    proptest! {
        #[test]
        fn a_quantile_is_no_more_than_a_32nd_above_the_true_one(
            mut took in prop::collection::vec(prop_oneof![0u64..100, 0u64..100_000, 0u64..10_000_000_000], 1..200),
            percent in 1u64..=100,
        ) {
            let mut latencies = Latencies::default();
            for (nth, took) in took.iter().enumerate() {
                latencies.record(Duration::from_millis(nth as u64 * 300), micros(*took));
            }
            took.sort_unstable();
            let rank = (took.len() as u64 * percent).div_ceil(100);
            let exact = took[usize::try_from(rank).unwrap() - 1];
            let told = latencies.quantile(took.len() as u64, percent);
            prop_assert!(exact <= told && told <= exact + exact / 32, "{exact} {told}");
        }
    }
}
