//! One connected WebSocket client: an actor that owns its socket.
//!
//! It reads what the client says and holds no rule: frames are understood by
//! [`protocol`], events are written by the shard through the session's [`Outlet`]. It is an
//! ordinary `Context` actor, not a `WebsocketContext` one, which would be driven as a response
//! body and freeze when the client stops reading. When it stops, the socket is gone.

use std::{io, sync::Arc, time::Duration};

use actix::prelude::*;
use actix_http::ws::{Codec, Item};
use actix_web_actors::ws::{Frame, ProtocolError};
use bytes::{Bytes, BytesMut};
use chrono::Utc;
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    net::TcpStream,
    sync::oneshot,
};
use tokio_util::codec::{Decoder, FramedRead};
use uuid::Uuid;

use super::{
    begin,
    outlet::Outlet,
    shard::{Client, End, Handle, Join, Leave, Say, Shard, Subscribe},
};
use crate::{
    core::{
        access::Identity,
        filter::Filter,
        message::{self, Assembler, Piece, Refused},
        protocol::{self, ClientFrame, CloseReason, ErrorCode, Form, From, Opcode, ServerFrame},
    },
    storage::Storage,
    telemetry::Metrics,
};

/// The session must end: now, or when the client has closed its side within a time.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Finish(pub Option<Duration>);

/// Whose session it is.
#[derive(Debug, Default)]
pub struct Owner {
    /// What the client calls itself.
    pub client_id: Option<String>,
    /// What it is known as; its session ends when that expires.
    pub identity: Identity,
}

/// What all sessions of a worker thread share.
pub struct SessionOptions {
    /// The shard of this thread.
    pub shard: Addr<Shard>,
    /// Read when a subscription begins at a time or at the newest n.
    pub storage: Arc<dyn Storage>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// See `session.send_buffer`, in bytes.
    pub send_buffer: usize,
    /// See `session.max_frame`, in bytes.
    pub max_frame: usize,
    /// See `session.max_errors`.
    pub max_errors: usize,
    /// See `session.filter_patterns`.
    pub filter_patterns: usize,
}

/// A frame up to this many times `max_frame` is skipped and answered; a larger one cannot be
/// skipped without reading it, and ends the session.
const HARD_LIMIT: usize = 4;
/// Bytes that the first read of a client may bring. Most say little, and there are many.
const READ_BUFFER: usize = 256;
/// Characters of an error's detail: what a client says must not come back to it at length.
const MAX_DETAIL: usize = 300;

/// The actor.
pub struct Session {
    id: Uuid,
    owner: Owner,
    outlet: Arc<Outlet>,
    options: Arc<SessionOptions>,
    handle: Option<Handle>,
    assembler: Assembler,
    errors: usize,
    /// Nothing the client says counts any more.
    ending: bool,
    /// The shard is done with it: the close frame is written, as far as the socket takes it.
    dismissed: bool,
    /// The client has said its last word.
    client_is_done: bool,
    /// Dropped when the session has ended.
    _ended: oneshot::Sender<()>,
}

impl Session {
    /// Takes a socket over, after the handshake; `early` is what the client has said already. The
    /// receiver resolves (to an error) when the session has ended.
    ///
    /// # Errors
    /// When the client is gone already.
    pub fn open(
        socket: TcpStream,
        early: Bytes,
        owner: Owner,
        options: Arc<SessionOptions>,
    ) -> io::Result<oneshot::Receiver<()>> {
        let (read, write) = socket.into_split();
        let outlet = Arc::new(Outlet::new(write, options.send_buffer)?);
        let input = io::Cursor::new(early).chain(read);
        let (sender, ended) = oneshot::channel();
        Self::create(|ctx| {
            listen(input, options.max_frame, ctx);
            Self {
                id: Uuid::new_v4(),
                owner,
                outlet,
                options,
                handle: None,
                assembler: Assembler::default(),
                errors: 0,
                ending: false,
                dismissed: false,
                client_is_done: false,
                _ended: sender,
            }
        });
        Ok(ended)
    }

    /// Sends to the shard; when its mailbox is full, the client waits.
    fn tell<M>(&self, message: M, ctx: &mut Context<Self>)
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

