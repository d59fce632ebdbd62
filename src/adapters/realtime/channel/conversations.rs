//! Servers that do not go on as hoped, each told what to do: real sockets, and a real WebSocket at
//! the other end.

use std::time::Instant;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    io::duplex,
    net::{TcpListener, TcpStream},
};
use tokio_tungstenite::{
    WebSocketStream, accept_async,
    tungstenite::{Message, protocol::Role},
};

use super::*;
use crate::adapters::realtime::destination::tests::{batch, destination};

/// A server, and a channel to it.
struct Stage {
    listener: TcpListener,
    channel: ChannelTransport,
}

impl Stage {
    async fn set() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let timeout = Duration::from_secs(30);
        let destination = Destination { url, timeout, ..destination() };
        Self { listener, channel: ChannelTransport::try_new(destination).unwrap() }
    }

    async fn accept(&self) -> Peer {
        let (socket, _) = self.listener.accept().await.unwrap();
        Peer(accept_async(socket).await.unwrap())
    }

    /// The same, with a good answer to the join.
    async fn accept_join(&self) -> Peer {
        let mut peer = self.accept().await;
        assert_eq!(peer.hear().await[3], "phx_join");
        peer.answer("1", "ok", &json!({})).await;
        peer
    }
}

/// The server's end of a socket.
struct Peer(WebSocketStream<TcpStream>);

impl Peer {
    async fn hear(&mut self) -> Value {
        let message = self.0.next().await.unwrap().unwrap();
        serde_json::from_str(message.to_text().unwrap()).unwrap()
    }

