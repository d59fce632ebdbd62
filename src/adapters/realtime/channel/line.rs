//! A socket with a joined channel, in the care of a task of its own: it reads what the server says,
//! says heartbeats, and ends the line when something is wrong. When the line is dropped, the task and
//! the socket are gone.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval_at, timeout},
};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::{said::Said, taken::Taken};
use crate::{
    adapters::realtime::{answers, broadcast::root_cause, frames::heartbeat},
    core::{delivery::DeliveryError, event::Seq},
};

const HEARTBEAT_REF: u64 = 0;
/// Frames that may wait for the socket.
const WAITING: usize = 64;
/// How long a socket that takes nothing more is read: what is left of it, then it ends.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// What comes of what was said.
#[derive(Debug)]
pub(super) enum Answer {
    /// To this reference: taken, or why not.
    To(u64, Result<(), String>),
    /// There will be none any more.
    End(DeliveryError),
}

/// The line. One at a time speaks over it.
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
    topic: String,
    state: Mutex<State>,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct State {
    /// What is asked, and the event it is about.
    asked: HashMap<u64, Option<Seq>>,
    answers: Option<mpsc::UnboundedSender<Answer>>,
    is_heartbeat_due: bool,
    ended: Option<DeliveryError>,
}

impl Line {
    /// Takes a socket over, on which nothing was said yet; `topic` is that of the channel, on the
    /// wire, and `taken` learns of acknowledged events. A heartbeat is said so often, and must be
    /// answered before the next.
    pub(super) fn new<S>(
        socket: S,
        topic: String,
        taken: Arc<Mutex<Taken>>,
        heartbeat: Duration,
    ) -> Self
    where
        S: Stream<Item = Result<Message, Error>> + Sink<Message, Error = Error> + Send + 'static,
    {
        let (frames, waiting) = mpsc::channel(WAITING);
        let shared = Arc::new(Shared { topic, state: Mutex::default(), taken });
        let task = tokio::spawn(run(socket, waiting, shared.clone(), heartbeat));
        Self { frames, shared, task, next: 1 }
    }

    /// Why nothing can be said over it any more.
    pub(super) fn ended(&self) -> Option<DeliveryError> {
        self.shared.state().ended.clone()
    }

    /// Says frames, each made for its reference and about an event or none, without waiting for
    /// answers in between; then all their answers, in the order in which they come. The last one is
    /// the end of the line, if it ends meanwhile.
    pub(super) async fn ask(
        &mut self,
        about: &[Option<Seq>],
        frame: impl Fn(usize, u64) -> Message,
    ) -> (u64, mpsc::UnboundedReceiver<Answer>) {
        let first = self.next;
        self.next += about.len() as u64;
        let (sender, answers) = mpsc::unbounded_channel();
        {
            let mut state = self.shared.state();
            state.asked = (first..).zip(about.iter().copied()).collect();
            match &state.ended {
                // A receiver that is gone needs no answer.
                Some(error) => drop(sender.send(Answer::End(error.clone()))),
                None => state.answers = Some(sender),
            }
        }
        for (place, reference) in (0..about.len()).zip(first..) {
            // Its end is told as an answer.
            if self.frames.send(frame(place, reference)).await.is_err() {
                break;
            }
        }
        (first, answers)
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
            Said::Reply(reference, outcome) => {
                let mut state = self.state();
                let Some(about) = state.asked.remove(&reference) else { return Ok(()) };
                if let (Some(seq), Ok(())) = (about, &outcome) {
                    self.taken.lock().unwrap_or_else(PoisonError::into_inner).note(seq);
                }
                if let Some(answers) = &state.answers {
                    // Who asked may be gone.
                    drop(answers.send(Answer::To(reference, outcome)));
                }
            }
            Said::End(reason) => return Err(answers::of_end(reason)),
        }
        Ok(())
    }

    fn end(&self, error: DeliveryError) {
        let mut state = self.state();
        if let Some(answers) = state.answers.take() {
            drop(answers.send(Answer::End(error.clone())));
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
    let reading = read(stream, &shared);
    tokio::pin!(reading);
    // Both at once: a server that is not read from stops to read.
    let error = tokio::select! {
        error = &mut reading => error,
        error = write(sink, frames, &shared, heartbeat) => {
            // What it acknowledged before the end is here already, and is not to be sent again.
            let _ended_or_silent = timeout(LAST_WORDS, reading).await;
            error
        }
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
    let mut buffer = Vec::with_capacity(WAITING);
    loop {
        let said = tokio::select! {
            taken = frames.recv_many(&mut buffer, WAITING) => match taken {
                0 => return DeliveryError::Transient { reason: "nobody speaks here".to_owned() },
                _ => write_all(&mut sink, &mut buffer).await,
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

/// As few writes as the socket allows.
async fn write_all<S>(sink: &mut S, frames: &mut Vec<Message>) -> Result<(), Error>
where
    S: Sink<Message, Error = Error> + Unpin,
{
    for frame in frames.drain(..) {
        sink.feed(frame).await?;
    }
    sink.flush().await
}
