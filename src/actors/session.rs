//! One connected WebSocket client: an actor that owns its socket.
//!
//! It reads what the client says and holds no rule: what is said means something to a [`Protocol`],
//! events are written by the shard through the session's [`Outlet`]. It is an ordinary `Context`
//! actor, not a `WebsocketContext` one, which would be driven as a response body and freeze when the
//! client stops reading. When it stops, the socket is gone.

pub mod frames;
pub mod signalbox;

use std::{io, sync::Arc, time::Duration};

use actix::prelude::*;
use actix_web_actors::ws::Frame;
use bytes::Bytes;
use chrono::Utc;
use tokio::{io::AsyncReadExt, net::TcpStream, sync::oneshot};
use uuid::Uuid;

use self::frames::Frames;
use super::{
    outlet::Outlet,
    shard::{Client, End, Handle, IsHeard, Join, Leave, Say, Shard},
};
use crate::{
    core::{
        access::Identity,
        fanout::Label,
        message::{Assembler, Piece, Refused, Whole},
        protocol::{self, CloseReason, ErrorCode, Form, Opcode},
    },
    settings::{LiveSettings, Snapshot},
    storage::Storage,
    telemetry::Metrics,
};

/// The session must end: now, or when the client has closed its side within a time.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Finish(pub Option<Duration>);

/// Subscriptions under this label have lost what comes next: their channel must begin anew.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Lost(pub Label);

/// Whose session it is.
#[derive(Debug, Default)]
pub struct Owner {
    /// What the client calls itself.
    pub client_id: Option<String>,
    /// What it is known as; its session ends when that expires.
    pub identity: Identity,
    /// Whether it says that it can be moved to another path.
    pub movable: bool,
}

/// What all sessions of a worker thread share.
pub struct SessionOptions {
    /// The shard of this thread.
    pub shard: Addr<Shard>,
    /// Read when a subscription begins at a time or at the newest n.
    pub storage: Arc<dyn Storage>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The settings in force: those of `[session]` count for a session as it needs them.
    pub live: Arc<LiveSettings>,
}

impl SessionOptions {
    /// The settings in force.
    #[must_use]
    pub fn settings(&self) -> Arc<Snapshot> {
        self.live.load()
    }
}

/// What a session speaks: how it begins, what its client may say, and what is answered.
pub trait Protocol: Sized + Unpin + 'static {
    /// Whether binary messages are taken.
    const BINARY: bool = false;

    /// How its clients hear events.
    fn form(&self) -> Form;

    /// The longest message of a client, in bytes.
    fn longest(&self, options: &SessionOptions) -> usize {
        options.settings().session.max_frame
    }

    /// The shard knows the session: it may speak.
    fn begin(_: &mut Session<Self>, _: &mut Context<Session<Self>>) {}

    /// The client has said something.
    fn hear(session: &mut Session<Self>, text: String, ctx: &mut Context<Session<Self>>);

    /// The client has said something binary, where that is taken.
    fn hear_binary(_: &mut Session<Self>, _bytes: Vec<u8>, _: &mut Context<Session<Self>>) {}

    /// The client has said something that is not taken.
    fn fail(
        session: &mut Session<Self>,
        code: ErrorCode,
        detail: &str,
        ctx: &mut Context<Session<Self>>,
    );

    /// The client has answered a ping.
    fn pong(_: &mut Session<Self>, _payload: &[u8]) {}

    /// Subscriptions under this label have lost what comes next.
    fn lost(_: &mut Session<Self>, _: Label, _: &mut Context<Session<Self>>) {}
}

/// How long a socket that takes bytes again is left to the shard, which writes the rest of an answer.
const TURN: Duration = Duration::from_millis(5);

/// Waits until all that was said to a session has gone out, or nobody is there to hear it.
pub async fn heard(shard: &Addr<Shard>, handle: Handle, outlet: &Outlet) {
    while let Ok(false) = shard.send(IsHeard(handle)).await {
        outlet.writable().await;
        tokio::time::sleep(TURN).await;
    }
}

