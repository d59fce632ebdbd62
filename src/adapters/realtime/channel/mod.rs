//! One Phoenix channel over a WebSocket: a request is one push, which is one event.
//!
//! The next one is pushed only when the one before it was acknowledged. A server refuses a push alone
//! and goes on with those behind it, so with two under way the second could be there without the
//! first, and order would be lost. It costs a round trip an event; many at once is what a request of
//! [`broadcast`](super::broadcast) takes.
//!
//! A connection that fails, in whatever way, is given up whole; the next call makes a new one. So a
//! call that is dropped on its way leaves nothing half read behind.

mod frames;
mod line;
mod said;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use rustls::ClientConfig;
use tokio::sync::Mutex;
use tokio_tungstenite::{
    Connector, connect_async_tls_with_config,
    tungstenite::{
        Error, Message,
        client::IntoClientRequest,
        handshake::client::{Request, Response},
        http::{HeaderName, HeaderValue},
        protocol::WebSocketConfig,
    },
};

use self::{
    frames::{Frames, heartbeat},
    line::Line,
};
use super::{
    answers::{self, Words},
    broadcast::root_cause,
    destination::{Destination, NoClient, refuse_oversize},
};
use crate::{
    adapters::{Transport, TransportKind},
    core::{
        delivery::{Batch, Delivered, DeliveryError, HEAD_EVENT},
        event::Position,
    },
};

/// How often a heartbeat is said, as stock clients do: the server closes a socket that is silent for
/// a minute.
const HEARTBEAT: Duration = Duration::from_secs(25);
/// Largest message that the real server takes, in bytes: it closes the socket on a larger one.
const MOST_PUSHED: usize = 5_000_000;
/// Largest message that is read, in bytes: what others say on the topic comes here too.
const MOST_HEARD: usize = 16 << 20;
/// The keys of a socket that has no `Authorization`: a gateway's, and the server's.
const KEYS: [HeaderName; 2] =
    [HeaderName::from_static("apikey"), HeaderName::from_static("x-api-key")];

/// The transport.
#[derive(Debug)]
pub struct ChannelTransport {
    destination: Destination,
    request: Request,
    tls: Arc<ClientConfig>,
    frames: Frames,
    line: Mutex<Option<Line>>,
}

impl ChannelTransport {
    /// A channel that is not joined yet.
    ///
    /// # Errors
    /// When this machine has not what it takes, or the URL or the key cannot be sent.
    pub fn try_new(destination: Destination) -> Result<Self, NoClient> {
        let url = destination.url.strip_prefix("http").unwrap_or(&destination.url);
        let url = format!("ws{url}/realtime/v1/websocket?vsn=2.0.0");
        let mut request = url.into_client_request().map_err(|error| NoClient(error.to_string()))?;
        // A server that asks for a key wants one at any price; where nobody asks, any will do.
        let key = destination.key.expose();
        let mut key = HeaderValue::from_str(if key.is_empty() { "none" } else { key })
            .map_err(|_not_shown| NoClient("realtime.key cannot stand in a header".to_owned()))?;
        key.set_sensitive(true);
        // In headers, because URLs are written into logs.
        for name in KEYS {
            request.headers_mut().insert(name, key.clone());
        }
        Ok(Self {
            request,
            tls: Arc::new(destination.tls()?),
            frames: Frames::new(&destination),
            destination,
            line: Mutex::default(),
        })
    }

    fn most_pushed(&self) -> usize {
        self.destination.request_bytes.min(MOST_PUSHED)
    }

    /// Says something on a joined line and waits for the answer, within the deadline. Only a line
    /// that is sound is kept: whoever is dropped on the way drops it too.
    async fn say(&self, frame: impl FnOnce(u64) -> Message) -> Result<(), DeliveryError> {
        let mut place = self.line.lock().await;
        let line = place.take().filter(|line| !line.has_ended());
        let exchange = async {
            let mut line = match line {
                Some(line) => line,
                None => self.open().await?,
            };
            let reply = line.ask(frame).await?;
            Ok((line, reply.map_err(answers::of_push)))
        };
        let exchange = tokio::time::timeout(self.destination.timeout, exchange).await;
        let exchange = exchange.unwrap_or_else(|_elapsed| Err(self.destination.late()));
        let outcome = exchange.and_then(|(line, outcome)| {
            if matches!(outcome, Ok(()) | Err(DeliveryError::Rejected { .. })) {
                *place = Some(line);
            }
            outcome
        });
        outcome.map_err(|error| self.destination.clean(error))
    }

