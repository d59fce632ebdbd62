//! Who is let in, and how much each may do.

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};

use crate::support::{
    channel::{PATH, Socket},
    router::{Router, http},
    wire::{Wire, upgrade},
};

const WALL: &str = "sbx_wall_1a2b3c4d5e6f708192a3b4c5d6e7f809aabbcc";
const BOTH: &str = "sbx_both_7d1f0c6e5b4a39281706f5e4d3c2b1a0";
const PRODUCER: &str = "sbx_producer_0f1e2d3c4b5a69788796a5b4c3d2e1f0";

/// Asks for a socket that must be refused; the status, and what the body says.
async fn refused(router: &Router, path: &str, headers: &str) -> (u16, String) {
    let mut wire = Wire::connect(router).await;
    wire.send(upgrade(router, path, headers).as_bytes()).await;
    let head = wire.head().await;
    let body: Value = serde_json::from_slice(&wire.rest().await).unwrap();
    assert_eq!((&body["error"], &body["message"]), (&body["detail"], &body["detail"]));
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body["error"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_socket_needs_a_key_and_a_version_that_is_spoken() {
    let router = Router::with(&[("session.max_sessions", "1")]);
    for path in ["/socket/websocket", PATH, "/socket/websocket?apikey=&vsn=2.0.0"] {
        assert_eq!(refused(&router, path, "").await, (401, "API key is missing".into()));
    }
    let (status, _) = refused(&router, &format!("{PATH}?apikey=a&vsn=3.0.0"), "").await;
    assert_eq!(status, 403);
    let mut socket = Socket::connect(&router).await;
    let crowded = (429, "Too many connected users".to_owned());
    assert_eq!(refused(&router, PATH, "x-api-key: any\r\n").await, crowded);
    socket.assert_nothing_came().await;
}

fn with_tokens(more: &str) -> Router {
    let tokens =
        format!("wall read {WALL}{more}; both read,ingest {BOTH}; producer ingest {PRODUCER}");
    Router::with(&[("auth.mode", "token"), ("auth.tokens", &tokens)])
}

#[tokio::test]
async fn with_tokens_a_key_is_one_of_them_and_scopes_count_on_private_topics() {
    let router = with_tokens("");
    assert_eq!(refused(&router, &format!("{PATH}?apikey=any"), "").await.0, 401);
    assert_eq!(refused(&router, &format!("{PATH}?apikey={PRODUCER}"), "").await.0, 403);
    let path = |key: &str| format!("{PATH}?vsn=2.0.0&apikey={key}");
    let mut wall = Socket::connect_to(&router, &path(WALL)).await;
    let mut both = Socket::connect_to(&router, &path(BOTH)).await;
    let config = json!({ "private": true, "broadcast": { "ack": true } });
    wall.join("room", config.clone()).await;
    both.join("room", config.clone()).await;
    wall.broadcast("room", "e", json!({})).await;
    wall.assert_nothing_came().await;
    both.assert_nothing_came().await;
    both.broadcast("room", "e", json!({})).await;
    both.expect("phx_reply").await;
    wall.expect("broadcast").await;
    // A token of its own counts in the place of the socket's, and may be renewed.
    for config in [&config, &json!({})] {
        let payload = json!({ "access_token": PRODUCER, "config": config });
        let answer = both.try_join("other", &payload).await;
        let reason = answer["response"]["reason"].as_str().unwrap();
        assert!(reason.starts_with("Unauthorized: "), "{reason}");
    }
    let answer = both.try_join("other", &json!({ "access_token": "unknown" })).await;
    let reason = answer["response"]["reason"].as_str().unwrap();
    assert!(reason.starts_with("MalformedJWT: "), "{reason}");
    both.say("room", "access_token", &json!({ "access_token": WALL })).await;
    both.broadcast("room", "e", json!({})).await;
    both.assert_nothing_came().await;
    wall.assert_nothing_came().await;
    let post = |key: &str| {
        let url = router.url("/realtime/v1/api/broadcast/room/events/e?private=true");
        http().post(url).header("apikey", key).header("authorization", "").json(&json!({})).send()
    };
    assert_eq!(post(WALL).await.unwrap().status(), 403);
    assert_eq!(post("any").await.unwrap().status(), 401);
    assert_eq!(post(PRODUCER).await.unwrap().status(), 202);
    wall.expect("broadcast").await;
}

#[tokio::test]
async fn a_channel_ends_with_the_token_it_was_joined_with_and_the_socket_does_not() {
    let soon = (Utc::now() + TimeDelta::seconds(3)).to_rfc3339();
    let router = with_tokens(&format!(" {soon}"));
    let mut socket = Socket::connect_to(&router, &format!("{PATH}?vsn=2.0.0&apikey={WALL}")).await;
    socket.join("mine", json!({})).await;
    let payload = json!({ "access_token": BOTH });
    assert_eq!(socket.try_join("other", &payload).await["status"], "ok");
    let said = socket.next().await;
    assert_eq!((&*said.event, &*said.topic), ("system", "realtime:mine"));
    let text = said.payload["message"].as_str().unwrap();
    assert!(text.starts_with("Token has expired "), "{text}");
    let closed = socket.next().await;
    assert_eq!((&*closed.event, &*closed.topic), ("phx_close", "realtime:mine"));
    socket.assert_nothing_came().await;
    let answer = socket.try_join("mine", &json!({ "access_token": WALL })).await;
    let reason = answer["response"]["reason"].as_str().unwrap();
    assert!(reason.starts_with("InvalidJWTToken: Token has expired "), "{reason}");
}

#[tokio::test]
async fn channels_topics_and_joins_are_bounded() {
    let router = Router::with(&[
        ("realtime.channels_per_client", "2"),
        ("realtime.joins_per_second", "1"),
        ("realtime.topics", "3"),
    ]);
    let mut one = Socket::connect(&router).await;
    let mut two = Socket::connect(&router).await;
    let reason = |answer: Value| answer["response"]["reason"].as_str().unwrap().to_owned();
    one.join("a", json!({})).await;
    one.join("b", json!({})).await;
    let answer = one.try_join("c", &json!({})).await;
    assert_eq!(reason(answer), "ChannelRateLimitReached: Too many channels");
    two.join("c", json!({})).await;
    let answer = two.try_join("d", &json!({})).await;
    assert_eq!(reason(answer), "TopicLimitReached: Too many topics");
    let reference = one.say("a", "phx_leave", &json!({})).await;
    assert_eq!(one.answer(reference).await["status"], "ok");
    one.expect("phx_close").await;
    two.join("d", json!({})).await;
    // The average of a minute.
    for _ in 0..60 {
        one.say("x", "phx_join", &json!({})).await;
    }
    assert_eq!(one.wire.close_code().await, Some(1001));
    two.assert_nothing_came().await;
}

#[tokio::test]
async fn filters_are_bounded_on_a_worker_and_topics_do_not_count() {
    let router = Router::with(&[("session.filters_per_worker", "1"), ("server.workers", "1")]);
    let bound = |filter: &str| {
        let binding = json!({
            "event": "*", "schema": "public", "table": "monitoring_events", "filter": filter,
        });
        json!({ "config": { "postgres_changes": [binding] } })
    };
    let mut socket = Socket::connect(&router).await;
    socket.join("a", json!({})).await;
    socket.join("b", json!({})).await;
    assert_eq!(socket.try_join("c", &bound("seq=gt.1")).await["status"], "ok");
    assert_eq!(socket.expect("system").await["message"], "Subscribed to PostgreSQL");
    let answer = socket.try_join("d", &bound("seq=gt.2")).await;
    let reason = answer["response"]["reason"].as_str().unwrap();
    assert!(reason.starts_with("FilterLimitReached: "), "{reason}");
    let reference = socket.broadcast("d", "e", json!({})).await;
    assert_eq!(socket.answer(reference).await["response"]["reason"], "unmatched topic");
    socket.say("c", "phx_leave", &json!({})).await;
    socket.expect("phx_reply").await;
    socket.expect("phx_close").await;
    assert_eq!(socket.try_join("d", &bound("seq=gt.2")).await["status"], "ok");
}