/// What is still to be heard of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speech {
    Frames,
    /// It has said what is no frame: its close frame would not be understood either.
    Noise,
    /// It has said its last word.
    Over,
}

/// The actor.
pub struct Session<P> {
    id: Uuid,
    owner: Owner,
    /// What it speaks.
    pub protocol: P,
    /// Where it is written to.
    pub outlet: Arc<Outlet>,
    /// What it shares with others.
    pub options: Arc<SessionOptions>,
    /// How the shard knows it.
    pub handle: Option<Handle>,
    /// The longest message of its client, in bytes.
    longest: usize,
    assembler: Assembler,
    /// Nothing the client says counts any more.
    ending: bool,
    /// The shard is done with it: the close frame is written, as far as the socket takes it.
    dismissed: bool,
    speech: Speech,
    /// Dropped when the session has ended.
    _ended: oneshot::Sender<()>,
}

impl<P: Protocol> Session<P> {
    /// Takes a socket over, after the handshake; `early` is what the client has said already. The
    /// receiver resolves (to an error) when the session has ended.
    ///
    /// # Errors
    /// When the client is gone already.
    pub fn open(
        socket: TcpStream,
        early: Bytes,
        owner: Owner,
        protocol: P,
        options: Arc<SessionOptions>,
    ) -> io::Result<oneshot::Receiver<()>> {
        let (read, write) = socket.into_split();
        let outlet = Arc::new(Outlet::new(write, options.settings().session.send_buffer)?);
        let input = io::Cursor::new(early).chain(read);
        let (sender, ended) = oneshot::channel();
        let longest = protocol.longest(&options);
        Self::create(|ctx| {
            ctx.add_stream(Frames::read(input, longest));
            Self {
                id: Uuid::new_v4(),
                owner,
                protocol,
                outlet,
                options,
                handle: None,
                longest,
                assembler: Assembler::default(),
                ending: false,
                dismissed: false,
                speech: Speech::Frames,
                _ended: sender,
            }
        });
        Ok(ended)
    }

    /// Sends to the shard; when its mailbox is full, the client waits.
    pub fn tell<M>(&self, message: M, ctx: &mut Context<Self>)
    where
        M: Message<Result = ()> + Send + 'static,
        Shard: Handler<M>,
    {
        match self.options.shard.try_send(message) {
            Ok(()) => {}
            Err(SendError::Full(message)) => {
                self.options.metrics.mailbox_full_total.with(["shard"]).increment(1);
                let sent = self.options.shard.send(message).into_actor(self);
                // Waiting holds back what this client says next, and nobody else.
                ctx.wait(sent.map(|result, _, ctx| {
                    if result.is_err() {
                        ctx.stop();
                    }
                }));
            }
            Err(SendError::Closed(_)) => ctx.stop(),
        }
    }

    /// Says whole frames.
    pub fn say(&self, frames: Vec<u8>, ctx: &mut Context<Self>) {
        if let Some(handle) = self.handle {
            self.tell(Say(handle, frames), ctx);
        }
    }

    /// Ends it: nothing the client says counts any more.
    pub fn end(&mut self, reason: CloseReason, ctx: &mut Context<Self>) {
        self.ending = true;
        match self.handle {
            Some(handle) => self.tell(End(handle, reason), ctx),
            None => ctx.stop(),
        }
    }

    /// Both sides have closed, or can only wait for each other: nothing keeps the socket then.
    fn end_if_both_are_done(&self, ctx: &mut Context<Self>) {
        if self.dismissed && self.speech == Speech::Over && !self.outlet.is_full() {
            ctx.stop();
        }
    }

    fn hear(&mut self, piece: Piece<'_>, ctx: &mut Context<Self>) {
        let limit = self.longest;
        let whole = if P::BINARY {
            self.assembler.take_any(piece, limit)
        } else {
            self.assembler.take(piece, limit).map(|text| text.map(Whole::Text))
        };
        match whole {
            Ok(None) => {}
            Ok(Some(Whole::Text(text))) => P::hear(self, text, ctx),
            Ok(Some(Whole::Binary(bytes))) => P::hear_binary(self, bytes, ctx),
            Err(Refused::Error(ErrorCode::TooLarge)) => {
                let detail = format!("a message may have {limit} bytes");
                P::fail(self, ErrorCode::TooLarge, &detail, ctx);
            }
            Err(Refused::Error(code)) => {
                P::fail(self, code, "this protocol is JSON in text frames", ctx);
            }
            Err(Refused::Close(reason)) => self.end(reason, ctx),
        }
    }
}

