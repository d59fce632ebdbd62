//! The probe on the realtime path: a client of Realtime that joins `realtime.topic` as any other does,
//! for broadcasts or for rows of the table.
//!
//! A Realtime says nothing when it loses something, and not even that a channel which is joined is
//! still heard. So the probe says something on a channel of its own, on the same socket, and hears
//! itself: what comes back proves that the socket was whole when that was said.

use std::{sync::Arc, time::Duration};

use futures_util::{Sink, SinkExt, StreamExt};
use serde::Deserialize;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout_at};
use tokio_tungstenite::tungstenite::{Error, Message};
use uuid::Uuid;

use super::{Ended, Listen, NoProbes, ProbeOptions, SUBSCRIBE, TOGETHER, Told, lost, patience};
use crate::{
    adapters::realtime::{
        Destination,
        frames::{Frames, Wants, heartbeat},
        socket::{REALTIME_SOCKET, Way},
    },
    core::{
        canary::Canary, delivery::HEAD_EVENT, matching::Shown, realtime::phoenix::Heard,
        tail::SharedTail,
    },
};

/// The references of the two joins, and of heartbeats.
const EVENTS_REF: u64 = 1;
const CANARY_REF: u64 = 2;
const HEARTBEAT_REF: u64 = 0;
/// What the canary says.
const CANARY: &str = "canary";
/// The table that events are rows of.
const TABLE: (&str, &str) = ("monitoring", "monitoring_events");
/// The extension that tells rows.
const ROWS: &str = "postgres_changes";
/// How often a heartbeat is said, as stock clients do.
const HEARTBEAT: Duration = Duration::from_secs(25);

pub(super) struct Realtime {
    way: Way,
    destination: Destination,
    events: Frames,
    echo: Frames,
    rows: bool,
    canary: Duration,
    tail: Arc<SharedTail>,
    began: Instant,
}

/// What is known of one connection.
struct Channels {
    /// What it still waits for: the answers to both joins, and news of rows where they are wanted.
    awaited: Vec<Awaited>,
    is_up: bool,
    canary: Canary<()>,
    next_ref: u64,
    /// Until when it was whole, and that is not told yet.
    proven: Option<Duration>,
    seen: Vec<(Shown, Instant)>,
}

/// What makes a subscription, all together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaited {
    Events,
    Echo,
    Rows,
}

#[derive(Deserialize)]
struct Numbered {
    n: u64,
}

impl Realtime {
    pub(super) fn try_new(options: &ProbeOptions) -> Result<Self, NoProbes> {
        let destination = options.realtime.clone();
        let key = || destination.key.clone();
        let own = format!("signalbox:probe:{}", Uuid::new_v4());
        Ok(Self {
            way: Way::try_new(&destination, REALTIME_SOCKET)?,
            events: Frames::on(&destination.topic, key(), EVENTS_REF),
            echo: Frames::on(&own, key(), CANARY_REF),
            destination,
            rows: options.rows,
            canary: options.canary,
            tail: options.tail.clone(),
            began: Instant::now(),
        })
    }

    async fn attend(&mut self, told: &mut Told) -> Result<(), Ended> {
        let by = Instant::now() + SUBSCRIBE;
        let socket = timeout_at(by, self.way.connect()).await;
        let socket = socket.map_err(|_elapsed| lost("not connected in time"))??;
        let (mut sink, stream) = socket.split();
        let mut frames = stream.ready_chunks(TOGETHER);
        let mut channels = Channels::new(self.canary, self.rows);
        let rows = self.rows.then_some(TABLE);
        say(&mut sink, self.events.join(EVENTS_REF, Wants { rows, ..Wants::default() })).await?;
        say(&mut sink, self.echo.join(CANARY_REF, Wants { echo: true, ..Wants::default() }))
            .await?;
        let mut ticks = interval_at(Instant::now(), self.canary);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut beats = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        loop {
            tokio::select! {
                said = frames.next() => {
                    let said = said.ok_or_else(|| lost("the connection was lost"))?;
                    self.hear(said, &mut channels, told).await?;
                }
                _ = ticks.tick() => {
                    let now = self.began.elapsed();
                    if channels.canary.is_lost(now) {
                        return Err(lost("what the probe says does not come back"));
                    }
                    if channels.is_up {
                        say(&mut sink, self.ask(&mut channels, now)).await?;
                    } else if Instant::now() > by {
                        return Err(lost("not subscribed in time"));
                    }
                }
                _ = beats.tick() => say(&mut sink, heartbeat(HEARTBEAT_REF)).await?,
            }
        }
    }

