//! The four modes in which the original system was to be tried from end to end. The dashboard on Realtime
//! is the npm client as anybody has it.

use serde_json::{Value, json};

use crate::{
    delivery::{
        dead_letters, force, post, router_with, until_breaker, until_settled, wall::Wall, watch,
    },
    support::{
        channel::Socket,
        dashboard::Dashboard,
        legacy_client::OldDashboard,
        router::{Router, event},
    },
};

/// WebSocket only: dashboards of both kinds see everything, and nothing goes to Realtime.
#[tokio::test]
async fn mode_websocket_only() {
    let websocket = [("flags.use_adapter", "true"), ("flags.adapter_type", "websocket")];
    for flags in [&[][..], &websocket] {
        let router = Router::with(flags);
        let (mut new, mut old) = (watch(&router).await, OldDashboard::connect(&router).await);
        let mut realtime = Socket::connect(&router).await;
        realtime.join("monitoring", json!({})).await;
        let seqs = post(&router, 30).await;
        assert_eq!(new.seqs(30).await, seqs);
        for n in 0..30 {
            assert_eq!(old.push().await["type"], format!("e{n}"));
        }
        realtime.assert_nothing_came().await;
        let adapters = router.get("/v1/adapters").await["adapters"].take();
        assert_eq!(adapters.as_array().unwrap().len(), 1, "{adapters}");
    }
}

/// Realtime only: nobody is on the direct path, and the dashboard there sees everything.
#[tokio::test]
async fn mode_realtime_only() {
    let flags = [
        ("flags.dual_mode", "false"),
        ("flags.use_adapter", "true"),
        ("flags.adapter_type", "realtime"),
        ("realtime.head_interval", "100ms"),
    ];
    let router = router_with(&flags);
    let wall = Wall::subscribed(&router, "monitoring");
    let mut prev = 0;
    for count in [1, 40, 3] {
        for seq in post(&router, count).await {
            let (_, payload) = wall.event();
            assert_eq!((&payload["seq"], &payload["prev"]), (&json!(seq), &json!(prev)));
            prev = seq;
        }
    }
    until_settled(&router, 44).await;
    // One may have been on its way.
    let head = std::iter::repeat_with(|| wall.head()).find(|head| head["seq"] == prev).unwrap();
    assert_eq!(head["epoch"], router.get("/v1/stats").await["journal"]["epoch"]);
    assert!(dead_letters(&router).await.is_empty());
}

/// Dual: who is on both paths sees the same on both, and on neither anything twice.
#[tokio::test]
async fn mode_dual() {
    for transport in ["broadcast", "channel"] {
        let router = router_with(&[("realtime.transport", transport)]);
        let (mut direct, wall) = (watch(&router).await, Wall::subscribed(&router, "monitoring"));
        for round in 0..5 {
            let seqs = post(&router, 20).await;
            assert_eq!(direct.seqs(20).await, seqs, "round {round}");
            for seq in seqs {
                assert_eq!(wall.event().1["seq"], seq, "{transport}, round {round}");
            }
        }
    }
}

/// Failover: Realtime stops, its dashboard goes on directly from the last place it saw, and back again
/// when Realtime is there again, without a hole and without a double.
#[tokio::test]
async fn mode_failover() {
    let router = router_with(&[]);
    let wall = Wall::subscribed(&router, "monitoring");
    let mut seen: Vec<u64> = Vec::new();
    let mut last = Value::Null;
    for _ in post(&router, 10).await {
        last = wall.event().1;
        seen.push(last["seq"].as_u64().unwrap());
    }
    force(&router, "open").await;
    let missed = post(&router, 10).await;
    let mut direct = Dashboard::connect(&router).await;
    let from = json!({ "from": { "epoch": last["epoch"], "seq": last["seq"] } });
    assert_eq!(direct.subscribe(from).await["recovered"], true);
    seen.extend(direct.seqs(10).await);
    assert_eq!(seen[10..], missed);
    router.post(&json!([event("live")])).await;
    seen.extend(direct.seqs(1).await);

    force(&router, "auto").await;
    until_breaker(&router, "closed").await;
    let more = post(&router, 5).await;
    // Both at once, and each event once: what Realtime makes up for was seen directly.
    let back = std::iter::repeat_with(|| wall.event().1["seq"].as_u64().unwrap());
    let mut back = back.skip_while(|seq| *seq <= *seen.last().unwrap());
    let rest: Vec<_> = back.by_ref().take(5).collect();
    assert_eq!(rest, more);
    seen.extend(rest);
    assert_eq!(seen, (1..=26).collect::<Vec<_>>());
    until_settled(&router, 26).await;
}
