//! What a client of a load test is told, whatever protocol it is told in.

use std::io;

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio_tungstenite::{
    MaybeTlsStream,
    tungstenite::{Message, Utf8Bytes},
};

use super::{
    Protocol,
    channel::{self, Channel},
    event_stream::EventStream,
    mark,
    plan::{Plan, Reads},
    said::Said,
    socket::{Socket, shake_hands, text},
    tap::Tap,
};
use crate::{
    cli::client::{ClientError, Target, root_cause},
    core::protocol::heard::{self, Frame},
};

/// Bytes that the kernel takes for a client that does not: the smaller, the sooner it is noticed.
const SLOW_RECEIVE_BUFFER: u32 = 4096;

/// A connection that was asked to tell.
pub enum Feed {
    /// The session protocol.
    Session(Box<Socket>),
    /// A channel of the built-in Realtime.
    Channel(Channel),
    /// Server-sent events.
    Stream(EventStream),
}

impl Feed {
    /// Connects and asks.
    ///
    /// # Errors
    /// When the router cannot be reached or refuses.
    pub async fn open(target: &Target, plan: &Plan, reads: Reads) -> Result<Self, ClientError> {
        let tap = Tap::new(connect(target, reads).await?);
        match plan.protocol {
            Protocol::Signalbox => {
                let subscribe = plan.filter.subscribe(&json!("now"));
                let mut socket = shake_hands(target, target.handshake()?, tap).await?;
                let sent = socket.send(Message::text(subscribe)).await;
                sent.map_err(|e| target.unreachable(root_cause(&e)))?;
                Ok(Self::Session(Box::new(socket)))
            }
            Protocol::Realtime => {
                let socket = shake_hands(target, target.realtime_handshake()?, tap).await?;
                Channel::join(target, socket, plan.run).await.map(Self::Channel)
            }
            Protocol::Sse => EventStream::open(target, &plan.filter, tap).await.map(Self::Stream),
        }
    }

    /// The next message. Nothing is lost when this is given up.
    ///
    /// # Errors
    /// Why there is none: the connection has ended.
    pub async fn next(&mut self) -> Result<Utf8Bytes, String> {
        match self {
            Self::Stream(stream) => stream.next().await,
            Self::Channel(channel) => channel.next().await,
            Self::Session(socket) => loop {
                if let Some(said) = text(socket.next().await) {
                    return said;
                }
            },
        }
    }

    /// What a message of this feed says.
    #[must_use]
    pub fn read(&self, message: &str) -> Said {
        match self {
            Self::Session(_) => frame(message),
            Self::Channel(_) => channel::said(message),
            Self::Stream(_) => block(message),
        }
    }

    /// The socket, where it can be reached.
    pub fn tap(&mut self) -> Option<&mut Tap> {
        let socket = match self {
            Self::Stream(stream) => return Some(stream.tap()),
            Self::Channel(channel) => channel.socket(),
            Self::Session(socket) => socket,
        };
        match socket.get_mut() {
            MaybeTlsStream::Plain(tap) => Some(tap),
            MaybeTlsStream::Rustls(tls) => Some(tls.get_mut().0),
            _ => None,
        }
    }
}

async fn connect(target: &Target, reads: Reads) -> Result<TcpStream, ClientError> {
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

/// A frame of the session protocol.
fn frame(text: &str) -> Said {
    let event = text.strip_prefix(r#"{"type":"event","event":"#);
    if let Some(seq) = event.and_then(mark::seq) {
        return Said::Event(seq);
    }
    match heard::parse(text) {
        Ok(Frame::Event(event)) => heard::seq(event).map_or(Said::Nothing, Said::Event),
        Ok(Frame::Subscribed(_)) => Said::Subscribed,
        Ok(Frame::Gap(_)) => Said::Gap,
        Ok(Frame::Error(fault)) => Said::Refused(fault.detail.into_owned()),
        _ => Said::Nothing,
    }
}

/// A block of server-sent events.
fn block(text: &str) -> Said {
    let field = |name: &str| {
        let value = |line: &'_ str| line.strip_prefix(name)?.strip_prefix(':').map(str::len);
        let line = text.lines().find(|line| value(line).is_some())?;
        line.get(name.len() + 1..).map(str::trim_ascii_start)
    };
    match (field("event"), field("data")) {
        (Some("subscribed"), _) => Said::Subscribed,
        (Some("gap"), _) => Said::Gap,
        (None, Some(data)) => {
            let seq = mark::seq(data).or_else(|| heard::seq(serde_json::from_str(data).ok()?));
            seq.map_or(Said::Nothing, Said::Event)
        }
        _ => Said::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_protocols_say_the_same() {
        let event = r#"{"id":"00000000-0000-8000-8000-000000000001","seq":7,"x":1}"#;
        let unusual = r#"{"seq":7}"#;
        for event in [event, unusual] {
            assert_eq!(frame(&format!(r#"{{"type":"event","event":{event}}}"#)), Said::Event(7));
            assert_eq!(block(&format!("id: x.7\ndata: {event}\n")), Said::Event(7));
            assert_eq!(block(&format!("data:{event}\n")), Said::Event(7));
        }
        assert_eq!(block("id: x.7\nevent: subscribed\ndata: {}\n"), Said::Subscribed);
        assert_eq!(block("event: gap\ndata: {}\n"), Said::Gap);
        for nothing in [":\n", ": ping\n", "retry: 5\nevent: bye\ndata: {}\n", "data: hello\n"] {
            assert_eq!(block(nothing), Said::Nothing, "{nothing}");
        }
    }
}
