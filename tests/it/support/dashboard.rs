//! A dashboard: a client of `signalbox.v1.json` that can be asked for one frame at a time.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};

use super::router::{PATIENCE, Router};

pub struct Dashboard {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub welcome: Value,
}

impl Dashboard {
    /// Connects, and takes the welcome.
    pub async fn connect(router: &Router) -> Self {
        Self::try_connect(router).await.unwrap()
    }

    /// Connects, if the router is there.
    pub async fn try_connect(router: &Router) -> Result<Self, String> {
        Self::try_connect_to(router.address).await
    }

    /// Connects with a query, and takes the welcome.
    pub async fn connect_as(router: &Router, query: &str) -> Self {
        Self::try_connect_by(format!("ws://{}/v1/ws?{query}", router.address)).await.unwrap()
    }

    /// Connects, if a router is there.
    pub async fn try_connect_to(address: SocketAddr) -> Result<Self, String> {
        Self::try_connect_by(format!("ws://{address}/v1/ws")).await
    }

    async fn try_connect_by(url: String) -> Result<Self, String> {
        let mut request = url.into_client_request().unwrap();
        let protocol = "signalbox.v1.json".parse().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", protocol);
        let (socket, _) = connect_async(request).await.map_err(|error| error.to_string())?;
        let mut dashboard = Self { socket, welcome: Value::Null };
        dashboard.welcome = dashboard.try_next().await.ok_or("closed before the welcome")?;
        Ok(dashboard)
    }

    /// Connects and subscribes; the answer is taken.
    pub async fn subscribed(router: &Router, subscribe: Value) -> Self {
        let mut dashboard = Self::connect(router).await;
        dashboard.subscribe(subscribe).await;
        dashboard
    }

    /// Subscribes with `filter` and `from`, which must work; the answer.
    pub async fn subscribe(&mut self, subscribe: Value) -> Value {
        let answer = self.try_subscribe(subscribe).await;
        assert_eq!(answer["type"], "subscribed", "{answer}");
        answer
    }

    /// Subscribes; whatever is answered.
    pub async fn try_subscribe(&mut self, mut subscribe: Value) -> Value {
        subscribe["type"] = json!("subscribe");
        self.say(&subscribe).await;
        self.next().await
    }

    pub async fn say(&mut self, frame: &Value) {
        self.send(Message::text(frame.to_string())).await;
    }

    /// Whether it could be said.
    pub async fn try_say(&mut self, frame: &Value) -> bool {
        self.socket.send(Message::text(frame.to_string())).await.is_ok()
    }

    pub async fn send(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }

    /// Answers the router's pings, and expects nothing else, until `other` is done.
    pub async fn answer_pings_while(&mut self, other: impl Future<Output = ()>) {
        tokio::select! {
            () = other => {}
            message = self.next() => panic!("{message}"),
        }
    }

    /// The next frame, which must come.
    pub async fn next(&mut self) -> Value {
        self.try_next().await.expect("a frame, not the end")
    }

    /// The next frame; `None` when the connection ends instead. Pings do not count.
    pub async fn try_next(&mut self) -> Option<Value> {
        self.try_next_text().await.map(|text| serde_json::from_str(&text).unwrap())
    }

    /// The next frame as it was sent.
    pub async fn next_text(&mut self) -> String {
        self.try_next_text().await.expect("a frame, not the end")
    }

    async fn try_next_text(&mut self) -> Option<String> {
        let text = async {
            loop {
                match self.message().await? {
                    Message::Text(text) => return Some(text.to_string()),
                    Message::Close(_) => return None,
                    _ => {}
                }
            }
        };
        timeout(PATIENCE, text).await.expect("a frame in time")
    }

    /// The next events; their seqs.
    pub async fn seqs(&mut self, n: usize) -> Vec<u64> {
        let mut seqs = Vec::new();
        while seqs.len() < n {
            let frame = self.next().await;
            assert_eq!(frame["type"], "event", "{frame}");
            seqs.push(frame["event"]["seq"].as_u64().unwrap());
        }
        seqs
    }

    /// Reads on until the router closes; the code of its close frame.
    pub async fn close_code(&mut self) -> Option<u16> {
        while let Some(message) = self.message().await {
            if let Message::Close(frame) = message {
                return frame.map(|frame| frame.code.into());
            }
        }
        None
    }

    async fn message(&mut self) -> Option<Message> {
        let message = timeout(PATIENCE, self.socket.next()).await.expect("a message in time");
        message?.ok()
    }
}
