//! The session protocol, over real sockets.

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
    for _ in 0..300 {
        router.publish("missed").await;
    }
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
    let filter = json!({ "filter": { "event_type": ["cache_*"], "category": ["performance"] } });
    let mut dashboard = Dashboard::subscribed(&router, filter).await;
    let batch = json!([event("cache_metrics"), event("session_start"), event("cache_size")]);
    let (status, answer) = router.post(&batch).await;
    assert_eq!((status, &answer["accepted"]), (202, &json!(3)));
    assert_eq!(dashboard.seqs(2).await, [1, 3]);
}
