//! One row a second, of what `GET /v1/stats` is made of.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use actix_web::web;
use chrono::Utc;
use futures_util::future::join3;
use tokio::time::{MissedTickBehavior, interval};

use super::series::Measured;
use crate::{
    actors::{
        adapter::AdapterView,
        batcher::BatcherView,
        journal::GetStatus,
        validator::{GetValidation, ValidationView},
    },
    core::{
        breaker::BreakerState,
        matching::{Path, Window},
        stats::Quantiles,
    },
    http::Router,
    telemetry::resident_memory,
};

const SECOND: Duration = Duration::from_secs(1);

/// Measures until the router stops.
pub async fn watch(router: web::Data<Router>) {
    let mut tick = interval(SECOND);
    // Times stay whole seconds: one that comes late is left out, as a hole.
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut before = None;
    while !router.is_draining() {
        tick.tick().await;
        let measured = measure(&router, &mut before).await;
        let at = u64::try_from(Utc::now().timestamp()).unwrap_or_default();
        router.history.push(at, &measured.row());
    }
}

/// What is only counted: two of these make a rate.
struct Counted {
    at: Instant,
    delivered: u64,
    attempts: u64,
    failures: u64,
}

async fn measure(router: &Router, before: &mut Option<Counted>) -> Measured {
    let delivery = router.delivery();
    let (journal, path, compared) = join3(
        router.journal.send(GetStatus),
        delivery.realtime(),
        router.validator.send(GetValidation),
    )
    .await;
    let mut measured = here(router);
    measured.queue_age = journal.ok().map(|journal| float(journal.oldest_ms));
    measured.match_rate = compared.ok().and_then(|compared| match_rate(&compared));
    match path {
        Some(path) => there(&mut measured, &path, before),
        None => *before = None,
    }
    measured
}

/// The router itself, and the direct path.
fn here(router: &Router) -> Measured {
    let stats = &router.metrics.stats;
    let (ingest, delivery, http) = (stats.ingest(), stats.delivery(), stats.http());
    Measured {
        taken: Some(ingest.accepted_per_second.last_second),
        shown: Some(delivery.events_per_second.last_second),
        sessions: u32::try_from(router.sessions.load(Ordering::Relaxed)).ok().map(f64::from),
        direct_p50: delivery.pass.p50_ms,
        direct_p95: delivery.pass.p95_ms,
        direct_p99: delivery.pass.p99_ms,
        http_p95: http.answer.p95_ms,
        commit_p95: ingest.commit.p95_ms,
        ingest_errors: ingest.error_rate,
        http_errors: http.error_rate,
        memory: resident_memory().map(float),
        ..Measured::default()
    }
}

/// The realtime path.
fn there(
    measured: &mut Measured,
    (adapter, batcher): &(AdapterView, BatcherView),
    before: &mut Option<Counted>,
) {
    let Quantiles { p50_ms, p95_ms, p99_ms, .. } = adapter.latency;
    (measured.realtime_p50, measured.realtime_p95, measured.realtime_p99) =
        (p50_ms, p95_ms, p99_ms);
    measured.lag_events = Some(float(batcher.lag_events));
    measured.lag_seconds = Some(batcher.lag.as_secs_f64());
    measured.batch = u32::try_from(batcher.batch_events).ok().map(f64::from);
    measured.breaker = Some(match adapter.breaker.state {
        BreakerState::Closed => 0.0,
        BreakerState::HalfOpen => 1.0,
        BreakerState::Open => 2.0,
    });
    let now = Counted {
        at: Instant::now(),
        delivered: batcher.settled.delivered,
        attempts: adapter.attempts.all(),
        failures: adapter.attempts.failures(),
    };
    if let Some(before) = before {
        (measured.sent, measured.realtime_errors) = now.since(before);
    }
    *before = Some(now);
}

impl Counted {
    /// Events a second, and failures in percent. Other actors count anew: nothing is told then.
    fn since(&self, before: &Self) -> (Option<f64>, Option<f64>) {
        let seconds = self.at.saturating_duration_since(before.at).as_secs_f64();
        let delivered = self.delivered.checked_sub(before.delivered).filter(|_| seconds > 0.0);
        let failures = self.failures.checked_sub(before.failures);
        let attempts = self.attempts.checked_sub(before.attempts).filter(|count| *count > 0);
        let share = failures.zip(attempts).map(|(part, all)| 100.0 * float(part) / float(all));
        (delivered.map(|count| float(count) / seconds), share)
    }
}

fn match_rate(compared: &ValidationView) -> Option<f64> {
    compared.of(Path::Realtime).within(Window::FiveMinutes).match_rate()
}

#[expect(clippy::cast_precision_loss, reason = "a point of a chart")]
fn float(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(at: Instant, delivered: u64, attempts: u64, failures: u64) -> Counted {
        Counted { at, delivered, attempts, failures }
    }

    #[test]
    fn rates_are_of_the_time_that_passed() {
        let began = Instant::now();
        let (before, later) = (counted(began, 10, 4, 1), began + Duration::from_secs(2));
        assert_eq!(counted(later, 30, 8, 2).since(&before), (Some(10.0), Some(25.0)));
        assert_eq!(counted(later, 10, 4, 1).since(&before), (Some(0.0), None), "nothing was tried");
        assert_eq!(counted(later, 3, 1, 0).since(&before), (None, None), "others began to count");
        assert_eq!(counted(began, 30, 4, 1).since(&before).0, None, "no time has passed");
    }
}
