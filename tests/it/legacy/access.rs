//! Who may use the original system's sockets where callers are asked who they are: dashboards read,
//! producers ingest, and both are held under the limits of clients.

use chrono::{TimeDelta, Utc};
use serde_json::json;

use crate::support::{
    router::Router,
    wire::{CLOSE, TEXT, Wire, masked, upgrade},
};

const PRODUCER: &str = "sbx_producer_7d1f0c6e5b4a39281706f5e4d3c2b1a0";
const WALL: &str = "sbx_wall_1a2b3c4d5e6f708192a3b4c5d6e7f809aabbcc";

fn router(settings: &[(&str, &str)]) -> Router {
    let tokens = format!("producer ingest {PRODUCER}; wall read {WALL}");
    let mut all = vec![("auth.mode", "token"), ("auth.tokens", &*tokens)];
    all.extend(settings);
    Router::with(&all)
}

async fn open(router: &Router, path: &str, token: Option<&str>) -> (String, Wire) {
    let headers = token.map_or(String::new(), |it| format!("Authorization: Bearer {it}\r\n"));
    let mut wire = Wire::connect(router).await;
    wire.send(upgrade(router, path, &headers).as_bytes()).await;
    let head = wire.head().await;
    (head.split(' ').nth(1).unwrap().to_owned(), wire)
}

#[tokio::test]
async fn dashboards_must_be_allowed_to_read_and_producers_to_ingest() {
    let router = router(&[]);
    for (path, token, status) in [
        ("/ws", None, "401"),
        ("/ws", Some(PRODUCER), "403"),
        ("/ws", Some(WALL), "101"),
        ("/events", None, "401"),
        ("/events", Some(WALL), "403"),
        ("/events", Some(PRODUCER), "101"),
    ] {
        assert_eq!(open(&router, path, token).await.0, status, "{path} {token:?}");
    }
    let status = router.ask("GET", "/status").await;
    assert_eq!((status.status, status.problem()), (401, "unauthenticated"));
    assert_eq!(router.get("/health").await["status"], "healthy", "for whoever restarts it");
}

#[tokio::test]
async fn events_beyond_the_quota_are_refused_by_an_answer() {
    let limits = ["limits.body_bytes", "limits.event_bytes"].map(|key| (key, "16KiB"));
    let router = router(&[limits[0], limits[1], ("limits.client_bytes", "1KiB")]);
    let (_, mut wire) = open(&router, "/events", Some(PRODUCER)).await;
    let event = json!({ "type": "x", "data": { "text": "x".repeat(15 << 10) } }).to_string();
    let mut answers = Vec::new();
    for _ in 0..2 {
        wire.send(&masked(TEXT, event.as_bytes())).await;
        answers.push(wire.json().await);
    }
    assert_eq!(answers[0]["status"], "received", "{answers:?}");
    assert_eq!(answers[1]["code"], "too_many_requests", "{answers:?}");
    assert_eq!(router.ask("GET", "/livez").await.status, 200);
}

#[tokio::test]
async fn a_producer_that_never_pauses_is_closed_when_its_token_expires() {
    // On a busy machine, a few seconds may be over before the router listens.
    for seconds in [3, 30] {
        let expires_at = Utc::now() + TimeDelta::seconds(seconds);
        let tokens = format!("producer ingest {PRODUCER} {}", expires_at.to_rfc3339());
        let router = Router::with(&[("auth.mode", "token"), ("auth.tokens", &tokens)]);
        let (status, mut wire) = open(&router, "/events", Some(PRODUCER)).await;
        if status != "101" {
            continue;
        }
        loop {
            wire.send(&masked(TEXT, br#"{"type":"x"}"#)).await;
            let (first, payload) = wire.frame().await.expect("an answer, or a close frame");
            if first == CLOSE {
                assert_eq!(payload.get(..2), Some(&4401_u16.to_be_bytes()[..]));
                return assert!(Utc::now() >= expires_at);
            }
        }
    }
    panic!("no socket was opened in time");
}
