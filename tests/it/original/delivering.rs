//! The manual scenarios of the original system that concern its adapters: 2, 3 and 4. The others are in
//! [`super::scenarios`].

use serde_json::json;

use crate::{
    delivery::{
        attempts, committed, metric, path, post, router_to, router_with, row, until_audited,
        until_breaker, until_settled, wall::Wall,
    },
    support::{
        destination::{Behaviour, Destination},
        history::History,
        legacy_client::OldDashboard,
        postgres::database,
        router::{event, until},
    },
};

/// Adapter: with `USE_ADAPTER` and the type `realtime`, events are broadcast by Realtime, and are rows
/// of `monitoring_events`.
#[tokio::test]
async fn scenario_2_adapter() {
    let url = database();
    let router = router_with(&[
        ("flags.dual_mode", "false"),
        ("flags.use_adapter", "true"),
        ("flags.adapter_type", "realtime"),
        ("storage.url", &url),
    ]);
    let wall = Wall::subscribed(&router, "monitoring");
    let names = ["health_check", "cache_metrics", "session_start"];
    router.post(&json!(names.map(event))).await;
    for name in names {
        let (said, payload) = wall.event();
        assert_eq!((said.as_str(), &payload["event_type"]), (name, &json!(name)));
    }
    let (there, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let rows = "SELECT event_type FROM monitoring.monitoring_events ORDER BY seq";
    let rows = there.query(rows, &[]).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.get(0)).collect::<Vec<String>>(), names);
}

/// Dual: with `DUAL_MODE`, events are on both paths, equal and in the same order, and the metrics show
/// both.
#[tokio::test]
async fn scenario_3_dual() {
    let router = router_with(&[]);
    let mut direct = crate::delivery::watch(&router).await;
    let wall = Wall::subscribed(&router, "monitoring");
    router.post(&json!((0..50).map(|n| event(&format!("e{n}"))).collect::<Vec<_>>())).await;
    for seq in 1..=50_u64 {
        let here = direct.next().await["event"].take();
        let (_, mut there) = wall.event();
        assert_eq!(there.as_object_mut().unwrap().remove("prev"), Some(json!(seq - 1)));
        assert_eq!((&here, &here["seq"]), (&there, &json!(seq)), "consistent");
    }
    until_settled(&router, 50).await;
    // Counted when the shard has done its turn. The wall is a session too.
    until(async || {
        let deliveries = row(&router, "websocket").await["counters"]["delivered"].as_u64();
        (deliveries >= Some(50)).then_some(())
    })
    .await;
    let realtime = row(&router, "realtime").await;
    assert_eq!(
        (&realtime["counters"]["delivered"], &realtime["counters"]["failed"]),
        (&json!(50), &json!(0))
    );
    assert_eq!(row(&router, "dual").await["healthy"], true);
    let sample = "signalbox_adapter_events_total{adapter=\"realtime\",outcome=\"delivered\"}";
    assert_eq!(metric(&router, sample).await, 50);
}

/// Adapter failure: the WebSocket still works, the error is logged, the failures are counted.
#[tokio::test]
async fn scenario_4_adapter_failure() {
    let destination = Destination::start();
    let router = router_to(&destination, "broadcast", &[]);
    destination.always(Behaviour::Status(500)).await;
    let mut dashboard = OldDashboard::connect(&router).await;
    post(&router, 5).await;
    for n in 0..5 {
        assert_eq!(dashboard.push().await["type"], format!("e{n}"));
    }
    until_breaker(&router, "open").await;
    assert!(router.log().contains("the breaker is open"), "it is logged");
    assert!(attempts(&router, "transient").await >= 5, "it is counted");
    assert!(row(&router, "realtime").await["counters"]["failed"].as_u64() >= Some(5));
    let failure = path(&router).await["last_failure"].take();
    assert_eq!((&failure["outcome"], &failure["first_seq"]), (&json!("transient"), &json!(1)));
    router.publish("still").await;
    assert_eq!(dashboard.push().await["type"], "still");
    destination.always(Behaviour::Ok).await;
    until_settled(&router, 6).await;
    History::of(committed(&router).await).assert(&destination.received().await);
    until_audited(&router, "closed", 1).await;
}
