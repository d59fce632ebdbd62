//! One subscribed client of a load test: it reads as fast as it can, slowly, or not at all.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{SinkExt, StreamExt};
use tokio::{
    net::{TcpSocket, TcpStream, lookup_host},
    sync::watch,
    time::{timeout, timeout_at},
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, client_async_tls_with_config,
    tungstenite::{self, Message, Utf8Bytes, protocol::WebSocketConfig},
};

use super::{
    mark::{self, Mark},
    meter::Meter,
    plan::Plan,
    tap::Tap,
    verify::Check,
};
use crate::{
    cli::{
        client::{ClientError, Target, root_cause},
        frames::{self, Frame},
    },
    core::event::Seq,
};

/// The router must answer so soon when a client connects.
const CONNECT: Duration = Duration::from_secs(10);
/// A client that the router has not cut stays quiet, or goes on, for so long.
const PROBE: Duration = Duration::from_secs(1);
/// Bytes that the kernel takes for a client that does not: the smaller, the sooner it is noticed.
const SLOW_RECEIVE_BUFFER: u32 = 4096;
/// Bytes read at once; the default would take 128 KiB for every client.
const READ_BUFFER: usize = 16 * 1024;

/// How a client reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// As fast as it can.
    Healthily,
    /// A little at a time, without ever stopping.
    Trickling,
    /// Never.
    Stalled,
}

/// Told to all clients when nothing more is published.
#[derive(Clone, Debug)]
pub struct Ending {
    /// How many events each publisher has published.
    pub published: Arc<[u64]>,
    /// When to stop waiting for them.
    pub by: Instant,
}

type Told = watch::Receiver<Option<Ending>>;
type Socket = WebSocketStream<MaybeTlsStream<Tap>>;

/// A client that has subscribed.
pub struct Client {
    run: u32,
    reads: Reads,
    socket: Socket,
    check: Check,
}

/// What became of a client.
#[derive(Debug)]
pub struct Outcome {
    /// How it read.
    pub reads: Reads,
    /// What it got.
    pub check: Check,
    /// Why its connection ended by itself, if it did.
    pub closed: Option<String>,
}

impl Client {
    /// Connects and subscribes.
    ///
    /// # Errors
    /// When the router cannot be reached or refuses.
    pub async fn connect(target: &Target, plan: &Plan, reads: Reads) -> Result<Self, ClientError> {
        match timeout(CONNECT, Self::subscribed(target, plan, reads)).await {
            Ok(client) => client,
            Err(_elapsed) => {
                Err(target.unreachable(format!("no answer within {} s", CONNECT.as_secs())))
            }
        }
    }

