//! Looks at the realtime path once a second, and tells the rollout.

use std::time::Duration;

use actix_web::web;
use futures_util::future::join;
use tokio::time::MissedTickBehavior;

use crate::{
    actors::{
        adapter::AdapterView,
        rollout::Observed,
        validator::{GetValidation, ValidationView},
    },
    core::{
        breaker::BreakerState,
        matching::{Path, Verdict},
        rollout::{Measures, WorstCase},
    },
    http::Router,
};

const INTERVAL: Duration = Duration::from_secs(1);
/// Cases that a report names.
const WORST: usize = 20;

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
    let delivery = router.delivery();
    let (path, compared) = join(delivery.realtime(), router.validator.send(GetValidation)).await;
    let mut observed = Observed::default();
    let Some((adapter, _)) = path else { return observed };
    attempts(&adapter, &mut observed.measures);
    if let Ok(compared) = compared {
        verdicts(&compared, &mut observed);
        observed.measures.validating &= router.settings().flags.enable_validation;
    }
    observed
}

fn attempts(adapter: &AdapterView, measures: &mut Measures) {
    measures.attempts = adapter.attempts.all();
    measures.failures = adapter.attempts.failures();
    measures.breaker_open = adapter.breaker.state != BreakerState::Closed;
}

fn verdicts(compared: &ValidationView, observed: &mut Observed) {
    let path = compared.of(Path::Realtime);
    let measures = &mut observed.measures;
    measures.due = path.totals.due();
    measures.scored = path.totals.scored();
    measures.matched = path.totals.matched;
    measures.p95 = path.latency.p95_ms.map(|millis| Duration::from_secs_f64(millis / 1_000.0));
    measures.validating = path.probe.is_some();
    let names = Verdict::NAMES.into_iter().zip(path.totals.by_place());
    observed.verdicts = names.map(|(name, count)| (name.to_owned(), count)).collect();
    let worst = path.worst.iter().take(WORST).map(|case| WorstCase {
        id: case.id,
        seq: case.seq,
        verdict: case.verdict.name().to_owned(),
    });
    observed.worst = worst.collect();
}
