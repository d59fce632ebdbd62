//! Where clients belong, how they are told, and how the rollout is moved: by hand, and back by itself.

mod by_itself;
mod moving;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::router::{Answer, Router, http};

/// A router whose events all go to its own Realtime too.
fn router_with(further: &[(&str, &str)]) -> Router {
    Router::with(&[&[("flags.dual_mode", "true")], further].concat())
}

/// Where a client belongs.
async fn place(router: &Router, client: &str) -> Value {
    router.get(&format!("/v1/connect?client_id={client}")).await
}

/// Those of 200 clients that belong on the realtime path.
async fn on_realtime(router: &Router) -> BTreeSet<String> {
    let mut there = BTreeSet::new();
    for number in 0..200 {
        let client = format!("client-{number}");
        if place(router, &client).await["path"] == "realtime" {
            there.insert(client);
        }
    }
    there
}

async fn order(router: &Router, body: Value) -> Answer {
    Answer::of(http().post(router.url("/v1/rollout")).json(&body).send().await.unwrap()).await
}

/// Does it, which must work; the rollout after it.
async fn do_it(router: &Router, body: Value) -> Value {
    let answer = order(router, body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json
}

/// The rows of the audit log about the rollout, oldest first: action, actor, and reason.
async fn audit(router: &Router) -> Vec<(String, String, String)> {
    let entries = router.get("/v1/audit?after=0").await["entries"].take();
    let rows = entries.as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    rows.filter(|row| row["subject"] == "rollout.percent" && row["detail"]["kept"].is_object())
        .map(|row| (text(&row["action"]), text(&row["actor"]), text(&row["detail"]["reason"])))
        .collect()
}

#[tokio::test]
async fn a_client_is_told_where_it_belongs_and_why() {
    let router = router_with(&[
        ("rollout.percent", "97"),
        ("rollout.allow", "first,both"),
        ("rollout.deny", "last,both"),
        ("rollout.segments", "lab-*=100,shop-*=0"),
        ("realtime.client_key", "public"),
    ]);
    let told = place(&router, "dashboard-1").await;
    let expected = json!({
        "client_id": "dashboard-1",
        "path": "direct",
        "reason": {
            "rule": "bucket",
            "detail": "The rollout is at 97 %: bucket 9706 is not below 9700.",
            "bucket": 9706,
            "percent": 97,
        },
        "generation": 1,
        "not_before_ms": 0,
        "recheck_ms": 30_000,
        "direct": { "url": "/v1/ws" },
        "realtime": {
            "url": "/realtime/v1", "topic": "monitoring", "kind": "broadcast", "key": "public",
        },
    });
    assert_eq!(told, expected);
    for (client, path, rule) in [
        ("first", "realtime", "allow"),
        ("last", "direct", "deny"),
        ("both", "direct", "deny"),
        ("lab-7", "realtime", "segment"),
        ("shop-7", "direct", "segment"),
    ] {
        let told = place(&router, client).await;
        assert_eq!((&told["path"], &told["reason"]["rule"]), (&json!(path), &json!(rule)));
    }
    for (query, code) in [
        ("", "bad_parameter"),
        ("?client_id=", "bad_parameter"),
        ("?client_id=a&on=moon", "bad_parameter"),
        ("?client=a", "unknown_parameter"),
    ] {
        let answer = router.ask("GET", &format!("/v1/connect{query}")).await;
        assert_eq!((answer.status, answer.problem()), (400, code), "{query}");
    }
}

#[tokio::test]
async fn what_comes_before_the_bucket_keeps_clients_where_they_miss_nothing() {
    for (settings, path, rule) in [
        (vec![("flags.dual_mode", "false")], "direct", "off"),
        (vec![("flags.debug_percentage", "99")], "direct", "coverage"),
        (vec![("flags.global_override", "websocket_only")], "direct", "override"),
        (vec![("flags.global_override", "realtime_only")], "realtime", "override"),
    ] {
        let router =
            Router::with(&[&[("rollout.percent", "100")], &*with_dual(&settings)].concat());
        let told = place(&router, "a").await;
        assert_eq!((&told["path"], &told["reason"]["rule"]), (&json!(path), &json!(rule)));
        let off = rule == "off" || path == "direct" && rule == "override";
        assert_eq!(told["realtime"].is_null(), off, "how it is reached, where it is on");
    }
}

/// With the dual mode, unless that is what is set.
fn with_dual<'a>(settings: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let dual = [("flags.dual_mode", "true")];
    let dual = dual.into_iter().filter(|_| settings[0].0 != "flags.dual_mode");
    dual.chain(settings.iter().copied()).collect()
}

