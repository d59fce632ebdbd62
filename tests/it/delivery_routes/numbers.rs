//! What is counted of both paths, and whether it adds up.

use serde_json::{Value, json};

use super::{publish_poison, router_before};
use crate::support::{
    dashboard::Dashboard,
    destination::Destination,
    router::{Router, event, http, until},
};

/// The account of the realtime path, which balances.
async fn account(router: &Router) -> Value {
    let ledger = router.get("/v1/ledger").await;
    assert_eq!(ledger["balances"], true, "{ledger}");
    ledger["realtime"].clone()
}

fn balance(matched: u64, delivered: u64, dead: u64, pending: u64) -> Value {
    let dropped = if dead > 0 { json!({ "dead_letter": dead }) } else { json!({}) };
    json!({
        "matched": matched, "delivered": delivered, "dropped": dropped, "pending": pending,
        "imbalance": 0,
    })
}

/// Waits until the account is this one.
async fn until_balance(router: &Router, expected: &Value) {
    until(async || (account(router).await == *expected).then_some(())).await;
}

/// That the statistics show each path, after three deliveries and a dead letter.
fn shown_by_path(stats: &Value) {
    assert_eq!(stats["ledger"]["realtime"], balance(4, 3, 1, 0));
    let names: Vec<_> =
        stats["adapters"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["websocket", "realtime", "dual"]);
    let realtime = &stats["adapters"][1];
    assert_eq!((&realtime["delivered"], &realtime["dead"]), (&json!(3), &json!(1)));
    let delivery = &realtime["delivery"];
    assert_eq!((&delivery["breaker"], &delivery["lag_events"]), (&json!("closed"), &json!(0)));
    assert_eq!(delivery["dead_letters"], json!({ "failed": 0, "pending": 1, "recovered": 0 }));
    assert!(delivery["attempts"]["transient"].as_u64() > Some(0), "{delivery}");
    assert_eq!(delivery["attempts"]["rejected"], 1);
}

#[tokio::test]
async fn both_paths_are_counted_and_add_up() {
    let destination = Destination::start();
    let mut router = router_before(&destination);
    let mut wall = Dashboard::subscribed(&router, json!({})).await;
    destination.refuse().await;
    router.post(&json!([event("a"), event("a"), event("b")])).await;
    wall.seqs(3).await;
    assert_eq!(account(&router).await, balance(3, 0, 0, 3), "what waits is not lost");
    let waiting = router.get("/v1/stats").await;
    let counters = &waiting["broadcaster"];
    assert_eq!(
        (&counters["direct_broadcasts"], &counters["adapter_broadcasts"]),
        (&json!(3), &json!(0))
    );
    assert_eq!(counters["failed_broadcasts"], 0, "it is still to be delivered");
    let realtime = &waiting["adapters"][1];
    assert_eq!(
        (&realtime["name"], &realtime["delivery"]["lag_events"]),
        (&json!("realtime"), &json!(3))
    );

    destination.listen().await;
    until_balance(&router, &balance(3, 3, 0, 0)).await;
    publish_poison(&router, &destination).await;
    until_balance(&router, &balance(4, 3, 1, 0)).await;
    let stats = router.get("/v1/stats").await;
    assert_eq!(
        stats["broadcaster"],
        json!({
            "total_broadcasts": 4, "direct_broadcasts": 4, "adapter_broadcasts": 3,
            "failed_broadcasts": 1, "sequence_counter": 4, "connected_clients": 1,
            "use_adapter": true, "use_dual_mode": true,
        }),
    );
    shown_by_path(&stats);
    let metrics = router.ask("GET", "/metrics").await.text;
    let row = "signalbox_dead_letters{adapter=\"realtime\",status=\"pending\"} 1\n";
    assert!(metrics.contains(row), "{metrics}");

    router.terminate();
    router.restart();
    assert_eq!(account(&router).await, balance(0, 0, 0, 0), "all of it was settled and stored");
    router.publish("c").await;
    until_balance(&router, &balance(1, 1, 0, 0)).await;
}

#[tokio::test]
async fn an_event_says_by_which_paths_it_goes() {
    let destination = Destination::start();
    let dual = router_before(&destination);
    let adapter = Router::with(&[
        ("realtime.url", &destination.url()),
        ("flags.enable_validation", "false"),
        ("realtime.key", crate::support::destination::KEY),
        ("flags.use_adapter", "true"),
    ]);
    for (router, mode) in [(&dual, "dual"), (&adapter, "adapter"), (&Router::start(), "direct")] {
        let (_, posted) = router.post(&event("a")).await;
        let stored = router.get(&format!("/v1/events/{}", posted["id"].as_str().unwrap())).await;
        assert_eq!(stored["metadata"]["broadcast_mode"], mode);
    }
    let ledger: Value =
        http().get(adapter.url("/v1/ledger")).send().await.unwrap().json().await.unwrap();
    assert_eq!(ledger["realtime"]["matched"], 1);
    assert_eq!(Router::start().get("/v1/ledger").await["realtime"], Value::Null);
}