    fn say(&self, frame: &ServerFrame, ctx: &mut Context<Self>) {
        let mut frames = Vec::new();
        Form::Session.frame(&mut frames, frame);
        self.say_raw(frames, ctx);
    }

    fn say_raw(&self, frames: Vec<u8>, ctx: &mut Context<Self>) {
        if let Some(handle) = self.handle {
            self.tell(Say(handle, frames), ctx);
        }
    }

    fn end(&mut self, reason: CloseReason, ctx: &mut Context<Self>) {
        self.ending = true;
        match self.handle {
            Some(handle) => self.tell(End(handle, reason), ctx),
            None => ctx.stop(),
        }
    }

    fn fail(&mut self, code: ErrorCode, detail: &str, ctx: &mut Context<Self>) {
        self.options.metrics.session_errors_total.with([code.as_str()]).increment(1);
        self.errors += 1;
        let detail = detail.chars().take(MAX_DETAIL).collect();
        self.say(&ServerFrame::Error { code, detail }, ctx);
        if self.errors > self.options.max_errors {
            self.end(message::gave_up(code), ctx);
        }
    }

    /// Both sides have closed, or can only wait for each other: nothing keeps the socket then.
    fn end_if_both_are_done(&self, ctx: &mut Context<Self>) {
        if self.dismissed && self.client_is_done && !self.outlet.is_full() {
            ctx.stop();
        }
    }

    fn hear(&mut self, piece: Piece<'_>, ctx: &mut Context<Self>) {
        let limit = self.options.max_frame;
        match self.assembler.take(piece, limit) {
            Ok(None) => {}
            Ok(Some(text)) => match protocol::parse(&text) {
                Ok(frame) => self.obey(frame, ctx),
                Err((code, detail)) => self.fail(code, &detail, ctx),
            },
            Err(Refused::Error(ErrorCode::TooLarge)) => {
                let detail = format!("a message may have {limit} bytes");
                self.fail(ErrorCode::TooLarge, &detail, ctx);
            }
            Err(Refused::Error(code)) => {
                self.fail(code, "this protocol is JSON in text frames", ctx);
            }
            Err(Refused::Close(reason)) => self.end(reason, ctx),
        }
    }

    fn obey(&mut self, frame: ClientFrame, ctx: &mut Context<Self>) {
        match frame {
            ClientFrame::Ping => self.say(&ServerFrame::Pong, ctx),
            ClientFrame::Subscribe(protocol::Subscribe { filter, from, .. }) => {
                let json = filter.as_ref().map_or("{}", |filter| filter.get());
                match Filter::from_json(json, self.options.filter_patterns) {
                    Ok(filter) => self.subscribe(filter, from, ctx),
                    Err(error) => self.fail(ErrorCode::BadFilter, &error.to_string(), ctx),
                }
            }
        }
    }

    /// Finds out where the subscription begins, which may need storage, and subscribes, before the
    /// client's next frame is looked at: its requests are answered in order.
    fn subscribe(&mut self, filter: Filter, from: From, ctx: &mut Context<Self>) {
        let Some(client) = self.handle else { return ctx.stop() };
        let (storage, shard) = (self.options.storage.clone(), self.options.shard.clone());
        let subscribed = async move {
            match begin::find(&*storage, &filter, from).await {
                Ok(begin) => Ok(shard.send(Subscribe { client, filter, begin }).await),
                Err(unavailable) => Err(unavailable),
            }
        };
        ctx.wait(subscribed.into_actor(self).map(|subscribed, session, ctx| match subscribed {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => {
                session.fail(ErrorCode::TooManyFilters, &error.to_string(), ctx);
            }
            Ok(Err(_gone)) => ctx.stop(),
            Err(error) => session.fail(ErrorCode::Unavailable, &error.to_string(), ctx),
        }));
    }
}

fn listen<R>(input: R, max_frame: usize, ctx: &mut Context<Session>)
where
    R: AsyncRead + Unpin + 'static,
{
    let limit = max_frame.saturating_mul(HARD_LIMIT);
    let frames = Frames { codec: Codec::new().max_size(limit), limit, broken: false };
    ctx.add_stream(FramedRead::with_capacity(input, frames, READ_BUFFER));
}