    async fn say(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    async fn answer(&mut self, reference: &str, status: &str, response: &Value) {
        let payload = json!({ "status": status, "response": response });
        self.say(json!(["1", reference, TOPIC, "phx_reply", payload])).await;
    }

    /// Hears a push: the event in it, and its reference.
    async fn hear_push(&mut self) -> (u64, String) {
        let push = self.hear().await;
        (push[4]["payload"]["seq"].as_u64().unwrap(), push[1].as_str().unwrap().to_owned())
    }

    /// Whatever was said so far was heard.
    async fn has_heard_all(&mut self) {
        self.0.send(Message::Ping("all?".into())).await.unwrap();
        let said = self.0.next().await.unwrap().unwrap();
        assert!(said.is_pong(), "{said:?} is under way as well");
    }
}

const TOPIC: &str = "realtime:a \"wall\"";

#[tokio::test]
async fn an_event_is_pushed_only_when_the_one_before_it_is_there() {
    let stage = Stage::set().await;
    let batch = batch(&["a", "b", "c"]);
    assert_eq!(stage.channel.fitting(&batch), 1, "a request is one push");
    let server = async {
        let mut peer = stage.accept_join().await;
        for (seq, reference) in [(1, "2"), (2, "3")] {
            assert_eq!(peer.hear_push().await, (seq, reference.to_owned()));
            peer.has_heard_all().await;
            peer.answer(reference, "ok", &json!({})).await;
        }
        assert_eq!(peer.hear_push().await.0, 3);
        // The channel crashes, the socket is lost, and at last all is well.
        peer.say(json!(["1", "1", TOPIC, "phx_error", {}])).await;
        let mut peer = stage.accept_join().await;
        assert_eq!(peer.hear_push().await.0, 3);
        drop(peer);
        let mut peer = stage.accept_join().await;
        assert_eq!(peer.hear_push().await.0, 3);
        // An answer to something else is none.
        peer.answer("7", "ok", &json!({})).await;
        peer.answer("2", "ok", &json!({})).await;
        peer
    };
    let client = async {
        let rest = Batch { items: batch.items[2..].to_vec(), ..batch.clone() };
        for (batch, reason) in [(&batch, "the channel crashed"), (&rest, "")] {
            let error = stage.channel.deliver(batch).await.unwrap_err();
            assert!(matches!(error, DeliveryError::Transient { .. }), "{error:?}");
            assert!(error.to_string().contains(reason), "{error}");
        }
        assert_eq!(stage.channel.deliver(&rest).await, Ok(Delivered { events: 1, known: 0 }));
    };
    tokio::join!(server, client);
}

#[tokio::test]
async fn a_channel_goes_on_behind_a_refused_event_and_is_left_when_it_is_nobodys_fault() {
    let stage = Stage::set().await;
    let server = async {
        let mut peer = stage.accept_join().await;
        for (reference, status, said) in [
            ("2", "error", "payload_size_exceeded"),
            ("3", "ok", ""),
            ("4", "error", "unmatched topic"),
        ] {
            assert_eq!(peer.hear_push().await.1, reference);
            peer.answer(reference, status, &json!({ "reason": said })).await;
        }
        let mut peer = stage.accept_join().await;
        peer.hear_push().await;
        peer.answer("2", "ok", &json!({})).await;
    };
    let client = async {
        let (batch, taken) = (batch(&["a"]), Ok(Delivered { events: 1, known: 0 }));
        let refused = stage.channel.deliver(&batch).await.unwrap_err();
        let DeliveryError::Rejected { reason, .. } = refused else { panic!("{refused:?}") };
        assert_eq!(reason, "payload_size_exceeded");
        assert_eq!(stage.channel.deliver(&batch).await, taken);
        let refused = stage.channel.deliver(&batch).await.unwrap_err();
        assert!(matches!(refused, DeliveryError::Transient { .. }), "{refused:?}");
        assert_eq!(stage.channel.deliver(&batch).await, taken);
    };
    tokio::join!(server, client);
}

/// A server may say goodbye with its answer.
#[tokio::test]
async fn what_was_acknowledged_before_the_end_is_known() {
    for _ in 0..32 {
        let stage = Stage::set().await;
        let server = async {
            let mut peer = stage.accept_join().await;
            peer.hear_push().await;
            peer.answer("2", "ok", &json!({})).await;
        };
        let batch = batch(&["a"]);
        let (answer, ()) = tokio::join!(stage.channel.deliver(&batch), server);
        assert_eq!(answer, Ok(Delivered { events: 1, known: 0 }));
    }
}

#[tokio::test]
async fn an_end_says_what_it_is_for_and_a_refused_join_as_well() {
    for (message, expected) in [
        ("Too many messages per second", "RateLimited"),
        ("Token has expired 7 seconds ago", "Misconfigured"),
        ("something s3cret", "Transient { reason: \"something ***\""),
    ] {
        let stage = Stage::set().await;
        let server = async {
            let mut peer = stage.accept_join().await;
            peer.hear_push().await;
            let payload = json!({ "extension": "system", "status": "error", "message": message });
            peer.say(json!(["1", null, TOPIC, "system", payload])).await;
            peer.say(json!(["1", "1", TOPIC, "phx_close", {}])).await;
            let mut peer = stage.accept().await;
            peer.hear().await;
            let reason =
                json!({ "reason": "ClientJoinRateLimitReached: Too many joins per second" });
            peer.answer("1", "error", &reason).await;
            let mut peer = stage.accept().await;
            peer.hear().await;
            peer.answer("1", "error", &json!({ "reason": "Unauthorized: s3cret" })).await;
            peer
        };
        let client = async {
            let error = stage.channel.deliver(&batch(&["a"])).await.unwrap_err();
            assert!(format!("{error:?}").starts_with(expected), "{error:?}");
            let error = stage.channel.deliver(&batch(&["a"])).await.unwrap_err();
            assert!(matches!(error, DeliveryError::RateLimited { .. }), "{error:?}");
            let error = stage.channel.health().await.unwrap_err();
            assert!(matches!(error, DeliveryError::Misconfigured { .. }), "{error:?}");
            assert!(!error.to_string().contains("s3cret"), "{error}");
        };
        tokio::join!(server, client);
    }
}

#[tokio::test]
async fn heartbeats_are_said_and_must_be_answered() {
    let (near, far) = duplex(64 << 10);
    let near = WebSocketStream::from_raw_socket(near, Role::Client, None).await;
    let mut far = WebSocketStream::from_raw_socket(far, Role::Server, None).await;
    let every = Duration::from_millis(20);
    let mut line = Line::new(near, TOPIC.to_owned(), every);
    let began = Instant::now();
    for n in 1..=3 {
        let said = far.next().await.unwrap().unwrap();
        assert_eq!(said.to_text().unwrap(), r#"[null,"0","phoenix","heartbeat",{}]"#);
        assert!(began.elapsed() >= every * n, "not before its time");
        let answer = r#"[null,"0","phoenix","phx_reply",{"status":"ok","response":{}}]"#;
        if n < 3 {
            far.send(Message::text(answer)).await.unwrap();
        }
    }
    let mut unanswered = 0;
    let end = {
        let asked = line.ask(heartbeat);
        tokio::pin!(asked);
        loop {
            tokio::select! {
                end = &mut asked => break end,
                said = far.next() => unanswered += usize::from(said.is_some()),
            }
            assert!(unanswered < 9, "it goes on");
        }
    };
    assert_eq!(end.clone().unwrap_err().to_string(), "a heartbeat was not answered");
    assert!(line.has_ended());
    assert_eq!(line.ask(heartbeat).await, end);
}
