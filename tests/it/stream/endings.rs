//! How a stream ends: by its client, by the router, and by a client that reads nothing.

use std::time::Duration;

use serde_json::json;

use crate::support::{
    process::peers,
    router::{Router, until},
    source::Source,
    wire::Wire,
};

async fn no_session(router: &Router) {
    let none = json!({ "sessions": [] });
    until(|| async { (router.get("/v1/sessions").await == none).then_some(()) }).await;
}

/// A client that has asked for a stream, and read the head of the answer.
async fn asked(router: &Router) -> Wire {
    let (wire, head) = asked_in("HTTP/1.1", router).await;
    assert!(head.contains("connection: close"), "{head}");
    wire
}

/// The same in a version of HTTP; the head too.
async fn asked_in(version: &str, router: &Router) -> (Wire, String) {
    let mut wire = Wire::connect(router).await;
    let head = format!("GET /v1/stream {version}\r\nHost: {}\r\n\r\n", router.address);
    wire.send(head.as_bytes()).await;
    let head = wire.head().await;
    assert!(head.starts_with(&format!("{version} 200 ")), "{head}");
    (wire, head)
}

/// Posts 64 events, together more than any buffer on the way holds.
async fn flood(router: &Router) {
    let large = json!({ "event_type": "a", "source": "s", "data": { "x": "x".repeat(16 << 10) } });
    assert_eq!(router.post(&json!(vec![&large; 64])).await.0, 202);
}

/// Waits until a counter has a reason.
async fn counted(router: &Router, counter: &str, reason: &str) {
    let line = format!("signalbox_{counter}_total{{reason=\"{reason}\"}} ");
    until(|| async { router.ask("GET", "/metrics").await.text.contains(&line).then_some(()) })
        .await;
}

#[tokio::test]
async fn a_client_that_goes_is_gone_before_anything_is_written_to_it() {
    // Nothing but the end of the connection can tell that it is.
    let router = Router::with(&[("session.stream_heartbeat", "1h")]);
    let source = Source::open(&router, "").await;
    drop(source);
    no_session(&router).await;
    let wire = asked(&router).await;
    wire.shut_down_writing();
    no_session(&router).await;
    counted(&router, "session_closed", "client_gone").await;
    drop(wire);
}

#[tokio::test]
async fn an_operator_ends_a_stream() {
    let router = Router::start();
    let mut source = Source::open(&router, "").await;
    let sessions = router.get("/v1/sessions").await;
    let id = sessions["sessions"][0]["id"].as_str().unwrap();
    assert_eq!(router.ask("DELETE", &format!("/v1/sessions/{id}")).await.status, 204);
    let bye = source.next().await;
    assert_eq!((bye.event.as_deref(), bye.retry), (Some("bye"), None));
    assert_eq!(bye.data["reason"], "closed");
    assert!(source.try_next().await.is_none());
    no_session(&router).await;
    counted(&router, "session_closed", "closed").await;
}

#[tokio::test]
async fn a_router_that_stops_says_bye_and_when_to_come_back() {
    let mut router = Router::with(&[("server.shutdown_timeout", "10m")]);
    let mut source = Source::open(&router, "").await;
    // One that reads nothing does not hold up the end.
    let stalled = asked(&router).await;
    flood(&router).await;
    let all: Vec<u64> = (1..=64).collect();
    assert_eq!(source.seqs(64).await, all);
    router.signal("TERM");
    let bye = source.next().await;
    assert_eq!((bye.event.as_deref(), bye.id), (Some("bye"), None));
    assert_eq!(bye.data["reason"], "shutting_down");
    assert_eq!(bye.data["reconnect_after_ms"].as_u64(), bye.retry);
    assert!(bye.retry.is_some());
    assert!(source.try_next().await.is_none(), "nothing follows");
    assert_eq!(router.wait_patiently().await.code(), Some(0));
    drop(stalled);
}

#[tokio::test]
async fn one_that_comes_while_the_router_stops_is_told_when_to_come_back() {
    let mut router = Router::with(&[("server.shutdown_timeout", "10m")]);
    // A request that never ends holds up the end.
    let mut endless = Wire::connect(&router).await;
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
         Content-Length: 9\r\n\r\n{{",
        router.address
    );
    endless.send(head.as_bytes()).await;
    until(|| async { (router.ask("GET", "/livez").await.status == 200).then_some(()) }).await;
    router.signal("TERM");
    until(|| async { router.log().contains("shutting down").then_some(()) }).await;
    let mut source = Source::try_open(router.address, "", None).await.unwrap();
    let mut last = None;
    while let Some(message) = source.try_next().await {
        last = Some(message);
    }
    let bye = last.unwrap();
    assert_eq!(bye.event.as_deref(), Some("bye"));
    assert!(bye.retry.is_some());
    drop(endless);
    assert_eq!(router.wait_patiently().await.code(), Some(0));
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_cut_and_forgotten() {
    let router = Router::with(&[("session.stall_timeout", "1s"), ("session.send_buffer", "16KiB")]);
    let stalled = asked(&router).await;
    let mut source = Source::open(&router, "").await;
    flood(&router).await;
    source.seqs(64).await;
    counted(&router, "session_closed", "stalled").await;
    let known = || peers(router.pid(), router.address.port()).contains(&stalled.port());
    until(|| async { (!known()).then_some(()) }).await;
    let ledger = router.get("/v1/ledger").await;
    assert_eq!(ledger["balances"], true, "{ledger}");
    let direct = &ledger["direct"];
    assert!(
        direct["dropped"]["stalled"].as_u64().unwrap() > 50,
        "little was held for it: {direct}"
    );
    assert_eq!(router.get("/v1/sessions").await["sessions"].as_array().unwrap().len(), 1);
    drop(source);
    no_session(&router).await;
}

#[tokio::test]
async fn a_client_that_reads_slowly_is_not_cut_and_has_everything_in_the_end() {
    let router = Router::with(&[("session.stall_timeout", "3s")]);
    // Without chunks, which 1.0 does not know, what comes is what was said.
    let (mut slow, _) = asked_in("HTTP/1.0", &router).await;
    flood(&router).await;
    // Three times what cuts a client that reads nothing. In that time it takes less than the server
    // does at once, and far less than must be free before a socket counts as writable.
    let mut sips = tokio::time::interval(Duration::from_millis(100));
    for _ in 0..9 * 10 {
        sips.tick().await;
        assert!(slow.sip(512).await, "it reads, and so is not cut");
    }
    let seq = router.publish("last").await;
    let mut got = Vec::new();
    while !String::from_utf8_lossy(&got).contains(&format!("\"seq\":{seq},")) {
        assert!(slow.sip(64 << 10).await);
        got.extend(slow.take_unread());
    }
    let ids = String::from_utf8(got).unwrap();
    let ids: Vec<_> = ids.lines().filter_map(|line| line.strip_prefix("id: ")).collect();
    assert_eq!(ids.len(), usize::try_from(seq).unwrap() + 1, "`subscribed`, and every event");
}

#[tokio::test]
async fn one_that_is_too_far_behind_is_told_so() {
    let router = Router::with(&[("session.max_lag", "8"), ("session.send_buffer", "16KiB")]);
    let mut slow = asked(&router).await;
    flood(&router).await;
    counted(&router, "session_dropped", "too_far_behind").await;
    let rest = String::from_utf8(slow.rest().await).unwrap();
    assert!(rest.contains("\"reason\":\"too_far_behind\""), "...{}", &rest[rest.len() - 300..]);
    assert!(rest.ends_with("0\r\n\r\n"), "the response is whole");
    no_session(&router).await;
}
