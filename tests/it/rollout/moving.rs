//! Clients are told to move: who can be moved, once, and in their turn.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{do_it, place, router_with};
use crate::support::{
    dashboard::Dashboard,
    router::{Router, until},
};

/// What the router has counted so far, of one row of its metrics.
async fn counted(router: &Router, row: &str) -> f64 {
    let metrics = router.ask("GET", "/metrics").await.text;
    let line = metrics.lines().find(|line| line.starts_with(row));
    line.map_or(0.0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
}

/// Waits until the rollout has looked at everything so many times more.
async fn looks(router: &Router, times: f64) {
    let row = "signalbox_rollout_decisions_total{decision=\"wait\"}";
    let before = counted(router, row).await;
    until(async || (counted(router, row).await >= before + times).then_some(())).await;
}

/// The frames that a dashboard was sent before the answer to its ping.
async fn frames(dashboard: &mut Dashboard) -> Vec<Value> {
    dashboard.say(&json!({ "type": "ping" })).await;
    let mut frames = Vec::new();
    loop {
        match dashboard.next().await {
            frame if frame["type"] == "pong" => return frames,
            frame => frames.push(frame),
        }
    }
}

#[tokio::test]
async fn each_that_can_be_moved_is_told_once_and_in_its_turn() {
    let router = router_with(&[("rollout.pace", "2")]);
    let mut movers = Vec::new();
    for number in 0..3 {
        let query = format!("client_id=client-{number}&switch=1");
        movers.push(Dashboard::connect_as(&router, &query).await);
    }
    let mut fixed = Dashboard::connect_as(&router, "client_id=client-9").await;
    let sessions = router.get("/v1/sessions").await["sessions"].take();
    let movable: BTreeMap<_, _> = sessions
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["client_id"].as_str().unwrap(), row["movable"].as_bool().unwrap()))
        .collect();
    assert_eq!(movable.into_values().collect::<Vec<_>>(), [true, true, true, false]);
    do_it(&router, json!({ "action": "set", "percent": 100 })).await;
    let mut waits = Vec::new();
    for mover in &mut movers {
        let mut told = mover.next().await;
        waits.push(told["not_before_ms"].take().as_u64().unwrap());
        let reason = told["reason"].take();
        assert!(reason.as_str().unwrap().starts_with("The rollout is at 100 %"), "{reason}");
        let expected = json!({
            "type": "switch", "to": "realtime", "url": "/realtime/v1", "topic": "monitoring",
            "reason": null, "not_before_ms": null,
        });
        assert_eq!(told, expected);
    }
    waits.sort_unstable();
    let [first, second, third] = waits[..] else { panic!("{waits:?}") };
    assert!(first == 0 && second >= 500 && third >= second + 499, "two a second: {waits:?}");
    looks(&router, 3.0).await;
    for mover in &mut movers {
        assert_eq!(frames(mover).await, Vec::<Value>::new(), "told once");
    }
    assert_eq!(frames(&mut fixed).await, Vec::<Value>::new(), "it said nothing of switching");
    assert_eq!(router.get("/v1/rollout").await["moves"]["told"], 3);
    // A client that was told has one turn, however often it asks.
    let slot = async |client: &str, on: &str| {
        let path = format!("/v1/connect?client_id={client}&on={on}");
        router.get(&path).await["not_before_ms"].as_u64().unwrap()
    };
    for client in ["client-0", "client-1", "client-2"] {
        assert_eq!(slot(client, "direct").await, 0, "its time has come");
        assert_eq!(slot(client, "realtime").await, 0, "it is there");
    }
    // Who asks without being told waits its turn, behind those before it.
    let (one, other) = (slot("x", "direct").await, slot("y", "direct").await);
    assert!(other > one && slot("x", "direct").await <= one, "{one} {other}");
}

#[tokio::test]
async fn only_who_says_who_it_is_can_be_moved() {
    let router = Router::start();
    for (query, status) in [("switch=1", 400), ("client_id=a&switch=2", 400)] {
        let url = format!("ws://{}/v1/ws?{query}", router.address);
        let refused = tokio_tungstenite::connect_async(url).await.unwrap_err();
        let tokio_tungstenite::tungstenite::Error::Http(response) = refused else {
            panic!("{refused}");
        };
        assert_eq!(response.status(), status);
    }
    Dashboard::connect_as(&router, "client_id=a&switch=0").await;
}

#[tokio::test]
async fn a_preview_moves_nobody() {
    let router = router_with(&[]);
    let mut dashboards = Vec::new();
    for number in 0..20 {
        let query = format!("client_id=client-{number}&switch=1");
        dashboards.push(Dashboard::connect_as(&router, &query).await);
    }
    // Who only asked is known too.
    let asked = place(&router, "dashboard-1").await;
    let preview = router.get("/v1/rollout/preview?percent=98").await;
    assert_eq!((&preview["clients"], &preview["to_direct"]), (&json!(21), &json!(0)));
    let movers = preview["movers"].as_array().unwrap();
    assert_eq!(preview["to_realtime"], movers.len());
    let mover = movers.iter().find(|mover| mover["client_id"] == "dashboard-1").unwrap();
    let expected = json!({
        "client_id": "dashboard-1", "from": "direct", "to": "realtime", "rule": "bucket",
        "bucket": asked["reason"]["bucket"],
    });
    assert_eq!(*mover, expected);
    looks(&router, 2.0).await;
    for dashboard in &mut dashboards {
        assert_eq!(frames(dashboard).await, Vec::<Value>::new());
    }
    assert_eq!(router.get("/v1/rollout").await["percent"], 0);
    for query in ["", "?percent=101", "?percent=x"] {
        let answer = router.ask("GET", &format!("/v1/rollout/preview{query}")).await;
        assert_eq!((answer.status, answer.problem()), (400, "bad_parameter"));
    }
}

#[tokio::test]
async fn where_all_must_leave_those_that_do_not_go_are_closed() {
    let router =
        router_with(&[("flags.global_override", "realtime_only"), ("rollout.grace", "1s")]);
    let mut mover = Dashboard::connect_as(&router, "client_id=a&switch=1").await;
    let mut fixed = Dashboard::connect(&router).await;
    let told = mover.next().await;
    assert_eq!((&told["type"], &told["to"]), (&json!("switch"), &json!("realtime")));
    assert_eq!(fixed.close_code().await, Some(4503));
    assert_eq!(mover.close_code().await, Some(4503), "it was told, and did not go");
    let row = "signalbox_session_closed_total{reason=\"path_ended\"}";
    until(async || (counted(&router, row).await >= 2.0).then_some(())).await;
}
