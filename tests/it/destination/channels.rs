//! What the destination does on the channels of its WebSocket.

use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::clients::{Socket, TOPIC, payload};
use crate::support::destination::{
    Behaviour, Count, Destination, KEY, Limits, Place, RetryAfter, Via,
};

/// What comes of one delivery that meets this behaviour, on a channel of its own.
async fn meet(destination: &Destination, behaviour: Behaviour) -> Socket {
    destination.clear().await;
    let mut socket = Socket::joined(destination).await;
    destination.next([behaviour]).await;
    socket.push(payload("a")).await;
    socket
}

/// Whether the last delivery was kept, and whether its sender was told.
async fn last(destination: &Destination) -> (bool, bool) {
    let received = destination.until_requests(1).await;
    let last = received.last().unwrap();
    (last.kept, last.told)
}

#[tokio::test]
async fn a_delivery_is_acknowledged_and_kept_as_it_came() {
    let destination = Destination::start();
    let mut socket = Socket::joined(&destination).await;
    assert_eq!(socket.deliver("a").await, "ok");
    let received = destination.until(1).await;
    let [one] = &received[..] else { panic!("{received:?}") };
    assert_eq!((one.request, one.via, one.ids()), (1, Via::Channel, vec!["a"]));
    assert_eq!((one.outcome.as_str(), one.kept, one.told), ("ok", true, true));
    let event = &one.events[0];
    assert_eq!(
        (event.name.as_str(), event.topic.as_str(), event.private),
        ("event", "monitoring", false)
    );
}

/// Where nobody asks for an acknowledgement, nobody is told.
#[tokio::test]
async fn nothing_is_said_without_ack() {
    let destination = Destination::start();
    let mut socket = Socket::connect(&destination).await;
    assert_eq!(socket.join(false).await, "ok");
    socket.push(payload("a")).await;
    assert_eq!(last(&destination).await, (true, false));
    let heartbeat = socket.say("phoenix", "heartbeat", json!({})).await;
    assert_eq!(socket.reply().await, (heartbeat, "ok".into()), "the first that is said");
}

#[tokio::test]
async fn a_broadcast_is_understood_as_a_binary_frame_too() {
    let destination = Destination::start();
    let mut socket = Socket::joined(&destination).await;
    let (topic, event) = (TOPIC.as_bytes(), b"event");
    let lengths = [3, 1, 1, u8::try_from(topic.len()).unwrap(), 5, 0, 1];
    let payload = payload("a").to_string();
    let frame = [&lengths[..], b"1", b"9", topic, event, payload.as_bytes()].concat();
    socket.send(Message::binary(frame)).await;
    assert_eq!(socket.reply().await, ("9".into(), "ok".into()));
    assert_eq!(destination.received_ids().await, ["a"]);
}

#[tokio::test]
async fn a_status_is_a_reply_and_the_channel_goes_on() {
    let destination = Destination::start();
    let mut socket = meet(&destination, Behaviour::Status(403)).await;
    assert_eq!(socket.reply().await.1, "error");
    assert_eq!(last(&destination).await, (false, false));
    destination.poison("of bad", Behaviour::Status(422)).await;
    assert_eq!(socket.deliver("bad").await, "error");
    assert_eq!(socket.deliver("good").await, "ok");
    assert_eq!(destination.received_ids().await, ["good"]);
}

#[tokio::test]
async fn channels_crash_and_are_closed_and_can_be_joined_again() {
    let destination = Destination::start();
    let mut socket = meet(&destination, Behaviour::Error).await;
    assert_eq!(socket.next().await, json!(["1", "1", TOPIC, "phx_error", {}]));
    assert_eq!(last(&destination).await, (false, false));
    assert_eq!(socket.deliver("a").await, "error", "unmatched topic");
    assert_eq!(destination.count(Count::Unmatched).await, 1);
    assert_eq!(socket.join(true).await, "ok");
    assert_eq!(socket.deliver("a").await, "ok");
}

