//! The whole path of an event, by the route and on the command line.

use serde_json::{Value, json};

use super::{publish_poison, replay, router_with};
use crate::support::{
    dashboard::Dashboard,
    destination::Destination,
    router::{Router, event, until},
};

/// The trace tells what probes saw, too.
const VALIDATED: [(&str, &str); 1] = [("flags.enable_validation", "true")];

async fn trace(router: &Router, id: &Value) -> Value {
    router.get(&format!("/v1/events/{}/trace", id.as_str().unwrap())).await
}

/// The outcomes of the requests that the event was in.
fn outcomes(trace: &Value) -> Vec<&str> {
    let attempts = trace["realtime"]["attempts"]["attempts"].as_array().unwrap();
    attempts.iter().map(|attempt| attempt["outcome"].as_str().unwrap()).collect()
}

/// `signalbox explain`: its exit code, and what it says.
fn explain(router: &Router, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = router.command();
    command.arg("explain").args(["--url", &router.url("")]).args(arguments);
    let out = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (out.status.code(), text(out.stdout), text(out.stderr))
}

#[tokio::test]
async fn a_path_is_told_before_and_after_a_delivery_and_after_a_restart() {
    let destination = Destination::start();
    let mut router = router_with(&destination, &VALIDATED);
    destination.refuse().await;
    let mut wall =
        Dashboard::subscribed(&router, json!({ "filter": { "event_type": ["a"] } })).await;
    let _other = Dashboard::subscribed(&router, json!({ "filter": { "event_type": ["b"] } })).await;
    let (_, posted) = router.post(&event("a")).await;
    wall.seqs(1).await;
    let failing = until(async || {
        let trace = trace(&router, &posted["id"]).await;
        (outcomes(&trace).len() > 1).then_some(trace)
    });
    let failing = failing.await;
    let stored = router.get(&format!("/v1/events/{}", posted["id"].as_str().unwrap())).await;
    let committed = &failing["committed"];
    assert_eq!(committed["source"], "storage");
    for member in ["epoch", "seq", "event_type", "category", "timestamp", "created_at", "checksum"]
    {
        assert_eq!(committed[member], stored[member], "{member}");
    }
    let direct = &failing["direct"];
    assert_eq!((&direct["source"], &direct["matched"]), (&json!("now"), &json!(1)), "{direct}");
    assert_eq!((&direct["reached"], &direct["pending"]), (&json!(1), &json!(0)), "{direct}");
    assert_eq!(direct["sessions"][0]["state"], "reached");
    let realtime = &failing["realtime"];
    assert_eq!(realtime["cursor"]["state"], "waiting", "{realtime}");
    assert!(outcomes(&failing).iter().all(|outcome| *outcome == "transient"), "{realtime}");
    let first = &realtime["attempts"]["attempts"][0];
    assert_eq!((&first["breaker"], &first["first_seq"]), (&json!("closed"), &json!(1)), "{first}");
    assert!(first["reason"].is_string() && first["latency_ms"].as_f64().unwrap() > 0.0);
    assert_eq!(realtime["dead_letter"], Value::Null);
    let seen = &failing["validation"]["paths"][1];
    assert_eq!((&seen["path"], &seen["verdict"]), (&json!("realtime"), &Value::Null), "{seen}");

    destination.listen().await;
    let settled = until(async || {
        let trace = trace(&router, &posted["id"]).await;
        (trace["realtime"]["cursor"]["state"] == "settled").then_some(trace)
    });
    let settled = settled.await;
    assert_eq!(outcomes(&settled).last(), Some(&"delivered"), "{settled}");
    assert_eq!(settled["realtime"]["cursor"]["through"], 1);

    router.terminate();
    router.restart();
    let after = trace(&router, &posted["id"]).await;
    assert_eq!(after["committed"], settled["committed"]);
    assert_eq!(after["direct"]["matched"], 0, "nobody is connected now");
    assert_eq!(after["realtime"]["cursor"]["state"], "settled");
    let recent = &after["realtime"]["attempts"];
    assert_eq!((&recent["source"], &recent["attempts"]), (&json!("recent"), &json!([])));
    assert!(recent["since"].as_str().unwrap() > after["committed"]["created_at"].as_str().unwrap());
}

#[tokio::test]
async fn a_dead_letter_is_part_of_the_path_and_explained() {
    let destination = Destination::start();
    let router = router_with(&destination, &VALIDATED);
    let (letter, posted) = publish_poison(&router, &destination).await;
    let settled = until(async || {
        let trace = trace(&router, &posted["id"]).await;
        (trace["realtime"]["cursor"]["state"] == "settled").then_some(trace)
    });
    let part = &settled.await["realtime"]["dead_letter"];
    assert_eq!((&part["source"], &part["id"]), (&json!("storage"), &json!(letter)));
    assert_eq!((&part["status"], &part["attempts"]), (&json!("pending"), &json!(1)), "{part}");
    destination.clear().await;
    assert_eq!(replay(&router, letter).await.status, 200);
    let recovered = trace(&router, &posted["id"]).await;
    assert_eq!(outcomes(&recovered), ["rejected", "delivered"]);
    assert_eq!(recovered["realtime"]["dead_letter"]["status"], "recovered");

    let id = posted["id"].as_str().unwrap();
    let (code, said, _) = explain(&router, &[id]);
    assert_eq!(code, Some(0));
    let epoch = posted["epoch"].as_str().unwrap();
    for part in [
        &format!("{id}: a from test, "),
        &format!(", as 1 of epoch {epoch} (storage)\n"),
        "direct: for 0 that are connected now",
        "realtime: settled; ",
        " rejected after ",
        &format!("dead letter {letter} since "),
        ": recovered, sent 2 times: 413",
        "validation: what was seen of it\n",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let (code, json, _) = explain(&router, &["--json", id]);
    assert_eq!(code, Some(0));
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), trace(&router, &posted["id"]).await);
}

#[tokio::test]
async fn without_a_realtime_there_is_no_such_path() {
    let router = Router::start();
    let (_, posted) = router.post(&event("a")).await;
    assert_eq!(trace(&router, &posted["id"]).await["realtime"], Value::Null);
    let (code, said, _) = explain(&router, &[posted["id"].as_str().unwrap()]);
    assert!(code == Some(0) && said.contains("realtime: the path is off, and never was on"));

    let unknown = "00000000-0000-4000-8000-000000000000";
    let answer = router.ask("GET", &format!("/v1/events/{unknown}/trace")).await;
    assert_eq!((answer.status, answer.problem()), (404, "not_found"));
    let answer = router.ask("GET", "/v1/events/x/trace").await;
    assert_eq!((answer.status, answer.problem()), (400, "bad_id"));
    let (code, _, complaint) = explain(&router, &[unknown]);
    assert!(code == Some(1) && complaint.contains("there is no event"), "{complaint}");
    assert_eq!(explain(&router, &["x"]).0, Some(2));
}
