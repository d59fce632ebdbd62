//! A dashboard of the original system, over `/ws`: an ordinary session in what it hears of events,
//! that is told everything at a glance first, and may ask.
//!
//! One command is answered at a time, and the next one when the answer has gone out, so that no more
//! than one waits for a client that reads slowly.

pub mod board;

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use actix::prelude::*;
use chrono::Utc;

use self::board::{Board, Visit};
use super::{
    outlet::Outlet,
    session::{Protocol, Session},
    shard::{Handle, IsHeard, Say, Shard, Subscribe},
};
use crate::core::{
    fanout::Begin,
    filter::Filter,
    legacy::{self, Command, PING_TIMEOUT, Refusal},
    protocol::{self, CloseReason, ErrorCode, Form, Opcode},
};

/// Time between two pushes of how things are.
const INTERVAL: Duration = Duration::from_secs(5);
/// Commands that may wait for an answer; more ends the session.
const MAX_WAITING: usize = 100;
/// How long a socket that takes bytes again is left to the shard, which writes the rest of an answer.
const TURN: Duration = Duration::from_millis(5);

/// The protocol, and what a session of it remembers.
pub struct Legacy {
    board: Arc<Board>,
    _visit: Visit,
    waiting: VecDeque<Result<Command, Refusal>>,
    is_answering: bool,
    /// The ping without an answer.
    ping: Option<Ping>,
}

#[derive(Debug)]
struct Ping {
    payload: [u8; 8],
    sent: Instant,
    is_late: bool,
}

type Ctx = Context<Session<Legacy>>;

impl Legacy {
    /// A dashboard that comes.
    #[must_use]
    pub fn new(board: Arc<Board>) -> Self {
        board.opened();
        let visit = board.enter();
        Self { board, _visit: visit, waiting: VecDeque::new(), is_answering: true, ping: None }
    }
}

impl Drop for Legacy {
    fn drop(&mut self) {
        self.board.closed();
    }
}

impl Protocol for Legacy {
    const FORM: Form = Form::Legacy;

    /// Everything at a glance, then the events behind it: none is missing between the two.
    fn begin(session: &mut Session<Self>, ctx: &mut Ctx) {
        let Some(client) = session.handle else { return ctx.stop() };
        let (board, shard) = (session.protocol.board.clone(), session.options.shard.clone());
        let begun = async move {
            let (greeting, begin) = board
                .ask(|history, moment| {
                    let begin = Begin::After(history.position());
                    let begin = if moment.is_current { begin } else { Begin::Now };
                    (legacy::greeting(history, moment), begin)
                })
                .await;
            shard.send(Say(client, framed([&greeting]))).await?;
            shard.send(Subscribe { client, filter: Filter::all(), begin }).await
        };
        ctx.spawn(begun.into_actor(session).map(|begun, session, ctx| {
            match begun {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    Self::fail(session, ErrorCode::TooManyFilters, &error.to_string(), ctx);
                }
                Err(_gone) => return ctx.stop(),
            }
            session.ping(ctx);
            ctx.run_interval(INTERVAL, Session::tick);
            session.answered(ctx);
        }));
    }

    fn hear(session: &mut Session<Self>, text: &str, ctx: &mut Ctx) {
        match legacy::parse(text) {
            Ok(command) => session.take(Ok(command), ctx),
            Err((code, detail)) => Self::fail(session, code, &detail, ctx),
        }
    }

    /// Clients of the original system were never closed for what they said, and are not now.
    fn fail(session: &mut Session<Self>, code: ErrorCode, detail: &str, ctx: &mut Ctx) {
        session.options.metrics.session_errors_total.with([code.as_str()]).increment(1);
        session.take(Err((code, detail.to_owned())), ctx);
    }

    fn pong(session: &mut Session<Self>, payload: &[u8]) {
        let Legacy { board, ping, .. } = &mut session.protocol;
        if let Some(answered) = ping.take_if(|ping| ping.payload == payload) {
            board.pong(answered.sent.elapsed());
        }
    }
}

impl Session<Legacy> {
    fn take(&mut self, command: Result<Command, Refusal>, ctx: &mut Ctx) {
        if self.protocol.waiting.len() == MAX_WAITING {
            return self.end(CloseReason::TooMany, ctx);
        }
        self.protocol.waiting.push_back(command);
        self.answer_next(ctx);
    }

    fn answer_next(&mut self, ctx: &mut Ctx) {
        let Some(handle) = self.handle.filter(|_| !self.protocol.is_answering) else { return };
        let Some(command) = self.protocol.waiting.pop_front() else { return };
        self.protocol.is_answering = true;
        let (board, outlet) = (self.protocol.board.clone(), self.outlet.clone());
        let shard = self.options.shard.clone();
        let answer = async move {
            let text = match command {
                Ok(command) => board.answer(&command).await,
                Err(refusal) => legacy::answer_error(&refusal, Utc::now()),
            };
            // A shard that is gone ends the session by itself.
            shard.send(Say(handle, framed([&text]))).await.ok();
            heard(&shard, handle, &outlet).await;
        };
        ctx.spawn(answer.into_actor(self).map(|(), session, ctx| session.answered(ctx)));
    }

    fn answered(&mut self, ctx: &mut Ctx) {
        self.protocol.is_answering = false;
        self.answer_next(ctx);
    }

    /// Tells how things are, but not to a client that has not taken what it was told before.
    fn tick(&mut self, ctx: &mut Ctx) {
        let Legacy { board, ping, .. } = &mut self.protocol;
        if let Some(ping) = ping.as_mut().filter(|ping| !ping.is_late)
            && ping.sent.elapsed() >= PING_TIMEOUT
        {
            ping.is_late = true;
            board.late();
        }
        if self.outlet.is_full() {
            return;
        }
        let board = board.clone();
        let pushes = async move { board.ask(legacy::metrics_pushes).await };
        ctx.spawn(pushes.into_actor(self).map(|[semaphore, health], session, ctx| {
            session.say(framed([&semaphore, &health]), ctx);
            session.ping(ctx);
        }));
    }

    /// Measures a round trip, one at a time.
    fn ping(&mut self, ctx: &mut Ctx) {
        if self.protocol.ping.is_some() {
            return;
        }
        let payload = fastrand::u64(..).to_be_bytes();
        let mut frame = Vec::new();
        protocol::control_frame(&mut frame, Opcode::Ping, &payload);
        self.say(frame, ctx);
        self.protocol.ping = Some(Ping { payload, sent: Instant::now(), is_late: false });
    }
}

/// Waits until all that was said to a session has gone out, or nobody is there to hear it.
async fn heard(shard: &Addr<Shard>, handle: Handle, outlet: &Outlet) {
    while let Ok(false) = shard.send(IsHeard(handle)).await {
        outlet.writable().await;
        tokio::time::sleep(TURN).await;
    }
}

fn framed<'a>(texts: impl IntoIterator<Item = &'a String>) -> Vec<u8> {
    let mut frames = Vec::new();
    texts.into_iter().for_each(|text| protocol::text_frame(&mut frames, text));
    frames
}
