//! Limits: what is told before, what is refused after, and that it passes.

use serde_json::json;

use super::{OPERATOR, PRODUCER, WALL, ask, bearer, post, router, shake};
use crate::support::{
    router::{Answer, Router, event, until},
    wire::{CLOSE, Wire},
};

async fn stats(router: &Router, token: &str) -> Answer {
    ask(router, "GET", "/v1/stats", Some(token)).await
}

async fn metric(router: &Router, name: &str) -> f64 {
    let text = until(|| async {
        let answer = ask(router, "GET", "/metrics", Some(OPERATOR)).await;
        (answer.status == 200).then_some(answer.text)
    })
    .await;
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("signalbox_{name} ")));
    line.map_or(0.0, |value| value.parse().unwrap())
}

#[tokio::test]
async fn without_limits_nothing_is_said_of_them() {
    let router = router(&[]);
    let answer = stats(&router, WALL).await;
    assert_eq!((answer.header("ratelimit"), answer.header("ratelimit-policy")), ("", ""));
}

#[tokio::test]
async fn requests_beyond_the_burst_are_refused_until_some_time_has_passed() {
    let router = router(&[("limits.client_requests", "1"), ("limits.client_burst", "3")]);
    let first = stats(&router, WALL).await;
    assert_eq!(first.header("ratelimit-policy"), "\"client\";q=3;w=3");
    assert_eq!(first.header("ratelimit"), "\"client\";r=2;t=1");
    let refused = until(|| async {
        let answer = stats(&router, WALL).await;
        (answer.status == 429).then_some(answer)
    })
    .await;
    assert_eq!(refused.problem(), "too_many_requests");
    assert_eq!(refused.json["limit"], "client_requests");
    assert_eq!(refused.header("ratelimit"), "\"client\";r=0;t=3");
    assert_eq!(refused.header("ratelimit-policy"), "\"client\";q=3;w=3");
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(stats(&router, OPERATOR).await.status, 200, "another client is not concerned");
    for path in ["/livez", "/readyz"] {
        for _ in 0..5 {
            assert_eq!(ask(&router, "GET", path, None).await.status, 200, "{path}");
        }
    }
    until(|| async { (stats(&router, WALL).await.status == 200).then_some(()) }).await;
    assert!(metric(&router, "limited_total{limit=\"client_requests\"}").await >= 1.0);
}

#[tokio::test]
async fn who_guesses_tokens_is_held_by_its_address() {
    let router = router(&[("limits.client_requests", "1"), ("limits.client_burst", "2")]);
    until(|| async {
        let answer = stats(&router, "sbx_guess").await;
        assert!([401, 429].contains(&answer.status));
        assert!(answer.header("ratelimit").starts_with("\"client\";r="), "{answer:?}");
        (answer.status == 429).then_some(())
    })
    .await;
    assert_eq!(stats(&router, WALL).await.status, 200, "a token counts for itself");
}

#[tokio::test]
async fn all_clients_together_have_a_limit_of_their_own() {
    let router = router(&[
        ("limits.client_requests", "100"),
        ("limits.total_requests", "1"),
        ("limits.total_burst", "2"),
    ]);
    let first = stats(&router, WALL).await;
    assert_eq!(first.header("ratelimit-policy"), "\"client\";q=100;w=1, \"total\";q=2;w=2");
    assert_eq!(first.header("ratelimit"), "\"client\";r=99;t=1, \"total\";r=1;t=1");
    let refused = until(|| async {
        stats(&router, WALL).await;
        let answer = stats(&router, OPERATOR).await;
        (answer.status == 429).then_some(answer)
    })
    .await;
    assert_eq!(
        (refused.problem(), &refused.json["limit"]),
        ("too_many_requests", &json!("total_requests"))
    );
}

#[tokio::test]
async fn bytes_beyond_the_quota_are_refused_before_they_are_sent_or_as_they_come() {
    let settings = [("limits.body_bytes", "64KiB"), ("limits.event_bytes", "64KiB")];
    let router = router(&[settings[0], settings[1], ("limits.client_bytes", "16KiB")]);
    let mut large = event("a");
    large["data"] = json!({ "text": "x".repeat(60 << 10) });
    let publish = async || post(&router, "/v1/events", PRODUCER, &large).await;
    let first = publish().await;
    assert_eq!(first.status, 202, "the largest body passes though it is more than a second's");
    let policy = "\"client-bytes\";q=65536;qu=\"content-bytes\";w=4";
    assert_eq!(first.header("ratelimit-policy"), policy);
    let refused = until(|| async {
        let answer = publish().await;
        (answer.status != 202).then_some(answer)
    })
    .await;
    assert_eq!((refused.status, refused.problem()), (429, "too_many_requests"));
    assert_eq!(refused.json["limit"], "client_bytes");
    assert_eq!(refused.json["outcome"], "not_stored");
    let text = large.to_string();
    let request = format!(
        "POST /v1/events HTTP/1.1\r\nHost: x\r\n{}Content-Type: application/json\r\n\
         Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{text}\r\n0\r\n\r\n",
        bearer(PRODUCER),
        text.len(),
    );
    until(|| async {
        let mut wire = Wire::connect(&router).await;
        wire.send(request.as_bytes()).await;
        wire.head().await.starts_with("HTTP/1.1 429 ").then_some(())
    })
    .await;
    until(|| async { (publish().await.status == 202).then_some(()) }).await;
}

#[tokio::test]
async fn a_client_has_so_many_sockets_and_streams_and_the_next_is_closed_with_4429() {
    let router = router(&[("limits.client_connections", "2")]);
    let mut open = Vec::new();
    for _ in 0..2 {
        let (status, _, mut wire) = shake(&router, "/v1/ws", &bearer(WALL)).await;
        assert_eq!((status, &wire.json().await["type"]), (101, &json!("welcome")));
        open.push(wire);
    }
    let (status, _, mut wire) = shake(&router, "/v1/ws", &bearer(WALL)).await;
    assert_eq!((status, wire.close_code().await), (101, Some(4429)));
    let stream = ask(&router, "GET", "/v1/stream", Some(WALL)).await;
    assert_eq!((stream.status, stream.problem()), (429, "too_many_connections"));
    assert_eq!(stream.json["limit"], "client_connections");
    let (_, _, mut other) = shake(&router, "/v1/ws", &bearer(OPERATOR)).await;
    assert_eq!(other.json().await["type"], "welcome", "another client is not concerned");
    assert!(metric(&router, "limited_total{limit=\"client_connections\"}").await >= 1.0);
    open.pop();
    until(|| async {
        let (_, _, mut wire) = shake(&router, "/v1/ws", &bearer(WALL)).await;
        let (first, _) = wire.frame().await.unwrap();
        (first != CLOSE).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_socket_beyond_the_requests_of_a_client_is_closed_with_4429_too() {
    let router = router(&[("limits.client_requests", "1"), ("limits.client_burst", "1")]);
    until(|| async {
        let (status, _, mut wire) = shake(&router, "/v1/ws", &bearer(WALL)).await;
        assert_eq!(status, 101);
        let (first, payload) = wire.frame().await.unwrap();
        let closed = first == CLOSE;
        assert!(!closed || payload.starts_with(&4429_u16.to_be_bytes()));
        closed.then_some(())
    })
    .await;
}
