//! A client's socket while the server speaks HTTP over it, and what a session may see and do of it
//! meanwhile.
//!
//! The server owns the [`Served`] socket. It has no word for cutting one, does not say how much of a
//! response has gone out, and lets a client that has closed its side have the rest of a response
//! that never ends. A session whose events are such a response learns and does all that by the
//! [`Line`], which is the same socket.

use std::{
    io,
    net::{Shutdown, SocketAddr},
    pin::Pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::Notify,
};

/// A socket as the server has it.
#[derive(Debug)]
pub struct Served(Arc<Line>);

/// The same socket, as others may use it.
#[derive(Debug)]
pub struct Line {
    socket: TcpStream,
    /// Bytes have gone out since this was asked last.
    moved: AtomicBool,
    closed: AtomicBool,
    closing: Notify,
}

impl Served {
    /// A client has connected.
    #[must_use]
    pub fn new(socket: TcpStream) -> Self {
        let [moved, closed] = [const { AtomicBool::new(false) }; 2];
        Self(Arc::new(Line { socket, moved, closed, closing: Notify::new() }))
    }

    /// The line, for as long as the server has the socket.
    #[must_use]
    pub fn line(&self) -> Weak<Line> {
        Arc::downgrade(&self.0)
    }

    /// Takes the socket out, for another protocol than HTTP.
    ///
    /// # Errors
    /// When a session still uses it.
    pub fn into_socket(self) -> io::Result<TcpStream> {
        let line = Arc::try_unwrap(self.0);
        line.map(|line| line.socket).map_err(|_line| io::Error::other("it is used by a session"))
    }
}

impl Line {
    /// Who is at the other side, while it is there.
    #[must_use]
    pub fn peer(&self) -> Option<SocketAddr> {
        self.socket.peer_addr().ok()
    }

    /// What the kernel keeps, at most about so many bytes, for a client that does not read.
    ///
    /// # Errors
    /// When the socket does not take the option, because it is gone already.
    pub fn set_send_buffer(&self, bytes: usize) -> io::Result<()> {
        SockRef::from(&self.socket).set_send_buffer_size(bytes)
    }

    /// Whether bytes have gone out since this was asked last.
    #[must_use]
    pub fn take_moved(&self) -> bool {
        self.moved.swap(false, Ordering::Relaxed)
    }

    /// Waits until the client has closed its side, as the server has read.
    pub async fn closed(&self) {
        while !self.closed.load(Ordering::Relaxed) {
            self.closing.notified().await;
        }
    }

    /// See [`close`].
    pub fn close(&self) {
        close(&self.socket);
    }

    /// See [`abandon`].
    pub fn abandon(&self) {
        abandon(&self.socket);
    }

    fn note_end(&self) {
        self.closed.store(true, Ordering::Relaxed);
        self.closing.notify_one();
    }
}

impl AsyncRead for Served {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let line = &self.0;
        loop {
            ready!(line.socket.poll_read_ready(cx))?;
            let read = line.socket.try_read_buf(buffer);
            match read {
                Ok(0) => line.note_end(),
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => continue,
                Err(_) => line.note_end(),
            }
            return Poll::Ready(read.map(drop));
        }
    }
}

impl AsyncWrite for Served {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let line = &self.0;
        loop {
            match send(&line.socket, bytes) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    ready!(line.socket.poll_write_ready(cx))?;
                }
                sent => {
                    line.moved.store(true, Ordering::Relaxed);
                    return Poll::Ready(sent);
                }
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(SockRef::from(&self.0.socket).shutdown(Shutdown::Write))
    }
}

/// Writes what can be written now. It goes to the kernel directly, which is cheaper than by way of
/// the runtime, and finds room that the runtime has not heard of: a socket counts as writable only
/// when a third of its buffer is free. Only a refusal is shown to the runtime, so that it knows what
/// to wait for.
///
/// # Errors
/// As the kernel gives them, `WouldBlock` among them.
pub fn send(socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    match SockRef::from(socket).send(bytes) {
        Err(e) if e.kind() == io::ErrorKind::WouldBlock => socket.try_write(bytes),
        sent => sent,
    }
}

/// Ends the connection, whoever still holds the socket.
pub fn close(socket: &TcpStream) {
    // One that refuses is gone already, which is what is wanted.
    drop(SockRef::from(socket).shutdown(Shutdown::Both));
}

/// Lets the kernel forget what it still holds once the socket is dropped: the client is reset.
pub fn abandon(socket: &TcpStream) {
    // As above.
    drop(SockRef::from(socket).set_linger(Some(Duration::ZERO)));
}
