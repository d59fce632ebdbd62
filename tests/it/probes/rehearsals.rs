//! Faults that are planted on purpose, as a stock client of Realtime and a dashboard meet with them.

use serde_json::{Value, json};
use signalbox::core::{
    canonical::{canonical, verify},
    event::Category,
};

use super::{rehearse, totals, watched};
use crate::{
    delivery::{metric, path, post, router_with, until_settled, wall::Wall, watch},
    support::router::{Router, event, until},
};

const ROUTE: &str = "/v1/validation/rehearsal";

/// What is rehearsed now.
async fn shown(router: &Router) -> Value {
    router.get(ROUTE).await["rehearsal"].take()
}

/// Plants a share of a fault on the realtime path, posts so many events in batches, ends it, and posts
/// one more; the payloads that a stock client there got up to that one, and how many were planted.
async fn meet(router: &Router, fault: &str, share: f64, events: usize) -> (Vec<Value>, u64) {
    let wall = Wall::subscribed(router, "monitoring");
    let answer = rehearse(router, &json!({ "path": "realtime", fault: share })).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let before = metric(router, "signalbox_journal_head_seq").await;
    let mut direct = watch(router).await;
    for _ in 0..events / 50 {
        let posted = post(router, 50).await;
        assert_eq!(direct.seqs(50).await, posted, "the direct path");
    }
    until_settled(router, before + events as u64).await;
    let planted = shown(router).await["planted"][fault].as_u64().unwrap();
    assert_eq!(router.ask("DELETE", ROUTE).await.status, 204);
    until(async || (metric(router, "signalbox_rehearsal_held_events").await == 0).then_some(()))
        .await;
    let last = router.publish("last").await;
    let mut payloads = Vec::new();
    loop {
        let payload = wall.event().1;
        if payload["seq"] == last {
            return (payloads, planted);
        }
        payloads.push(payload);
    }
}

