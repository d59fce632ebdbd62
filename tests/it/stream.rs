//! Server-sent events, over real sockets.

mod asking;
mod endings;
mod resuming;

use serde_json::{Value, json};

use crate::support::{
    dashboard::Dashboard,
    router::{Router, until},
    source::Source,
};

#[tokio::test]
async fn an_event_is_seen_live_as_it_is_read_back() {
    let router = Router::start();
    let mut source = Source::open(&router, "").await;
    let seq = router.publish("cache_metrics").await;
    let live = source.next().await;
    assert_eq!(live.seq(), seq);
    assert_eq!(live.data, router.get("/v1/events").await["events"][0]);
}

#[tokio::test]
async fn a_filter_lets_only_its_events_through() {
    let router = Router::start();
    let mut sources = Vec::new();
    for query in [
        "?event_type=cache_*",
        "?source=redis&source=*gate*",
        "?category=user_activity&category=debug",
        "?event_type=cache_*&source=redis&category=performance",
    ] {
        sources.push(Source::open(&router, query).await);
    }
    let of = |event_type: &str, source: &str| json!({ "event_type": event_type, "source": source, "data": {} });
    let batch = json!([
        of("cache_metrics", "redis"),
        of("cache_size", "a_gateway"),
        of("session_start", "redis"),
        of("debug", "test"),
        of("cache_metrics", "redis"),
        of("debug", "redis"),
    ]);
    assert_eq!(router.post(&batch).await.0, 202);
    let expected: [&[u64]; 4] = [&[1, 2, 5], &[1, 2, 3, 5, 6], &[3, 4, 6], &[1, 5]];
    for (source, expected) in sources.iter_mut().zip(expected) {
        assert_eq!(source.seqs(expected.len()).await, expected);
    }
}

#[tokio::test]
async fn operators_see_streams_beside_sockets_and_one_ledger_for_both() {
    let router = Router::start();
    let mut source = Source::open(&router, "?client_id=wall&event_type=a*").await;
    let mut dashboard = Dashboard::subscribed(&router, json!({})).await;
    router.publish("a").await;
    router.publish("b").await;
    assert_eq!((source.seqs(1).await, dashboard.seqs(2).await), (vec![1], vec![1, 2]));
    let row = until(|| async {
        let all = router.get("/v1/sessions").await;
        let rows = all["sessions"].as_array().unwrap();
        assert_eq!(rows.len(), 2, "{all}");
        rows.iter().find(|row| row["protocol"] == "sse" && row["seq"] == 2).cloned()
    })
    .await;
    assert_eq!(row["client_id"], "wall");
    assert_eq!((&row["path"], &row["delivered"]), (&json!("direct"), &json!(1)));
    assert_eq!(row["filter"], json!({ "event_type": ["a*"] }));
    assert!(row["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{row}");
    let ledger = router.get("/v1/ledger").await;
    assert_eq!((&ledger["balances"], &ledger["direct"]["delivered"]), (&json!(true), &json!(3)));
}

#[test]
fn a_load_test_over_server_sent_events_verifies_every_delivery() {
    let router = Router::start();
    let mut bench = router.command();
    bench.args(["bench", "--protocol", "sse", "--json", "--url", &router.url("")]);
    bench.args(["--clients", "20", "--duration", "500ms", "--warmup", "0s", "--trickling", "2"]);
    bench.args(["--window", "64", "--batch", "8", "--event-type", "b*"]);
    let out = bench.output().unwrap();
    let report: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert!(out.status.success(), "{report}{}", String::from_utf8_lossy(&out.stderr));
    assert_eq!((&report["protocol"], &report["passed"]), (&json!("sse"), &json!(true)));
    assert_eq!(report["verified"].as_u64(), report["published"].as_u64().map(|n| 20 * n));
    assert!(report["latency_ms"]["max"].as_f64().unwrap() > 0.0, "{report}");
    assert!(report["trickling"]["received"].as_u64().unwrap() > 0, "{report}");
}

#[tokio::test]
async fn a_silent_stream_has_a_heartbeat_that_nobody_must_answer() {
    let router = Router::with(&[
        ("session.stream_heartbeat", "1s"),
        ("session.heartbeat", "2s"),
        ("session.pong_timeout", "100ms"),
    ]);
    let mut source = Source::open(&router, "").await;
    for _ in 0..4 {
        let comment = source.block().await.expect("it is not ended for its silence");
        assert_eq!((comment.event, comment.data), (None, json!(null)));
    }
}
