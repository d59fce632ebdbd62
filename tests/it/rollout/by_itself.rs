//! The rollout moves by itself.

use serde_json::{Value, json};

use super::{audit, place, router_with};
use crate::support::{
    destination::{Destination, KEY},
    router::{Answer, Router, event, http, until},
};

/// Waits until it stands there.
async fn until_percent(router: &Router, percent: u8) -> Value {
    until(async || {
        let view = router.get("/v1/rollout").await;
        (view["percent"] == percent).then_some(view)
    })
    .await
}

/// Waits until the rollout has seen that the breaker is open.
async fn until_open(router: &Router) -> Value {
    until(async || {
        let view = router.get("/v1/rollout").await;
        let mut gates = view["gates"].as_array().unwrap().iter();
        let open = gates.any(|gate| gate["gate"] == "breaker" && gate["holds"] == false);
        open.then_some(view)
    })
    .await
}

/// The report for people says this, in both ways to ask for it.
async fn expect_markdown(router: &Router, line: &str) {
    for (path, accept) in
        [("/v1/rollout/report?format=md", ""), ("/v1/rollout/report", "text/markdown")]
    {
        let request = http().get(router.url(path)).header("accept", accept);
        let markdown = request.send().await.unwrap().text().await.unwrap();
        assert!(markdown.contains(line), "{markdown}");
    }
}

#[tokio::test]
async fn a_breaker_that_opens_brings_it_back_with_reason_and_report() {
    let destination = Destination::start();
    let url = destination.url();
    let mut router = Router::with(&[
        ("realtime.url", &*url),
        ("realtime.key", KEY),
        ("flags.dual_mode", "true"),
        ("rollout.auto", "true"),
        ("rollout.percent", "50"),
        ("breaker.failures", "1"),
        ("retry.initial", "10ms"),
        ("breaker.open_for", "10m"),
        ("breaker.open_max", "10m"),
    ]);
    assert_eq!(place(&router, "client-2").await["reason"]["rule"], "bucket");
    // Looked at once while it is well.
    until(async || {
        let view = router.get("/v1/rollout").await;
        (view["waits"] == "gates").then_some(())
    })
    .await;
    drop(destination);
    router.publish("a").await;
    let view = until_percent(&router, 25).await;
    let end = &view["history"][0]["end"];
    assert_eq!((&end["outcome"], &end["by"]), (&json!("rolled_back"), &json!("rollout")));
    assert_eq!((&end["reason"], &view["fallen"]), (&json!("the breaker opened"), &json!(1)));
    // Until it is up again, everybody is on the direct path.
    let told = place(&router, "client-2").await;
    assert_eq!((&told["path"], &told["reason"]["rule"]), (&json!("direct"), &json!("down")));
    let report = router.get("/v1/rollout/report").await;
    let [first, last] = &report["steps"].as_array().unwrap()[..] else { panic!("{report}") };
    assert_eq!((&first["percent"], &last["percent"]), (&json!(50), &json!(25)));
    assert_eq!(first["end"], *end);
    let gate = |name: &str| {
        let gates = first["gates"].as_array().unwrap().iter();
        gates.clone().find(|gate| gate["gate"] == name).unwrap().clone()
    };
    assert_eq!(gate("breaker")["holds"], false);
    assert_eq!(gate("coverage")["holds"], true);
    expect_markdown(&router, "Came back to 25 % by rollout: the breaker opened.").await;
    let expected = [("rollout.rolled_back", "rollout", "the breaker opened")]
        .map(|(action, actor, reason)| (action.to_owned(), actor.to_owned(), reason.to_owned()));
    until(async || (audit(&router).await == expected).then_some(())).await;
    assert!(router.log().contains("rollout: the breaker opened"), "told in the log");
    router.kill();
    router.restart();
    // It is the same outage, which it is found in again.
    let view = until_open(&router).await;
    assert_eq!((&view["percent"], &view["fallen"]), (&json!(25), &json!(1)));
}

/// Publishes 250 events, and waits until most of what was published is delivered: what a busy machine
/// does with more than it bears is no matter here.
async fn publish_some(router: &Router) {
    let events = json!(vec![event("steady"); 250]);
    let (status, answer) = router.post(&events).await;
    assert_eq!(status, 202, "{answer}");
    until(async || {
        let adapters = router.get("/v1/adapters").await["adapters"].take();
        let mut adapters = adapters.as_array().unwrap().iter();
        let path = adapters.find(|adapter| adapter["name"] == "realtime").unwrap();
        (path["delivery"]["lag_events"].as_u64().unwrap() < 250).then_some(())
    })
    .await;
}

