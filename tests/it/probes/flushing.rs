//! `POST /metrics/flush` writes what validation has found and not stored yet.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{rehearse, totals, watched};
use crate::{
    delivery::metric,
    support::router::{Router, event},
};

/// More than have room while they wait.
const EVENTS: usize = 3_000;

#[tokio::test]
async fn verdicts_that_wait_are_written_and_told() {
    let soon = [("validation.deadline", "1s"), ("validation.late_after", "1s")];
    let mut router = watched(&soon).await;
    let flush = router.ask("POST", "/metrics/flush").await;
    assert_eq!((flush.status, &flush.json["verdicts"]), (200, &json!(0)), "{flush:?}");
    let drop = json!({ "path": "realtime", "drop": 1 });
    assert_eq!(rehearse(&router, &drop).await.status, 200);
    let batch: Vec<_> = (0..EVENTS).map(|_| event("a")).collect();
    let (_, posted) = router.post(&json!(batch)).await;
    assert_eq!(posted["accepted"], EVENTS);
    let found = totals(&router, 1, EVENTS as u64).await;
    assert_eq!(found["missing"], EVENTS, "{found}");
    let flush = router.ask("POST", "/metrics/flush").await;
    assert_eq!((flush.status, &flush.json["flushed"]), (200, &json!(true)), "{flush:?}");
    let written = flush.json["verdicts"].as_u64().unwrap();
    let not_kept = router.get("/v1/validation").await["not_kept"].as_u64().unwrap();
    let full = "signalbox_validation_verdicts_dropped_total{reason=\"full\"}";
    assert_eq!(metric(&router, full).await, not_kept);
    assert!(written > 0 && not_kept > 0, "{written} {not_kept}");
    // Whatever was not written is gone with this.
    router.kill();
    router.restart();
    let mut events = Vec::new();
    while events.len() < EVENTS {
        let page = router.get(&format!("/v1/events?limit=1000&after={}", events.len())).await;
        events.extend(page["events"].as_array().unwrap().iter().map(|it| it["id"].clone()));
    }
    let mut stored = Vec::new();
    for some in events.chunks(50) {
        stored.extend(join_all(some.iter().map(|id| verdict(&router, id.as_str().unwrap()))).await);
    }
    let missing = stored.iter().filter(|verdict| **verdict == json!(["storage", "missing"]));
    assert_eq!(missing.count() as u64, EVENTS as u64 - not_kept);
}

/// Where the verdict on an event is known from on the realtime path, and what it is.
async fn verdict(router: &Router, id: &str) -> Value {
    let trace = router.get(&format!("/v1/events/{id}/trace")).await;
    let paths = trace["validation"]["paths"].as_array().cloned().unwrap_or_default();
    let there = paths.iter().find(|path| path["path"] == "realtime").cloned().unwrap_or_default();
    json!([there["source"], there["verdict"]])
}
