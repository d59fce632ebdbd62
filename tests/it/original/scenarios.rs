//! The manual scenarios of the original system that concern the direct path: 1, 5, 6 and 7.

use serde_json::json;

use super::{await_clients, delivered, head_seq};
use crate::support::{
    legacy_client::OldDashboard,
    process::resident_bytes,
    router::{Router, event, until},
};

/// Direct: a client connects, is given the initial stats, and sees the events that happen.
#[tokio::test]
async fn scenario_1_direct() {
    let router = Router::start();
    let mut dashboard = OldDashboard::connect(&router).await;
    assert!(dashboard.initial["stats"].is_object());
    for name in ["health_check", "cache_metrics", "session_start"] {
        router.publish(name).await;
        assert_eq!(dashboard.push().await["type"], name);
    }
}

/// Client disconnect: of several clients one goes, the others still receive, the metrics say so.
#[tokio::test]
async fn scenario_5_client_disconnect() {
    let router = Router::start();
    let mut dashboards = Vec::new();
    for _ in 0..3 {
        dashboards.push(OldDashboard::connect(&router).await);
    }
    router.publish("before").await;
    for dashboard in &mut dashboards {
        assert_eq!(dashboard.push().await["type"], "before");
    }
    drop(dashboards.pop());
    await_clients(&router, 2).await;
    router.publish("after").await;
    for dashboard in &mut dashboards {
        assert_eq!(dashboard.push().await["type"], "after");
    }
    assert_eq!(router.get("/status").await["clients_connected"], 2);
    assert_eq!(delivered(&router).await, 5);
    assert_eq!(router.get("/v1/ledger").await["balances"], true);
}

/// Performance: 1,000 events in quick succession, none lost, and no memory lost by doing it again.
/// How long they take is for the benchmarks.
#[tokio::test]
async fn scenario_6_performance() {
    let router = Router::with(&[("journal.tail_events", "1000"), ("server.workers", "2")]);
    let mut dashboard = OldDashboard::connect(&router).await;
    let mut memory = Vec::new();
    for round in 0..6 {
        let events: Vec<_> = (0..1000).map(|n| event(&format!("e{round}_{n}"))).collect();
        for events in events.chunks(100) {
            assert_eq!(router.post(&json!(events)).await.0, 202);
        }
        for n in 0..1000 {
            assert_eq!(dashboard.push().await["type"], format!("e{round}_{n}"));
        }
        memory.push(resident_bytes(router.pid()));
    }
    // The first rounds fill the tail and the database's cache.
    assert!(memory[5] < memory[2] + (16 << 20), "{memory:?}");
    assert_eq!(delivered(&router).await, 6000);
}

/// Metrics accuracy: 10 events are 10 in all, 10 direct, none by an adapter.
#[tokio::test]
async fn scenario_7_metrics_accuracy() {
    let router = Router::start();
    let mut dashboard = OldDashboard::connect(&router).await;
    for _ in 0..10 {
        router.publish("test_event").await;
        dashboard.push().await;
    }
    assert_eq!((head_seq(&router).await, delivered(&router).await), (10, 10));
    // Counted when the shard has done its turn, which may be after the last push is read.
    until(|| async {
        let metrics = router.ask("GET", "/metrics").await.text;
        metrics.contains("\nsignalbox_session_deliveries_total 10\n").then_some(())
    })
    .await;
}
