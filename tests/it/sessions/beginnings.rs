//! Where a subscription begins, and that nothing is missing after it without a word.

use serde_json::{Value, json};

use crate::support::{
    dashboard::Dashboard,
    router::{Router, event, until},
};

const OTHER: &str = "00000000-0000-4000-8000-000000000000";

/// A router with events 1 to 6, of type `a` and `b` in turn, each of a commit of its own.
async fn router_with_six(settings: &[(&str, &str)]) -> Router {
    let router = Router::with(settings);
    for seq in 1..=6 {
        assert_eq!(router.publish(if seq % 2 == 1 { "a" } else { "b" }).await, seq);
    }
    router
}

/// What a new subscription gets, up to an event that is published after it was answered.
async fn seen(router: &Router, subscribe: Value) -> (Value, Vec<u64>) {
    let mut dashboard = Dashboard::connect(router).await;
    let answer = dashboard.subscribe(subscribe).await;
    let last = router.publish("a").await;
    let mut seqs = Vec::new();
    while seqs.last() != Some(&last) {
        seqs.extend(dashboard.seqs(1).await);
    }
    seqs.pop();
    (answer, seqs)
}

#[tokio::test]
async fn the_newest_n_are_those_that_match() {
    let router = router_with_six(&[]).await;
    let last = |n: u64| json!({ "from": { "last": n }, "filter": { "event_type": ["b"] } });
    for (n, expected) in [(1, &[6][..]), (2, &[4, 6]), (3, &[2, 4, 6]), (1000, &[2, 4, 6])] {
        let mut dashboard = Dashboard::connect(&router).await;
        let answer = dashboard.subscribe(last(n)).await;
        assert_eq!(answer["recovered"], true);
        assert_eq!(dashboard.seqs(expected.len()).await, expected, "{n}");
    }
    assert_eq!(seen(&router, json!({ "from": { "last": 2 } })).await.1, [5, 6]);
    assert_eq!(seen(&router, json!({ "from": { "last": 1000 } })).await.1, [1, 2, 3, 4, 5, 6, 7]);
}

#[tokio::test]
async fn a_position_is_what_was_seen_last() {
    let router = router_with_six(&[]).await;
    let epoch = router.get("/v1/stats").await["journal"]["epoch"].clone();
    for (after, expected) in [(0, &[1, 2, 3, 4, 5, 6][..]), (4, &[5, 6, 7]), (8, &[])] {
        let from = json!({ "from": { "epoch": epoch, "seq": after } });
        let (answer, seqs) = seen(&router, from).await;
        let answered =
            json!({ "type": "subscribed", "epoch": epoch, "seq": after, "recovered": true });
        assert_eq!((answer, &*seqs), (answered, expected));
    }
}

#[tokio::test]
async fn a_time_means_the_time_of_the_commit() {
    let router = router_with_six(&[]).await;
    let events = router.get("/v1/events?after=0").await["events"].clone();
    let time = events[3]["created_at"].as_str().unwrap();
    let since =
        events.as_array().unwrap().iter().filter(|e| e["created_at"].as_str() >= Some(time));
    let expected: Vec<_> = since.map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(seen(&router, json!({ "from": { "time": time } })).await.1, expected);
    let ever = seen(&router, json!({ "from": { "time": "2001-02-03T04:05:06+01:00" } })).await;
    assert_eq!(ever.1, [1, 2, 3, 4, 5, 6, 7]);
    let never = seen(&router, json!({ "from": { "time": "2999-01-01T00:00:00Z" } })).await;
    assert_eq!((never.0["recovered"].clone(), never.1), (json!(true), vec![]));
}

#[tokio::test]
async fn nothing_of_before_comes_without_being_asked_for() {
    let router = router_with_six(&[]).await;
    for subscribe in [json!({}), json!({ "from": "now" })] {
        let (answer, seqs) = seen(&router, subscribe).await;
        let head = answer["seq"].as_u64().unwrap();
        assert!((6..=7).contains(&head) && seqs.is_empty(), "{answer} {seqs:?}");
    }
}

