//! The session protocol, over real sockets.

mod autobahn;
mod beginnings;
mod endings;
mod frames;
mod handshakes;

use serde_json::json;

use crate::support::{
    dashboard::Dashboard,
    router::{Router, event},
};

#[tokio::test]
async fn an_event_is_seen_live_as_it_is_read_back() {
    let router = Router::start();
    let mut dashboard = Dashboard::subscribed(&router, json!({})).await;
    let seq = router.publish("cache_metrics").await;
    let live = dashboard.next().await;
    let page = router.get("/v1/events").await;
    assert_eq!(live["event"], page["events"][0]);
    assert_eq!(live["event"]["seq"], seq);
}

#[tokio::test]
async fn a_session_resumes_where_it_was_after_a_restart() {
    let mut router = Router::start();
    let mut dashboard = Dashboard::subscribed(&router, json!({})).await;
    router.publish("first").await;
    let seen = dashboard.next().await["event"].clone();
    router.kill();
    router.restart();
    let missed: Vec<_> = (0..300).map(|_| event("missed")).collect();
    router.post(&json!(missed)).await;
    let from = json!({ "epoch": seen["epoch"], "seq": seen["seq"] });
    let mut dashboard = Dashboard::connect(&router).await;
    let answer = dashboard.subscribe(json!({ "from": from })).await;
    assert_eq!(answer["recovered"], true);
    router.publish("live").await;
    let expected: Vec<u64> = (2..=302).collect();
    assert_eq!(dashboard.seqs(301).await, expected);
}

#[tokio::test]
async fn a_filter_lets_only_its_events_through() {
    let router = Router::start();
    let filters = [
        json!({ "event_type": ["cache_*"] }),
        json!({ "source": ["redis", "*gate*"] }),
        json!({ "category": ["user_activity", "debug"] }),
        json!({ "event_type": ["cache_*"], "source": ["redis"], "category": ["performance"] }),
    ];
    let mut dashboards = Vec::new();
    for filter in filters {
        dashboards.push(Dashboard::subscribed(&router, json!({ "filter": filter })).await);
    }
    let of = |event_type: &str, source: &str| json!({ "event_type": event_type, "source": source, "data": {} });
    let batch = json!([
        of("cache_metrics", "redis"),
        of("cache_size", "a_gateway"),
        of("session_start", "redis"),
        of("debug", "test"),
    ]);
    let (status, answer) = router.post(&batch).await;
    assert_eq!((status, &answer["accepted"]), (202, &json!(4)));
    router.post(&json!([of("cache_metrics", "redis"), of("debug", "redis")])).await;
    let expected: [&[u64]; 4] = [&[1, 2, 5], &[1, 2, 3, 5, 6], &[3, 4, 6], &[1, 5]];
    for (dashboard, expected) in dashboards.iter_mut().zip(expected) {
        assert_eq!(dashboard.seqs(expected.len()).await, expected);
    }
}

#[tokio::test]
async fn every_session_sees_everything_once_and_in_order_while_producers_race() {
    let router = Router::start();
    let mut dashboards = Vec::new();
    for _ in 0..4 {
        dashboards.push(Dashboard::subscribed(&router, json!({})).await);
    }
    let batches = (0..20).map(|batch| {
        let router = &router;
        async move {
            let events: Vec<_> = (0..50).map(|_| event(&format!("batch_{batch}"))).collect();
            assert_eq!(router.post(&json!(events)).await.0, 202);
            // One that comes while the others are being posted.
            Dashboard::subscribed(router, json!({ "from": { "last": 1000 } })).await
        }
    });
    let latecomers = futures_util::future::join_all(batches).await;
    let all: Vec<u64> = (1..=1000).collect();
    for dashboard in &mut dashboards {
        assert_eq!(dashboard.seqs(1000).await, all);
    }
    for mut dashboard in latecomers {
        assert_eq!(dashboard.seqs(1000).await, all);
    }
    let ledger = router.get("/v1/ledger").await;
    assert_eq!(ledger["balances"], true, "{ledger}");
}
