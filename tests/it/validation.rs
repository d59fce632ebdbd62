//! How the paths compare with what was committed, as `GET /v1/validation` and traces tell it.

use serde_json::{Value, json};

use crate::support::router::{Router, event, until};

const DUAL: [(&str, &str); 2] = [("flags.dual_mode", "true"), ("validation.settle", "200ms")];

/// The totals of a path once that many events are due.
async fn totals(router: &Router, path: usize, due: u64) -> Value {
    until(async || {
        let totals = router.get("/v1/validation").await["paths"][path]["totals"].take();
        (totals["due"].as_u64() >= Some(due)).then_some(totals)
    })
    .await
}

#[tokio::test]
async fn every_event_gets_one_verdict_on_each_path() {
    let router = Router::with(&DUAL);
    let batch: Vec<_> = (0..20).map(|_| event("a")).collect();
    router.post(&json!(batch)).await;
    let (_, last) = router.post(&event("b")).await;
    for path in [0, 1] {
        let totals = totals(&router, path, 21).await;
        let verdicts =
            ["matched", "late", "reordered", "duplicate", "missing", "differs", "unscored"];
        let sum: u64 = verdicts.iter().map(|name| totals[name].as_u64().unwrap()).sum();
        assert_eq!((sum, totals["due"].as_u64()), (21, Some(21)), "{totals}");
        assert_eq!(totals["missing"], 0, "what no probe can prove is not missing");
    }
    let shown = router.get("/v1/validation").await;
    assert_eq!(shown["active"], true);
    let minute = &shown["paths"][1]["windows"]["1m"];
    assert_eq!(
        (&minute["all"]["due"], &minute["categories"]["system"]["due"]),
        (&json!(21), &json!(21))
    );

    let trace = format!("/v1/events/{}/trace", last["id"].as_str().unwrap());
    let seen = router.get(&trace).await["validation"]["paths"].take();
    let paths: Vec<_> = seen.as_array().unwrap().iter().map(|seen| &seen["path"]).collect();
    assert_eq!(paths, ["websocket", "realtime"]);
    assert!(seen[0]["verdict"].is_string() && seen[1]["verdict"].is_string(), "{seen}");
    let metrics = router.ask("GET", "/metrics").await.text;
    assert!(metrics.contains("signalbox_validation_verdicts_total{"), "{metrics}");
}

#[tokio::test]
async fn nothing_is_compared_while_validation_or_the_realtime_path_is_off() {
    let off = [("flags.dual_mode", "true"), ("flags.enable_validation", "false")];
    for settings in [&off[..], &[]] {
        let router = Router::with(settings);
        let (_, posted) = router.post(&event("a")).await;
        let shown = router.get("/v1/validation").await;
        assert_eq!((&shown["active"], &shown["alerts"]), (&json!(false), &json!([])));
        for path in [0, 1] {
            let path = &shown["paths"][path];
            assert_eq!(
                (&path["waiting"], &path["totals"]["due"]),
                (&json!(0), &json!(0)),
                "{path}"
            );
            assert_eq!(path["totals"]["match_rate"], Value::Null);
        }
        let trace = format!("/v1/events/{}/trace", posted["id"].as_str().unwrap());
        assert_eq!(router.get(&trace).await["validation"], Value::Null);
    }
}
