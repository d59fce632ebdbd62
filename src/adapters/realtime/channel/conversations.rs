//! Servers that do not go on as hoped, each told what to do: real sockets, and a real WebSocket at
//! the other end.

use std::{sync::PoisonError, time::Instant};

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

use super::{line::Answer, *};
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

    /// Hears so many pushes; the events in them, and the last reference.
    async fn hear_pushes(&mut self, count: usize) -> (Vec<u64>, String) {
        let (mut seqs, mut last) = (Vec::new(), String::new());
        for _ in 0..count {
            let push = self.hear().await;
            seqs.push(push[4]["payload"]["seq"].as_u64().unwrap());
            push[1].as_str().unwrap().clone_into(&mut last);
        }
        (seqs, last)
    }
}

const TOPIC: &str = "realtime:a \"wall\"";

#[tokio::test]
async fn what_was_acknowledged_is_not_pushed_again_whatever_came_then() {
    let stage = Stage::set().await;
    let batch = batch(&["a", "b", "c"]);
    let server = async {
        let mut peer = stage.accept_join().await;
        assert_eq!(peer.hear_pushes(3).await, (vec![1, 2, 3], "4".to_owned()));
        peer.answer("2", "ok", &json!({})).await;
        // The channel crashes, the socket is lost, and at last all is well.
        peer.say(json!(["1", "1", TOPIC, "phx_error", {}])).await;
        let mut peer = stage.accept_join().await;
        assert_eq!(peer.hear_pushes(2).await.0, [2, 3]);
        peer.answer("2", "ok", &json!({})).await;
        drop(peer);
        let mut peer = stage.accept_join().await;
        assert_eq!(peer.hear_pushes(1).await.0, [3]);
        peer.answer("2", "ok", &json!({})).await;
        assert_eq!(peer.hear_pushes(3).await.0, [1, 2, 3], "what was told is settled");
        for reference in ["5", "3", "4"] {
            peer.answer(reference, "ok", &json!({})).await;
        }
        peer
    };
    let client = async {
        for reason in ["the channel crashed", ""] {
            let error = stage.channel.deliver(&batch).await.unwrap_err();
            assert!(matches!(error, DeliveryError::Transient { .. }), "{error:?}");
            assert!(error.to_string().contains(reason), "{error}");
        }
        assert_eq!(stage.channel.deliver(&batch).await, Ok(Delivered { events: 3, known: 2 }));
        assert_eq!(stage.channel.deliver(&batch).await, Ok(Delivered { events: 3, known: 0 }));
    };
    tokio::join!(server, client);
}

#[tokio::test]
async fn a_refused_event_is_named_and_the_others_are_known() {
    let stage = Stage::set().await;
    let batch = batch(&["a", "b", "c"]);
    let server = async {
        let mut peer = stage.accept_join().await;
        peer.hear_pushes(3).await;
        peer.answer("4", "ok", &json!({})).await;
        peer.answer("3", "error", &json!("payload_size_exceeded")).await;
        peer.answer("2", "ok", &json!({})).await;
        peer
    };
    let client = async {
        let refused = stage.channel.deliver(&batch).await.unwrap_err();
        let DeliveryError::Rejected { which, reason } = refused else { panic!("{refused:?}") };
        assert_eq!((which, &*reason), (Which::These(vec![1]), "payload_size_exceeded"));
        let rest = Batch { items: [&batch.items[..1], &batch.items[2..]].concat(), ..batch };
        assert_eq!(stage.channel.deliver(&rest).await, Ok(Delivered { events: 2, known: 2 }));
    };
    tokio::join!(server, client);
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
            peer.hear_pushes(1).await;
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
    let taken = Arc::<StdMutex<Taken>>::default();
    let every = Duration::from_millis(20);
    let mut line = Line::new(near, TOPIC.to_owned(), taken.clone(), every);
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
    let (_, mut answers) = line.ask(&[Some(7)], |_, reference| heartbeat(reference)).await;
    let mut unanswered = 0;
    let end = loop {
        tokio::select! {
            end = answers.recv() => break end,
            said = far.next() => unanswered += usize::from(said.is_some()),
        }
        assert!(unanswered < 9, "it goes on");
    };
    let Some(Answer::End(error)) = end else { panic!("{end:?}") };
    assert_eq!(error.to_string(), "a heartbeat was not answered");
    assert_eq!(line.ended(), Some(error.clone()));
    let (_, mut answers) = line.ask(&[None], |_, reference| heartbeat(reference)).await;
    assert!(matches!(answers.recv().await, Some(Answer::End(again)) if again == error));
    assert!(!taken.lock().unwrap_or_else(PoisonError::into_inner).has(7));
}

/// What a server acknowledged before it went away is heard, though there was more to say to it.
#[tokio::test]
async fn what_was_acknowledged_is_known_though_the_rest_cannot_be_said() {
    for _ in 0..32 {
        let (near, far) = duplex(64 << 10);
        let near = WebSocketStream::from_raw_socket(near, Role::Client, None).await;
        let mut far = WebSocketStream::from_raw_socket(far, Role::Server, None).await;
        let taken = Arc::<StdMutex<Taken>>::default();
        let mut line = Line::new(near, TOPIC.to_owned(), taken.clone(), Duration::from_mins(1));
        // One more than are said at once.
        let about: Vec<_> = (1..=65).map(Some).collect();
        let client = line.ask(&about, |_, reference| Message::text(reference.to_string()));
        let server = async move {
            for _ in 0..64 {
                far.next().await.unwrap().unwrap();
            }
            let answer = json!(["1", "1", TOPIC, "phx_reply", { "status": "ok", "response": {} }]);
            far.send(Message::text(answer.to_string())).await.unwrap();
        };
        let ((_, mut answers), ()) = tokio::join!(client, server);
        while !matches!(answers.recv().await, Some(Answer::End(_))) {}
        assert!(taken.lock().unwrap_or_else(PoisonError::into_inner).has(1));
    }
}
