//! What no client of Realtime says: nothing closes that should not.

use serde_json::{Value, json};

use crate::support::{
    channel::{Socket, push},
    router::Router,
    wire::{TEXT, masked, masked_head},
};

fn reason(answer: &Value) -> &str {
    assert_eq!(answer["status"], "error", "{answer}");
    answer["response"]["reason"].as_str().unwrap()
}

#[tokio::test]
async fn what_is_no_message_is_counted_and_the_socket_stays_open() {
    let router = Router::start();
    let mut two = Socket::connect(&router).await;
    for text in ["", "{", "7", "{}", "[]", "[1,2,3]", r#"[null,null,7,"e",{}]"#] {
        two.text(text).await;
    }
    let short = push("room", "e", 1, b"{}");
    for bytes in [&[][..], &[9, 1, 2], &[3, 255], &short[..8], &push("room", "e", 1, b"{")] {
        two.binary(bytes).await;
    }
    two.assert_nothing_came().await;
    let mut one = Socket::connect_v1(&router).await;
    for text in ["[]", r#"{"topic":"phoenix"}"#, r#"["1","1","phoenix","heartbeat",{}]"#] {
        one.text(text).await;
    }
    one.assert_nothing_came().await;
    let metrics = router.ask("GET", "/metrics").await.text;
    let counted: u64 = metrics
        .lines()
        .filter(|line| line.starts_with("signalbox_realtime_malformed_total{"))
        .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
        .sum();
    assert_eq!(counted, 15, "{metrics}");
}

#[tokio::test]
async fn fragments_are_joined_and_split_text_is_understood() {
    let router = Router::start();
    let mut socket = Socket::connect(&router).await;
    let text = r#"[null,"1","phoenix","heartbeat",{}]"#.as_bytes();
    socket.wire.send(&masked(0x01, &text[..9])).await;
    socket.wire.send(&masked(0x80, &text[9..])).await;
    assert_eq!(socket.answer(1).await["status"], "ok");
    socket.join("room", json!({ "broadcast": { "self": true } })).await;
    let frame = push("room", "e", 0, &[7; 300]);
    socket.wire.send(&masked(0x02, &frame[..9])).await;
    socket.wire.send(&masked(0x00, &frame[9..20])).await;
    socket.wire.send(&masked(0x80, &frame[20..])).await;
    assert_eq!(socket.expect("broadcast").await["payload"].as_array().unwrap().len(), 300);
}

#[tokio::test]
async fn topics_that_are_none_and_channels_that_are_not_joined_are_named() {
    let router = Router::start();
    let mut socket = Socket::connect(&router).await;
    for (topic, event, expected) in [
        ("room", "phx_join", "unmatched topic"),
        ("realtime:", "phx_join", "TopicNameRequired: You must provide a topic name"),
        ("realtime:room", "broadcast", "unmatched topic"),
        ("phoenix", "anything", "unmatched topic"),
    ] {
        let reference = socket.say_on(topic, event, &json!({})).await;
        assert_eq!(reason(&socket.answer(reference).await), expected, "{topic} {event}");
    }
    let reference = socket.say("room", "phx_leave", &json!({})).await;
    assert_eq!(socket.answer(reference).await["status"], "ok", "also of an unknown channel");
    let from = json!({ "config": { "signalbox": { "from": 7 } } });
    let answer = socket.try_join("room", &from).await;
    assert!(reason(&answer).starts_with("InvalidResume: "), "{answer}");
}

#[tokio::test]
async fn refs_may_be_missing_stale_or_numbers_and_come_back_as_they_were() {
    let router = Router::start();
    let mut socket = Socket::connect(&router).await;
    socket.text(r#"[null,null,"phoenix","heartbeat",{}]"#).await;
    assert_eq!(socket.next().await.reference, json!(null));
    socket
        .text(r#"[7,7,"realtime:room","phx_join",{"config":{"broadcast":{"ack":"TRUE"}}}]"#)
        .await;
    let joined = socket.next().await;
    assert_eq!((joined.join_ref, joined.reference), (json!(7), json!(7)));
    for join_ref in ["null", "\"6\"", "7"] {
        let broadcast = r#"{"type":"broadcast","event":"e","payload":{}}"#;
        let text = format!(r#"[{join_ref},"8","realtime:room","broadcast",{broadcast},"more"]"#);
        socket.text(&text).await;
        let answer = socket.next().await;
        assert_eq!((answer.join_ref, answer.reference), (json!(7), json!("8")), "{join_ref}");
    }
    // The same once more, as if it were new: the old one is closed under its own ref.
    socket.text(r#"["9","9","realtime:room","phx_join",{}]"#).await;
    let closed = socket.next().await;
    assert_eq!((&*closed.event, closed.join_ref), ("phx_close", json!(7)));
    assert_eq!(socket.next().await.join_ref, json!("9"));
    // Who leaves the old one does not end the new one.
    socket.text(r#"[7,"10","realtime:room","phx_leave",{}]"#).await;
    let answer = socket.next().await;
    assert_eq!((answer.join_ref, answer.reference), (json!(7), json!("10")));
    socket.assert_nothing_came().await;
    socket.text(r#"["9","10","realtime:room","phx_leave",{}]"#).await;
    assert_eq!(socket.next().await.reference, json!("10"));
    let closed = socket.next().await;
    assert_eq!((&*closed.event, closed.reference), ("phx_close", json!("9")));
}

#[tokio::test]
async fn a_payload_that_is_too_large_is_named_and_a_message_ends_the_socket() {
    let router = Router::with(&[("realtime.payload_bytes", "1KiB")]);
    let mut socket = Socket::connect(&router).await;
    socket.join("room", json!({ "broadcast": { "ack": true } })).await;
    let reference = socket.broadcast("room", "e", json!({ "x": "x".repeat(1024) })).await;
    let answer = socket.answer(reference).await;
    assert_eq!(answer["response"], json!({ "error": "payload_size_exceeded" }));
    socket.binary(&push("room", "e", 0, &[0; 1025])).await;
    assert_eq!(socket.next().await.payload["response"]["error"], "payload_size_exceeded");
    socket.wire.send(&masked_head(TEXT, 20_000_001)).await;
    assert_eq!(socket.wire.close_code().await, Some(1009));
}
