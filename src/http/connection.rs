//! The socket below HTTP. The server reads requests from it and writes answers to it; here is what
//! the server leaves open: no connection without a request lasts for ever, whatever it trickles in,
//! and an answer that the server makes up itself, to what is no request, says what is wrong as every
//! other does.

mod bare;
mod pace;

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use actix_codec::{AsyncRead, AsyncWrite, ReadBuf};
use actix_web::{dev::Extensions, rt::net::TcpStream};
use bytes::{Buf, Bytes};
use tokio::time::{Instant, Sleep, sleep_until};

use self::pace::Over;
pub use self::pace::{Answering, Limits, Pace};
use crate::actors::line::Served;

/// A connection, until it becomes a session.
pub struct Connection {
    socket: Served,
    pace: Pace,
    timer: Pin<Box<Sleep>>,
    /// The rest of an answer of our own.
    unsent: Bytes,
    /// Its time is over: what the client does not take at once, it does not get.
    over: bool,
}

impl Connection {
    /// Takes a connection that has just been accepted.
    #[must_use]
    pub fn new(socket: TcpStream, limits: Limits) -> Self {
        // An event must not wait until the client has acknowledged the one before it. A socket that
        // does not take the option is gone already.
        drop(socket.set_nodelay(true));
        let pace = Pace::new(limits, Instant::now());
        let timer = Box::pin(sleep_until(Instant::now() + limits.head));
        Self { socket: Served::new(socket), pace, timer, unsent: Bytes::new(), over: false }
    }

    /// Puts what its requests can reach where they find it: its pace, and its line.
    pub(super) fn introduce(&self, data: &mut Extensions) {
        data.insert(self.pace.clone());
        data.insert(self.socket.line());
    }

    /// The socket itself, for what is not HTTP any more.
    ///
    /// # Errors
    /// When a session still uses it.
    pub fn into_socket(self) -> io::Result<TcpStream> {
        self.socket.into_socket()
    }

    /// Whether the time for a request is just over; woken when it will be.
    fn poll_over(&mut self, cx: &mut Context<'_>) -> Option<Over> {
        let (until, over) = self.pace.waiting().filter(|_| !self.over)?;
        if self.timer.deadline() != until {
            self.timer.as_mut().reset(until);
        }
        self.timer.as_mut().poll(cx).is_ready().then_some(over)
    }

    fn poll_socket(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.socket).poll_write(cx, bytes) {
            Poll::Pending if self.over => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            written => written,
        }
    }

    /// Writes what is left of an answer of our own.
    fn poll_unsent(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.unsent.is_empty() {
            let unsent = self.unsent.clone();
            let written = ready!(self.poll_socket(cx, &unsent))?;
            self.unsent.advance(written);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.socket).poll_read(cx, buffer);
        match read {
            Poll::Ready(Ok(())) if buffer.filled().len() > before => {
                self.pace.heard(Instant::now());
                read
            }
            Poll::Ready(_) => read,
            // To the server it looks as if the client had hung up.
            Poll::Pending if self.over => Poll::Ready(Ok(())),
            Poll::Pending => {
                let Some(over) = self.poll_over(cx) else { return Poll::Pending };
                self.over = true;
                if over == Over::Told {
                    self.unsent = bare::answer(&bare::head_timeout());
                }
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(answer) = bare::complete(bytes) {
            self.unsent = answer;
            // It is all that is left to say: whether the client takes it at once changes nothing.
            return self.poll_unsent(cx).map_ok(|()| bytes.len());
        }
        let written = self.poll_socket(cx, bytes);
        if written.is_ready() {
            self.pace.said(Instant::now());
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The server waits for what comes next now, perhaps without having read again.
        if self.poll_over(cx).is_some() {
            cx.waker().wake_by_ref();
        }
        ready!(self.poll_unsent(cx))?;
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_unsent(cx))?;
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
