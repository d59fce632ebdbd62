//! Delivery to the router's own Realtime, over its private listener.

use serde_json::json;

use super::{committed, dead_letters, path, post, router_with, until_settled, wall::Wall, watch};
use crate::support::router::event;

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
        let requests = path["attempts"]["delivered"].as_u64().unwrap();
        match transport {
            "channel" => assert_eq!(requests, 501, "each went alone: {path}"),
            _ => assert!(requests < 100, "many went together: {path}"),
        }
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

/// What it allows its clients is not what it allows itself; how large a message may be is.
#[tokio::test]
async fn only_what_is_too_large_for_it_is_set_aside() {
    for transport in TRANSPORTS {
        let router = router_with(&[
            ("realtime.transport", transport),
            ("realtime.http_events_per_second", "1"),
            ("realtime.events_per_second", "1"),
            ("realtime.payload_bytes", "1KiB"),
        ]);
        let mut direct = watch(&router).await;
        let mut events: Vec<_> = (0..200).map(|n| event(&format!("e{n}"))).collect();
        for large in [0, 99, 100, 199] {
            events[large]["data"] = json!({ "text": "x".repeat(2000) });
        }
        assert_eq!(router.post(&json!(events)).await.0, 202);
        assert_eq!(direct.seqs(200).await, (1..=200).collect::<Vec<_>>());
        until_settled(&router, 200).await;
        let ids = committed(&router).await;
        let aside: Vec<_> = [0_usize, 99, 100, 199].map(|large| ids[large].clone()).into();
        assert_eq!(dead_letters(&router).await, aside);
        let path = path(&router).await;
        assert_eq!(
            (&path["settled"]["delivered"], &path["transitions"]),
            (&json!(196), &json!([]))
        );
        assert_eq!(path["attempts"]["rate_limited"], 0, "{path}");
    }
}
