//! A client without manners: bytes to the router, and bytes from it, with nothing in between that
//! would repair them.

use serde_json::Value;
use socket2::SockRef;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpSocket,
    time::timeout,
};

use super::router::{PATIENCE, Router};

/// The first byte of a whole text frame.
pub const TEXT: u8 = 0x81;
/// The first byte of a whole binary frame.
pub const BINARY: u8 = 0x82;
/// The first byte of a close frame.
pub const CLOSE: u8 = 0x88;
/// The first byte of a protocol ping.
pub const PING: u8 = 0x89;
/// The first byte of a protocol pong.
pub const PONG: u8 = 0x8a;

/// A connection.
pub struct Wire {
    stream: tokio::net::TcpStream,
    unread: Vec<u8>,
}

impl Wire {
    pub async fn connect(router: &Router) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        // What the client's kernel takes for a client that does not read.
        socket.set_recv_buffer_size(4096).unwrap();
        let stream = socket.connect(router.address).await.unwrap();
        SockRef::from(&stream).set_tcp_nodelay(true).unwrap();
        Self { stream, unread: Vec::new() }
    }

    /// A session: shakes hands, and takes the welcome.
    pub async fn session(router: &Router) -> Self {
        let mut wire = Self::connect(router).await;
        wire.send(handshake(router).as_bytes()).await;
        let head = wire.head().await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        assert_eq!(wire.json().await["type"], "welcome");
        wire
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).await.unwrap();
    }

    /// Sends, if the router still listens.
    pub async fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        timeout(PATIENCE, self.stream.write_all(bytes)).await.expect("room to write in time")
    }

    /// Says that nothing more will be said.
    pub async fn hang_up(&mut self) {
        // The router may have hung up first.
        self.stream.shutdown().await.ok();
    }

    /// The head of an answer, up to the empty line.
    pub async fn head(&mut self) -> String {
        loop {
            let end = self.unread.windows(4).position(|four| four == b"\r\n\r\n");
            if let Some(end) = end {
                return String::from_utf8(self.take(end + 4)).unwrap();
            }
            assert!(self.fill().await, "the end before a head: {:?}", self.unread);
        }
    }

    /// The next answer: its status and its body. `None` when the connection ends instead.
    pub async fn answer(&mut self) -> Option<(u16, Vec<u8>)> {
        while !self.unread.windows(4).any(|four| four == b"\r\n\r\n") {
            if !self.fill().await {
                assert_eq!(self.unread, b"", "half a head");
                return None;
            }
        }
        let head = self.head().await.to_ascii_lowercase();
        let length = head.split_once("content-length: ").map_or("0", |(_, rest)| rest);
        let length = length.split("\r\n").next().unwrap().parse().unwrap();
        while self.unread.len() < length {
            assert!(self.fill().await, "half a body: {head}");
        }
        Some((head.split(' ').nth(1).unwrap().parse().unwrap(), self.take(length)))
    }

    /// The port by which the router knows it.
    pub fn port(&self) -> u16 {
        self.stream.local_addr().unwrap().port()
    }

    /// Says nothing more, and goes on reading.
    pub fn shut_down_writing(&self) {
        SockRef::from(&self.stream).shutdown(std::net::Shutdown::Write).unwrap();
    }

    /// Takes at most so many bytes from the kernel; `false` at the end.
    pub async fn sip(&mut self, most: usize) -> bool {
        let mut bytes = vec![0; most];
        let read = timeout(PATIENCE, self.stream.read(&mut bytes)).await.expect("bytes in time");
        let read = read.unwrap_or_default();
        self.unread.extend_from_slice(&bytes[..read]);
        read > 0
    }

    /// What was taken from the kernel and not read as frames.
    pub fn take_unread(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.unread)
    }

    /// The next frame of the router, never masked: its first byte and its payload.
    pub async fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            if let Some(frame) = self.whole_frame() {
                return Some(frame);
            }
            if !self.fill().await {
                return None;
            }
        }
    }

    /// The next frame, if all of it was read already.
    pub fn whole_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let (head, length) = frame_length(&self.unread)?;
        (self.unread.len() >= head + length).then(|| {
            let frame = self.take(head + length);
            (frame[0], frame[head..].to_vec())
        })
    }

    /// The next text frame.
    pub async fn json(&mut self) -> Value {
        loop {
            let (first, payload) = self.frame().await.expect("a frame, not the end");
            match first {
                TEXT => return serde_json::from_slice(&payload).unwrap(),
                CLOSE => panic!("closed: {payload:?}"),
                _ => {}
            }
        }
    }

    /// Reads on to the close frame; its code, and that the connection then ends.
    pub async fn close_code(&mut self) -> Option<u16> {
        while let Some((first, payload)) = self.frame().await {
            if first == CLOSE {
                return Some(u16::from_be_bytes([payload[0], payload[1]]));
            }
        }
        None
    }

    /// Everything to the end.
    pub async fn rest(&mut self) -> Vec<u8> {
        while self.fill().await {}
        std::mem::take(&mut self.unread)
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        let rest = self.unread.split_off(length);
        std::mem::replace(&mut self.unread, rest)
    }

    /// Reads some; `false` at the end.
    async fn fill(&mut self) -> bool {
        let read = self.stream.read_buf(&mut self.unread);
        matches!(timeout(PATIENCE, read).await.expect("bytes in time"), Ok(n) if n > 0)
    }
}

/// The request for a session.
pub fn handshake(router: &Router) -> String {
    upgrade(router, "/v1/ws", "Sec-WebSocket-Protocol: signalbox.v1.json\r\n")
}

/// The request for a WebSocket at `path`, with more headers.
pub fn upgrade(router: &Router, path: &str, headers: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n",
        router.address
    )
}

/// A frame as a client must send it: masked.
pub fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = masked_head(first, payload.len());
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// The head of a masked frame whose payload has this many bytes.
pub fn masked_head(first: u8, length: usize) -> Vec<u8> {
    let mut frame = vec![first];
    match length {
        0..=125 => frame.push(0x80 | u8::try_from(length).unwrap()),
        126..=0xffff => {
            frame.push(0x80 | 0x7e);
            frame.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        _ => {
            frame.push(0x80 | 0x7f);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(MASK);
    frame
}

const MASK: [u8; 4] = [7, 11, 13, 17];

/// The length of the head and of the payload of an unmasked frame.
fn frame_length(bytes: &[u8]) -> Option<(usize, usize)> {
    match *bytes {
        [_, 126, a, b, ..] => Some((4, usize::from(u16::from_be_bytes([a, b])))),
        [_, 127, ref long @ ..] => {
            let length = u64::from_be_bytes(*long.first_chunk()?);
            Some((10, usize::try_from(length).unwrap()))
        }
        [_, length @ 0..=125, ..] => Some((2, usize::from(length))),
        _ => None,
    }
}
