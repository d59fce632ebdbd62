//! What a client says, well or badly, message by message; single frames are `autobahn`'s.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{
    dashboard::Dashboard,
    router::Router,
    wire::{self, TEXT, Wire, masked},
};

const SUBSCRIBE: &[u8] = br#"{"type":"subscribe","filter":{"event_type":["*"]}}"#;

async fn still_answers(dashboard: &mut Dashboard) {
    dashboard.say(&json!({ "type": "ping" })).await;
    assert_eq!(dashboard.next().await, json!({ "type": "pong" }));
}

#[tokio::test]
async fn the_welcome_comes_first_and_unasked() {
    let router = Router::with(&[("session.heartbeat", "7s"), ("session.pong_timeout", "2s")]);
    router.publish("a").await;
    let dashboard = Dashboard::connect(&router).await;
    let sessions = router.get("/v1/sessions").await;
    let expected = json!({
        "type": "welcome",
        "session": sessions["sessions"][0]["id"],
        "epoch": router.get("/v1/stats").await["journal"]["epoch"],
        "head_seq": 1,
        "heartbeat_ms": 7000,
        "generation": 1,
    });
    assert_eq!(dashboard.welcome, expected);
}

#[tokio::test]
async fn what_is_wrong_is_told_by_its_code_and_the_session_goes_on() {
    let router = Router::with(&[("session.max_frame", "1KiB"), ("session.max_errors", "100")]);
    let mut dashboard = Dashboard::connect(&router).await;
    let long = Value::String("x".repeat(2000)).to_string();
    for (text, code) in [
        ("", "bad_json"),
        ("{\"type\":", "bad_json"),
        ("7", "bad_request"),
        ("[]", "bad_request"),
        ("[\"ping\"]", "bad_request"),
        ("{}", "bad_request"),
        ("{\"type\":7}", "bad_request"),
        ("{\"type\":\"publish\"}", "unknown_type"),
        ("{\"type\":\"ping\",\"x\":1}", "bad_request"),
        ("{\"type\":\"subscribe\",\"form\":\"now\"}", "bad_request"),
        ("{\"type\":\"subscribe\",\"from\":5}", "bad_request"),
        ("{\"type\":\"subscribe\",\"from\":\"then\"}", "bad_request"),
        ("{\"type\":\"subscribe\",\"from\":{\"last\":1001}}", "bad_request"),
        ("{\"type\":\"subscribe\",\"from\":{\"last\":-1}}", "bad_request"),
        ("{\"type\":\"subscribe\",\"from\":{\"epoch\":\"x\",\"seq\":1}}", "bad_request"),
        ("{\"type\":\"subscribe\",\"from\":{\"time\":\"yesterday\"}}", "bad_request"),
        ("{\"type\":\"subscribe\",\"filter\":[]}", "bad_filter"),
        ("{\"type\":\"subscribe\",\"filter\":{\"type\":[\"a\"]}}", "bad_filter"),
        ("{\"type\":\"subscribe\",\"filter\":{\"category\":[\"none\"]}}", "bad_filter"),
        ("{\"type\":\"subscribe\",\"filter\":{\"source\":\"a\"}}", "bad_filter"),
        (&format!("{{\"type\":\"{}\"}}", "x".repeat(900)), "unknown_type"),
        (&long, "too_large"),
    ] {
        dashboard.send(Message::text(text)).await;
        let answer = dashboard.next().await;
        assert_eq!((&answer["type"], &answer["code"]), (&json!("error"), &json!(code)), "{text}");
        let detail = answer["detail"].as_str().unwrap();
        assert!(detail.len() <= 300, "{detail}");
        // No name of a type of the program.
        for internal in ["struct", "enum", "variant", "Wire", "untagged", "Tag"] {
            assert!(!detail.contains(internal), "{text}: {detail}");
        }
    }
    dashboard.send(Message::binary(b"{}".to_vec())).await;
    assert_eq!(dashboard.next().await["code"], "binary");
    still_answers(&mut dashboard).await;
    let text = router.ask("GET", "/metrics").await.text;
    assert!(text.contains("signalbox_session_errors_total{code=\"bad_filter\"} 4\n"), "{text}");
}

#[tokio::test]
async fn too_many_errors_close_with_the_code_of_the_last() {
    let router = Router::with(&[("session.max_errors", "2"), ("session.max_frame", "1KiB")]);
    let bad = Message::text("{}");
    for (last, code) in [
        (bad.clone(), 4400),
        (Message::binary(vec![0]), 1003),
        (Message::text("x".repeat(2000)), 1009),
    ] {
        let mut dashboard = Dashboard::connect(&router).await;
        for _ in 0..2 {
            dashboard.send(bad.clone()).await;
            assert_eq!(dashboard.next().await["type"], "error");
        }
        still_answers(&mut dashboard).await;
        dashboard.send(last).await;
        assert_eq!(dashboard.next().await["type"], "error");
        assert_eq!(dashboard.close_code().await, Some(code));
    }
}

#[tokio::test]
async fn what_is_sent_together_with_the_handshake_counts() {
    let router = Router::start();
    let mut wire = Wire::connect(&router).await;
    let mut bytes = wire::handshake(&router).into_bytes();
    bytes.extend(masked(TEXT, SUBSCRIBE));
    bytes.extend(masked(TEXT, b"{\"type\":\"ping\"}"));
    let (whole, cut) = bytes.split_at(bytes.len() - 3);
    wire.send(whole).await;
    wire.head().await;
    for kind in ["welcome", "subscribed"] {
        assert_eq!(wire.json().await["type"], kind);
    }
    wire.send(cut).await;
    assert_eq!(wire.json().await["type"], "pong");
}

#[tokio::test]
async fn filters_have_a_limit_on_their_patterns_and_their_number() {
    let settings = [
        ("server.workers", "1"),
        ("session.filters_per_worker", "2"),
        ("session.filter_patterns", "2"),
        ("session.max_errors", "1000"),
    ];
    let router = Router::with(&settings);
    let of = |types: &[&str]| json!({ "filter": { "event_type": types } });
    let mut one = Dashboard::subscribed(&router, of(&["a", "b"])).await;
    assert_eq!(one.try_subscribe(of(&["a", "b", "c"])).await["code"], "bad_filter");
    let two = Dashboard::subscribed(&router, of(&["c"])).await;
    // The same filter in other words is no other filter.
    let mut three = Dashboard::subscribed(&router, of(&["b", "a"])).await;
    assert_eq!(three.try_subscribe(of(&["d"])).await["code"], "too_many_filters");
    router.publish("a").await;
    assert_eq!(three.seqs(1).await, [1], "the subscription of before goes on");
    drop(two);
    while three.try_subscribe(of(&["d"])).await["type"] != "subscribed" {}
}

#[tokio::test]
async fn a_filter_too_many_is_an_error_like_any_other() {
    let settings =
        [("server.workers", "1"), ("session.filters_per_worker", "1"), ("session.max_errors", "2")];
    let router = Router::with(&settings);
    let mut dashboard = Dashboard::subscribed(&router, json!({})).await;
    let other = json!({ "type": "subscribe", "filter": { "source": ["a"] } });
    for _ in 0..3 {
        dashboard.say(&other).await;
    }
    for _ in 0..3 {
        assert_eq!(dashboard.next().await["code"], "too_many_filters");
    }
    assert_eq!(dashboard.close_code().await, Some(4400));
}
