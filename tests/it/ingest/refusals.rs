//! What is not taken because of a setting or a header, and what a refusal says. What nobody should
//! send at all is in `hostile`.

use serde_json::json;

use crate::support::{
    router::{Answer, Router, event, http, until},
    wire::Wire,
};

pub(super) async fn nothing_was_stored(router: &Router) {
    assert_eq!(router.get("/v1/stats").await["journal"]["head_seq"], 0);
    assert_eq!(router.get("/v1/events").await, json!({ "events": [], "next": null }));
}

/// The pointers and codes of an answer's faults.
pub(super) fn faults(answer: &Answer) -> Vec<(&str, &str)> {
    let list = answer.json["errors"].as_array().unwrap();
    assert!(list.iter().all(|fault| fault["detail"].is_string()), "{answer:?}");
    list.iter()
        .map(|fault| (fault["pointer"].as_str().unwrap(), fault["code"].as_str().unwrap()))
        .collect()
}

#[tokio::test]
async fn lengths_are_in_characters() {
    let router = Router::start();
    let longest =
        json!({ "event_type": "\u{e9}".repeat(50), "source": "\u{1f600}".repeat(100), "data": {} });
    assert_eq!(router.post(&longest).await.0, 202);
}

#[tokio::test]
async fn one_bad_event_keeps_out_the_whole_request() {
    let router = Router::start();
    let bad = json!({ "event_type": "a", "data": 7 });
    let answer = router
        .post_as("application/json", json!([event("a"), bad, event("b"), bad]).to_string())
        .await;
    assert_eq!((answer.status, answer.problem()), (422, "invalid_events"));
    let expected = [
        ("/1/source", "required"),
        ("/1/data", "wrong_type"),
        ("/3/source", "required"),
        ("/3/data", "wrong_type"),
    ];
    assert_eq!(faults(&answer), expected);
    let lines = format!("{}\n{{\"event_type\"\n{}", event("a"), event("b"));
    let answer = router.post_as("application/x-ndjson", lines).await;
    assert_eq!((answer.status, faults(&answer)), (422, vec![("/1", "syntax")]));
    let answer = router.post_as("application/x-ndjson", &b"{\"event_type\":\"\xff\"}"[..]).await;
    assert_eq!((answer.status, faults(&answer)[0].1), (422, "not_utf8"));
    nothing_was_stored(&router).await;
}

#[tokio::test]
async fn there_is_a_limit_on_events_and_on_bytes() {
    let limits = [
        ("limits.batch_events", "20"),
        ("limits.event_bytes", "1KiB"),
        ("limits.body_bytes", "4KiB"),
    ];
    let router = Router::with(&limits);
    let many = |n: usize| json!(vec![event("a"); n]).to_string();
    let answer = router.post_as("application/json", many(21)).await;
    assert_eq!((answer.status, faults(&answer)), (422, vec![("", "too_many_events")]));
    let lines = vec![event("a").to_string(); 21].join("\n");
    let answer = router.post_as("application/x-ndjson", lines).await;
    assert_eq!((answer.status, faults(&answer)), (422, vec![("", "too_many_events")]));

    let large =
        |n: usize| json!({ "event_type": "a", "source": "s", "data": { "x": "x".repeat(n) } });
    let answer =
        router.post_as("application/json", json!([event("a"), large(1024)]).to_string()).await;
    assert_eq!((answer.status, faults(&answer)), (422, vec![("/1", "event_too_large")]));
    for body in [large(5000).to_string(), large(30 << 20).to_string()] {
        let answer = router.post_as("application/json", body).await;
        assert_eq!((answer.status, answer.problem()), (413, "body_too_large"));
    }
    nothing_was_stored(&router).await;
    assert_eq!(router.post_as("application/json", many(20)).await.status, 202);
}

#[tokio::test]
async fn a_body_says_what_it_is() {
    let router = Router::start();
    let body = event("a").to_string();
    for content_type in
        ["application/x-www-form-urlencoded", "text/plain", "application/jsonx", "x"]
    {
        let answer = router.post_as(content_type, body.clone()).await;
        assert_eq!((answer.status, answer.problem()), (415, "unsupported_media_type"));
        assert!(answer.json["detail"].as_str().unwrap().contains("application/json"));
    }
    let request = http().post(router.url("/v1/events")).body(body.clone());
    let answer = Answer::of(request.send().await.unwrap()).await;
    assert_eq!((answer.status, answer.problem()), (415, "unsupported_media_type"));
    let request = http().post(router.url("/v1/events")).header("content-encoding", "br");
    let request = request.header("content-type", "application/json").body(body.clone());
    let answer = Answer::of(request.send().await.unwrap()).await;
    assert_eq!((answer.status, answer.problem()), (415, "unsupported_encoding"));
    assert_eq!(answer.header("accept-encoding"), "gzip, zstd, identity");
    for (query, code) in [("on_error=skip", "unknown_parameter"), ("on_invalid=", "bad_parameter")]
    {
        let request = http().post(router.url(&format!("/v1/events?{query}")));
        let request = request.header("content-type", "application/json").body(body.clone());
        let answer = Answer::of(request.send().await.unwrap()).await;
        assert_eq!((answer.status, answer.problem()), (400, code));
    }
    nothing_was_stored(&router).await;
    let metrics = router.ask("GET", "/metrics").await.text;
    assert!(
        metrics.contains("ingest_rejected_total{reason=\"unsupported_media_type\"} 5\n"),
        "{metrics}"
    );
    let answer = router.post_as("Application/JSON; charset=UTF-8", body).await;
    assert_eq!(answer.status, 202, "{answer:?}");
}

#[tokio::test]
async fn bodies_on_their_way_are_bounded_together() {
    let router = Router::with(&[
        ("limits.inflight_bytes", "64KiB"),
        ("limits.body_bytes", "16KiB"),
        ("limits.event_bytes", "8KiB"),
    ]);
    let event = json!({ "event_type": "a", "source": "t", "data": { "x": "x".repeat(4000) } });
    // One that came while a whole post was being read was refused itself: others follow.
    let mut halves = Vec::new();
    let answer = loop {
        assert!(halves.len() < 100, "nothing is refused");
        let mut wire = Wire::connect(&router).await;
        let head = format!(
            "POST /v1/events HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: 16000\r\n\r\n",
            router.address
        );
        wire.send(head.as_bytes()).await;
        wire.send(&[b' '; 15_500]).await;
        halves.push(wire);
        let (status, answer) = router.post(&event).await;
        if status == 503 {
            break answer;
        }
    };
    assert_eq!((&answer["code"], &answer["retryable"]), (&json!("too_many_bytes"), &json!(true)));
    assert_eq!(answer["outcome"], "not_stored");
    drop(halves);
    until(|| async { (router.post(&event).await.0 == 202).then_some(()) }).await;
}