#[tokio::test]
async fn a_channel_is_closed_for_a_reason() {
    let destination = Destination::start();
    let too_many = "Too many messages per second";
    for (behaviour, text) in [
        (Behaviour::SystemError("as it pleases"), "as it pleases"),
        (Behaviour::RateLimited(RetryAfter::Missing), too_many),
        (Behaviour::Status(429), too_many),
    ] {
        let mut socket = meet(&destination, behaviour).await;
        let system = socket.next().await;
        assert_eq!((&system[1], &system[3]), (&Value::Null, &json!("system")));
        assert_eq!((&system[4]["status"], &system[4]["message"]), (&json!("error"), &json!(text)));
        assert_eq!(socket.next().await[3], "phx_close");
        assert_eq!(last(&destination).await, (false, false));
        assert_eq!(socket.deliver("a").await, "error", "it was left");
    }
}

#[tokio::test]
async fn connections_end_in_every_way() {
    let destination = Destination::start();
    for (behaviour, is_kept) in [
        (Behaviour::Reset, false),
        (Behaviour::Garbage, false),
        (Behaviour::LoseAnswer, true),
        (Behaviour::Half, true),
    ] {
        let mut socket = meet(&destination, behaviour).await;
        assert!(socket.is_over().await, "{behaviour:?}");
        assert_eq!(last(&destination).await, (is_kept, false), "{behaviour:?}");
    }
    let mut socket = meet(&destination, Behaviour::Close(1012)).await;
    let Some(Ok(Message::Close(Some(frame)))) = socket.frame().await else { panic!() };
    assert_eq!(u16::from(frame.code), 1012);
    assert_eq!(last(&destination).await, (false, false));
}

#[tokio::test]
async fn the_last_answer_of_a_connection_is_heard() {
    let destination = Destination::start();
    let mut socket = meet(&destination, Behaviour::AnswerThenClose).await;
    assert_eq!(socket.reply().await.1, "ok");
    assert!(socket.is_over().await);
    assert_eq!(last(&destination).await, (true, true));
}

#[tokio::test]
async fn one_message_is_not_answered_and_the_next_is() {
    let destination = Destination::start();
    let mut socket = meet(&destination, Behaviour::NoAnswer).await;
    assert_eq!(last(&destination).await, (true, false));
    assert_eq!(socket.deliver("b").await, "ok", "the first that is said");
}

/// A half-open connection: it takes everything, heartbeats too.
#[tokio::test]
async fn a_connection_hangs_for_good() {
    let destination = Destination::start();
    let mut socket = meet(&destination, Behaviour::Hang).await;
    assert_eq!(last(&destination).await, (false, false));
    socket.say("phoenix", "heartbeat", json!({})).await;
    socket.push(payload("b")).await;
    // Another connection is served meanwhile; this one heard nothing when it is broken off.
    assert_eq!(Socket::joined(&destination).await.deliver("c").await, "ok");
    assert_eq!(destination.count(Count::Heartbeat).await, 0);
    assert_eq!(destination.received_ids().await, ["c"]);
    destination.now(Behaviour::Close(1012)).await;
    assert!(matches!(socket.frame().await, Some(Ok(Message::Close(_)))), "the first that is said");
}

#[tokio::test]
async fn answers_come_late_in_fragments_and_in_heaps() {
    let destination = Destination::start();
    let late = Behaviour::Slow(Duration::from_millis(20));
    for behaviour in [late, Behaviour::Partial, Behaviour::Huge(1 << 20)] {
        let mut socket = meet(&destination, behaviour).await;
        assert_eq!(socket.reply().await.1, "ok", "{behaviour:?}");
        assert_eq!(last(&destination).await, (true, true), "{behaviour:?}");
    }
    // More than a client takes by default.
    let mut socket = meet(&destination, Behaviour::Huge(20 << 20)).await;
    assert!(matches!(socket.frame().await, Some(Err(Error::Capacity(_)))));
}

