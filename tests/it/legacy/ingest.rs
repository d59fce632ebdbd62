//! `/events`: a frame an event, answered when it is in the journal.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{
    legacy_client::{OldDashboard, OldProducer},
    router::{Router, until},
    wire::{BINARY, PONG, TEXT, Wire, masked, masked_head, upgrade},
};

#[tokio::test]
async fn an_event_is_in_the_journal_when_it_is_received() {
    let router = Router::start();
    let mut producer = OldProducer::connect(&router).await;
    let id = "0190b5c4-6a2e-7cc3-98c4-dc0c0c07398f";
    let sent = json!({
        "event_type": "cache", "timestamp": "2025-11-01 23:00:00 AEDT", "source": "redis",
        "data": { "n": 1 }, "metadata": { "m": 2 }, "id": id,
    });
    let answer = producer.publish(sent.clone()).await;
    let stored = router.get(&format!("/v1/events/{id}")).await;
    let expected = json!({
        "status": "received", "event_type": "cache", "id": id, "seq": 1,
        "epoch": stored["epoch"], "duplicate": false,
    });
    assert_eq!(answer, expected);
    assert_eq!(stored["timestamp"], "2025-11-01T12:00:00.000000Z");
    assert_eq!((&stored["source"], &stored["data"]), (&json!("redis"), &json!({ "n": 1 })));
    let metadata = json!({ "m": 2, "ingest": "websocket", "broadcast_mode": "direct" });
    assert_eq!(stored["metadata"], metadata);
    assert_eq!(producer.publish(sent).await["duplicate"], true, "its id makes it safe to repeat");
    let answer = producer.publish(json!({ "anything": true })).await;
    assert_eq!((&answer["event_type"], &answer["seq"]), (&json!("unknown"), &json!(2)));
    let stored = router.get(&format!("/v1/events/{}", answer["id"].as_str().unwrap())).await;
    assert_eq!(
        (&stored["source"], &stored["data"]),
        (&json!("websocket"), &json!({ "anything": true }))
    );
}

#[tokio::test]
async fn what_is_wrong_is_answered_and_the_next_event_is_taken() {
    let router = Router::with(&[("limits.event_bytes", "2KiB")]);
    let mut producer = OldProducer::connect(&router).await;
    for (sent, message) in [
        ("{\"event_type\":", "an event is JSON: "),
        ("", "an event is JSON: "),
        ("[1]", "an event is a JSON object"),
        ("7", "an event is a JSON object"),
        ("{\"event_type\":7}", "event_type must be a string"),
        ("{\"type\":\"x\",\"n\":1e400}", "data/n the number is larger"),
        ("{\"type\":\"x\",\"n\":\"\\u0000\"}", "data/n the character U+0000"),
        (&format!("{{\"type\":\"{}\"}}", "x".repeat(51)), "event_type has 51 characters"),
        (&format!("{{\"x\":\"{}\"}}", "x".repeat(2030)), "has "),
        (&format!("{{\"x\":\"{}\"}}", "x".repeat(3000)), "an event may have 2048 bytes"),
    ] {
        let answer = producer.send(sent).await;
        assert_eq!(answer["status"], "error", "{sent}: {answer}");
        assert!(answer["message"].as_str().unwrap().starts_with(message), "{sent}: {answer}");
    }
    producer.0.send(Message::binary(vec![1])).await;
    assert_eq!(producer.0.next().await["message"], "events are JSON in text frames");
    assert_eq!(producer.publish(json!({ "type": "good" })).await["seq"], 1);
    let metrics = router.ask("GET", "/metrics").await.text;
    assert!(metrics.contains("ingest_rejected_total{reason=\"invalid_events\"} "), "{metrics}");
}

#[tokio::test]
async fn frames_that_come_together_are_answered_one_by_one_in_order() {
    let router = Router::start();
    let mut producer = OldProducer::connect(&router).await;
    for n in 0..200 {
        producer.0.say(json!({ "type": format!("e{n}") })).await;
    }
    for n in 0..200 {
        let answer = producer.0.next().await;
        assert_eq!(
            (&answer["event_type"], &answer["seq"]),
            (&json!(format!("e{n}")), &json!(n + 1))
        );
    }
}