/// The frames of a client, up to the first that is none. What follows that one is read and thrown
/// away: unread, it would make the kernel reset the connection before the client sees why it ends.
struct Frames {
    codec: Codec,
    /// Largest frame, in bytes.
    limit: usize,
    broken: bool,
}

impl Decoder for Frames {
    type Item = Result<Frame, CloseReason>;
    type Error = io::Error;

    fn decode(&mut self, bytes: &mut BytesMut) -> io::Result<Option<Self::Item>> {
        if self.broken {
            bytes.clear();
            return Ok(None);
        }
        // The codec looks at the length of a frame only when it has all of it.
        let frame = message::announced(bytes, self.limit).and_then(|()| {
            self.codec.decode(bytes).map_err(|error| match error {
                ProtocolError::Overflow => CloseReason::TooLarge,
                _ => CloseReason::ProtocolError,
            })
        });
        self.broken = frame.is_err();
        Ok(frame.transpose())
    }
}

impl Actor for Session {
    type Context = Context<Self>;

    /// Nothing is read before the shard has said by which key it knows the session.
    fn started(&mut self, ctx: &mut Self::Context) {
        let metrics = &self.options.metrics;
        metrics.session_opened_total.increment(1);
        metrics.sessions.increment(1);
        let client = Client {
            id: self.id,
            client_id: self.owner.client_id.clone(),
            identity: self.owner.identity.name.clone(),
            form: Form::Session,
            outlet: self.outlet.clone(),
            session: ctx.address().recipient(),
        };
        let joined = self.options.shard.send(Join(client)).into_actor(self);
        ctx.wait(joined.map(|key, session, ctx| match key {
            Ok(key) => session.handle = Some(Handle { key, id: session.id }),
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

impl Handler<Finish> for Session {
    type Result = ();

    fn handle(&mut self, Finish(linger): Finish, ctx: &mut Self::Context) {
        self.ending = true;
        self.dismissed = true;
        match linger {
            Some(linger) => {
                ctx.run_later(linger, |_, ctx| ctx.stop());
                self.end_if_both_are_done(ctx);
            }
            None => ctx.stop(),
        }
    }
}

impl StreamHandler<io::Result<Result<Frame, CloseReason>>> for Session {
    fn handle(&mut self, frame: io::Result<Result<Frame, CloseReason>>, ctx: &mut Self::Context) {
        let Ok(frame) = frame else { return ctx.stop() };
        self.outlet.hear();
        if matches!(frame, Ok(Frame::Close(_))) {
            self.client_is_done = true;
            self.end_if_both_are_done(ctx);
        }
        if self.ending {
            return;
        }
        match frame {
            Ok(Frame::Text(bytes)) => self.hear(Piece::Text(&bytes), ctx),
            Ok(Frame::Binary(_)) => self.hear(Piece::Binary, ctx),
            Ok(Frame::Continuation(item)) => match &item {
                Item::FirstText(bytes) => self.hear(Piece::FirstText(bytes), ctx),
                Item::FirstBinary(_) => self.hear(Piece::FirstBinary, ctx),
                Item::Continue(bytes) => self.hear(Piece::Next(bytes), ctx),
                Item::Last(bytes) => self.hear(Piece::Last(bytes), ctx),
            },
            Ok(Frame::Ping(payload)) => {
                let mut pong = Vec::new();
                protocol::control_frame(&mut pong, Opcode::Pong, &payload);
                self.say_raw(pong, ctx);
            }
            Ok(Frame::Pong(_)) => {}
            Ok(Frame::Close(reason)) => {
                let code = reason.map_or(1000, |reason| reason.code.into());
                self.end(CloseReason::ClientClosed(code), ctx);
            }
            Err(reason) => self.end(reason, ctx),
        }
    }

    /// The client has shut its side.
    fn finished(&mut self, ctx: &mut Self::Context) {
        self.client_is_done = true;
        if self.ending {
            self.end_if_both_are_done(ctx);
        } else {
            ctx.stop();
        }
    }
}
