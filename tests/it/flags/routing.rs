//! Which events go to a Realtime: decided at ingest, seen by a subscriber there, and read back.

use serde_json::{Value, json};

use super::{mode, set};
use crate::support::{
    channel::Socket,
    postgres::database,
    router::{Router, until},
};

const CATEGORIES: [&str; 5] = ["critical", "performance", "user_activity", "system", "debug"];

/// All of critical, half of performance, nothing of the others, for three different reasons.
const SHARES: [(&str, &str); 5] = [
    ("flags.dual_mode", "true"),
    ("flags.performance_percentage", "50"),
    ("flags.user_activity_enabled", "false"),
    ("flags.system_paths", "websocket"),
    ("flags.debug_percentage", "0"),
];

/// Posts so many events of each category, mixed.
async fn post(router: &Router, each: usize) {
    let events: Vec<_> = (0..each * CATEGORIES.len())
        .map(|n| {
            let category = CATEGORIES[n % CATEGORIES.len()];
            json!({ "event_type": "t", "source": "s", "category": category, "data": { "n": n } })
        })
        .collect();
    let (status, answer) = router.post(&json!(events)).await;
    assert_eq!(status, 202, "{answer}");
}

/// Every event of a list, page by page.
async fn listed(router: &Router, query: &str) -> Vec<Value> {
    let (mut all, mut after) = (Vec::new(), 0);
    loop {
        let page = router.get(&format!("/v1/events?{query}&limit=7&after={after}")).await;
        all.extend(page["events"].as_array().unwrap().iter().cloned());
        match page["next"].as_u64() {
            Some(next) => after = next,
            None => return all,
        }
    }
}

fn seqs(events: &[Value]) -> Vec<u64> {
    events.iter().map(|event| event["seq"].as_u64().unwrap()).collect()
}

/// The path as the router's own Realtime has it, and as it is read back, on either database.
async fn a_share_is_seen_there(storage: Option<&str>) {
    let storage: Vec<_> = storage.map(|url| ("storage.url", url)).into_iter().collect();
    let router = Router::with(&[&SHARES[..], &storage].concat());
    let mut socket = Socket::connect(&router).await;
    socket.join("monitoring", json!({})).await;
    post(&router, 40).await;
    let all = listed(&router, "").await;
    let there = listed(&router, "path=realtime").await;
    let modes = all.iter().filter(|event| event["metadata"]["broadcast_mode"] == "dual");
    assert_eq!(there, modes.cloned().collect::<Vec<_>>());
    let of = |category: &str| there.iter().filter(|event| event["category"] == category).count();
    assert_eq!((all.len(), of("critical")), (200, 40));
    assert!((8..32).contains(&of("performance")), "{}", of("performance"));
    assert_eq!(CATEGORIES[2..].iter().map(|it| of(it)).sum::<usize>(), 0);

    let mut prev = json!(0);
    for event in &there {
        let mut payload = loop {
            let said = socket.next().await;
            if said.event == "broadcast" && said.payload["event"] != "signalbox:head" {
                break said.payload["payload"].clone();
            }
        };
        let told = payload.as_object_mut().unwrap().remove("prev");
        assert_eq!((told, &payload), (Some(prev), event), "what it skips is nobody's `prev`");
        prev = event["seq"].clone();
    }
    let balanced = |ledger: Value| {
        let realtime = &ledger["realtime"];
        (realtime["delivered"] == there.len()).then(|| realtime.clone())
    };
    let realtime = until(|| async { balanced(router.get("/v1/ledger").await) }).await;
    assert_eq!((&realtime["matched"], &realtime["pending"]), (&json!(there.len()), &json!(0)));
    assert_eq!(realtime["imbalance"], 0);
    let adapters = router.get("/v1/adapters").await;
    assert_eq!(adapters["adapters"][1]["delivery"]["lag_events"], 0, "{adapters}");
    let newest = router.get("/v1/events?path=realtime&limit=3").await;
    let backwards: Vec<_> = seqs(&there).into_iter().rev().take(3).collect();
    assert_eq!(seqs(newest["events"].as_array().unwrap()), backwards);
}

#[tokio::test]
async fn a_share_is_seen_there_and_read_back() {
    a_share_is_seen_there(None).await;
}

#[tokio::test]
async fn a_share_is_seen_there_and_read_back_from_postgres() {
    a_share_is_seen_there(Some(&database())).await;
}

/// The same ids go there whatever the router, the start and the larger share.
#[tokio::test]
async fn a_larger_share_holds_all_of_a_smaller_one_on_every_start() {
    let id = |n: u32| format!("0192e4a0-0000-7000-8000-{n:012}");
    let mut before: Vec<String> = Vec::new();
    for percent in ["0", "20", "20", "60", "100"] {
        let router =
            Router::with(&[("flags.dual_mode", "true"), ("flags.debug_percentage", percent)]);
        let event = |n| json!({ "id": id(n), "event_type": "t", "source": "s", "category": "debug", "data": {} });
        router.post(&json!((0..100).map(event).collect::<Vec<_>>())).await;
        let there = listed(&router, "path=realtime").await;
        let ids: Vec<_> = there.iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect();
        assert!(before.iter().all(|id| ids.contains(id)), "{percent}: {before:?} in {ids:?}");
        match percent {
            "0" => assert!(ids.is_empty()),
            "100" => assert_eq!(ids.len(), 100),
            _ => assert!(ids.len() > 5 && ids.len() < 90, "{}", ids.len()),
        }
        before = ids;
    }
}

#[tokio::test]
async fn an_override_wins_over_categories_and_both_modes() {
    let router = Router::with(&SHARES);
    let modes = async || {
        let mut modes = Vec::new();
        for category in CATEGORIES {
            modes.push(mode(&router, category).await);
        }
        modes
    };
    let before = modes().await;
    assert_eq!((&*before[0], &before[2..]), ("dual", &["direct"; 3].map(String::from)[..]));
    set(&router, "global_override", json!("websocket_only")).await;
    assert_eq!(modes().await, ["direct"; 5]);
    let flags = router.get("/v1/flags").await;
    let paths = json!({ "direct": true, "realtime": false, "mode": "direct" });
    assert_eq!((&flags["paths"], &flags["coverage"]["covered"]), (&paths, &json!(false)));
    set(&router, "global_override", json!("realtime_only")).await;
    assert_eq!(modes().await, ["adapter"; 5]);
    let flags = router.get("/v1/flags").await;
    let paths = json!({ "direct": false, "realtime": true, "mode": "adapter" });
    let covered = json!({ "covered": true, "lacking": [] });
    assert_eq!((&flags["paths"], &flags["coverage"]), (&paths, &covered));
    router.ask("DELETE", "/v1/flags/global_override").await;
    let lacking = router.get("/v1/flags").await["coverage"]["lacking"].clone();
    assert_eq!(
        lacking,
        json!([
            { "category": "performance", "reason": "share", "percent": 50 },
            { "category": "user_activity", "reason": "disabled", "percent": 0 },
            { "category": "system", "reason": "unlisted", "percent": 0 },
            { "category": "debug", "reason": "share", "percent": 0 },
        ])
    );
}
