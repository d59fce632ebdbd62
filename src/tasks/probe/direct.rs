//! The probe on the direct path: a session of the session protocol, as any dashboard has one. After
//! a break it goes on where it was; if that is not possible, it says that its subscription broke.
//!
//! Its proof is a `ping` and the `pong`, and that by then nothing is behind: what was committed before
//! the `ping` was either seen, or something after it was.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use futures_util::{Sink, SinkExt, StreamExt};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout_at};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::{
    Ended, Listen, NoProbes, ProbeOptions, SUBSCRIBE, TOGETHER, Told, ear::Ear, lost, patience,
};
use crate::{
    adapters::realtime::socket::Way,
    core::{
        canary::Canary,
        event::{Position, Seq},
        protocol::{
            From,
            heard::{self, Frame, Gap, Subscribed},
        },
        tail::SharedTail,
    },
};

/// The route of sessions, and what this one is called.
const ROUTE: &str = "/v1/ws?client_id=signalbox-probe";

pub(super) struct Direct {
    way: Way,
    canary: Duration,
    tail: Arc<SharedTail>,
    ear: Ear,
    /// The last event that was seen: everything up to it was, or was told to be missing.
    last: Option<Position>,
    began: Instant,
}

/// What is known of one connection.
struct Session {
    is_subscribed: bool,
    canary: Canary<Seq>,
    /// Answers that came: when what they answer was asked, and what was committed then.
    answered: VecDeque<(Duration, Seq)>,
    /// What the router said about the end, before it.
    why: Option<String>,
}

impl Direct {
    pub(super) fn try_new(options: &ProbeOptions) -> Result<Self, NoProbes> {
        Ok(Self {
            way: Way::try_new(&options.direct, ROUTE)?,
            canary: options.canary,
            tail: options.tail.clone(),
            ear: Ear::new(options.rehearsals.clone()),
            last: None,
            began: Instant::now(),
        })
    }

