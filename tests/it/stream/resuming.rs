//! Coming back: nothing is missing and nothing comes twice, or it is said what is missing.

use serde_json::json;

use crate::support::{
    router::{Router, event},
    source::Source,
};

#[tokio::test]
async fn a_stream_resumes_after_kill_9_where_it_was() {
    let mut router = Router::start();
    let mut source = Source::open(&router, "").await;
    router.publish("seen").await;
    assert_eq!(source.seqs(1).await, [1]);
    let id = source.last_id.unwrap();
    router.kill();
    router.restart();
    let missed: Vec<_> = (0..3000).map(|_| event("missed")).collect();
    router.post(&json!(missed)).await;
    let (mut by_header, subscribed) = Source::resume(&router, "", Some(&id)).await;
    assert_eq!(subscribed.data["recovered"], true);
    let mut by_query = Source::open(&router, &format!("?last_event_id={id}")).await;
    router.publish("live").await;
    let all: Vec<u64> = (2..=3002).collect();
    assert_eq!(by_header.seqs(3001).await, all);
    assert_eq!(by_query.seqs(3001).await, all);
}

#[tokio::test]
async fn one_that_has_seen_no_event_yet_resumes_without_a_hole() {
    let mut router = Router::start();
    let source = Source::open(&router, "").await;
    let id = source.last_id.clone().expect("a place to resume from");
    router.kill();
    router.restart();
    router.publish("missed").await;
    let (mut source, _) = Source::resume(&router, "", Some(&id)).await;
    assert_eq!(source.seqs(1).await, [1]);
}

#[tokio::test]
async fn what_cannot_come_any_more_is_named_and_resumed_behind() {
    let router = Router::start();
    router.publish("a").await;
    let epoch = router.get("/v1/stats").await["journal"]["epoch"].as_str().unwrap().to_owned();
    for (id, gap) in [
        (format!("{epoch}.7"), json!({ "from_seq": 2, "to_seq": 7, "reason": "ahead" })),
        (
            "00000000-0000-0000-0000-000000000009.7".to_owned(),
            json!({ "from_seq": 1, "to_seq": 1, "reason": "epoch" }),
        ),
    ] {
        let (mut source, subscribed) = Source::resume(&router, "", Some(&id)).await;
        assert_eq!((&subscribed.data["recovered"], subscribed.id), (&json!(false), None));
        let told = source.next().await;
        assert_eq!((told.event.as_deref(), told.data), (Some("gap"), gap));
        assert_eq!(told.id, Some(format!("{epoch}.1")), "to resume behind it");
    }
}
