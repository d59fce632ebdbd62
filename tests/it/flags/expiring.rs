//! Flags that are set for a time: they are told with their end, and end by themselves, also while the
//! router is away.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{flag, mode, put};
use crate::support::router::{Router, until};

/// Sets `dual_mode` for a time; until when.
async fn set_for(router: &Router, time: &str) -> DateTime<Utc> {
    let body = json!({ "value": true, "expires_in": time, "reason": "a try" });
    let answer = put(router, "dual_mode", &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json["flag"]["value"], true);
    instant(&answer.json["flag"]["origin"]["until"])
}

fn instant(text: &Value) -> DateTime<Utc> {
    text.as_str().unwrap_or_else(|| panic!("{text}")).parse().unwrap()
}

/// Lines of the audit log on it, oldest first: what was done, when, and the detail.
async fn audited(router: &Router) -> Vec<(String, DateTime<Utc>, Value)> {
    let page = router.get("/v1/audit?after=0").await;
    let lines = page["entries"].as_array().unwrap().iter();
    let lines = lines.filter(|line| line["subject"] == "setting:flags.dual_mode");
    lines
        .map(|line| {
            let action = line["action"].as_str().unwrap().to_owned();
            (action, instant(&line["at"]), line["detail"].clone())
        })
        .collect()
}

/// Waits for the line that says that it has expired.
async fn until_expired(router: &Router) -> (DateTime<Utc>, Value) {
    until(async || {
        let (action, at, detail) = audited(router).await.pop()?;
        (action == "override.expired").then_some((at, detail))
    })
    .await
}

#[tokio::test]
async fn it_is_told_with_its_end_and_ends_by_itself() {
    let router = Router::start();
    let end = set_for(&router, "2s").await;
    let (at, detail) = until_expired(&router).await;
    assert!(at >= end, "{at} is before {end}");
    assert_eq!((&detail["before"], &detail["after"]), (&json!(true), &json!(false)), "{detail}");
    let lines = audited(&router).await;
    let (action, _, detail) = &lines[0];
    assert_eq!((lines.len(), &**action), (2, "override.set"));
    assert_eq!((instant(&detail["until"]), &detail["reason"]), (end, &json!("a try")));
    let flag = flag(&router, "dual_mode").await;
    assert_eq!((&flag["value"], &flag["origin"]), (&json!(false), &json!({ "kind": "default" })));
    assert_eq!(router.get("/v1/flags").await["generation"], 3);
    assert_eq!(mode(&router, "critical").await, "direct");
    let cleared = router.ask("DELETE", "/v1/flags/dual_mode").await;
    assert_eq!((cleared.status, cleared.problem()), (404, "not_found"), "nothing is left of it");
}

#[tokio::test]
async fn while_it_is_in_force_it_outlives_a_restart_with_its_end() {
    let mut router = Router::start();
    let end = set_for(&router, "1h").await;
    for restart in [false, true] {
        if restart {
            router.kill();
            router.restart();
        }
        let flag = flag(&router, "dual_mode").await;
        assert_eq!((&flag["value"], &flag["origin"]["kind"]), (&json!(true), &json!("override")));
        assert_eq!(instant(&flag["origin"]["until"]), end, "restarted: {restart}");
        assert_eq!(mode(&router, "critical").await, "dual");
    }
    // Set again without an end, it has none.
    assert_eq!(put(&router, "dual_mode", &json!({ "value": true })).await.status, 200);
    router.kill();
    router.restart();
    assert_eq!(flag(&router, "dual_mode").await["origin"]["until"], Value::Null);
    assert_eq!(mode(&router, "critical").await, "dual");
}

#[tokio::test]
async fn one_that_expires_while_the_router_is_away_counts_no_more_at_its_start() {
    let mut router = Router::start();
    let end = set_for(&router, "3s").await;
    router.kill();
    until(async || (Utc::now() >= end).then_some(())).await;
    router.restart();
    assert_eq!(mode(&router, "critical").await, "direct");
    let (_, detail) = until_expired(&router).await;
    // Never in force here: not even for a moment.
    assert_eq!((&detail["before"], &detail["after"]), (&json!(false), &json!(false)), "{detail}");
    assert_eq!(router.get("/v1/flags").await["generation"], 1);
    router.kill();
    router.restart();
    let actions: Vec<_> = audited(&router).await.into_iter().map(|(action, ..)| action).collect();
    assert_eq!(actions, ["override.set", "override.expired"], "once");
}
