//! Rehearsals that end with the router: the audit log knows of it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use signalbox::storage::{Durability, StorageOptions, open};

use super::{rehearse, watched};
use crate::{
    delivery::{metric, post, router_to, router_with, until_settled},
    support::{
        destination::{Behaviour, Destination},
        postgres::database,
        router::{Router, until},
    },
};

/// Lines on rehearsals, oldest first: what happened, and its detail.
async fn audited(router: &Router) -> Vec<(String, Value)> {
    let page = router.get("/v1/audit?after=0&limit=1000").await;
    let lines = page["entries"].as_array().unwrap().iter();
    let lines = lines.filter_map(|line| {
        let action = line["action"].as_str()?.strip_prefix("rehearsal.")?;
        assert_eq!(line["subject"], "adapter:realtime", "{line}");
        Some((action.to_owned(), line["detail"].clone()))
    });
    lines.collect()
}

fn words(lines: &[(String, Value)]) -> Vec<(&str, &Value)> {
    lines.iter().map(|(action, detail)| (&**action, &detail["reason"])).collect()
}

#[tokio::test]
async fn one_that_is_under_way_when_the_router_ends_has_an_end() {
    let mut router = watched(&[]).await;
    let drop = json!({ "path": "realtime", "drop": 1, "seconds": 3600 });
    assert_eq!(rehearse(&router, &drop).await.status, 200);
    post(&router, 7).await;
    until_settled(&router, 7).await;
    assert_eq!(router.terminate().code(), Some(0));
    router.restart();
    let lines = audited(&router).await;
    let (none, stopped, killed) = (Value::Null, json!("stopped"), json!("killed"));
    assert_eq!(words(&lines), [("began", &none), ("ended", &stopped)]);
    assert_eq!(lines[1].1["planted"]["drop"], 7, "{lines:?}");
    assert_eq!(lines[0].1["began_at"], lines[1].1["began_at"]);
    assert_eq!(router.get("/v1/validation/rehearsal").await["rehearsal"], Value::Null);

    // One that had no time to say so is found at the next start, once.
    assert_eq!(rehearse(&router, &drop).await.status, 200);
    for _ in 0..2 {
        router.kill();
        router.restart();
        let lines = audited(&router).await;
        let last = [("began", &none), ("ended", &killed)];
        assert_eq!(words(&lines), [&[("began", &none), ("ended", &stopped)][..], &last].concat());
        assert_eq!(lines[2].1["began_at"], lines[3].1["began_at"]);
    }
}

/// The one that takes its place ends in its own time, not in that of the first.
#[tokio::test]
async fn one_that_is_replaced_is_over_and_ends_no_other() {
    let router = router_with(&[("flags.enable_validation", "false")]);
    let hold = json!({ "path": "realtime", "delay": 1, "delay_ms": 300_000, "seconds": 1 });
    assert_eq!(rehearse(&router, &hold).await.status, 200);
    post(&router, 5).await;
    let shown = async || router.get("/v1/validation/rehearsal").await["rehearsal"].take();
    until(async || (shown().await["held_events"] == 5).then_some(())).await;
    let drop = json!({ "path": "realtime", "drop": 1, "seconds": 2 });
    let answer = rehearse(&router, &drop).await;
    let until_then = answer.json["rehearsal"]["until"].as_str().unwrap();
    let until_then: DateTime<Utc> = until_then.parse().unwrap();
    let waiting = "signalbox_rehearsal_held_events";
    until(async || (metric(&router, waiting).await == 0).then_some(())).await;
    let lines = until(async || {
        let lines = audited(&router).await;
        (lines.len() == 4).then_some(lines)
    })
    .await;
    let (none, replaced, expired) = (Value::Null, json!("replaced"), json!("expired"));
    let expected = [("began", &none), ("ended", &replaced), ("began", &none), ("ended", &expired)];
    assert_eq!(words(&lines), expected);
    assert_eq!(lines[0].1["began_at"], lines[1].1["began_at"]);
    assert_eq!(lines[2].1["began_at"], lines[3].1["began_at"]);
    let page = router.get("/v1/audit?action=rehearsal.ended").await;
    let at: DateTime<Utc> = page["entries"][0]["at"].as_str().unwrap().parse().unwrap();
    assert!(at >= until_then, "{at} is before {until_then}");
}

#[tokio::test]
async fn none_begins_while_the_router_stops() {
    let destination = Destination::start();
    let mut router = router_to(&destination, "broadcast", &[]);
    destination.next([Behaviour::Slow(Duration::from_secs(2))]).await;
    post(&router, 1).await;
    destination.until_done().await;
    router.signal("TERM");
    until(async || (router.ask("GET", "/readyz").await.status == 503).then_some(())).await;
    let late = rehearse(&router, &json!({ "path": "realtime", "drop": 1 })).await;
    assert_eq!((late.status, late.problem()), (503, "shutting_down"));
    assert!(router.wait_patiently().await.success());
}

/// In a table each id is there once, and in the journal's own database nothing is sent at all.
#[tokio::test]
async fn what_cannot_happen_by_rows_is_refused() {
    for (is_own, drops) in [(false, 200), (true, 409)] {
        let own = database();
        let there = if is_own { own.clone() } else { database() };
        let url = there.clone();
        let options = StorageOptions { url, durability: Durability::Process, pool_size: 1 };
        open(&options).await.unwrap().migrate().await.unwrap();
        let router = router_with(&[
            ("storage.url", &own),
            ("realtime.transport", "postgres"),
            ("realtime.database_url", &there),
            ("flags.enable_validation", "false"),
        ]);
        // Where it leads is known once something went there.
        post(&router, 1).await;
        until_settled(&router, 1).await;
        let plant = async |fault: &str| {
            let answer = rehearse(&router, &json!({ "path": "realtime", fault: 0.5 })).await;
            if answer.status != 200 {
                assert_eq!(answer.problem(), "rehearsal_impossible");
            }
            answer.status
        };
        assert_eq!((plant("duplicate").await, plant("drop").await), (409, drops), "{there}");
    }
}
