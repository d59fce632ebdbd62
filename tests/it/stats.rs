//! `GET /v1/stats`: what the dashboard shows adds up, the original's counters too.

use serde_json::{Value, json};

use crate::support::{
    dashboard::Dashboard,
    router::{Router, event, until},
};

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value}"))
}

#[tokio::test]
async fn the_originals_counters_count_each_event_once() {
    let router = Router::start();
    let _dashboard = Dashboard::subscribed(&router, json!({})).await;
    let id = "0190b5c4-6a2e-7cc3-98c4-dc0c0c07398f";
    let known = json!({ "id": id, "event_type": "a", "source": "s", "data": {} });
    router.post(&known).await;
    router.post(&json!([known, event("error"), event("cache_metrics"), event("a")])).await;
    router.post(&json!([event("a"), { "event_type": "a" }])).await;
    let stats = router.get("/v1/stats").await;
    assert_eq!(
        stats["broadcaster"],
        json!({
            "total_broadcasts": 4, "direct_broadcasts": 4, "adapter_broadcasts": 0,
            "failed_broadcasts": 0, "sequence_counter": 4, "connected_clients": 1,
            "use_adapter": false, "use_dual_mode": false,
        }),
        "neither the duplicate nor the refused are shown"
    );
    let distribution =
        json!({ "critical": 1, "performance": 1, "user_activity": 0, "system": 2, "debug": 0 });
    assert_eq!(
        stats["classification"],
        json!({
            "total_classified": 4, "category_distribution": distribution,
            "classification_errors": 0,
        })
    );
    assert_eq!((&stats["ingest"]["accepted"], &stats["ingest"]["invalid"]), (&json!(4), &json!(1)));
}

#[tokio::test]
async fn validation_is_told_by_type() {
    let router = Router::start();
    router.post(&json!([event("a"), event("a"), event("b")])).await;
    router.post(&json!({ "event_type": "a", "source": 7, "data": [] })).await;
    router.post(&json!({ "event_type": "made_up" })).await;
    router.post(&json!([7])).await;
    let validation = router.get("/v1/stats").await["validation"].clone();
    assert_eq!(validation["max_types"], 64);
    let types: Vec<_> = validation["types"].as_object().unwrap().keys().collect();
    assert_eq!(types, ["a", "b"], "a type that was never valid has no row of its own");
    let row = &validation["types"]["a"];
    for (name, value) in [
        ("total_events", 3),
        ("passed_events", 2),
        ("failed_events", 1),
        ("total_errors", 2),
        ("total_warnings", 0),
    ] {
        assert_eq!(row[name], value, "{name}: {row}");
    }
    assert!((number(&row["pass_rate"]) - 200.0 / 3.0).abs() < 1e-9, "{row}");
    assert!(number(&row["avg_validation_time_ms"]) > 0.0, "{row}");
    assert!(row["last_updated"].as_str().unwrap().ends_with('Z'), "{row}");
    assert_eq!(validation["other"]["failed_events"], 1);
    assert_eq!(validation["unreadable"]["failed_events"], 1);
}

#[tokio::test]
async fn rates_and_latencies_move_with_what_happens() {
    let router = Router::start();
    let mut dashboard = Dashboard::subscribed(&router, json!({})).await;
    router.post(&json!([event("a"), event("b")])).await;
    router.post(&json!({ "event_type": "a" })).await;
    dashboard.seqs(2).await;
    let told = || async {
        let stats = router.get("/v1/stats").await;
        let over = number(&stats["ingest"]["accepted_per_second"]["60s"]) > 0.0
            && number(&stats["delivery"]["events_per_second"]["60s"]) > 0.0
            && !stats["ingest"]["error_rate"].is_null();
        over.then_some(stats)
    };
    // Only seconds that are over count.
    let stats = until(told).await;
    let ingest = &stats["ingest"];
    assert!((number(&ingest["error_rate"]) - 100.0 / 3.0).abs() < 1e-9, "{ingest}");
    assert_eq!(ingest["commit"]["count"], 1);
    assert_eq!(stats["delivery"]["pass"]["count"], 1);
    assert!(number(&stats["delivery"]["bytes_per_second"]["60s"]) > 0.0);
    for quantiles in [&ingest["commit"], &stats["delivery"]["pass"], &stats["http"]["answer"]] {
        let [p50, p95, p99] = ["p50_ms", "p95_ms", "p99_ms"].map(|name| number(&quantiles[name]));
        assert!(0.0 < p50 && p50 <= p95 && p95 <= p99, "{quantiles}");
    }
    assert_eq!(stats["http"]["error_rate"], 0.0);
    assert_eq!(stats["journal"]["queue_age_ms"], 0);
    assert!(number(&stats["memory_bytes"]) > 1e6, "{stats}");
}
