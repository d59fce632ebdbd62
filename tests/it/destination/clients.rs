//! Plain clients of a destination: one POST, one WebSocket, nothing that repairs anything.

use std::{error::Error as _, fmt::Write as _};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async_with_config,
    tungstenite::{self, Message},
};

use crate::support::{
    destination::{Destination, KEY},
    router::{PATIENCE, http_builder},
};

/// What an event looks like there.
pub fn payload(id: &str) -> Value {
    json!({ "id": id, "epoch": "e", "event_type": "event", "data": { "text": format!("of {id}") } })
}

/// Delivers over HTTP.
pub struct Poster {
    pub client: reqwest::Client,
    url: String,
    key: String,
}

impl Poster {
    pub fn new(destination: &Destination) -> Self {
        Self::with_key(destination, KEY)
    }

    pub fn with_key(destination: &Destination, key: &str) -> Self {
        let client = http_builder().build().unwrap();
        Self { client, url: destination.url(), key: key.to_owned() }
    }

    /// The status of a delivery, or why there is none.
    pub async fn post<T: AsRef<str>>(&self, ids: &[T]) -> Result<u16, String> {
        let response = self.request(ids).send().await.map_err(|it| explain(&it))?;
        let status = response.status().as_u16();
        response.bytes().await.map_err(|it| explain(&it))?;
        Ok(status)
    }

    /// The same for a head.
    pub async fn post_head(&self, seq: u64) -> Result<u16, String> {
        let message = json!({ "topic": "monitoring", "event": "signalbox:head", "payload": { "epoch": "e", "seq": seq } });
        let request = self.body(&json!({ "messages": [message] }));
        Ok(request.send().await.map_err(|it| explain(&it))?.status().as_u16())
    }

    pub fn request<T: AsRef<str>>(&self, ids: &[T]) -> reqwest::RequestBuilder {
        let message = |id: &T| json!({ "topic": "monitoring", "event": "event", "payload": payload(id.as_ref()) });
        self.body(&json!({ "messages": ids.iter().map(message).collect::<Vec<_>>() }))
    }

    pub fn body(&self, body: &Value) -> reqwest::RequestBuilder {
        let url = format!("{}/realtime/v1/api/broadcast", self.url);
        self.client.post(url).header("apikey", &self.key).json(body)
    }
}

/// An error with all that caused it.
pub fn explain(error: &reqwest::Error) -> String {
    let mut text = error.to_string().to_lowercase();
    let mut cause = error.source();
    while let Some(error) = cause {
        write!(text, ": {error}").unwrap();
        cause = error.source();
    }
    text.to_lowercase()
}

/// Delivers on a channel.
pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    reference: u64,
}

pub const TOPIC: &str = "realtime:monitoring";

impl Socket {
    pub async fn try_connect(destination: &Destination, query: &str) -> tungstenite::Result<Self> {
        let address = destination.address;
        let url = format!("ws://{address}/realtime/v1/websocket?{query}");
        // What is said is heard at once, also while nothing is answered.
        let (stream, _) = connect_async_with_config(url, None, true).await?;
        Ok(Self { stream, reference: 0 })
    }

    pub async fn connect(destination: &Destination) -> Self {
        Self::try_connect(destination, &format!("apikey={KEY}&vsn=2.0.0")).await.unwrap()
    }

    /// Connects and joins, with acknowledgements.
    pub async fn joined(destination: &Destination) -> Self {
        let mut socket = Self::connect(destination).await;
        assert_eq!(socket.join(true).await, "ok");
        socket
    }

    /// Joins; the status of the reply.
    pub async fn join(&mut self, ack: bool) -> String {
        let reference = self.send_join(ack).await;
        let (answered, status) = self.reply().await;
        assert_eq!(answered, reference);
        status
    }

    /// Asks to join; its reference.
    pub async fn send_join(&mut self, ack: bool) -> String {
        let config = json!({ "config": { "broadcast": { "ack": ack }, "private": false } });
        self.say(TOPIC, "phx_join", config).await
    }

    /// Broadcasts; the reference of the message.
    pub async fn push(&mut self, payload: Value) -> String {
        let broadcast = json!({ "type": "broadcast", "event": "event", "payload": payload });
        self.say(TOPIC, "broadcast", broadcast).await
    }

    /// Broadcasts an event; the status of the reply.
    pub async fn deliver(&mut self, id: &str) -> String {
        let reference = self.push(payload(id)).await;
        let (answered, status) = self.reply().await;
        assert_eq!(answered, reference);
        status
    }

    /// Says something; its reference.
    pub async fn say(&mut self, topic: &str, event: &str, payload: Value) -> String {
        self.reference += 1;
        let reference = self.reference.to_string();
        let message = json!(["1", reference, topic, event, payload]);
        self.send(Message::text(message.to_string())).await;
        reference
    }

    pub async fn send(&mut self, message: Message) {
        self.stream.send(message).await.unwrap();
    }

    /// The next message: what happened, and its payload.
    pub async fn next(&mut self) -> Value {
        match self.frame().await {
            Some(Ok(Message::Text(text))) => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// The next message, which is a reply: to what, and its status.
    pub async fn reply(&mut self) -> (String, String) {
        let message = self.next().await;
        assert_eq!(message[3], "phx_reply", "{message}");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&message[1]), text(&message[4]["status"]))
    }

    pub async fn frame(&mut self) -> Option<tungstenite::Result<Message>> {
        timeout(PATIENCE, self.stream.next()).await.expect("a frame in time")
    }

    /// Whether the connection has ended without a close frame.
    pub async fn is_over(&mut self) -> bool {
        matches!(self.frame().await, None | Some(Err(_)))
    }
}
