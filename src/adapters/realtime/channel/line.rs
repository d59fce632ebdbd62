//! A socket with a joined channel, in the care of a task of its own: it reads what the server says,
//! says heartbeats, and ends the line when something is wrong. When the line is dropped, the task and
//! the socket are gone.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval_at},
};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::said::Said;
use crate::{
    adapters::realtime::{answers, broadcast::root_cause, frames::heartbeat},
    core::delivery::DeliveryError,
};

const HEARTBEAT_REF: u64 = 0;

/// What was asked was taken, or why not.
pub(super) type Reply = Result<(), String>;

/// The line. One thing at a time is asked over it.
#[derive(Debug)]
pub(super) struct Line {
    frames: mpsc::Sender<Message>,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
    next: u64,
}

/// What the line and its task share.
#[derive(Debug)]
struct Shared {
    /// On the wire.
    topic: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What is asked: its reference, and who waits for the answer.
    asked: Option<(u64, oneshot::Sender<Result<Reply, DeliveryError>>)>,
    is_heartbeat_due: bool,
    ended: Option<DeliveryError>,
}

impl Line {
    /// Takes a socket over, on which nothing was said yet; `topic` is that of the channel, on the
    /// wire. A heartbeat is said so often, and must be answered before the next.
    pub(super) fn new<S>(socket: S, topic: String, heartbeat: Duration) -> Self
    where
        S: Stream<Item = Result<Message, Error>> + Sink<Message, Error = Error> + Send + 'static,
    {
        let (frames, waiting) = mpsc::channel(1);
        let shared = Arc::new(Shared { topic, state: Mutex::default() });
        let task = tokio::spawn(run(socket, waiting, shared.clone(), heartbeat));
        Self { frames, shared, task, next: 1 }
    }

    /// Whether nothing can be said over it any more.
    pub(super) fn has_ended(&self) -> bool {
        self.shared.state().ended.is_some()
    }

    /// Says a frame, made for its reference, and waits for the answer.
    ///
    /// # Errors
    /// When the line ends, or has ended, without one.
    pub(super) async fn ask(
        &mut self,
        frame: impl FnOnce(u64) -> Message,
    ) -> Result<Reply, DeliveryError> {
        let reference = self.next;
        self.next += 1;
        let (sender, answer) = oneshot::channel();
        {
            let mut state = self.shared.state();
            if let Some(error) = &state.ended {
                return Err(error.clone());
            }
            state.asked = Some((reference, sender));
        }
        // When nobody takes it any more, the line's end is told as the answer.
        drop(self.frames.send(frame(reference)).await);
        answer.await.unwrap_or_else(|_gone| {
            Err(DeliveryError::Transient { reason: "the socket was lost".to_owned() })
        })
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The server has said something; an error when the channel ends with it.
    fn hear(&self, said: Said) -> Result<(), DeliveryError> {
        match said {
            Said::Other => {}
            Said::Reply(HEARTBEAT_REF, _) => self.state().is_heartbeat_due = false,
            Said::Reply(reference, reply) => {
                let mut state = self.state();
                if let Some((_, answer)) = state.asked.take_if(|(asked, _)| *asked == reference) {
                    // Who asked may be gone.
                    drop(answer.send(Ok(reply)));
                }
            }
            Said::End(reason) => return Err(answers::of_end(reason)),
        }
        Ok(())
    }

    fn end(&self, error: DeliveryError) {
        let mut state = self.state();
        if let Some((_, answer)) = state.asked.take() {
            drop(answer.send(Err(error.clone())));
        }
        state.ended = Some(error);
    }
}

async fn run<S>(
    socket: S,
    frames: mpsc::Receiver<Message>,
    shared: Arc<Shared>,
    heartbeat: Duration,
) where
    S: Stream<Item = Result<Message, Error>> + Sink<Message, Error = Error>,
{
    let (sink, stream) = socket.split();
    // Both at once: a server that is not read from stops to read. What it said before a socket that
    // takes nothing more ends is heard first.
    let error = tokio::select! {
        biased;
        error = read(stream, &shared) => error,
        error = write(sink, frames, &shared, heartbeat) => error,
    };
    shared.end(error);
}

async fn read<S>(mut stream: S, shared: &Shared) -> DeliveryError
where
    S: Stream<Item = Result<Message, Error>> + Unpin,
{
    let lost = |reason: String| DeliveryError::Transient { reason };
    loop {
        let heard = match stream.next().await {
            Some(Ok(Message::Text(text))) => shared.hear(Said::read(&text, &shared.topic)),
            Some(Ok(Message::Close(Some(close)))) => {
                Err(lost(format!("the server closed the socket: {} {}", close.code, close.reason)))
            }
            Some(Ok(Message::Close(None))) | None => {
                Err(lost("the server closed the socket".to_owned()))
            }
            Some(Ok(_)) => Ok(()),
            Some(Err(error)) => Err(lost(root_cause(&error))),
        };
        if let Err(error) = heard {
            return error;
        }
    }
}

async fn write<S>(
    mut sink: S,
    mut frames: mpsc::Receiver<Message>,
    shared: &Shared,
    every: Duration,
) -> DeliveryError
where
    S: Sink<Message, Error = Error> + Unpin,
{
    let mut ticks = interval_at(Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let said = tokio::select! {
            frame = frames.recv() => match frame {
                Some(frame) => sink.send(frame).await,
                None => return DeliveryError::Transient { reason: "nobody speaks here".to_owned() },
            },
            _ = ticks.tick() => {
                if std::mem::replace(&mut shared.state().is_heartbeat_due, true) {
                    let reason = "a heartbeat was not answered".to_owned();
                    return DeliveryError::Transient { reason };
                }
                sink.send(heartbeat(HEARTBEAT_REF)).await
            }
        };
        if let Err(error) = said {
            return DeliveryError::Transient { reason: root_cause(&error) };
        }
    }
}
