//! The probes of whole routers, and faults that are planted on purpose: what a real client of each path
//! meets with, what the probes see, and what is said of it.

mod breaks;
mod endings;
mod flushing;
mod rehearsals;

use serde_json::Value;

use crate::{
    delivery::{metric, router_with},
    support::router::{Answer, Router, http, until},
};

/// Proofs come often, and verdicts soon; what a topic holds and a socket says is no limit here.
const SOON: [(&str, &str); 4] = [
    ("validation.canary", "200ms"),
    ("validation.settle", "500ms"),
    ("realtime.events_per_second", "0"),
    ("realtime.topic_events", "20000"),
];

/// A router in dual mode whose probes are subscribed, with more settings.
async fn watched(more: &[(&str, &str)]) -> Router {
    let router = router_with(&[&SOON, more].concat());
    until_up(&router).await;
    router
}

/// Waits until the validator knows both probes to be subscribed.
async fn until_up(router: &Router) {
    until(async || {
        let paths = router.get("/v1/validation").await["paths"].take();
        let up = |path: usize| paths[path]["probe"]["up"] == true;
        (up(0) && up(1)).then_some(())
    })
    .await;
}

/// How many events the probe of a path saw, each copy of them.
async fn receipts(router: &Router, path: &str) -> u64 {
    metric(router, &format!("signalbox_probe_receipts_total{{path=\"{path}\"}}")).await
}

/// The totals of a path once that many events have a verdict.
async fn totals(router: &Router, path: usize, due: u64) -> Value {
    until(async || {
        let totals = router.get("/v1/validation").await["paths"][path]["totals"].take();
        (totals["due"].as_u64() >= Some(due)).then_some(totals)
    })
    .await
}

/// Asks for a rehearsal.
async fn rehearse(router: &Router, body: &Value) -> Answer {
    let request = http().put(router.url("/v1/validation/rehearsal")).json(body);
    Answer::of(request.send().await.unwrap()).await
}