#[tokio::test]
async fn it_is_moved_by_hand_and_stands_there_after_a_restart() {
    let mut router = router_with(&[]);
    assert!(on_realtime(&router).await.is_empty());
    let view = do_it(&router, json!({ "action": "set", "percent": 25, "reason": "a try" })).await;
    assert_eq!((&view["percent"], &view["next"]), (&json!(25), &json!(50)));
    let quarter = on_realtime(&router).await;
    assert!((25..=75).contains(&quarter.len()), "{}", quarter.len());
    // Too early for the gates, which are told by name; a will is a will.
    let refused = order(&router, json!({ "action": "advance" })).await;
    assert_eq!((refused.status, refused.problem()), (409, "rollout_refused"));
    let view = do_it(&router, json!({ "action": "advance", "force": true })).await;
    assert_eq!(view["percent"], 50);
    let half = on_realtime(&router).await;
    assert!(half.is_superset(&quarter) && half.len() > quarter.len());
    let before = router.get("/v1/rollout").await["history"].take();
    router.kill();
    router.restart();
    assert_eq!(on_realtime(&router).await, half, "the same clients, after every start");
    let after = router.get("/v1/rollout").await;
    assert_eq!((&after["percent"], &after["history"]), (&json!(50), &before));
    let view = do_it(&router, json!({ "action": "rollback", "reason": "enough" })).await;
    assert_eq!(view["percent"], 25);
    assert_eq!(on_realtime(&router).await, quarter);
    do_it(&router, json!({ "action": "pause" })).await;
    router.terminate();
    router.restart();
    assert_eq!(router.get("/v1/rollout").await["waits"], "paused", "also after a restart");
    do_it(&router, json!({ "action": "resume" })).await;
    assert_ne!(router.get("/v1/rollout").await["waits"], "paused");
    let rows = audit(&router).await;
    let actions: Vec<_> = rows.iter().map(|(action, _, reason)| (&**action, &**reason)).collect();
    let none = "no reason given";
    assert_eq!(
        actions,
        [
            ("rollout.set", "a try"),
            ("rollout.advanced", none),
            ("rollout.brought_back", "enough"),
            ("rollout.paused", none),
            ("rollout.resumed", none),
        ]
    );
}

#[tokio::test]
async fn what_must_not_be_is_refused_and_changes_nothing() {
    let router = router_with(&[("rollout.maximum", "50")]);
    for (body, status, code) in [
        (json!({ "action": "set", "percent": 10 }), 409, "rollout_refused"),
        (json!({ "action": "set", "percent": 101 }), 400, "bad_rollout_request"),
        (json!({ "action": "leap" }), 400, "bad_rollout_request"),
        (json!({ "action": "set", "percent": 75 }), 409, "rollout_refused"),
        (json!({ "action": "rollback" }), 409, "rollout_refused"),
    ] {
        let answer = order(&router, body).await;
        assert_eq!((answer.status, answer.problem()), (status, code));
    }
    // Who moved would miss events.
    let partial = router_with(&[("flags.system_enabled", "false")]);
    for action in
        [json!({ "action": "set", "percent": 25 }), json!({ "action": "advance", "force": true })]
    {
        let answer = order(&partial, action).await;
        assert_eq!((answer.status, answer.problem()), (409, "rollout_refused"));
        assert!(answer.json["detail"].as_str().unwrap().contains("not every event"));
    }
    for router in [router, partial] {
        assert_eq!(router.get("/v1/rollout").await["percent"], 0);
        assert!(audit(&router).await.is_empty());
    }
}
