//! Looks at the realtime path once a second, and tells the rollout.

use std::time::Duration;

use actix_web::web;
use tokio::time::MissedTickBehavior;

use crate::{
    actors::{adapter::AdapterView, rollout::Observed},
    core::{breaker::BreakerState, delivery::attempt::Outcome, rollout::Measures},
    http::Router,
};

const INTERVAL: Duration = Duration::from_secs(1);

/// Looks until the router stops.
pub async fn watch(router: web::Data<Router>) {
    let mut interval = tokio::time::interval(INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !router.is_draining() {
        interval.tick().await;
        let observed = look(&router).await;
        if router.rollout.conductor.send(observed).await.is_err() {
            return;
        }
    }
}

/// The realtime path, as it is now. What is not there is not measured: no gate holds then.
async fn look(router: &Router) -> Observed {
    let mut observed = Observed::default();
    if let Some((adapter, _)) = router.delivery().realtime().await {
        attempts(&adapter, &mut observed.measures);
    }
    observed
}

fn attempts(adapter: &AdapterView, measures: &mut Measures) {
    let of = |outcome| adapter.attempts.of(outcome);
    let failures = of(Outcome::Transient) + of(Outcome::Misconfigured);
    let others = of(Outcome::Delivered) + of(Outcome::RateLimited) + of(Outcome::Rejected);
    measures.attempts = failures + others;
    measures.failures = failures;
    measures.breaker_open = adapter.breaker.state != BreakerState::Closed;
}