/// Goes on publishing until `done`.
async fn publish_until(router: &Router, done: impl Future<Output = Value>) -> Value {
    let publish = async {
        loop {
            publish_some(router).await;
        }
    };
    tokio::select! {
        value = done => value,
        () = publish => unreachable!("it does not end"),
    }
}

#[tokio::test]
async fn it_goes_to_the_end_by_itself_when_all_is_well() {
    let router = router_with(&[
        ("rollout.auto", "true"),
        ("rollout.hold", "1s"),
        ("rollout.min_events", "500"),
        // What a busy machine takes is no matter here.
        ("rollout.latency", "30s"),
        ("rollout.latency_floor", "30s"),
        ("validation.late_after", "20s"),
        ("validation.settle", "100ms"),
        ("storage.durability", "process"),
    ]);
    let view = publish_until(&router, until_percent(&router, 100)).await;
    let history = view["history"].as_array().unwrap();
    let steps: Vec<_> = history
        .iter()
        .map(|step| (&step["percent"], &step["end"]["outcome"], &step["end"]["by"]))
        .collect();
    let (advanced, by) = (json!("advanced"), json!("rollout"));
    let expected = [75, 50, 25, 0].map(|percent| (json!(percent), advanced.clone(), by.clone()));
    assert_eq!(steps, expected.each_ref().map(|(percent, how, by)| (percent, how, by)));
    let report = router.get("/v1/rollout/report").await;
    let steps = report["steps"].as_array().unwrap();
    for step in &steps[..4] {
        let gates = step["gates"].as_array().unwrap();
        assert!(gates.len() == 8 && gates.iter().all(|gate| gate["holds"] == true), "{step}");
        assert!(step["verdicts"]["matched"].as_u64().unwrap() >= 500, "{step}");
    }
    assert!(steps[0]["baseline_ms"].as_f64().unwrap() > 0.0, "measured at 0");
    assert_eq!(place(&router, "client-2").await["path"], "realtime");
    let done = until(async || {
        let view = router.get("/v1/rollout").await;
        (view["waits"] == "done").then_some(view)
    });
    assert_eq!(done.await["next"], Value::Null);
}

#[tokio::test]
async fn two_of_a_thousand_that_are_lost_silently_bring_it_back() {
    let router = router_with(&[
        ("rollout.auto", "true"),
        ("rollout.percent", "50"),
        ("rollout.patience", "1s"),
        ("rollout.latency", "30s"),
        ("rollout.latency_floor", "30s"),
        ("validation.deadline", "5s"),
        ("validation.late_after", "5s"),
        ("validation.settle", "100ms"),
        ("storage.durability", "process"),
    ]);
    // The probe hears before faults are planted.
    let scored = async || {
        let view = router.get("/v1/rollout").await;
        let gates = view["gates"].as_array()?.iter();
        let gate = gates.clone().find(|gate| gate["gate"] == "samples")?;
        (gate["value"].as_f64()? > 0.0).then(|| view.clone())
    };
    publish_until(&router, until(scored)).await;
    let planted = json!({ "path": "realtime", "drop": 0.002, "seconds": 600 });
    let url = router.url("/v1/validation/rehearsal");
    let answer = Answer::of(http().put(url).json(&planted).send().await.unwrap()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    for _ in 0..80 {
        publish_some(&router).await;
    }
    let view = publish_until(&router, until_percent(&router, 25)).await;
    let end = &view["history"][0]["end"];
    assert_eq!((&end["outcome"], &end["by"]), (&json!("rolled_back"), &json!("rollout")));
    let reason = end["reason"].as_str().unwrap();
    assert!(reason.starts_with("the match rate is 99."), "{reason}");
    let step = router.get("/v1/rollout/report").await["steps"][0].take();
    let missing = step["verdicts"]["missing"].as_u64().unwrap();
    assert!(missing >= 5, "{step}");
    let worst = step["worst"].as_array().unwrap();
    assert!(worst.iter().all(|case| case["verdict"] == "missing") && !worst.is_empty(), "{step}");
}

#[tokio::test]
async fn it_stays_where_it_is_while_a_gate_does_not_hold() {
    let router = router_with(&[
        ("rollout.auto", "true"),
        ("rollout.hold", "1s"),
        ("rollout.min_events", "1000000"),
    ]);
    router.publish("a").await;
    let detail = until(async || {
        let view = router.get("/v1/rollout").await;
        (view["waits"] == "gates").then(|| view["detail"].as_str().unwrap().to_owned())
    })
    .await;
    assert!(detail.contains("of 1000000 events are scored"), "{detail}");
    assert_eq!(router.get("/v1/rollout").await["percent"], 0);
}