    async fn attend(&mut self, told: &mut Told) -> Result<(), Ended> {
        let by = Instant::now() + SUBSCRIBE;
        let late = |_| lost("not subscribed in time");
        let socket = timeout_at(by, self.way.connect()).await.map_err(late)??;
        let (mut sink, stream) = socket.split();
        let mut frames = stream.ready_chunks(TOGETHER);
        let from = self.last.map_or(From::Now, From::After).to_json();
        say(&mut sink, format!(r#"{{"type":"subscribe","from":{from}}}"#)).await?;
        let mut session = Session {
            is_subscribed: false,
            canary: Canary::new(patience(self.canary)),
            answered: VecDeque::new(),
            why: None,
        };
        let mut ticks = interval_at(Instant::now(), self.canary);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                said = frames.next() => {
                    let said = said.ok_or_else(|| session.end("the connection was lost"))?;
                    self.hear(said, &mut session, told).await?;
                }
                _ = ticks.tick() => {
                    let now = self.began.elapsed();
                    if session.canary.is_lost(now) {
                        return Err(lost("a ping was not answered"));
                    }
                    if session.is_subscribed {
                        session.canary.ask(now, self.tail.load().position().seq);
                        say(&mut sink, r#"{"type":"ping"}"#.to_owned()).await?;
                    } else if Instant::now() > by {
                        return Err(lost("not subscribed in time"));
                    }
                }
                () = self.ear.wait(self.canary) => {
                    let heard = self.ear.hear(&[]);
                    self.tell(&heard, Instant::now(), told).await?;
                }
            }
        }
    }

    /// Takes in what was read at once.
    async fn hear(
        &mut self,
        said: Vec<Result<Message, Error>>,
        session: &mut Session,
        told: &mut Told,
    ) -> Result<(), Ended> {
        let now = Instant::now();
        let mut events = Vec::with_capacity(said.len());
        let mut end = None;
        for message in said {
            let text = match message {
                Ok(Message::Text(text)) => text,
                Ok(Message::Close(close)) => {
                    let close = close.map(|it| format!("{} {}", u16::from(it.code), it.reason));
                    end = Some(session.end(&close.unwrap_or_default()));
                    break;
                }
                Ok(_) => continue,
                Err(error) => {
                    end = Some(session.end(&error.to_string()));
                    break;
                }
            };
            match heard::parse(&text) {
                Ok(Frame::Event(event)) => events.push(event.get().into()),
                Ok(Frame::Subscribed(subscribed)) => {
                    self.subscribed(&subscribed, session, told).await?;
                }
                Ok(Frame::Gap(gap)) => {
                    self.take(std::mem::take(&mut events), now, told).await?;
                    self.gap(&gap, told).await?;
                }
                Ok(Frame::Pong) => session.pong(told, self.began.elapsed()),
                Ok(Frame::Bye(bye)) => session.why = Some(format!("bye: {}", bye.reason)),
                Ok(Frame::Error(fault)) => end = Some(session.end(&fault.detail)),
                Ok(Frame::Welcome(_) | Frame::Other) => {}
                Err(error) => end = Some(session.end(&format!("it cannot be read: {error}"))),
            }
        }
        self.take(events, now, told).await?;
        if let Some(at) = session.proven(self.last) {
            told.proven(self.began + at).await?;
        }
        end.map_or(Ok(()), Err)
    }

    /// Its subscription goes on, or begins anew.
    async fn subscribed(
        &mut self,
        subscribed: &Subscribed,
        session: &mut Session,
        told: &mut Told,
    ) -> Result<(), Ended> {
        session.is_subscribed = true;
        if self.last.is_some() && subscribed.recovered {
            told.connected();
            return Ok(());
        }
        self.last = Some(subscribed.position);
        told.down("the session could not go on where it was").await?;
        told.up(subscribed.position.seq).await
    }

    /// Something is missing: nothing is known of that, and all after it is heard again.
    async fn gap(&mut self, gap: &Gap<'_>, told: &mut Told) -> Result<(), Ended> {
        let Some(last) = self.last.as_mut().filter(|last| last.seq < gap.to_seq) else {
            return Ok(());
        };
        last.seq = gap.to_seq;
        let Gap { from_seq, to_seq, reason } = gap;
        told.down(&format!("a gap from {from_seq} to {to_seq}: {reason}")).await?;
        told.up(gap.to_seq).await
    }

    /// Events came.
    async fn take(
        &mut self,
        events: Vec<Arc<str>>,
        now: Instant,
        told: &Told,
    ) -> Result<(), Ended> {
        if events.is_empty() {
            return Ok(());
        }
        let shown: Vec<_> = events.iter().filter_map(|event| told.read(event)).collect();
        for shown in &shown {
            if let (Some(epoch), Some(seq)) = (shown.epoch, shown.seq) {
                self.last = Some(Position { epoch, seq });
            }
        }
        if self.ear.is_idle() {
            return told.seen(shown.into_iter().map(|shown| (shown, now)).collect()).await;
        }
        let heard = self.ear.hear(&events);
        self.tell(&heard, now, told).await
    }

    async fn tell(&self, heard: &[Arc<str>], now: Instant, told: &Told) -> Result<(), Ended> {
        let shown = heard.iter().filter_map(|event| told.read(event));
        told.seen(shown.map(|shown| (shown, now)).collect()).await
    }
}

impl Listen for Direct {
    async fn listen(&mut self, told: &mut Told) -> Ended {
        match self.attend(told).await {
            Err(ended) => ended,
            Ok(()) => lost("the connection was lost"),
        }
    }

    fn is_over(&self) -> bool {
        false
    }
}

impl Session {
    fn end(&self, reason: &str) -> Ended {
        lost(self.why.as_deref().unwrap_or(reason))
    }

    fn pong(&mut self, told: &Told, now: Duration) {
        if let Some((at, committed)) = self.canary.answered_first() {
            told.echo(now.saturating_sub(at));
            self.answered.push_back((at, committed));
        }
    }

    /// The last answer that proves something: what was committed before it was asked is behind us.
    fn proven(&mut self, last: Option<Position>) -> Option<Duration> {
        let last = last?.seq;
        let mut proven = None;
        while let Some((at, _)) = self.answered.pop_front_if(|(_, committed)| *committed <= last) {
            proven = Some(at);
        }
        proven
    }
}

/// Says something.
async fn say<S>(sink: &mut S, text: String) -> Result<(), Ended>
where
    S: Sink<Message, Error = Error> + Unpin,
{
    sink.send(Message::text(text)).await.map_err(|error| lost(error.to_string()))
}