    fn ask(&self, channels: &mut Channels, now: Duration) -> Message {
        let n = channels.canary.ask(now, ());
        channels.next_ref += 1;
        self.echo.push(channels.next_ref, CANARY, format!(r#"{{"n":{n}}}"#).as_bytes())
    }

    /// Takes in what was read at once.
    async fn hear(
        &mut self,
        said: Vec<Result<Message, Error>>,
        channels: &mut Channels,
        told: &mut Told,
    ) -> Result<(), Ended> {
        let now = Instant::now();
        let mut end = None;
        for message in said {
            let understood = match message {
                Ok(Message::Text(text)) => self.understand(Heard::text(&text), channels, told, now),
                Ok(Message::Binary(bytes)) => {
                    self.understand(Heard::binary(&bytes), channels, told, now)
                }
                Ok(Message::Close(close)) => {
                    let close = close.map(|it| format!("{} {}", u16::from(it.code), it.reason));
                    Err(lost(close.unwrap_or_else(|| "the server closed the socket".to_owned())))
                }
                Ok(_) => Ok(()),
                Err(error) => Err(lost(error.to_string())),
            };
            if channels.becomes_up() {
                told.up(self.tail.load().position().seq).await?;
            }
            if let Err(ended) = understood {
                end = Some(ended);
                break;
            }
        }
        told.seen(std::mem::take(&mut channels.seen)).await?;
        if let Some(at) = channels.proven.take() {
            told.proven(self.began + at).await?;
        }
        end.map_or(Ok(()), Err)
    }

    fn understand(
        &self,
        heard: Heard<'_>,
        channels: &mut Channels,
        told: &Told,
        now: Instant,
    ) -> Result<(), Ended> {
        let (ours, echo) = (self.events.topic(), self.echo.topic());
        match heard {
            Heard::Reply(EVENTS_REF, outcome) => {
                outcome.map_err(lost)?;
                channels.came(Awaited::Events);
            }
            Heard::Reply(CANARY_REF, outcome) => {
                outcome.map_err(lost)?;
                channels.came(Awaited::Echo);
            }
            Heard::Broadcast { topic, event, payload } if topic == echo && event == CANARY => {
                let number = serde_json::from_str::<Numbered>(payload).ok().map(|it| it.n);
                if let Some((at, ())) = number.and_then(|n| channels.canary.answered(n)) {
                    told.echo(self.began.elapsed().saturating_sub(at));
                    channels.proven = Some(at);
                }
            }
            Heard::Broadcast { topic, event, payload }
                if topic == ours && event != HEAD_EVENT && !self.rows =>
            {
                channels.see(told.read(payload), now);
            }
            Heard::Change { topic, record } if topic == ours && self.rows => {
                channels.see(told.read(record), now);
            }
            Heard::System { topic, outcome: Err(message), .. }
                if topic == ours || topic == echo =>
            {
                return Err(lost(message));
            }
            Heard::System { topic, extension, outcome: Ok(_) }
                if topic == ours && extension == ROWS =>
            {
                channels.came(Awaited::Rows);
            }
            Heard::End { topic, reason } if topic == ours || topic == echo => {
                return Err(lost(reason));
            }
            _ => {}
        }
        Ok(())
    }
}

impl Listen for Realtime {
    async fn listen(&mut self, told: &mut Told) -> Ended {
        match self.attend(told).await {
            Err(Ended::Lost(error)) => Ended::Lost(self.destination.clean(error)),
            Err(Ended::Alone) => Ended::Alone,
            Ok(()) => lost("the connection was lost"),
        }
    }

    fn is_over(&self) -> bool {
        true
    }
}

impl Channels {
    fn new(canary: Duration, rows: bool) -> Self {
        let rows = rows.then_some(Awaited::Rows);
        Self {
            awaited: [Awaited::Events, Awaited::Echo].into_iter().chain(rows).collect(),
            is_up: false,
            canary: Canary::new(patience(canary)),
            next_ref: CANARY_REF,
            proven: None,
            seen: Vec::new(),
        }
    }

    fn see(&mut self, shown: Option<Shown>, now: Instant) {
        // What comes before it is subscribed is from before the place that it tells.
        if self.is_up {
            self.seen.extend(shown.map(|shown| (shown, now)));
        }
    }

    fn came(&mut self, awaited: Awaited) {
        self.awaited.retain(|it| *it != awaited);
    }

    /// Whether it is subscribed, all of it, since now.
    fn becomes_up(&mut self) -> bool {
        self.awaited.is_empty() && !std::mem::replace(&mut self.is_up, true)
    }
}

/// Says something.
async fn say<S>(sink: &mut S, message: Message) -> Result<(), Ended>
where
    S: Sink<Message, Error = Error> + Unpin,
{
    sink.send(message).await.map_err(|error| lost(error.to_string()))
}
