//! A producer of the original system, over `/events`: an event a text frame, answered once it is
//! committed.
//!
//! Frames go through the intake and the journal like every request, one after the other: while one
//! is on its way nothing more is read, so that a producer is held back by its socket.

use std::{
    io::{self, Cursor},
    time::Duration,
};

use actix_web::{rt::net::TcpStream, web};
use actix_web_actors::ws::Frame;
use bytes::Bytes;
use chrono::Utc;
use futures_util::StreamExt;
use serde_json::{Value, json};
use socket2::SockRef;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, Chain},
    sync::oneshot,
    time::{Instant, interval, timeout},
};
use tokio_util::codec::FramedRead;
use uuid::Uuid;

use crate::{
    actors::{
        journal::{PublishError, Published},
        session::{
            Owner,
            frames::{Frames, closed_by_client, piece},
        },
    },
    core::{
        event::{self, Draft},
        heartbeat::{Beat, Heartbeat, Patience},
        intake::{Context, Limits},
        legacy::{self, Unreadable},
        message::{Assembler, Refused},
        protocol::{self, CloseReason, ErrorCode, Opcode},
    },
    http::{
        Router, ingest,
        limits::Account,
        problem::{Code, Problem},
        upgrade,
    },
    settings::Paths,
};

/// How often it is looked whether the producer is still there, and whether the router stops.
const TICK: Duration = Duration::from_secs(1);

/// Whose connection it is.
pub(in crate::http) struct Client {
    pub(in crate::http) owner: Owner,
    /// What its events are charged to.
    pub(in crate::http) account: Account,
}

/// A connection.
struct Producer {
    router: web::Data<Router>,
    client: Client,
    input: FramedRead<Chain<Cursor<Bytes>, TcpStream>, Frames>,
    assembler: Assembler,
    began: Instant,
    heartbeat: Heartbeat,
}

/// Takes a socket over, after the handshake; `early` is what the producer has said already. The
/// receiver resolves (to an error) when the connection has ended.
///
/// # Errors
/// When the producer is gone already.
pub(in crate::http) fn open(
    router: web::Data<Router>,
    client: Client,
    socket: TcpStream,
    early: Bytes,
) -> io::Result<oneshot::Receiver<()>> {
    SockRef::from(&socket).set_send_buffer_size(router.settings().session.send_buffer)?;
    let input = Cursor::new(early).chain(socket);
    let input = Frames::read(input, router.settings().limits.event_bytes);
    let (sender, ended) = oneshot::channel::<()>();
    let producer = Producer {
        router,
        client,
        input,
        assembler: Assembler::default(),
        began: Instant::now(),
        heartbeat: Heartbeat::new(Duration::ZERO),
    };
    actix_web::rt::spawn(async move {
        let _visit = producer.router.legacy.enter();
        if let Err(error) = producer.serve().await {
            tracing::debug!(%error, "a producer went away");
        }
        drop(sender);
    });
    Ok(ended)
}

impl Producer {
    async fn serve(mut self) -> io::Result<()> {
        let reason = self.listen().await?;
        let mut frame = Vec::new();
        protocol::close_frame(&mut frame, reason);
        self.say(&frame).await?;
        let (_, socket) = self.input.into_inner().into_inner();
        upgrade::part(socket).await
    }

    /// Takes events until there must be an end, and why.
    async fn listen(&mut self) -> io::Result<CloseReason> {
        let mut ticks = interval(TICK);
        loop {
            let frame = tokio::select! {
                biased;
                frame = self.input.next() => frame.ok_or(io::ErrorKind::UnexpectedEof)??,
                _ = ticks.tick() => match self.beat().await? {
                    Some(reason) => return Ok(reason),
                    None => continue,
                },
            };
            self.heartbeat.heard();
            if let Some(reason) = self.hear(frame).await? {
                return Ok(reason);
            }
        }
    }

    /// Why it must end whatever the producer does, if it must.
    fn over(&self) -> Option<CloseReason> {
        let expires_at = self.client.owner.identity.expires_at;
        if expires_at.is_some_and(|at| at <= Utc::now()) {
            return Some(CloseReason::Unauthenticated);
        }
        self.router.is_draining().then_some(CloseReason::ShuttingDown)
    }

    /// What is due from time to time; why it must end, if it must.
    async fn beat(&mut self) -> io::Result<Option<CloseReason>> {
        if let Some(reason) = self.over() {
            return Ok(Some(reason));
        }
        let settings = self.router.settings();
        let session = &settings.session;
        let patience = Patience {
            heartbeat: session.heartbeat,
            pong: session.pong_timeout,
            stall: session.stall_timeout,
        };
        match self.heartbeat.check(self.began.elapsed(), false, &patience) {
            Beat::Rest => Ok(None),
            Beat::Ping => self.control(Opcode::Ping, b"").await.map(|()| None),
            Beat::End(reason) => Ok(Some(reason)),
        }
    }