#[tokio::test]
async fn a_second_subscription_takes_the_place_of_the_first() {
    let router = router_with_six(&[]).await;
    let of = |kind: &str| json!({ "filter": { "event_type": [kind] }, "from": { "last": 1000 } });
    let mut dashboard = Dashboard::subscribed(&router, of("a")).await;
    assert_eq!(dashboard.seqs(3).await, [1, 3, 5]);
    dashboard.subscribe(of("b")).await;
    router.publish("a").await;
    router.publish("b").await;
    assert_eq!(dashboard.seqs(4).await, [2, 4, 6, 8]);
    // The same again is a new subscription too.
    dashboard.subscribe(of("b")).await;
    assert_eq!(dashboard.seqs(4).await, [2, 4, 6, 8]);
}

#[tokio::test]
async fn what_left_memory_is_read_from_storage_without_a_seam() {
    let settings = [
        ("journal.tail_events", "5"),
        ("session.page_events", "7"),
        ("session.window_bytes", "4096"),
    ];
    let router = router_with_six(&settings).await;
    let more: Vec<_> = (0..194).map(|_| event("a")).collect();
    router.post(&json!(more)).await;
    let (_, seqs) = seen(&router, json!({ "from": { "last": 1000 } })).await;
    assert_eq!(seqs, (1..=200).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_place_the_journal_cannot_go_on_from_is_told() {
    let router = router_with_six(&[]).await;
    let epoch = router.get("/v1/stats").await["journal"]["epoch"].clone();
    for (from, reason, range) in [
        (json!({ "epoch": OTHER, "seq": 3 }), "epoch", (1, 6)),
        (json!({ "epoch": OTHER, "seq": 99 }), "epoch", (1, 6)),
        (json!({ "epoch": epoch, "seq": 9 }), "ahead", (7, 9)),
    ] {
        let mut dashboard = Dashboard::connect(&router).await;
        let answer = dashboard.subscribe(json!({ "from": from })).await;
        let expected =
            json!({ "type": "subscribed", "epoch": epoch, "seq": 6, "recovered": false });
        assert_eq!(answer, expected);
        let (from_seq, to_seq) = range;
        let gap =
            json!({ "type": "gap", "from_seq": from_seq, "to_seq": to_seq, "reason": reason });
        assert_eq!(dashboard.next().await, gap);
    }
}

#[tokio::test]
async fn a_place_past_retention_gets_a_gap_and_all_the_rest() {
    let settings = [("storage.max_bytes", "1MiB"), ("storage.retention_interval", "100ms")];
    let router = router_with_six(&settings).await;
    let large = json!({ "event_type": "a", "source": "test", "data": { "x": "x".repeat(10_000) } });
    for _ in 0..8 {
        assert_eq!(router.post(&json!(vec![&large; 50])).await.0, 202);
    }
    let journal = || async { router.get("/v1/stats").await["journal"].clone() };
    until(|| async { (journal().await["first_seq"] != json!(1)).then_some(()) }).await;

    let mut dashboard = Dashboard::connect(&router).await;
    let epoch = journal().await["epoch"].clone();
    let answer = dashboard.subscribe(json!({ "from": { "epoch": epoch, "seq": 2 } })).await;
    assert_eq!(answer["recovered"], false);
    // Retention may go on while this reads: every seq is an event or in a gap, and none is both.
    let (mut next, mut gaps) = (3, 0);
    while next <= 406 {
        let frame = dashboard.next().await;
        if frame["type"] == "gap" {
            assert_eq!((&frame["from_seq"], &frame["reason"]), (&json!(next), &json!("retention")));
            next = frame["to_seq"].as_u64().unwrap() + 1;
            gaps += 1;
        } else {
            assert_eq!(frame["event"]["seq"], next);
            next += 1;
        }
    }
    assert!(gaps > 0);
}
