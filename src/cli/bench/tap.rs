//! A socket that remembers when it was read last, and that can be made to read slowly.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};

/// A slow reader takes so many bytes at a time ...
const SIP: usize = 512;
/// ... and then waits so long: 10 KiB/s.
const BETWEEN_SIPS: Duration = Duration::from_millis(50);

/// The socket.
pub struct Tap {
    socket: TcpStream,
    last_read: Instant,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Tap {
    /// Reads as fast as it can.
    #[must_use]
    pub fn new(socket: TcpStream) -> Self {
        Self { socket, last_read: Instant::now(), pause: None }
    }

    /// When bytes were read last: the moment at which a frame that ends in them was complete.
    #[must_use]
    pub fn last_read(&self) -> Instant {
        self.last_read
    }

    /// Reads slowly from now on.
    pub fn trickle(&mut self) {
        self.pause = Some(Box::pin(sleep(BETWEEN_SIPS)));
    }

    fn read(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.socket).poll_read(cx, buffer);
        if read.is_ready() {
            self.last_read = Instant::now();
        }
        read
    }
}

impl AsyncRead for Tap {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(pause) = &mut self.pause else { return self.read(cx, buffer) };
        ready!(pause.as_mut().poll(cx));
        let mut bytes = [0; SIP];
        let Some(room) = bytes.get_mut(..SIP.min(buffer.remaining())) else {
            return Poll::Ready(Ok(()));
        };
        let mut sip = ReadBuf::new(room);
        let read = ready!(self.read(cx, &mut sip));
        buffer.put_slice(sip.filled());
        self.trickle();
        Poll::Ready(read)
    }
}

impl AsyncWrite for Tap {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
