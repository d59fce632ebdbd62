//! What a dashboard of the original system may ask, and what it is answered, well or badly asked.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::{TYPES, is_time, keys};
use crate::support::{
    legacy_client::{OldDashboard, connection_event},
    router::{Router, event},
};

/// A router with 3 events of Redis, one of them an error, and 2 of GLM.
async fn router_with_history() -> Router {
    let router = Router::start();
    let events = json!([
        connection_event("redis", "send", 10),
        connection_event("redis", "receive", 5),
        connection_event("glm", "send", 7),
        connection_event("redis", "error", 0),
        connection_event("glm", "send", 8),
        event("something_else"),
    ]);
    assert_eq!(router.post(&events).await.0, 202);
    router
}

fn sizes(events: &Value) -> Vec<u64> {
    events.as_array().unwrap().iter().map(|e| e["data_size_bytes"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn stats_are_of_one_connection_type_or_of_all() {
    let router = router_with_history().await;
    let mut dashboard = OldDashboard::connect(&router).await;
    let all = dashboard.ask(json!({ "command": "get_stats" }), "stats").await;
    assert_eq!((&all["connection_type"], keys(&all["stats"])), (&Value::Null, TYPES.to_vec()));
    let ask = |kind: &str| json!({ "command": "get_stats", "connection_type": kind });
    let redis = dashboard.ask(ask("redis"), "stats").await;
    assert_eq!(
        (&redis["connection_type"], &redis["stats"]),
        (&json!("redis"), &all["stats"]["redis"])
    );
    let stats = &redis["stats"];
    assert_eq!((&stats["total_events"], &stats["total_errors"]), (&json!(3), &json!(1)));
    assert_eq!(
        (&stats["total_sent_bytes"], &stats["total_received_bytes"]),
        (&json!(10), &json!(5))
    );
    assert!(is_time(&redis["timestamp"]));
    assert_eq!(dashboard.ask(ask("kafka"), "stats").await["stats"], json!({}));
}

#[tokio::test]
async fn recent_and_historical_events_come_newest_first() {
    let router = router_with_history().await;
    let mut dashboard = OldDashboard::connect(&router).await;
    let recent = dashboard.ask(json!({ "command": "get_recent_events" }), "recent_events").await;
    assert_eq!(sizes(&recent["events"]), [8, 0, 7, 5, 10]);
    assert!(is_time(&recent["timestamp"]));
    let ask = json!({ "command": "get_recent_events", "connection_type": "redis", "limit": 2 });
    let recent = dashboard.ask(ask, "recent_events").await;
    assert_eq!(
        (sizes(&recent["events"]), &recent["connection_type"]),
        (vec![0, 5], &json!("redis"))
    );
    let ask = json!({ "command": "get_historical_data", "connection_type": null, "hours": 2 });
    let history = dashboard.ask(ask, "historical_data").await;
    assert_eq!((sizes(&history["data"]).len(), &history["hours"]), (5, &json!(2)));
    let ask = json!({ "command": "get_historical_data", "connection_type": "glm" });
    let history = dashboard.ask(ask, "historical_data").await;
    assert_eq!((sizes(&history["data"]), &history["hours"]), (vec![8, 7], &json!(1)));
    assert!(is_time(&history["timestamp"]));
}

#[tokio::test]
async fn a_time_series_counts_per_interval() {
    let router = router_with_history().await;
    let mut dashboard = OldDashboard::connect(&router).await;
    let ask = json!({
        "command": "get_time_series", "connection_type": "redis", "interval_minutes": 1440,
        "hours": 24,
    });
    let series = dashboard.ask(ask, "time_series_data").await;
    assert_eq!((&series["interval_minutes"], &series["hours"]), (&json!(1440), &json!(24)));
    // Two, when midnight was a moment ago.
    let buckets: Vec<_> = series["data"].as_object().unwrap().iter().collect();
    let sum = |name: &str| buckets.iter().map(|(_, b)| b[name].as_u64().unwrap()).sum::<u64>();
    assert_eq!((sum("count"), sum("errors"), sum("total_bytes")), (3, 1, 15));
    assert!(buckets.iter().all(|(at, b)| is_time(&json!(at)) && b["avg_response_time"] == 12.5));
}

#[tokio::test]
async fn an_export_is_a_link_and_writes_no_file() {
    let router = router_with_history().await;
    let mut dashboard = OldDashboard::connect(&router).await;
    let path = router.folder.path().join("planted.json");
    let ask = json!({ "command": "export", "filepath": path });
    let done = dashboard.ask(ask, "export_complete").await;
    assert_eq!(done["filepath"], json!(path));
    assert!(is_time(&done["timestamp"]));
    let page = router.get(done["url"].as_str().unwrap()).await;
    assert_eq!(page["events"].as_array().unwrap().len(), 6, "{page}");
    assert!(!path.exists());
    let done = dashboard.ask(json!({ "command": "export" }), "export_complete").await;
    assert_eq!(done["filepath"], "monitoring_export.json");
    assert!(!router.folder.path().join("monitoring_export.json").exists());
}

#[tokio::test]
async fn what_makes_no_sense_is_answered_and_never_closes() {
    let router = Router::with(&[("session.max_frame", "1KiB"), ("session.max_errors", "0")]);
    let mut dashboard = OldDashboard::connect(&router).await;
    let long = format!("{{\"command\":\"{}\"}}", "x".repeat(2000));
    for (said, code) in [
        (Message::text("{"), "bad_json"),
        (Message::text("[]"), "bad_request"),
        (Message::text("{\"type\":\"ping\"}"), "bad_request"),
        (Message::text("{\"command\":\"drop\"}"), "unknown_type"),
        (Message::text("{\"command\":\"get_stats\",\"connection_type\":1}"), "bad_request"),
        (Message::text("{\"command\":\"get_recent_events\",\"limit\":0}"), "bad_request"),
        (Message::text(long), "too_large"),
        (Message::binary(vec![1]), "binary"),
    ] {
        dashboard.socket.send(said.clone()).await;
        let error = dashboard.of_type("error").await;
        assert_eq!(error["code"], code, "{said:?}: {error}");
        assert!(error["error"].is_string() && is_time(&error["timestamp"]), "{error}");
        let known = ["get_stats", "get_recent_events", "get_historical_data", "get_time_series"];
        for command in known.into_iter().chain(["export"]) {
            assert!(error["commands"].as_array().unwrap().contains(&json!(command)), "{error}");
        }
    }
    dashboard.ask(json!({ "command": "get_stats" }), "stats").await;
}

#[tokio::test]
async fn commands_are_answered_in_order_also_when_they_come_together() {
    let router = router_with_history().await;
    let mut dashboard = OldDashboard::connect(&router).await;
    for limit in 1..=50 {
        let ask = json!({ "command": "get_recent_events", "limit": limit });
        dashboard.socket.say(ask).await;
        dashboard.socket.say("{").await;
    }
    for limit in 1..=50 {
        assert_eq!(dashboard.of_type("recent_events").await["limit"], limit);
        assert_eq!(dashboard.socket.next().await["code"], "bad_json");
    }
}