fn seqs(payloads: &[Value]) -> Vec<u64> {
    payloads.iter().map(|payload| payload["seq"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn what_is_dropped_is_missing_there_and_nowhere_else_and_found() {
    let router = watched(&[("validation.deadline", "3s"), ("validation.late_after", "3s")]).await;
    let (payloads, planted) = meet(&router, "drop", 0.1, 1_000).await;
    assert!((50..=160).contains(&planted), "{planted}");
    assert_eq!(payloads.len() as u64, 1_000 - planted);
    assert!(seqs(&payloads).is_sorted_by(|a, b| a < b), "in order, each once");
    // It counts as delivered, as if the destination had lost it.
    let path = path(&router).await;
    assert_eq!((&path["settled"]["delivered"], &path["lag_events"]), (&json!(1_001), &json!(0)));
    assert_eq!(router.get("/v1/ledger").await["balances"], true);
    let totals_there = totals(&router, 1, 1_001).await;
    assert_eq!(totals_there["missing"], planted, "{totals_there}");
    let totals_direct = totals(&router, 0, 1_001).await;
    assert_eq!(totals_direct["missing"], 0, "{totals_direct}");
}

#[tokio::test]
async fn what_comes_twice_in_another_order_or_late_is_what_was_planted() {
    let router = watched(&[]).await;
    let (payloads, planted) = meet(&router, "duplicate", 0.2, 200).await;
    let mut seen = seqs(&payloads);
    assert_eq!(seen.len() as u64, 200 + planted);
    seen.sort_unstable();
    seen.dedup();
    assert_eq!((seen.len(), planted > 0), (200, true));
    assert_eq!(totals(&router, 1, 201).await["duplicate"], planted);

    let (payloads, planted) = meet(&router, "reorder", 0.2, 200).await;
    let seen = seqs(&payloads);
    let behind = (0..seen.len()).filter(|at| seen[..*at].iter().any(|it| *it > seen[*at])).count();
    assert_eq!((seen.len(), behind > 0), (200, true));
    assert!(behind as u64 <= planted, "{behind} of {planted}");
    let reordered = totals(&router, 1, 402).await["reordered"].as_u64().unwrap();
    assert_eq!(reordered, behind as u64);

    let (payloads, planted) = meet(&router, "delay", 0.2, 200).await;
    assert_eq!((payloads.len(), planted > 0), (200, true));
    let mut seen = seqs(&payloads);
    assert!(!seen.is_sorted(), "some came behind others");
    seen.sort_unstable();
    assert!(seen.windows(2).all(|pair| pair[0] + 1 == pair[1]), "each once");
}

#[tokio::test]
async fn what_is_altered_has_a_checksum_that_is_wrong() {
    let router = watched(&[]).await;
    let (payloads, planted) = meet(&router, "alter", 0.3, 200).await;
    let is_wrong = |payload: &&Value| {
        let data = canonical(&payload["data"].to_string()).unwrap();
        !verify(Category::System, &data, None, payload["checksum"].as_str().unwrap())
    };
    assert_eq!(payloads.len(), 200);
    assert_eq!(payloads.iter().filter(is_wrong).count() as u64, planted);
    assert!(planted > 0);
    assert_eq!(totals(&router, 1, 201).await["differs"], planted);
}

#[tokio::test]
async fn it_ends_by_itself_and_both_are_written_down() {
    let router = watched(&[]).await;
    let mut direct = watch(&router).await;
    let wall = Wall::subscribed(&router, "monitoring");
    let body = json!({ "path": "realtime", "drop": 1, "seconds": 1 });
    let answer = rehearse(&router, &body).await;
    let rehearsal = &answer.json["rehearsal"];
    assert_eq!(
        (&rehearsal["path"], &rehearsal["shares"]["drop"]),
        (&json!("realtime"), &json!(1.0))
    );
    assert_eq!(router.get("/v1/validation").await["rehearsal"]["path"], "realtime");
    until(async || shown(&router).await.is_null().then_some(())).await;
    let seq = router.publish("after").await;
    assert_eq!(direct.seqs(1).await, [seq]);
    assert_eq!(wall.event().1["seq"], seq);
    let audit = until(async || {
        let audit = router.get("/v1/audit?action=rehearsal.ended").await["entries"].take();
        (!audit.as_array()?.is_empty()).then_some(audit)
    })
    .await;
    assert_eq!(
        (&audit[0]["detail"]["reason"], &audit[0]["subject"]),
        (&json!("expired"), &json!("adapter:realtime"))
    );
    let audit = router.get("/v1/audit?action=rehearsal.began").await["entries"].take();
    assert_eq!(
        (&audit[0]["actor"], &audit[0]["detail"]["shares"]["drop"]),
        (&json!("anybody"), &json!(1.0))
    );
    let log = router.log();
    assert!(log.contains("a rehearsal begins") && log.contains("a rehearsal ends"), "{log}");
    assert_eq!(metric(&router, "signalbox_rehearsal_active{path=\"realtime\"}").await, 0);
    assert_eq!(router.ask("DELETE", ROUTE).await.problem(), "not_found");
}

#[tokio::test]
async fn on_the_direct_path_only_the_probe_meets_with_it() {
    let router = watched(&[("validation.deadline", "1s"), ("validation.late_after", "1s")]).await;
    let mut direct = watch(&router).await;
    let answer = rehearse(&router, &json!({ "path": "websocket", "drop": 0.5 })).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let posted = post(&router, 200).await;
    assert_eq!(direct.seqs(200).await, posted, "a client hears all of it");
    let missing = totals(&router, 0, 200).await["missing"].as_u64().unwrap();
    assert_eq!(shown(&router).await["planted"]["drop"], missing);
    assert!((50..=150).contains(&missing), "{missing}");
    assert_eq!(totals(&router, 1, 200).await["missing"], 0);
}

#[tokio::test]
async fn what_makes_no_sense_or_cannot_be_is_refused() {
    let router = Router::start();
    let bad = rehearse(&router, &json!({ "path": "realtime", "drop": 2 })).await;
    assert_eq!((bad.status, bad.problem()), (400, "bad_rehearsal"));
    let drop = json!({ "path": "realtime", "drop": 0.1 });
    let off = rehearse(&router, &drop).await;
    assert_eq!((off.status, off.problem()), (409, "rehearsal_impossible"));
    assert!(shown(&router).await.is_null());
    let unheard = router_with(&[("flags.enable_validation", "false")]);
    let answer = rehearse(&unheard, &json!({ "path": "websocket", "drop": 0.1 })).await;
    assert_eq!(answer.problem(), "rehearsal_impossible");
    assert_eq!(rehearse(&unheard, &drop).await.status, 200, "clients meet with it all the same");
    let (status, _) = unheard.post(&event("a")).await;
    assert_eq!(status, 202);
}
