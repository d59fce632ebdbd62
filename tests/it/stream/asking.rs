//! What a client may ask for, and what it is told when that makes no sense.

use serde_json::json;

use crate::support::{
    router::{Router, http, until},
    source::Source,
};

const ID: &str = "00000000-0000-0000-0000-000000000009.1";

#[tokio::test]
async fn a_stream_begins_where_it_is_asked_to() {
    let router = Router::start();
    let mut ids = Vec::new();
    for seq in 1..=5 {
        router.publish("a").await;
        let event = &router.get("/v1/events?limit=1").await["events"][0];
        assert_eq!(event["seq"], seq);
        ids.push((event["epoch"].clone(), event["created_at"].clone()));
    }
    let epoch = ids[0].0.as_str().unwrap();
    let since = ids[2].1.as_str().unwrap();
    for (query, first) in [
        ("?from=last=2".to_owned(), 4),
        (format!("?from={epoch}.1"), 2),
        (format!("?from={since}"), 3),
        (format!("?last_event_id={epoch}.4&from=last=5"), 5),
    ] {
        let (mut source, subscribed) = Source::resume(&router, &query, None).await;
        assert_eq!(subscribed.data, json!({ "epoch": epoch, "seq": first - 1, "recovered": true }));
        assert_eq!(subscribed.id, Some(format!("{epoch}.{}", first - 1)));
        assert_eq!(source.next().await.seq(), first, "{query}");
    }
    let mut now = Source::open(&router, "?from=now").await;
    router.publish("a").await;
    assert_eq!(now.next().await.seq(), 6);
}

#[tokio::test]
async fn what_makes_no_sense_is_a_problem_and_no_session() {
    let router = Router::with(&[("session.filter_patterns", "2")]);
    for (query, code) in [
        ("?from=yesterday", "bad_parameter"),
        ("?from=last=1001", "bad_parameter"),
        ("?from=now&from=now", "bad_parameter"),
        ("?last_event_id=1", "bad_parameter"),
        ("?last_event_id=", "bad_parameter"),
        ("?client_id=", "bad_parameter"),
        ("?category=none", "bad_filter"),
        ("?source=a&source=b&event_type=c", "bad_filter"),
        ("?sorce=a", "unknown_parameter"),
    ] {
        let answer = router.ask("GET", &format!("/v1/stream{query}")).await;
        assert_eq!((answer.status, answer.problem()), (400, code), "{query}");
    }
    let named = router.ask("GET", "/v1/stream?sorce=a").await;
    assert!(named.json["detail"].as_str().unwrap().contains("`source`"), "{named:?}");
    for id in ["", "1", &format!("{ID}x")] {
        let request = http().get(router.url("/v1/stream")).header("last-event-id", id);
        assert_eq!(request.send().await.unwrap().status(), 400, "{id:?}");
    }
    assert_eq!(router.get("/v1/sessions").await, json!({ "sessions": [] }));
}

#[tokio::test]
async fn head_tells_of_the_stream_and_opens_none() {
    let router = Router::start();
    let answer = router.ask("HEAD", "/v1/stream").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "text/event-stream"));
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("x-accel-buffering"), "no");
    assert_eq!(router.ask("HEAD", "/v1/stream?from=x").await.status, 400);
    let metrics = router.ask("GET", "/metrics").await.text;
    assert!(metrics.contains("signalbox_session_opened_total 0\n"), "{metrics}");
}

#[tokio::test]
async fn a_stream_counts_among_all_sessions_and_filters() {
    let router = Router::with(&[
        ("session.max_sessions", "2"),
        ("session.filters_per_worker", "1"),
        ("server.workers", "1"),
    ]);
    let one = Source::open(&router, "").await;
    let refused = router.ask("GET", "/v1/stream?source=a").await;
    assert_eq!((refused.status, refused.problem()), (503, "too_many_filters"));
    let two = Source::open(&router, "").await;
    let refused = router.ask("GET", "/v1/stream").await;
    assert_eq!((refused.status, refused.problem()), (503, "too_many_sessions"));
    drop((one, two));
    until(|| async {
        let answer = Source::try_open(router.address, "?source=a", None).await;
        answer.is_ok().then_some(())
    })
    .await;
}