    async fn hear(&mut self, frame: Result<Frame, CloseReason>) -> io::Result<Option<CloseReason>> {
        let frame = match frame {
            Ok(Frame::Ping(payload)) => {
                return self.control(Opcode::Pong, &payload).await.map(|()| None);
            }
            Ok(Frame::Close(reason)) => return Ok(Some(closed_by_client(reason))),
            Ok(frame) => frame,
            Err(reason) => return Ok(Some(reason)),
        };
        let most = self.router.settings().limits.event_bytes;
        let Some(piece) = piece(&frame) else { return Ok(None) };
        let answer = match self.assembler.take(piece, most) {
            Ok(None) => return Ok(None),
            Ok(Some(text)) => self.answer(text).await,
            Err(Refused::Error(ErrorCode::TooLarge)) => {
                refused(&invalid(format!("an event may have {most} bytes")), None)
            }
            Err(Refused::Error(_)) => refused(&invalid("events are JSON in text frames"), None),
            Err(Refused::Close(reason)) => return Ok(Some(reason)),
        };
        let mut frame = Vec::new();
        protocol::text_frame(&mut frame, &answer.to_string());
        self.say(&frame).await?;
        // One that sends without a pause leaves no time between.
        Ok(self.over())
    }

    /// What to answer to an event: nothing good before it is committed.
    async fn answer(&self, text: String) -> Value {
        match self.store(text).await {
            Ok(received) => received,
            Err((problem, id)) => {
                self.router
                    .metrics
                    .ingest_rejected_total
                    .with([problem.code().as_str()])
                    .increment(1);
                refused(&problem, id)
            }
        }
    }

    async fn store(&self, text: String) -> Result<Value, (Problem, Option<Uuid>)> {
        let drafts = self.read(text).await.map_err(|problem| (problem, None))?;
        let told = drafts.first().map(|draft| (draft.id, draft.event_type.clone()));
        let (id, event_type) = told.unwrap_or_default();
        let published = ingest::commit(&self.router, drafts.into()).await;
        let published = published.map_err(|error| (ingest::refused(&error, &[id]), Some(id)))?;
        Ok(received(&event_type, id, &published))
    }

    /// The one event of a frame.
    async fn read(&self, text: String) -> Result<Vec<Draft>, Problem> {
        if self.router.is_draining() {
            return Err(ingest::refused(&PublishError::ShuttingDown, &[]));
        }
        self.router.limits.bytes(&self.client.account, text.len())?;
        let settings = self.router.settings();
        let limits = &settings.limits;
        let mut held = self.router.bodies.hold(limits.inflight_bytes);
        if !held.grow(text.len()) {
            return Err(ingest::busy());
        }
        let limits = Limits { batch_events: 1, event_bytes: limits.event_bytes };
        let received = event::to_micros(Utc::now());
        let large = text.len() > ingest::INLINE_BYTES;
        let metrics = self.router.metrics.clone();
        let broadcast_mode = Paths::of(&self.router.settings().flags).mode.as_str();
        let read = move || {
            let context =
                Context { received, limits, secret: None, broadcast_mode, traceparent: None };
            let began = Instant::now();
            let batch = legacy::read(&text, &context, &mut Uuid::now_v7)?;
            metrics.stats.validated(&batch, began.elapsed());
            Ok::<_, Unreadable>(batch.all_or_nothing()?.drafts)
        };
        let drafts = if large {
            let stopping = |_| ingest::refused(&PublishError::ShuttingDown, &[]);
            web::block(read).await.map_err(stopping)?
        } else {
            read()
        };
        drafts.map_err(|unreadable| invalid(unreadable.to_string()))
    }

    async fn control(&mut self, opcode: Opcode, payload: &[u8]) -> io::Result<()> {
        let mut frame = Vec::new();
        protocol::control_frame(&mut frame, opcode, payload);
        self.say(&frame).await
    }

    /// Writes a frame, for as long as a session may take nothing.
    async fn say(&mut self, frame: &[u8]) -> io::Result<()> {
        let (_, socket) = self.input.get_mut().get_mut();
        let patience = self.router.settings().session.stall_timeout;
        timeout(patience, socket.write_all(frame)).await.map_err(io::Error::from)?
    }
}

fn invalid(detail: impl Into<String>) -> Problem {
    Problem::new(Code::InvalidEvents, detail)
}

/// The answer to an event that is in the journal.
fn received(event_type: &str, id: Uuid, published: &Published) -> Value {
    let outcome = published.outcomes.first();
    json!({
        "status": "received",
        "event_type": event_type,
        "id": id,
        "epoch": published.epoch,
        "seq": outcome.map(|outcome| outcome.seq),
        "duplicate": outcome.is_some_and(|outcome| outcome.duplicate),
    })
}

/// The answer to an event that is not, or perhaps not, in the journal: under its id, which the
/// router may have made, it can be sent again.
fn refused(problem: &Problem, id: Option<Uuid>) -> Value {
    let code = problem.code().as_str();
    json!({ "status": "error", "message": problem.detail(), "code": code, "id": id })
}
