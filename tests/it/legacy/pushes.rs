//! What a dashboard of the original system is shown live.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use super::is_time;
use crate::support::{
    dashboard::Dashboard,
    legacy_client::{OldDashboard, OldProducer, connection_event},
    router::{Router, until},
};

#[tokio::test]
async fn an_event_posted_anywhere_is_pushed_by_its_type() {
    let router = Router::start();
    let mut dashboard = OldDashboard::connect(&router).await;
    for event_type in ["cache_metrics", "session_metrics", "semaphore_metrics", "event"] {
        let time = "2025-11-01T12:00:00.000000Z";
        let event = json!({
            "event_type": event_type, "source": "x", "data": { "n": 1.5 }, "timestamp": time,
        });
        router.post(&event).await;
        let expected = json!({ "type": event_type, "data": { "n": 1.5 }, "timestamp": time });
        assert_eq!(dashboard.push().await, expected);
    }
}

#[tokio::test]
async fn an_event_of_a_connection_is_pushed_flat() {
    let router = Router::start();
    let mut dashboard = OldDashboard::connect(&router).await;
    router.post(&connection_event("supabase", "receive", 7)).await;
    let push = dashboard.of_type("event").await;
    let expected = json!({
        "type": "event", "connection_type": "supabase", "direction": "receive",
        "script_name": "worker.py", "function_name": "fetch", "data_size_bytes": 7,
        "response_time_ms": 12.5, "error": null, "metadata": { "attempt": 1 },
        "broadcast_time": push["broadcast_time"],
    });
    assert_eq!(push, expected);
    assert!(is_time(&push["broadcast_time"]));
}

#[tokio::test]
async fn an_event_of_the_old_ingest_is_a_test_event_for_old_dashboards_only() {
    let router = Router::start();
    let mut old = OldDashboard::connect(&router).await;
    let mut new = Dashboard::subscribed(&router, json!({})).await;
    let mut producer = OldProducer::connect(&router).await;
    let sent = json!({ "event_type": "health_check", "severity": "low", "list": [1, null] });
    producer.publish(sent.clone()).await;
    let push = old.of_type("test_event").await;
    assert_eq!(push["event"], sent, "as it was sent");
    assert!(is_time(&push["timestamp"]) && is_time(&push["broadcast_time"]), "{push}");
    let event = new.next().await["event"].clone();
    assert_eq!((&event["event_type"], &event["data"]), (&json!("health_check"), &sent));

    let sent = json!({ "type": "api_request", "timestamp": 1_761_998_400, "data": { "n": 1 } });
    producer.publish(sent).await;
    let push = old.of_type("test_event").await;
    let event = &push["event"];
    assert_eq!(
        (&event["type"], &event["event_type"]),
        (&json!("api_request"), &json!("api_request"))
    );
    assert_eq!((&event["data"], &event["source"]), (&json!({ "n": 1 }), &json!("websocket")));
    assert_eq!(push["timestamp"], "2025-11-01T12:00:00.000000Z");
}

#[tokio::test]
async fn how_things_are_is_pushed_every_few_seconds_and_measured() {
    let router = Router::start();
    let semaphore = json!({
        "event_type": "semaphore_metrics", "source": "daemon", "data": { "permits": 5 },
    });
    router.post(&semaphore).await;
    let mut dashboard = OldDashboard::connect(&router).await;
    let push = dashboard.of_type("semaphore_metrics").await;
    assert_eq!(push["data"], json!({ "permits": 5 }));
    assert!(is_time(&push["timestamp"]));
    let push = dashboard.of_type("websocket_health").await;
    let port = router.address.port().to_string();
    let health = &push["data"][&port];
    assert!(is_time(&push["timestamp"]));
    assert!(health["current_ping_ms"].as_f64().unwrap() > 0.0, "it was pinged: {health}");
    assert!(health["p95_ping_ms"].as_f64().unwrap() >= health["avg_ping_ms"].as_f64().unwrap());
    assert_eq!(
        (&health["status"], &health["reconnection_count"]),
        (&json!("connected"), &json!(0))
    );
    assert!(health["uptime_formatted"].as_str().unwrap().ends_with('s'));
    drop(dashboard);
    until(|| async {
        let sessions = router.get("/v1/sessions").await;
        sessions["sessions"].as_array().unwrap().is_empty().then_some(())
    })
    .await;
    let back = OldDashboard::connect(&router).await;
    assert_eq!(back.initial["websocket_health"][&port]["reconnection_count"], 1);
    assert_eq!(back.initial["stats"]["websocket"]["active_connections"], 1);
}

#[tokio::test]
async fn nothing_is_missing_between_the_greeting_and_the_first_push() {
    // Many small commits.
    let router = Router::with(&[("storage.durability", "process"), ("journal.batch_events", "1")]);
    let stop = AtomicBool::new(false);
    let publisher = async || {
        while !stop.load(Ordering::Relaxed) {
            router.post(&connection_event("redis", "send", 1)).await;
        }
    };
    let watch = async {
        let mut dashboards = Vec::new();
        for _ in 0..200 {
            dashboards.push(OldDashboard::connect(&router).await);
        }
        stop.store(true, Ordering::Relaxed);
        dashboards
    };
    let (mut dashboards, ..) =
        tokio::join!(watch, publisher(), publisher(), publisher(), publisher());
    let before = router.publish("the_last").await - 1;
    for dashboard in &mut dashboards {
        let told = dashboard.initial["stats"]["redis"]["total_events"].as_u64().unwrap();
        let mut pushed = 0;
        loop {
            match dashboard.push().await["type"].as_str() {
                Some("event") => pushed += 1,
                last => break assert_eq!(last, Some("the_last")),
            }
        }
        assert_eq!(told + pushed, before);
    }
}
