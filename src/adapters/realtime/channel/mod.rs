//! One Phoenix channel over a WebSocket. A batch is one push an event, all of them on their way at
//! once: a socket keeps their order, and each is acknowledged.
//!
//! A connection that fails, in whatever way, is given up whole; the next call makes a new one. So a
//! call that is dropped on its way leaves nothing half read behind.

mod line;
mod said;
mod taken;

use std::{
    sync::{Arc, Mutex as StdMutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::Mutex;
use tokio_tungstenite::tungstenite::Message;

use self::{
    line::{Answer, Line},
    taken::Taken,
};
use super::{
    answers,
    destination::{Destination, NoClient, fitting, refuse_oversize},
    frames::{Frames, Wants, heartbeat},
    socket::{REALTIME_SOCKET, Way},
};
use crate::{
    adapters::{Transport, TransportKind},
    core::{
        delivery::{Batch, Delivered, DeliveryError, HEAD_EVENT, Item, Which},
        event::{Position, Seq},
    },
};

/// How often a heartbeat is said, as stock clients do: the server closes a socket that is silent for
/// a minute.
const HEARTBEAT: Duration = Duration::from_secs(25);
/// What a channel is joined for: to speak, and to hear whether it was taken.
const SPEAKS: Wants = Wants { answers: true, echo: false, rows: None };
/// Largest message that the real server takes, in bytes: it closes the socket on a larger one.
const MOST_PUSHED: usize = 5_000_000;
/// The transport.
#[derive(Debug)]
pub struct ChannelTransport {
    destination: Destination,
    way: Way,
    frames: Frames,
    line: Mutex<Option<Line>>,
    taken: Arc<StdMutex<Taken>>,
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
            taken: Arc::default(),
        })
    }

    fn most_pushed(&self) -> usize {
        self.destination.request_bytes.min(MOST_PUSHED)
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with a joined line, within the deadline. Only where the line is sound it is
    /// kept: whoever is dropped on the way drops it too.
    async fn with_line(&self, work: Work<'_>) -> Result<Delivered, DeliveryError> {
        let mut place = self.line.lock().await;
        let line = place.take().filter(|line| line.ended().is_none());
        let exchange = async {
            let mut line = match line {
                Some(line) => line,
                None => self.open().await?,
            };
            let done = self.work(&mut line, work).await;
            Ok::<_, DeliveryError>((line, done))
        };
        let exchange = tokio::time::timeout(self.destination.timeout, exchange).await;
        let done = match exchange.unwrap_or_else(|_elapsed| Err(self.destination.late())) {
            Ok((line, done)) => {
                if line.ended().is_none() && !matches!(done, Err(Trouble::Lost(_))) {
                    *place = Some(line);
                }
                done.map_err(|(Trouble::Refused(error) | Trouble::Lost(error))| error)
            }
            Err(error) => Err(error),
        };
        done.map_err(|error| self.destination.clean(error))
    }

    async fn work(&self, line: &mut Line, work: Work<'_>) -> Result<Delivered, Trouble> {
        match work {
            Work::Push(batch) => self.push_all(line, batch).await,
            Work::Announce(Position { epoch, seq }) => {
                let payload = format!(r#"{{"epoch":"{epoch}","seq":{seq}}}"#);
                let frame =
                    |_, reference| self.frames.push(reference, HEAD_EVENT, payload.as_bytes());
                alone(line, frame).await
            }
            Work::LookAround => alone(line, |_, reference| heartbeat(reference)).await,
        }
    }

    /// Connects and joins.
    async fn open(&self) -> Result<Line, DeliveryError> {
        let socket = self.way.connect().await?;
        let mut line =
            Line::new(socket, self.frames.topic().to_owned(), self.taken.clone(), HEARTBEAT);
        let join = |_, reference| self.frames.join(reference, SPEAKS);
        let (_, mut answers) = line.ask(&[None], join).await;
        match answers.recv().await {
            Some(Answer::To(_, Ok(()))) => Ok(line),
            Some(Answer::To(_, Err(reason))) => Err(answers::of_join(reason)),
            Some(Answer::End(error)) => Err(error),
            None => Err(lost()),
        }
    }

    /// Pushes those of a batch that are not acknowledged yet, and waits for all answers.
    async fn push_all(&self, line: &mut Line, batch: &Batch) -> Result<Delivered, Trouble> {
        let places: Vec<usize> = {
            let taken = self.taken();
            let items = batch.items.iter().enumerate();
            items.filter(|(_, item)| !taken.has(item.event.seq)).map(|(place, _)| place).collect()
        };
        let items: Vec<&Item> = places.iter().filter_map(|place| batch.items.get(*place)).collect();
        let about: Vec<Option<Seq>> = items.iter().map(|item| Some(item.event.seq)).collect();
        let (first, mut answers) = line
            .ask(&about, |place, reference| match items.get(place) {
                Some(item) => self.frames.push(reference, &item.event.event_type, &item.payload()),
                None => heartbeat(reference),
            })
            .await;
        let mut refused = Refused::default();
        for _ in &about {
            match answers.recv().await {
                Some(Answer::To(_, Ok(()))) => {}
                Some(Answer::To(reference, Err(reason))) => {
                    let place = usize::try_from(reference - first).unwrap_or(usize::MAX);
                    let place = places.get(place).copied().unwrap_or_default();
                    refused.note(answers::of_push(reason, place));
                }
                Some(Answer::End(error)) => return Err(Trouble::Lost(error)),
                None => return Err(Trouble::Lost(lost())),
            }
        }
        refused.outcome()?;
        self.taken().settle(batch);
        let events = batch.items.len();
        Ok(Delivered { events, known: events - about.len() })
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

    fn fitting(&self, batch: &Batch) -> usize {
        fitting(batch, self.destination.request_bytes, |item| self.frames.len(item))
    }

    /// What was acknowledged of a batch that was not taken whole is not sent again with it, or with
    /// a part of it: it is `known` then.
    async fn deliver(&self, batch: &Batch) -> Result<Delivered, DeliveryError> {
        if batch.items.is_empty() {
            return Ok(Delivered::default());
        }
        refuse_oversize(batch, self.most_pushed(), |item| self.frames.len(item))?;
        self.taken().begin(batch);
        self.with_line(Work::Push(batch)).await
    }

    async fn announce(&self, position: Position) -> Result<(), DeliveryError> {
        self.with_line(Work::Announce(position)).await.map(|_| ())
    }

    /// Joins, and says a heartbeat.
    async fn health(&self) -> Result<(), DeliveryError> {
        self.with_line(Work::LookAround).await.map(|_| ())
    }
}

/// What a line is used for.
#[derive(Clone, Copy)]
enum Work<'a> {
    Push(&'a Batch),
    Announce(Position),
    LookAround,
}

/// Why something did not work.
enum Trouble {
    /// It was refused, and the line is sound.
    Refused(DeliveryError),
    /// The line must be given up.
    Lost(DeliveryError),
}

fn lost() -> DeliveryError {
    DeliveryError::Transient { reason: "the socket was lost".to_owned() }
}

/// Says one thing that is no event.
async fn alone(
    line: &mut Line,
    frame: impl Fn(usize, u64) -> Message,
) -> Result<Delivered, Trouble> {
    let (_, mut answers) = line.ask(&[None], frame).await;
    match answers.recv().await {
        Some(Answer::To(_, Ok(()))) => Ok(Delivered::default()),
        Some(Answer::To(_, Err(reason))) => Err(Trouble::Lost(answers::of_push(reason, 0))),
        Some(Answer::End(error)) => Err(Trouble::Lost(error)),
        None => Err(Trouble::Lost(lost())),
    }
}

/// Pushes of a batch that were refused.
#[derive(Default)]
struct Refused {
    places: Vec<usize>,
    /// The reason of the first.
    reason: String,
    /// What is no event's fault, and says more about those that came after it.
    other: Option<DeliveryError>,
}

impl Refused {
    fn note(&mut self, error: DeliveryError) {
        match error {
            DeliveryError::Rejected { which: Which::These(places), reason } => {
                if self.places.is_empty() {
                    self.reason = reason;
                }
                self.places.extend(places);
            }
            other => self.other = self.other.take().or(Some(other)),
        }
    }

    fn outcome(self) -> Result<(), Trouble> {
        let Self { mut places, reason, other } = self;
        if let Some(error) = other {
            return Err(Trouble::Lost(error));
        }
        if places.is_empty() {
            return Ok(());
        }
        places.sort_unstable();
        Err(Trouble::Refused(DeliveryError::Rejected { which: Which::These(places), reason }))
    }
}

#[cfg(test)]
mod conversations;
#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::realtime::destination::tests::{batch, destination};

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

    #[test]
    fn what_is_no_events_fault_comes_before_what_is() {
        let outcome = |reasons: &[(&str, usize)]| {
            let mut refused = Refused::default();
            for (reason, place) in reasons {
                refused.note(answers::of_push((*reason).to_owned(), *place));
            }
            refused.outcome()
        };
        assert!(outcome(&[]).is_ok());
        let Err(Trouble::Refused(DeliveryError::Rejected { which, .. })) =
            outcome(&[("payload_size_exceeded", 4), ("payload_size_exceeded", 2)])
        else {
            panic!("not refused");
        };
        assert_eq!(which, Which::These(vec![2, 4]));
        let ended = outcome(&[("payload_size_exceeded", 0), ("unmatched topic", 1)]);
        assert!(matches!(ended, Err(Trouble::Lost(DeliveryError::Transient { .. }))));
    }
}