#[tokio::test]
async fn a_storage_that_is_gone_is_told_with_the_id_to_send_it_under_again() {
    let cluster = crate::support::postgres::Cluster::start();
    let url = cluster.url("events");
    let settings = [("storage.url", &*url), ("journal.answer_timeout", "300ms")];
    let router = Router::with(&settings);
    let mut producer = OldProducer::connect(&router).await;
    producer.publish(json!({ "type": "before" })).await;
    cluster.stop_immediate();
    let answer = producer.send(json!({ "type": "lost" })).await;
    assert_eq!(answer["status"], "error", "{answer}");
    assert!(answer["id"].is_string() && answer["message"].is_string(), "{answer}");
    cluster.start_again();
    let again = json!({ "type": "lost", "data": {}, "id": answer["id"] });
    let answer = until(|| async {
        let mut producer = OldProducer::connect(&router).await;
        let answer = producer.send(again.clone()).await;
        (answer["status"] == "received").then_some(answer)
    })
    .await;
    assert_eq!(answer["event_type"], "lost");
    assert_eq!(router.get("/v1/stats").await["journal"]["head_seq"], 2);
}

#[tokio::test]
async fn bytes_that_are_no_frames_close_with_the_code_for_it() {
    let router = Router::with(&[("limits.event_bytes", "1KiB")]);
    for (what, bytes, code) in [
        ("text that is not UTF-8", masked(TEXT, b"\xc3\x28"), 1007),
        ("an unmasked frame", vec![TEXT, 2, b'{', b'}'], 1002),
        ("a huge frame that is only announced", masked_head(BINARY, 1 << 40), 1009),
        ("a close frame", masked(0x88, &[3, 0xe8]), 1000),
    ] {
        let mut wire = producer(&router).await;
        wire.send(&bytes).await;
        assert_eq!(wire.close_code().await, Some(code), "{what}");
    }
}

async fn producer(router: &Router) -> Wire {
    let mut wire = Wire::connect(router).await;
    wire.send(upgrade(router, "/events", "").as_bytes()).await;
    let head = wire.head().await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    wire
}

#[tokio::test]
async fn a_producer_is_pinged_and_one_that_is_silent_is_closed() {
    let router = Router::with(&[("session.heartbeat", "2s"), ("session.pong_timeout", "1s")]);
    let mut alive = producer(&router).await;
    let mut silent = producer(&router).await;
    alive.send(&masked(0x89, b"mine")).await;
    assert_eq!(alive.frame().await, Some((PONG, b"mine".to_vec())));
    let keep_alive = async {
        loop {
            alive.frame().await.expect("a ping, not the end");
            alive.send(&masked(PONG, b"")).await;
        }
    };
    let code = tokio::select! {
        code = silent.close_code() => code,
        () = keep_alive => None,
    };
    assert_eq!(code, Some(4408));
    alive.send(&masked(TEXT, br#"{"type":"x"}"#)).await;
    let answer: Value = alive.json().await;
    assert_eq!(answer["status"], "received");
}

#[tokio::test]
async fn a_router_that_stops_waits_for_no_producer() {
    let mut router = Router::with(&[("server.shutdown_timeout", "20s")]);
    let mut dashboard = OldDashboard::connect(&router).await;
    let mut producer = OldProducer::connect(&router).await;
    producer.publish(json!({ "type": "x" })).await;
    router.signal("TERM");
    assert_eq!(dashboard.socket.close_frame().await.map(|frame| frame.code.into()), Some(1001));
    assert_eq!(producer.0.close_frame().await.map(|frame| frame.code.into()), Some(1001));
    assert!(router.wait_patiently().await.success());
    assert!(!router.log().contains("did not end in time"), "{}", router.log());
}
