//! The original system's sockets and routes, by clients that know only its protocol.

mod access;
mod commands;
mod ingest;
mod pushes;
mod sessions;

use serde_json::{Value, json};

use crate::support::{
    dashboard::Dashboard,
    legacy_client::{OldDashboard, connection_event},
    postgres::Cluster,
    router::{Router, http, until},
};

/// Whether a text is RFC 3339 in UTC.
fn is_time(value: &Value) -> bool {
    value.as_str().is_some_and(|text| {
        text.ends_with('Z') && chrono::DateTime::parse_from_rfc3339(text).is_ok()
    })
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

const TYPES: [&str; 5] = ["glm", "kimi", "redis", "supabase", "websocket"];

#[tokio::test]
async fn a_dashboard_is_told_everything_at_once() {
    let router = Router::start();
    let session = json!({
        "event_type": "session_metrics", "source": "daemon",
        "data": { "active_sessions": 2, "context_tokens_max": 128_000 },
    });
    let semaphore = json!({
        "event_type": "semaphore_metrics", "source": "daemon", "data": { "in_use": 1 },
    });
    router.post(&json!([session, semaphore])).await;
    let events: Vec<_> = (1..=60).map(|n| connection_event("redis", "send", n)).collect();
    router.post(&json!(events)).await;
    let OldDashboard { initial, .. } = OldDashboard::connect(&router).await;
    assert_eq!(keys(&initial["stats"]), TYPES);
    let redis = json!({
        "connection_type": "redis", "total_events": 60, "total_sent_bytes": 1830,
        "total_received_bytes": 0, "total_bytes": 1830, "total_errors": 0,
        "avg_response_time_ms": 12.5, "active_connections": 0,
        "last_event_timestamp": initial["stats"]["redis"]["last_event_timestamp"],
    });
    assert_eq!(initial["stats"]["redis"], redis);
    assert!(is_time(&redis["last_event_timestamp"]));
    assert_eq!(initial["stats"]["websocket"]["active_connections"], 1);
    assert_eq!(initial["session_metrics"]["active_sessions"], 2);
    assert_eq!(initial["semaphore_metrics"], json!({ "in_use": 1 }));
    let recent = initial["recent_events"].as_array().unwrap();
    let sizes: Vec<_> = recent.iter().map(|e| e["data_size_bytes"].as_u64().unwrap()).collect();
    assert_eq!(sizes, (11..=60).rev().collect::<Vec<_>>(), "50, newest first");
    let newest = &recent[0];
    assert_eq!((&newest["script"], &newest["function"]), (&json!("worker.py"), &json!("fetch")));
    assert!(newest["timestamp"].is_f64() && is_time(&newest["datetime"]), "{newest}");
    let health = &initial["websocket_health"][router.address.port().to_string()];
    let members = [
        "avg_ping_ms",
        "current_ping_ms",
        "p95_ping_ms",
        "reconnection_count",
        "status",
        "timeout_warnings",
        "uptime_formatted",
        "uptime_seconds",
    ];
    assert_eq!((keys(health), &health["status"]), (members.to_vec(), &json!("connected")));
    assert!(is_time(&initial["timestamp"]));
}

#[tokio::test]
async fn a_restart_loses_nothing_of_the_history() {
    let mut router = Router::with(&[("journal.tail_events", "100")]);
    let events: Vec<_> = (0..1500).map(|_| connection_event("glm", "receive", 3)).collect();
    router.post(&json!(events)).await;
    router.publish("semaphore_metrics").await;
    let before = OldDashboard::connect(&router).await.initial;
    assert_eq!(before["stats"]["glm"]["total_received_bytes"], 4500);
    router.kill();
    router.restart();
    let mut dashboard = OldDashboard::connect(&router).await;
    for member in ["stats", "semaphore_metrics", "recent_events", "since"] {
        assert_eq!(dashboard.initial[member], before[member], "{member}");
    }
    assert_eq!(dashboard.initial["complete"], true);
    router.post(&connection_event("glm", "send", 1)).await;
    let stats = json!({ "command": "get_stats", "connection_type": "glm" });
    let stats = dashboard.ask(stats, "stats").await;
    assert_eq!(stats["stats"]["total_events"], 1501, "each once");
}

#[tokio::test]
async fn health_and_status_say_what_is_true() {
    let router = Router::start();
    let _old = OldDashboard::connect(&router).await;
    let _new = Dashboard::connect(&router).await;
    let status = router.get("/status").await;
    assert_eq!((&status["status"], &status["service"]), (&json!("ok"), &json!("signalbox")));
    assert_eq!(status["clients_connected"], 2);
    assert!(is_time(&status["timestamp"]));
    let health = router.ask("GET", "/health").await;
    assert_eq!((health.status, &health.json["status"]), (200, &json!("healthy")));
    assert_eq!(health.json["port"], router.address.port());
    let all = json!({
        "websocket": "healthy", "dashboard": "healthy", "metrics": "healthy", "ledger": "healthy",
        "flags": "healthy",
    });
    assert_eq!(health.json["components"], all);
    assert!(is_time(&health.json["timestamp_utc"]));
}

#[tokio::test]
async fn health_tells_that_the_storage_is_gone_and_sockets_stay() {
    let cluster = Cluster::start();
    let router = Router::with(&[("storage.url", &cluster.url("events"))]);
    let mut dashboard = OldDashboard::connect(&router).await;
    cluster.stop_immediate();
    let health = until(|| async {
        let answer = router.ask("GET", "/health").await;
        (answer.status == 503).then_some(answer.json)
    })
    .await;
    assert_eq!(health["status"], "unhealthy");
    assert_eq!(health["components"]["websocket"], "healthy");
    assert_eq!(health["components"]["dashboard"], "unhealthy");
    let answer = dashboard.ask(json!({ "command": "get_stats" }), "stats").await;
    assert_eq!(answer["stats"]["redis"]["total_events"], 0, "it is still current");
}

#[tokio::test]
async fn a_plain_request_at_a_socket_is_told_what_it_is() {
    let router = Router::start();
    for path in ["/ws", "/events"] {
        let answer = router.ask("GET", path).await;
        assert_eq!((answer.status, answer.problem()), (426, "upgrade_required"), "{path}");
        let post = http().post(router.url(path)).body("{}").send().await.unwrap();
        assert_eq!(post.status(), 405, "{path}");
    }
}