    /// Connects and joins.
    async fn open(&self) -> Result<Line, DeliveryError> {
        let connector = if self.destination.is_plain() {
            Connector::Plain
        } else {
            Connector::Rustls(self.tls.clone())
        };
        let config = WebSocketConfig::default()
            .max_message_size(Some(MOST_HEARD))
            .max_frame_size(Some(MOST_HEARD));
        let request = self.request.clone();
        let connected =
            connect_async_tls_with_config(request, Some(config), true, Some(connector)).await;
        let (socket, _) = connected.map_err(not_connected)?;
        let mut line = Line::new(socket, self.frames.topic().to_owned(), HEARTBEAT);
        line.ask(|reference| self.frames.join(reference)).await?.map_err(answers::of_join)?;
        Ok(line)
    }
}

#[async_trait]
impl Transport for ChannelTransport {
    fn kind(&self) -> TransportKind {
        TransportKind::Channel
    }

    fn describe(&self) -> String {
        format!("a channel of {}", self.destination.url)
    }

    /// One: each event is a push of its own.
    fn fitting(&self, batch: &Batch) -> usize {
        batch.items.len().min(1)
    }

    async fn deliver(&self, batch: &Batch) -> Result<Delivered, DeliveryError> {
        refuse_oversize(batch, self.most_pushed(), |item| self.frames.len(item))?;
        for item in &batch.items {
            let (name, payload) = (&item.event.event_type, item.payload());
            self.say(|reference| self.frames.push(reference, name, &payload)).await?;
        }
        Ok(Delivered { events: batch.items.len(), known: 0 })
    }

    async fn announce(&self, Position { epoch, seq }: Position) -> Result<(), DeliveryError> {
        let payload = format!(r#"{{"epoch":"{epoch}","seq":{seq}}}"#);
        self.say(|reference| self.frames.push(reference, HEAD_EVENT, payload.as_bytes())).await
    }

    /// Joins, and says a heartbeat.
    async fn health(&self) -> Result<(), DeliveryError> {
        self.say(heartbeat).await
    }
}

fn not_connected(error: Error) -> DeliveryError {
    let Error::Http(response) = error else {
        return DeliveryError::Transient { reason: root_cause(&error) };
    };
    turned_away(&response)
}

/// A handshake was answered by something else.
fn turned_away(response: &Response) -> DeliveryError {
    let words = Words::of(response.body().as_deref().unwrap_or_default());
    let after = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
    let after = after.and_then(|value| answers::retry_after(value, chrono::Utc::now()));
    match answers::of_status(response.status(), &words, after) {
        Err(DeliveryError::Rejected { reason, .. }) => DeliveryError::Transient { reason },
        Err(error) => error,
        Ok(()) => DeliveryError::Transient { reason: "the server opens no socket".to_owned() },
    }
}

#[cfg(test)]
mod conversations;
#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        adapters::realtime::destination::tests::{batch, destination},
        core::delivery::Which,
    };

    fn channel(request_bytes: usize) -> ChannelTransport {
        ChannelTransport::try_new(Destination { request_bytes, ..destination() }).unwrap()
    }

    #[test]
    fn no_secret_is_in_its_url_or_in_what_is_told() {
        let channel = channel(1000);
        assert_eq!(channel.request.uri(), "ws://127.0.0.1:9/realtime/v1/websocket?vsn=2.0.0");
        assert_eq!(channel.request.headers()["apikey"], "s3cret");
        assert!(!format!("{channel:?} {}", channel.describe()).contains("s3cret"));
    }

    #[tokio::test]
    async fn nobody_there_is_no_success_and_what_is_too_large_is_not_tried() {
        let channel = channel(300);
        let error = channel.deliver(&batch(&["a"])).await.unwrap_err();
        assert!(matches!(error, DeliveryError::Transient { .. }), "{error:?}");
        assert!(channel.health().await.is_err());
        let large = channel.deliver(&batch(&["a", &"b".repeat(300)])).await.unwrap_err();
        assert!(
            matches!(&large, DeliveryError::Rejected { which: Which::These(places), .. } if *places == [1]),
            "{large:?}"
        );
        let none = Batch { items: vec![], ..batch(&[]) };
        assert_eq!(channel.deliver(&none).await, Ok(Delivered::default()));
    }
}
