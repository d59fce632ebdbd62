//! What is measured while a load test runs, shared by all its tasks.
//!
//! Times are nanoseconds since the load test began. What falls into the warm-up or after the end
//! is verified like everything else, but not measured.

use std::{
    ops::Range,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use serde::Serialize;

use super::{flight::Flight, mark::Mark, plan::Plan};

/// Latencies are kept to three digits, up to here.
const LONGEST_NS: u64 = 600_000_000_000;

/// The measurements.
pub struct Meter {
    began: Instant,
    measured: Range<u64>,
    answers: Latencies,
    latency: Latencies,
    published: AtomicU64,
    deliveries: AtomicU64,
    bytes: AtomicU64,
    /// What is published and not yet everywhere.
    pub flight: Flight,
}

/// Latencies as they come; without a histogram, none is kept.
struct Latencies(Mutex<Option<Histogram<u64>>>);

/// What became of the measurements.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Measured {
    /// Counts within the measured time.
    pub counts: Counts,
    /// From the time a request was due, or sent, to the router's answer: that its events are
    /// committed. `None` when none was answered.
    pub answers: Option<Latency>,
    /// From the same time to the read that completed an event's frame; `None` when none came.
    pub latency: Option<Latency>,
}

/// Latency in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Latency {
    /// Half of all took no longer.
    pub p50: f64,
    /// 99 % of them.
    pub p99: f64,
    /// 99.9 % of them.
    #[serde(rename = "p99.9")]
    pub p999: f64,
    /// All of them.
    pub max: f64,
}

/// Counts within the measured time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events acknowledged by the router.
    pub published: u64,
    /// Events read by healthy clients.
    pub deliveries: u64,
    /// Bytes of their frames.
    pub bytes: u64,
}

impl Meter {
    /// Starts the clock.
    #[must_use]
    pub fn start(plan: &Plan, began: Instant) -> Self {
        Self {
            began,
            measured: nanoseconds(plan.warmup)..nanoseconds(plan.length()),
            answers: Latencies::new(),
            latency: Latencies::new(),
            published: AtomicU64::new(0),
            deliveries: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            flight: Flight::new(plan),
        }
    }

    /// When the load test began.
    #[must_use]
    pub fn began(&self) -> Instant {
        self.began
    }

    /// A moment of this load test.
    #[must_use]
    pub fn at(&self, moment: Instant) -> u64 {
        nanoseconds(moment.saturating_duration_since(self.began))
    }

    /// The router acknowledged the events of a request that was due then.
    pub fn on_published(&self, events: u64, due: u64, at: u64) {
        if self.measured.contains(&at) {
            self.published.fetch_add(events, Relaxed);
        }
        if self.measured.contains(&due) {
            self.answers.record(at.saturating_sub(due));
        }
    }

    /// A healthy client read an event, whose frame was complete at `at`.
    pub fn on_delivery(&self, mark: Mark, bytes: usize, at: u64) {
        self.flight.on_delivery(mark);
        if self.measured.contains(&at) {
            self.deliveries.fetch_add(1, Relaxed);
            self.bytes.fetch_add(bytes as u64, Relaxed);
        }
        if self.measured.contains(&mark.due_ns) {
            self.latency.record(at.saturating_sub(mark.due_ns));
        }
    }

    /// The counts up to now.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            published: self.published.load(Relaxed),
            deliveries: self.deliveries.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
        }
    }

    /// What was measured up to now.
    #[must_use]
    pub fn measured(&self) -> Measured {
        let (answers, latency) = (self.answers.shown(), self.latency.shown());
        Measured { counts: self.counts(), answers, latency }
    }
}

impl Latencies {
    fn new() -> Self {
        Self(Mutex::new(Histogram::new_with_max(LONGEST_NS, 3).ok()))
    }

    fn record(&self, nanoseconds: u64) {
        if let Some(known) = self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            known.saturating_record(nanoseconds);
        }
    }

    /// `None` before the first.
    #[expect(clippy::cast_precision_loss, reason = "three digits are kept")]
    fn shown(&self) -> Option<Latency> {
        let latency = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let latency = latency.as_ref().filter(|latency| !latency.is_empty())?;
        let milliseconds = |ns: u64| ns as f64 / 1e6;
        Some(Latency {
            p50: milliseconds(latency.value_at_quantile(0.5)),
            p99: milliseconds(latency.value_at_quantile(0.99)),
            p999: milliseconds(latency.value_at_quantile(0.999)),
            max: milliseconds(latency.max()),
        })
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{super::plan::tests::plan, *};

    #[test]
    fn the_warm_up_and_what_comes_late_are_not_measured() {
        let plan = plan("bench --warmup 1s --duration 1s").unwrap();
        let meter = Meter::start(&plan, Instant::now());
        let second = 1_000_000_000;
        assert_eq!(meter.measured(), Measured::default());
        let mark = |due_ns| Mark { run: 1, publisher: 0, number: 0, due_ns };
        meter.on_delivery(mark(0), 10, second / 2);
        meter.on_delivery(mark(second), 10, second + 2_000_000);
        meter.on_delivery(mark(second), 10, 3 * second);
        for at in [0, second, 2 * second] {
            meter.on_published(5, at, at + 3_000_000);
        }
        let Measured { counts, answers, latency } = meter.measured();
        assert_eq!(counts, Counts { published: 5, deliveries: 1, bytes: 10 });
        let (answers, latency) = (answers.unwrap(), latency.unwrap());
        assert!((2.99..3.01).contains(&answers.max), "{answers:?}");
        assert!((1.99..2.01).contains(&latency.p50), "{latency:?}");
        assert!((1990.0..2010.0).contains(&latency.max), "a late one counts for latency");
    }
}
