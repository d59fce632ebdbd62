//! What has happened since the start and lately, kept for `GET /v1/stats`: the windows of
//! [`core::stats`](crate::core::stats) with a clock, shared between threads.
//!
//! The same places feed it that feed the metrics, which cannot be read back.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use chrono::Utc;
use serde::Serialize;
use utoipa::ToSchema;

use crate::core::{
    event::Category,
    intake::Batch,
    stats::{Latencies, PerSecond, Quantiles, Rates, Validation, Validations},
};

/// Everything that is kept.
pub struct Stats {
    started: Instant,
    journal: Mutex<Journal>,
    intake: Mutex<Intake>,
    delivery: Mutex<Delivery>,
    http: Mutex<Http>,
}

#[derive(Default)]
struct Journal {
    accepted: Rates,
    failed: Rates,
    categories: BTreeMap<Category, u64>,
    commits: Latencies,
}

#[derive(Default)]
struct Intake {
    validation: Validation,
    invalid: Rates,
}

#[derive(Default)]
struct Delivery {
    delivered: u64,
    dropped: u64,
    events: Rates,
    bytes: Rates,
    passes: Latencies,
}

#[derive(Default)]
struct Http {
    requests: Rates,
    errors: Rates,
    took: Latencies,
}

/// Events on their way in. Rates of errors are in percent.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct IngestStats {
    /// Events committed for the first time, since the start.
    pub accepted: u64,
    /// Events that were taken, and then could not be committed, since the start.
    pub failed: u64,
    /// Events with faults, since the start.
    pub invalid: u64,
    /// Events committed for the first time.
    pub accepted_per_second: PerSecond,
    /// Of the last minute's events those that were invalid or failed; nothing without events.
    pub error_rate: Option<f64>,
    /// What commits took.
    pub commit: Quantiles,
    /// Events committed for the first time by category, since the start.
    #[schema(value_type = BTreeMap<String, u64>)]
    pub categories: BTreeMap<Category, u64>,
}

/// Events on their way out.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct DeliveryStats {
    /// Events that the kernel took for clients.
    pub events_per_second: PerSecond,
    /// Bytes that the kernel took for clients.
    pub bytes_per_second: PerSecond,
    /// From commit to socket: one observation for each pass of a worker, of its oldest event.
    pub pass: Quantiles,
}

/// Requests, but for upgrades.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct HttpStats {
    /// Answered requests.
    pub requests_per_second: PerSecond,
    /// Of the last minute's requests those answered with 5xx, in percent; nothing without requests.
    pub error_rate: Option<f64>,
    /// What answers took.
    pub answer: Quantiles,
}

impl Default for Stats {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            journal: Mutex::default(),
            intake: Mutex::default(),
            delivery: Mutex::default(),
            http: Mutex::default(),
        }
    }
}

impl Stats {
    /// Events were committed for the first time.
    pub fn accepted(&self, categories: &BTreeMap<Category, u64>) {
        let mut journal = lock(&self.journal);
        journal.accepted.add(self.now(), categories.values().sum());
        for (category, n) in categories {
            *journal.categories.entry(*category).or_default() += n;
        }
    }

    /// Events that were taken could not be committed.
    pub fn failed(&self, events: u64) {
        lock(&self.journal).failed.add(self.now(), events);
    }

    /// A commit took so long.
    pub fn committed(&self, took: Duration) {
        lock(&self.journal).commits.record(self.now(), took);
    }

    /// The events of a request were looked at, which took so long.
    pub fn validated(&self, batch: &Batch, took: Duration) {
        let tallies = batch.tallies(took);
        let (now, at) = (self.now(), Utc::now());
        let mut intake = lock(&self.intake);
        for (event_type, tally) in tallies {
            intake.validation.record(at, event_type, tally);
            intake.invalid.add(now, tally.failed);
        }
    }

    /// The kernel took events and bytes for clients.
    pub fn delivered(&self, events: u64, bytes: u64) {
        let now = self.now();
        let mut delivery = lock(&self.delivery);
        delivery.delivered += events;
        delivery.events.add(now, events);
        delivery.bytes.add(now, bytes);
    }

    /// From commit to socket it took so long.
    pub fn passed(&self, took: Duration) {
        lock(&self.delivery).passes.record(self.now(), took);
    }

    /// A request was answered, with 5xx or not.
    pub fn answered(&self, took: Duration, is_error: bool) {
        let now = self.now();
        let mut http = lock(&self.http);
        http.requests.add(now, 1);
        http.errors.add(now, u64::from(is_error));
        http.took.record(now, took);
    }

    /// Events on their way in.
    #[must_use]
    pub fn ingest(&self) -> IngestStats {
        let now = self.now();
        let (invalid, refused) = {
            let invalid = &mut lock(&self.intake).invalid;
            (invalid.total(), invalid.last_minute(now))
        };
        let mut journal = lock(&self.journal);
        let Journal { accepted, failed, categories, commits } = &mut *journal;
        let errors = refused + failed.last_minute(now);
        IngestStats {
            accepted: accepted.total(),
            failed: failed.total(),
            invalid,
            accepted_per_second: accepted.per_second(now),
            error_rate: percent(errors, errors + accepted.last_minute(now)),
            commit: commits.quantiles(now),
            categories: categories.clone(),
        }
    }

    /// What validation found.
    #[must_use]
    pub fn validation(&self) -> Validations {
        lock(&self.intake).validation.rows()
    }

    /// Events that a session will not be given.
    pub fn dropped(&self, events: u64) {
        lock(&self.delivery).dropped += events;
    }

    /// Events that sessions were given since the start, and those that they were not.
    #[must_use]
    pub fn deliveries(&self) -> (u64, u64) {
        let delivery = lock(&self.delivery);
        (delivery.delivered, delivery.dropped)
    }

    /// Events on their way out.
    #[must_use]
    pub fn delivery(&self) -> DeliveryStats {
        let now = self.now();
        let mut delivery = lock(&self.delivery);
        DeliveryStats {
            events_per_second: delivery.events.per_second(now),
            bytes_per_second: delivery.bytes.per_second(now),
            pass: delivery.passes.quantiles(now),
        }
    }

    /// Requests.
    #[must_use]
    pub fn http(&self) -> HttpStats {
        let now = self.now();
        let mut http = lock(&self.http);
        let Http { requests, errors, took } = &mut *http;
        HttpStats {
            requests_per_second: requests.per_second(now),
            error_rate: percent(errors.last_minute(now), requests.last_minute(now)),
            answer: took.quantiles(now),
        }
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Counts are sound whoever panicked.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[expect(clippy::cast_precision_loss, reason = "a share is a float")]
fn percent(part: u64, all: u64) -> Option<f64> {
    (all > 0).then(|| part as f64 * 100.0 / all as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_is_kept() {
        let stats = Stats::default();
        stats.accepted(&BTreeMap::from([(Category::Debug, 2), (Category::System, 1)]));
        stats.accepted(&BTreeMap::from([(Category::Debug, 1)]));
        stats.failed(5);
        stats.committed(Duration::from_millis(3));
        stats.answered(Duration::from_millis(4), true);
        stats.delivered(7, 700);
        let ingest = stats.ingest();
        assert_eq!((ingest.accepted, ingest.failed, ingest.invalid), (4, 5, 0));
        assert_eq!(ingest.categories[&Category::Debug], 3);
        assert_eq!((ingest.commit.count, stats.http().answer.count), (1, 1));
        assert_eq!(ingest.error_rate, None, "the second is not over");
        assert_eq!((percent(1, 4), percent(0, 0)), (Some(25.0), None));
    }
}