impl<P: Protocol> Actor for Session<P> {
    type Context = Context<Self>;

    /// Nothing is read before the shard has said by which key it knows the session.
    fn started(&mut self, ctx: &mut Self::Context) {
        let metrics = &self.options.metrics;
        metrics.session_opened_total.increment(1);
        metrics.sessions.increment(1);
        let client = Client {
            id: self.id,
            client_id: self.owner.client_id.clone(),
            movable: self.owner.movable,
            identity: self.owner.identity.name.clone(),
            form: self.protocol.form(),
            outlet: self.outlet.clone(),
            session: ctx.address().recipient(),
            lost: Some(ctx.address().recipient()),
        };
        let joined = self.options.shard.send(Join(client)).into_actor(self);
        ctx.wait(joined.map(|key, session, ctx| match key {
            Ok(key) => {
                session.handle = Some(Handle { key, id: session.id });
                P::begin(session, ctx);
            }
            Err(_) => ctx.stop(),
        }));
        if let Some(expires_at) = self.owner.identity.expires_at {
            let left = (expires_at - Utc::now()).to_std().unwrap_or_default();
            ctx.run_later(left, |session, ctx| session.end(CloseReason::Unauthenticated, ctx));
        }
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.options.metrics.sessions.decrement(1);
        self.outlet.close();
        if let Some(handle) = self.handle {
            let shard = self.options.shard.clone();
            actix_rt::spawn(async move { shard.send(Leave(handle)).await });
        }
    }
}

impl<P: Protocol> Handler<Finish> for Session<P> {
    type Result = ();

    fn handle(&mut self, Finish(linger): Finish, ctx: &mut Self::Context) {
        self.ending = true;
        self.dismissed = true;
        match linger {
            Some(linger) => {
                ctx.run_later(linger, |_, ctx| ctx.stop());
                if self.speech == Speech::Noise && !self.outlet.is_full() {
                    self.outlet.hang_up();
                }
                self.end_if_both_are_done(ctx);
            }
            None => ctx.stop(),
        }
    }
}

impl<P: Protocol> Handler<Lost> for Session<P> {
    type Result = ();

    fn handle(&mut self, Lost(label): Lost, ctx: &mut Self::Context) {
        P::lost(self, label, ctx);
    }
}

impl<P: Protocol> StreamHandler<io::Result<Result<Frame, CloseReason>>> for Session<P> {
    fn handle(&mut self, frame: io::Result<Result<Frame, CloseReason>>, ctx: &mut Self::Context) {
        let Ok(frame) = frame else { return ctx.stop() };
        self.outlet.hear();
        if matches!(frame, Ok(Frame::Close(_))) {
            self.speech = Speech::Over;
            self.end_if_both_are_done(ctx);
        }
        if self.ending {
            return;
        }
        match frame {
            Ok(Frame::Ping(payload)) => {
                let mut pong = Vec::new();
                protocol::control_frame(&mut pong, Opcode::Pong, &payload);
                self.say(pong, ctx);
            }
            Ok(Frame::Pong(payload)) => P::pong(self, &payload),
            Ok(Frame::Close(reason)) => self.end(frames::closed_by_client(reason), ctx),
            Ok(frame) => {
                if let Some(piece) = frames::piece(&frame) {
                    self.hear(piece, ctx);
                }
            }
            Err(reason) => {
                self.speech = Speech::Noise;
                self.end(reason, ctx);
            }
        }
    }

    /// The client has shut its side.
    fn finished(&mut self, ctx: &mut Self::Context) {
        self.speech = Speech::Over;
        if self.ending {
            self.end_if_both_are_done(ctx);
        } else {
            ctx.stop();
        }
    }
}
