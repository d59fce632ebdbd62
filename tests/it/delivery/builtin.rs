//! Delivery to the router's own Realtime, over its private listener.

use serde_json::json;

use super::{committed, path, post, router_with, until_settled, wall::Wall, watch};
use crate::support::router::until;

const TRANSPORTS: [&str; 2] = ["broadcast", "channel"];

/// What the topic may hold and a socket say is no limit here.
const WIDE: [(&str, &str); 2] =
    [("realtime.events_per_second", "0"), ("realtime.topic_events", "20000")];

#[tokio::test]
async fn a_stock_client_sees_what_the_journal_holds_in_order_with_what_came_before() {
    for transport in TRANSPORTS {
        let more = [WIDE[0], WIDE[1], ("realtime.transport", transport)];
        let router = router_with(&more);
        let mut direct = watch(&router).await;
        let wall = Wall::subscribed(&router, "monitoring");
        let mut seqs = post(&router, 1).await;
        seqs.extend(post(&router, 500).await);
        assert_eq!(direct.seqs(501).await, seqs);
        let ids = committed(&router).await;
        for (id, seq) in ids.iter().zip(1_u64..) {
            let (name, mut payload) = wall.event();
            let prev = payload.as_object_mut().unwrap().remove("prev");
            assert_eq!(prev, Some(json!(seq - 1)));
            assert_eq!(name, payload["event_type"]);
            if seq % 100 == 1 {
                assert_eq!(payload, router.get(&format!("/v1/events/{id}")).await);
            }
            assert_eq!((&payload["id"], &payload["seq"]), (&json!(id), &json!(seq)));
        }
        until_settled(&router, 501).await;
        let path = path(&router).await;
        assert_eq!(path["attempts"]["transient"], 0, "{path}");
        assert!(path["attempts"]["delivered"].as_u64() < Some(100), "many went together: {path}");
    }
}

#[tokio::test]
async fn when_nothing_else_is_said_the_path_says_how_far_it_is() {
    let router = router_with(&[("realtime.head_interval", "100ms")]);
    let epoch = router.get("/v1/stats").await["journal"]["epoch"].clone();
    let wall = Wall::subscribed(&router, "monitoring");
    let first = wall.head();
    assert_eq!(first, json!({ "epoch": epoch, "seq": 0 }));
    post(&router, 3).await;
    for seq in 1..=3 {
        assert_eq!(wall.event().1["seq"], seq);
    }
    // One may have been on its way.
    let head = std::iter::repeat_with(|| wall.head()).find(|head| *head != first).unwrap();
    assert_eq!(head, json!({ "epoch": epoch, "seq": 3 }));
}

/// Its own limits are limits, and no failures: what is too much waits, and nothing is lost.
#[tokio::test]
async fn its_own_rate_is_obeyed() {
    let limits = [("realtime.http_events_per_second", "1"), ("realtime.transport", "broadcast")];
    let router = router_with(&limits);
    let mut direct = watch(&router).await;
    let seqs = post(&router, 200).await;
    assert_eq!(direct.seqs(200).await, seqs);
    let path = until(|| async {
        let path = path(&router).await;
        (path["attempts"]["rate_limited"].as_u64() > Some(3)).then_some(path)
    })
    .await;
    assert_eq!((&path["attempts"]["transient"], &path["settled"]["dead"]), (&json!(0), &json!(0)));
    assert_eq!(path["breaker"]["state"], "closed");
    let settled = path["settled"]["delivered"].as_u64().unwrap();
    assert_eq!(path["position"]["seq"], settled, "what was taken, and no more");
    assert_eq!(path["lag_events"], 200 - settled);
}
