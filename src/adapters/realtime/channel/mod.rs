//! One Phoenix channel over a WebSocket: a request is one push, which is one event.
//!
//! The next one is pushed only when the one before it was acknowledged. A server refuses a push alone
//! and goes on with those behind it, so with two under way the second could be there without the
//! first, and order would be lost. It costs a round trip an event; many at once is what a request of
//! [`broadcast`](super::broadcast) takes.
//!
//! A connection that fails, in whatever way, is given up whole; the next call makes a new one. So a
//! call that is dropped on its way leaves nothing half read behind.

mod line;
mod said;

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Mutex;
use tokio_tungstenite::tungstenite::Message;

use self::line::Line;
use super::{
    answers,
    destination::{Destination, NoClient, refuse_oversize},
    frames::{Frames, Wants, heartbeat},
    socket::{REALTIME_SOCKET, Way},
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
/// What a channel is joined for: to speak, and to hear whether it was taken.
const SPEAKS: Wants = Wants { answers: true, echo: false, rows: None };

/// The transport.
#[derive(Debug)]
pub struct ChannelTransport {
    destination: Destination,
    way: Way,
    frames: Frames,
    line: Mutex<Option<Line>>,
}

impl ChannelTransport {
    /// A channel that is not joined yet.
    ///
    /// # Errors
    /// When this machine has not what it takes, or the URL or the key cannot be sent.
    pub fn try_new(destination: Destination) -> Result<Self, NoClient> {
        Ok(Self {
            way: Way::try_new(&destination, REALTIME_SOCKET)?,
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
        let socket = self.way.connect().await?;
        let mut line = Line::new(socket, self.frames.topic().to_owned(), HEARTBEAT);
        line.ask(|reference| self.frames.join(reference, SPEAKS))
            .await?
            .map_err(answers::of_join)?;
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
    fn no_secret_is_in_what_is_told() {
        let channel = channel(1000);
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
