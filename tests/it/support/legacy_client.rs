//! Clients of the original system, as its wire protocol describes them: a dashboard on `/ws` and a
//! producer on `/events`. They know nothing of this router's own protocol.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, protocol::CloseFrame},
};

use super::router::{PATIENCE, Router};

/// A WebSocket that speaks JSON in text frames.
pub struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    async fn connect(router: &Router, path: &str) -> Self {
        let url = format!("ws://{}{path}", router.address);
        let (socket, _) = connect_async(url).await.unwrap();
        Self(socket)
    }

    pub async fn send(&mut self, message: Message) {
        self.0.send(message).await.unwrap();
    }

    pub async fn say(&mut self, text: impl ToString) {
        self.send(Message::text(text.to_string())).await;
    }

    /// The next JSON, which must come. Pings are answered on the way.
    pub async fn next(&mut self) -> Value {
        loop {
            match self.message().await.expect("a frame, not the end") {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Close(frame) => panic!("closed: {frame:?}"),
                _ => {}
            }
        }
    }

    /// Reads on until the router closes.
    pub async fn close_frame(&mut self) -> Option<CloseFrame> {
        while let Some(message) = self.message().await {
            if let Message::Close(frame) = message {
                return frame;
            }
        }
        None
    }

    async fn message(&mut self) -> Option<Message> {
        timeout(PATIENCE, self.0.next()).await.expect("a message in time")?.ok()
    }
}

/// A dashboard.
pub struct OldDashboard {
    pub socket: Socket,
    pub initial: Value,
}

impl OldDashboard {
    /// Connects, and takes the `initial_stats`.
    pub async fn connect(router: &Router) -> Self {
        let mut socket = Socket::connect(router, "/ws").await;
        let initial = socket.next().await;
        assert_eq!(initial["type"], "initial_stats", "{initial}");
        Self { socket, initial }
    }

    /// The next push of an event: what is pushed from time to time, asked or not, is passed over.
    pub async fn push(&mut self) -> Value {
        loop {
            let push = self.socket.next().await;
            if push["type"] != "websocket_health" && push["data"] != json!({}) {
                return push;
            }
        }
    }

    /// The next frame of a type.
    pub async fn of_type(&mut self, name: &str) -> Value {
        loop {
            let frame = self.socket.next().await;
            if frame["type"] == name {
                return frame;
            }
        }
    }

    /// The answer to a command, which must be of that type.
    pub async fn ask(&mut self, command: Value, answer: &str) -> Value {
        self.socket.say(command).await;
        self.of_type(answer).await
    }
}

/// A producer.
pub struct OldProducer(pub Socket);

impl OldProducer {
    pub async fn connect(router: &Router) -> Self {
        Self(Socket::connect(router, "/events").await)
    }

    /// Sends a frame; what is answered.
    pub async fn send(&mut self, event: impl ToString) -> Value {
        self.0.say(event).await;
        self.0.next().await
    }

    /// Sends an event, which must be taken.
    pub async fn publish(&mut self, event: Value) -> Value {
        let answer = self.send(event).await;
        assert_eq!(answer["status"], "received", "{answer}");
        answer
    }
}

/// An event of a connection, as its watchers reported it.
pub fn connection_event(connection_type: &str, direction: &str, bytes: u64) -> Value {
    json!({
        "event_type": "event", "source": "connection_monitor",
        "data": {
            "connection_type": connection_type, "direction": direction,
            "script_name": "worker.py", "function_name": "fetch", "data_size_bytes": bytes,
            "response_time_ms": 12.5, "error": null, "metadata": { "attempt": 1 },
        },
    })
}
