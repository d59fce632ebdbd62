//! The tests that the original system had, or had planned, under the names they had there.
//!
//! 19 unit tests of its broadcaster, its adapter, its event and its factory, its manual scenarios, and
//! the four modes that it was to be tried in from end to end. What was a class there is the running
//! router here, so each says what it corresponds to.

mod delivering;
mod modes;
mod scenarios;

use serde_json::{Value, json};

use crate::support::{
    legacy_client::OldDashboard,
    router::{Router, event, until},
};

/// The ids of everybody who is connected.
async fn clients(router: &Router) -> Vec<Value> {
    let sessions = router.get("/v1/sessions").await["sessions"].clone();
    sessions.as_array().unwrap().iter().map(|session| session["id"].clone()).collect()
}

/// Waits until so many are connected.
async fn await_clients(router: &Router, n: usize) {
    until(|| async { (clients(router).await.len() == n).then_some(()) }).await;
}

/// Events that were pushed, over all sessions that are connected or were.
async fn delivered(router: &Router) -> u64 {
    router.get("/v1/ledger").await["direct"]["delivered"].as_u64().unwrap()
}

async fn head_seq(router: &Router) -> u64 {
    router.get("/v1/stats").await["journal"]["head_seq"].as_u64().unwrap()
}

/// 1: a broadcaster exists, has a set of clients and metrics, and has broadcast nothing.
#[tokio::test]
async fn test_broadcaster_initialization() {
    let router = Router::start();
    assert!(clients(&router).await.is_empty());
    assert!(router.get("/v1/stats").await.is_object());
    assert_eq!((head_seq(&router).await, delivered(&router).await), (0, 0));
}

/// 2: a client is in the set from when it registers until it leaves.
#[tokio::test]
async fn test_client_registration() {
    let router = Router::start();
    let dashboard = OldDashboard::connect(&router).await;
    assert_eq!(clients(&router).await.len(), 1);
    drop(dashboard);
    await_clients(&router, 0).await;
}

/// 3: an event is sent exactly once, as `{type, data, timestamp}`.
#[tokio::test]
async fn test_broadcast_event_direct_mode() {
    let router = Router::start();
    let mut dashboard = OldDashboard::connect(&router).await;
    let event =
        |name: &str| json!({ "event_type": name, "source": "t", "data": { "data": "test" } });
    router.post(&event("test_event")).await;
    router.post(&event("next")).await;
    let push = dashboard.push().await;
    assert_eq!((&push["type"], &push["data"]["data"]), (&json!("test_event"), &json!("test")));
    assert!(push["timestamp"].is_string());
    assert_eq!(dashboard.push().await["type"], "next", "it came once");
}

/// 4: a client that cannot be sent to is removed, and the broadcast does not fail for it.
#[tokio::test]
async fn test_broadcast_event_with_disconnected_client() {
    let router = Router::start();
    let mut stays = OldDashboard::connect(&router).await;
    let goes = OldDashboard::connect(&router).await;
    drop(goes);
    router.publish("test_event").await;
    assert_eq!(stays.push().await["type"], "test_event");
    await_clients(&router, 1).await;
    let ledger = router.get("/v1/ledger").await;
    assert_eq!(ledger["balances"], true, "{ledger}");
}

/// 5: a batch of 3 events is exactly 3 sends.
#[tokio::test]
async fn test_broadcast_batch() {
    let router = Router::start();
    let mut dashboard = OldDashboard::connect(&router).await;
    router.post(&json!([event("one"), event("two"), event("three")])).await;
    router.publish("four").await;
    for name in ["one", "two", "three", "four"] {
        assert_eq!(dashboard.push().await["type"], name);
    }
    assert_eq!(delivered(&router).await, 4);
}

/// 6: two events are two broadcasts, both direct, none by an adapter.
#[tokio::test]
async fn test_metrics_tracking() {
    let router = Router::start();
    let mut dashboard = OldDashboard::connect(&router).await;
    for _ in 0..2 {
        router.publish("test_event").await;
        dashboard.push().await;
    }
    assert_eq!((head_seq(&router).await, delivered(&router).await), (2, 2));
    let ledger = router.get("/v1/ledger").await;
    assert_eq!(ledger["realtime"], Value::Null, "there is no such path");
}

