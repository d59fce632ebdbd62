//! `?on_invalid=skip`: the valid events of a batch are stored, and the others named.

use serde_json::json;

use crate::support::router::{Answer, Router, event, http};

async fn post(router: &Router, query: &str, content_type: &str, body: String) -> Answer {
    let request = http().post(router.url(&format!("/v1/events?{query}"))).body(body);
    Answer::of(request.header("content-type", content_type).send().await.unwrap()).await
}

#[tokio::test]
async fn the_valid_events_are_stored_and_the_others_are_named() {
    let router = Router::start();
    let bad = json!({ "event_type": "a", "data": 7 });
    let batch = json!([bad, event("a"), 7, event("b")]).to_string();
    let rejected = json!([
        { "index": 0, "errors": [
            { "pointer": "/0/source", "code": "required", "detail": "is required" },
            { "pointer": "/0/data", "code": "wrong_type", "detail": "must be an object" },
        ] },
        { "index": 2, "errors": [
            { "pointer": "/2", "code": "wrong_type", "detail": "an event must be a JSON object" },
        ] },
    ]);
    for query in ["", "on_invalid=reject"] {
        let answer = post(&router, query, "application/json", batch.clone()).await;
        assert_eq!((answer.status, answer.problem()), (422, "invalid_events"), "{query}");
    }
    let answer = post(&router, "on_invalid=skip", "application/json", batch).await;
    let expected = json!({
        "accepted": 2, "duplicates": 0, "rejected": rejected,
        "epoch": answer.json["epoch"], "first_seq": 1, "last_seq": 2,
    });
    assert_eq!((answer.status, answer.json), (202, expected));

    let lines = format!("{}\nnonsense\n{}", event("c"), event("d"));
    let answer = post(&router, "on_invalid=skip", "application/x-ndjson", lines).await;
    assert_eq!(answer.json["rejected"][0]["index"], 1, "{answer:?}");
    assert_eq!(answer.json["rejected"][0]["errors"][0]["pointer"], "/1");

    let page = router.get("/v1/events?after=0").await;
    let types: Vec<_> =
        page["events"].as_array().unwrap().iter().map(|event| &event["event_type"]).collect();
    assert_eq!(types, ["a", "b", "c", "d"]);
    let metrics = router.ask("GET", "/metrics").await.text;
    assert!(metrics.contains("signalbox_events_skipped_total 3\n"), "{metrics}");
}

#[tokio::test]
async fn a_batch_with_nothing_left_is_refused() {
    let router = Router::start();
    for body in ["[7, {}]", "{}", "[]", "[", "{} {}"] {
        let answer = post(&router, "on_invalid=skip", "application/json", body.to_owned()).await;
        assert_eq!((answer.status, answer.problem()), (422, "invalid_events"), "{body}");
    }
    assert_eq!(router.get("/v1/stats").await["journal"]["head_seq"], 0);
    let one = event("a").to_string();
    let answer = post(&router, "on_invalid=skip", "application/json", one).await;
    assert_eq!((answer.status, &answer.json["seq"]), (202, &json!(1)));
}

/// The original system's flag had no effect; here it says that no part of a request is taken.
#[tokio::test]
async fn where_validation_is_strict_nothing_is_skipped() {
    let router = Router::with(&[("flags.validation_strict", "true")]);
    let batch = json!([event("a"), 7]).to_string();
    let answer = post(&router, "on_invalid=skip", "application/json", batch).await;
    assert_eq!((answer.status, answer.problem()), (422, "invalid_events"));
    let detail = answer.json["detail"].as_str().unwrap();
    assert!(
        detail.ends_with("flags.validation_strict is on, so `on_invalid=skip` is not followed")
    );
    assert_eq!(answer.json["errors"][0]["pointer"], "/1");
    let whole = json!([event("a"), event("b")]).to_string();
    let answer = post(&router, "on_invalid=skip", "application/json", whole).await;
    assert_eq!((answer.status, &answer.json["accepted"]), (202, &json!(2)));
}