    async fn subscribed(target: &Target, plan: &Plan, reads: Reads) -> Result<Self, ClientError> {
        let tap = Tap::new(open(target, reads).await?);
        let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER);
        let (mut socket, _) =
            client_async_tls_with_config(target.handshake()?, tap, Some(config), None)
                .await
                .map_err(|e| target.handshake_failed(e))?;
        let failed = |e| target.unreachable(root_cause(&e));
        socket.send(Message::text(plan.subscribe.as_str())).await.map_err(failed)?;
        while let Some(message) = socket.next().await {
            let Message::Text(text) = message.map_err(failed)? else { continue };
            match frames::parse(&text) {
                Ok(Frame::Subscribed(_)) => {
                    if let Some(tap) = tap_of(&mut socket)
                        && reads == Reads::Trickling
                    {
                        tap.trickle();
                    }
                    let check = Check::new(usize::from(plan.publishers), plan.everything);
                    return Ok(Self { run: plan.run, reads, socket, check });
                }
                Ok(Frame::Error(fault)) => return Err(target.refused(fault.detail.into_owned())),
                _ => {}
            }
        }
        Err(target.unreachable("it closed the session at once".into()))
    }

    /// Reads until all that was published has come, or the time for it is over.
    pub async fn run(mut self, meter: Arc<Meter>, mut ending: Told) -> Outcome {
        let closed = match self.reads {
            Reads::Stalled => self.stall(&mut ending).await,
            Reads::Healthily | Reads::Trickling => self.read(&meter, &mut ending).await,
        };
        if closed.is_some() && self.reads == Reads::Healthily {
            meter.flight.stop();
        }
        Outcome { reads: self.reads, check: self.check, closed }
    }

    /// Why the connection ended by itself, if it did.
    async fn read(&mut self, meter: &Meter, told: &mut Told) -> Option<String> {
        let mut ending: Option<Ending> = None;
        loop {
            let message = match &ending {
                None => tokio::select! {
                    biased;
                    message = self.socket.next() => message,
                    told = told.wait_for(Option::is_some) => {
                        ending.clone_from(&*told.ok()?);
                        continue;
                    }
                },
                // Nobody waits for a trickling client to catch up.
                Some(_) if self.reads == Reads::Trickling => return None,
                Some(ending) if self.check.complete(&ending.published) => return None,
                Some(ending) => timeout_at(ending.by.into(), self.socket.next()).await.ok()?,
            };
            match heard(message) {
                Ok(Some(text)) => self.on_frame(&text, meter),
                Ok(None) => {}
                Err(closed) => return Some(closed),
            }
        }
    }

    /// Reads nothing until the end, and then sees whether the connection still stands.
    async fn stall(&mut self, told: &mut Told) -> Option<String> {
        drop(told.wait_for(Option::is_some).await.ok()?);
        let by = Instant::now() + PROBE;
        loop {
            let message = timeout_at(by.into(), self.socket.next()).await.ok()?;
            if let Err(closed) = heard(message) {
                return Some(closed);
            }
        }
    }

    fn on_frame(&mut self, text: &str, meter: &Meter) {
        let Some(seq) = mark::seq(text).or_else(|| self.on_unusual(text)) else { return };
        let mark = Mark::find(text, self.run);
        self.check.on_event(seq, mark);
        if let (Reads::Healthily, Some(mark), Some(tap)) =
            (self.reads, mark, tap_of(&mut self.socket))
        {
            meter.on_delivery(mark, text.len(), meter.at(tap.last_read()));
        }
    }

    /// Any frame but the usual form of an event; its `seq` if it is an event all the same.
    fn on_unusual(&mut self, text: &str) -> Option<Seq> {
        match frames::parse(text) {
            Ok(Frame::Event(event)) => frames::seq(event),
            Ok(Frame::Gap(_)) => {
                self.check.on_gap();
                None
            }
            _ => None,
        }
    }
}

/// The text that was heard, if it was one; an error when it was the end.
fn heard(
    message: Option<Result<Message, tungstenite::Error>>,
) -> Result<Option<Utf8Bytes>, String> {
    match message {
        Some(Ok(Message::Text(text))) => Ok(Some(text)),
        Some(Ok(Message::Close(Some(close)))) => {
            Err(format!("{} {}", u16::from(close.code), close.reason))
        }
        Some(Ok(_)) => Ok(None),
        Some(Err(error)) => Err(root_cause(&error)),
        None => Err("closed without a word".into()),
    }
}

fn tap_of(socket: &mut Socket) -> Option<&mut Tap> {
    match socket.get_mut() {
        MaybeTlsStream::Plain(tap) => Some(tap),
        MaybeTlsStream::Rustls(tls) => Some(tls.get_mut().0),
        _ => None,
    }
}

async fn open(target: &Target, reads: Reads) -> Result<TcpStream, ClientError> {
    let failed = |e: io::Error| target.unreachable(e.to_string());
    let address = lookup_host(target.url.host_and_port()).await.map_err(failed)?.next();
    let address = address.ok_or_else(|| target.unreachable("its name has no address".into()))?;
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }
        .map_err(failed)?;
    if reads != Reads::Healthily {
        socket.set_recv_buffer_size(SLOW_RECEIVE_BUFFER).map_err(failed)?;
    }
    let socket = socket.connect(address).await.map_err(failed)?;
    socket.set_nodelay(true).map_err(failed)?;
    Ok(socket)
}