/// 7: the metrics say how many clients are connected, and what was broadcast.
#[tokio::test]
async fn test_get_metrics() {
    let router = Router::start();
    let mut dashboard = OldDashboard::connect(&router).await;
    router.publish("test_event").await;
    dashboard.push().await;
    let stats = router.get("/v1/stats").await;
    assert_eq!(
        (&stats["sessions"]["connected"], &stats["journal"]["head_seq"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(router.get("/status").await["clients_connected"], 1);
}

/// 8: health. There, no client meant unhealthy, which says nothing about whether the system works:
/// here it is healthy with a client and without.
#[tokio::test]
async fn test_health_check() {
    let router = Router::start();
    assert_eq!(router.ask("GET", "/health").await.json["status"], "healthy");
    let _dashboard = OldDashboard::connect(&router).await;
    assert_eq!(router.ask("GET", "/health").await.json["status"], "healthy");
}

/// 9: without any flag, nothing goes by an adapter: each event is marked as direct.
#[tokio::test]
async fn test_feature_flag_initialization() {
    for (value, uses) in [("false", false), ("true", true)] {
        let variable = format!("MONITORING_USE_ADAPTER={value}");
        let router = Router::under(&["env", &variable], &[]);
        router.publish("test_event").await;
        let broadcaster = router.get("/v1/stats").await["broadcaster"].clone();
        assert_eq!(broadcaster["use_adapter"], uses);
        let events = router.get("/v1/events").await;
        let mode = if uses { "adapter" } else { "direct" };
        assert_eq!(events["events"][0]["metadata"]["broadcast_mode"], mode);
    }
}

/// 10: dual mode is off by default: a client hears each event by one path, once.
#[tokio::test]
async fn test_dual_mode_initialization() {
    let router = Router::start();
    let mut dashboard = OldDashboard::connect(&router).await;
    router.publish("one").await;
    router.publish("two").await;
    assert_eq!(dashboard.push().await["type"], "one");
    assert_eq!(dashboard.push().await["type"], "two");
    let sessions = router.get("/v1/sessions").await;
    assert_eq!(sessions["sessions"][0]["path"], "direct");
    let router = Router::under(&["env", "MONITORING_DUAL_MODE=true"], &[]);
    let stats = router.get("/v1/stats").await;
    assert_eq!(stats["broadcaster"]["use_dual_mode"], true);
}

/// 11: a connection of the WebSocket adapter has an id and a kind: a session is listed with its own.
#[tokio::test]
async fn test_adapter_connect() {
    let router = Router::start();
    let (mut socket, _) = tokio_tungstenite::connect_async(format!(
        "ws://{}/ws?client_id=dashboard_1",
        router.address
    ))
    .await
    .unwrap();
    await_clients(&router, 1).await;
    let session = router.get("/v1/sessions").await["sessions"][0].clone();
    assert_eq!(session["client_id"], "dashboard_1");
    assert_eq!((&session["path"], &session["protocol"]), (&json!("direct"), &json!("legacy")));
    socket.close(None).await.unwrap();
}

/// 12: after connecting and disconnecting, no connection is counted. (There, the test asked for the
/// length of a number.)
#[tokio::test]
async fn test_adapter_disconnect() {
    let router = Router::start();
    drop(OldDashboard::connect(&router).await);
    await_clients(&router, 0).await;
    assert_eq!(router.get("/status").await["clients_connected"], 0);
}

/// 13: the WebSocket adapter's metrics count active connections: the router's count sessions.
#[tokio::test]
async fn test_adapter_metrics() {
    let router = Router::start();
    let _dashboard = OldDashboard::connect(&router).await;
    let metrics = router.ask("GET", "/metrics").await.text;
    assert!(metrics.contains("\nsignalbox_sessions 1\n"), "{metrics}");
}

/// 14: the WebSocket adapter is healthy: sockets are served.
#[tokio::test]
async fn test_adapter_health_check() {
    let router = Router::start();
    let health = router.get("/health").await;
    assert_eq!(health["components"]["websocket"], "healthy");
}

/// 15: an event keeps its type, its source and its data.
#[tokio::test]
async fn test_event_creation() {
    let router = Router::start();
    let event = json!({ "event_type": "test", "source": "unit", "data": { "key": "value" } });
    router.post(&event).await;
    let stored = router.get("/v1/events").await["events"][0].clone();
    for member in ["event_type", "source", "data"] {
        assert_eq!(stored[member], event[member], "{member}");
    }
}

/// 16: an event as a map has its type, source, data and a timestamp: so it is read back by its id.
#[tokio::test]
async fn test_event_to_dict() {
    let router = Router::start();
    let event = json!({ "event_type": "test", "source": "unit", "data": { "key": "value" } });
    let (_, answer) = router.post(&event).await;
    let read = router.get(&format!("/v1/events/{}", answer["id"].as_str().unwrap())).await;
    assert_eq!((&read["event_type"], &read["source"]), (&json!("test"), &json!("unit")));
    assert!(read["data"] == event["data"] && read["timestamp"].is_string(), "{read}");
}

/// 17: the factory makes the adapter that was asked for: a path opens its own kind of socket.
#[tokio::test]
async fn test_factory_create_websocket_adapter() {
    let router = Router::start();
    let _old = OldDashboard::connect(&router).await;
    let _new = crate::support::dashboard::Dashboard::connect(&router).await;
    let sessions = router.get("/v1/sessions").await["sessions"].clone();
    let mut kinds: Vec<_> =
        sessions.as_array().unwrap().iter().map(|session| session["protocol"].clone()).collect();
    kinds.sort_by_key(ToString::to_string);
    assert_eq!(kinds, [json!("legacy"), json!("signalbox.v1.json")]);
}

/// 18: the factory gives the same instance again: whoever is asked, on whichever connection and
/// worker thread, knows the same journal and the same clients.
#[tokio::test]
async fn test_factory_singleton() {
    let router = Router::with(&[("server.workers", "4")]);
    let mut dashboards = Vec::new();
    for _ in 0..8 {
        dashboards.push(OldDashboard::connect(&router).await);
    }
    let epoch = router.get("/v1/stats").await["journal"]["epoch"].clone();
    let all = clients(&router).await;
    assert_eq!(all.len(), 8);
    for n in 1..=8 {
        assert_eq!(router.publish("test_event").await, n);
        assert_eq!(router.get("/v1/stats").await["journal"]["epoch"], epoch);
        assert_eq!(clients(&router).await, all);
    }
    for dashboard in &mut dashboards {
        assert_eq!(dashboard.push().await["type"], "test_event");
    }
}

/// 19: after the cache is cleared, the factory gives another instance: after a restart the clients
/// are others. The journal is not: it is no cache.
#[tokio::test]
async fn test_factory_clear_cache() {
    let mut router = Router::start();
    let _dashboard = OldDashboard::connect(&router).await;
    let before = clients(&router).await;
    router.publish("test_event").await;
    router.terminate();
    router.restart();
    let _dashboard = OldDashboard::connect(&router).await;
    let after = clients(&router).await;
    assert!(after.len() == 1 && after != before);
    assert_eq!(head_seq(&router).await, 1);
}