#[tokio::test]
async fn a_handshake_is_refused_and_scripted() {
    let destination = Destination::start();
    for (query, status) in [("vsn=2.0.0", 401), (&format!("apikey={KEY}"), 403)] {
        let refused = Socket::try_connect(&destination, query).await.map(|_| ());
        assert!(matches!(refused, Err(Error::Http(answer)) if answer.status() == status));
    }
    let query = format!("apikey={KEY}&vsn=2.0.0");
    let script = [Behaviour::Status(503), Behaviour::Reset, Behaviour::Partial];
    destination.next_at(Place::Connect, script).await;
    let refused = Socket::try_connect(&destination, &query).await.map(|_| ());
    assert!(matches!(refused, Err(Error::Http(answer)) if answer.status() == 503));
    assert!(Socket::try_connect(&destination, &query).await.is_err());
    Socket::joined(&destination).await;
    assert_eq!(destination.count(Count::Connect).await, 3);
}

#[tokio::test]
async fn joins_and_heartbeats_are_scripted_by_themselves() {
    let destination = Destination::start();
    let mut socket = Socket::connect(&destination).await;
    destination.next_at(Place::Join, [Behaviour::Status(403), Behaviour::NoAnswer]).await;
    assert_eq!(socket.join(true).await, "error");
    assert_eq!(socket.deliver("a").await, "error", "it has not joined");
    socket.send_join(true).await;
    assert_eq!(socket.join(true).await, "ok", "the first that is said");
    destination.next_at(Place::Heartbeat, [Behaviour::NoAnswer]).await;
    socket.say("phoenix", "heartbeat", json!({})).await;
    let second = socket.say("phoenix", "heartbeat", json!({})).await;
    assert_eq!(socket.reply().await, (second, "ok".into()));
    let heard = [Count::Join, Count::Heartbeat];
    assert_eq!([destination.count(heard[0]).await, destination.count(heard[1]).await], [3, 2]);
}

#[tokio::test]
async fn tokens_are_taken_in_silence_and_refused_aloud() {
    let destination = Destination::start();
    let mut socket = Socket::joined(&destination).await;
    socket.say(TOPIC, "access_token", json!({ "access_token": KEY })).await;
    destination.until_count(Count::Token, 1).await;
    assert_eq!(socket.deliver("a").await, "ok", "the first that is said");
    destination.next_at(Place::Token, [Behaviour::Close(1001)]).await;
    socket.say(TOPIC, "access_token", json!({ "access_token": "another" })).await;
    assert_eq!(socket.next().await[3], "system");
    assert_eq!(socket.next().await[3], "phx_close");
    assert_eq!(socket.join(true).await, "ok");
    socket.say(TOPIC, "access_token", json!({ "access_token": KEY })).await;
    assert!(matches!(socket.frame().await, Some(Ok(Message::Close(_)))));
}

#[tokio::test]
async fn a_channel_is_left() {
    let destination = Destination::start();
    let mut socket = Socket::joined(&destination).await;
    let leave = socket.say(TOPIC, "phx_leave", json!({})).await;
    assert_eq!(socket.reply().await, (leave, "ok".into()));
    assert_eq!(socket.next().await, json!(["1", "1", TOPIC, "phx_close", {}]));
    assert_eq!(socket.deliver("a").await, "error");
}

#[tokio::test]
async fn sockets_hear_of_trouble_unasked() {
    let destination = Destination::start();
    let mut socket = Socket::joined(&destination).await;
    destination.now(Behaviour::Error).await;
    assert_eq!(socket.next().await[3], "phx_error");
    assert_eq!(socket.join(true).await, "ok");
    destination.now(Behaviour::SystemError("so it is")).await;
    assert_eq!(socket.next().await[4]["message"], "so it is");
    assert_eq!(socket.next().await[3], "phx_close");
    destination.now(Behaviour::Close(1012)).await;
    assert!(matches!(socket.frame().await, Some(Ok(Message::Close(_)))));
}

#[tokio::test]
async fn what_cannot_be_read_is_dropped_and_what_is_too_large_refused() {
    let destination = Destination::start();
    let mut socket = Socket::joined(&destination).await;
    socket.send(Message::text("no JSON")).await;
    socket.send(Message::binary(vec![9, 9])).await;
    socket.say(TOPIC, "broadcast", json!({ "event": "e", "payload": "text" })).await;
    destination.until_count(Count::Malformed, 3).await;
    destination.limit(Limits { payload_bytes: 10, ..Limits::REAL }).await;
    assert_eq!(socket.deliver("a").await, "error");
    assert!(destination.received_ids().await.is_empty());
}
