//! The writing side of a session: shared by the session that owns it and the shard that writes to
//! it, both on one thread. It never blocks; what it does not take, the shard keeps a place for.
//!
//! A WebSocket is written to directly. A stream of server-sent events goes through a [`Pipe`] to the
//! server, which owns the connection; what is done to that is done by its [`Line`].

use std::{
    io,
    net::{Shutdown, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use socket2::SockRef;
use tokio::net::{TcpStream, tcp::OwnedWriteHalf};

use super::{
    line::{self, Line},
    pipe::{Body, Pipe},
};
use crate::core::reader::{Gone, Sink};

/// What is written to.
#[derive(Debug)]
pub struct Outlet {
    way: Way,
    heard: AtomicBool,
    full: AtomicBool,
    /// Nothing is written after what is said by now.
    last: AtomicBool,
}

#[derive(Debug)]
enum Way {
    Socket(OwnedWriteHalf),
    Pipe(Arc<Pipe>, Arc<Line>),
}

impl Outlet {
    /// Writes to `socket`; the kernel keeps at most about `send_buffer` bytes for a client that
    /// does not read, instead of the megabytes it would grow to by itself.
    ///
    /// # Errors
    /// When the socket does not take the option, because it is gone already.
    pub fn new(socket: OwnedWriteHalf, send_buffer: usize) -> io::Result<Self> {
        SockRef::from(socket.as_ref()).set_send_buffer_size(send_buffer)?;
        Ok(Self::by(Way::Socket(socket)))
    }

    /// Writes to the body of a response that the server sends over `line`; for `send_buffer` see
    /// [`Outlet::new`].
    ///
    /// # Errors
    /// As [`Outlet::new`].
    pub fn piped(line: Arc<Line>, send_buffer: usize) -> io::Result<(Self, Body)> {
        line.set_send_buffer(send_buffer)?;
        let (pipe, body) = Pipe::open();
        Ok((Self::by(Way::Pipe(pipe, line)), body))
    }

    fn by(way: Way) -> Self {
        let [heard, full, last] = [const { AtomicBool::new(false) }; 3];
        Self { way, heard, full, last }
    }

    /// Who is at the other side, while it is there.
    #[must_use]
    pub fn peer(&self) -> Option<SocketAddr> {
        match &self.way {
            Way::Socket(socket) => socket.peer_addr().ok(),
            Way::Pipe(_, line) => line.peer(),
        }
    }

    /// The client said something.
    pub fn hear(&self) {
        self.heard.store(true, Ordering::Relaxed);
    }

    /// Whether the client said something since this was asked last.
    #[must_use]
    pub fn take_heard(&self) -> bool {
        self.heard.swap(false, Ordering::Relaxed)
    }

    /// Whether something waits for a client that does not read.
    #[must_use]
    pub fn is_full(&self) -> bool {
        let holds_bytes = matches!(&self.way, Way::Pipe(pipe, _) if pipe.holds_bytes());
        self.full.load(Ordering::Relaxed) || holds_bytes
    }

    /// Waits until bytes are taken, or writing fails.
    pub async fn writable(&self) {
        match &self.way {
            // A failure is seen by the next write, which knows what to do about it.
            Way::Socket(socket) => drop(socket.writable().await),
            Way::Pipe(pipe, _) => pipe.writable().await,
        }
    }

    /// Waits until the server lets go of a response: all of it was taken, or the connection broke.
    pub async fn body_dropped(&self) {
        if let Way::Pipe(pipe, _) = &self.way {
            pipe.closed().await;
        }
    }

    /// Waits until the client of a response has closed its side.
    pub async fn hung_up(&self) {
        if let Way::Pipe(_, line) = &self.way {
            line.closed().await;
        }
    }

    /// Ends a response once all is taken that was said by now, and what of it still waits in the
    /// shard. A WebSocket has its own way to end.
    pub fn finish(&self) {
        self.last.store(true, Ordering::Relaxed);
        self.end_if_all_is_said();
    }

    fn end_if_all_is_said(&self) {
        if let Way::Pipe(pipe, _) = &self.way
            && self.last.load(Ordering::Relaxed)
            && !self.full.load(Ordering::Relaxed)
        {
            pipe.end();
        }
    }

    /// Ends this side of the connection: the client sees that nothing more will come, and what it
    /// still says is heard.
    pub fn hang_up(&self) {
        match &self.way {
            // One that refuses is gone already, which is what is wanted.
            Way::Socket(socket) => drop(SockRef::from(socket.as_ref()).shutdown(Shutdown::Write)),
            Way::Pipe(pipe, _) => pipe.end(),
        }
    }

    /// Ends the connection, whoever still holds the socket: a task that waits until it is writable
    /// would keep it, and its descriptor, for as long as the client does not read.
    pub fn close(&self) {
        if self.is_full() {
            self.abandon();
        }
        match &self.way {
            Way::Socket(socket) => line::close(socket.as_ref()),
            Way::Pipe(pipe, line) => {
                pipe.end();
                line.close();
            }
        }
    }

    /// Lets the kernel forget what it still holds once the socket is dropped: the client is reset.
    pub fn abandon(&self) {
        match &self.way {
            Way::Socket(socket) => line::abandon(socket.as_ref()),
            Way::Pipe(_, line) => line.abandon(),
        }
    }
}

impl Sink for Outlet {
    fn write(&self, bytes: &[u8]) -> Result<usize, Gone> {
        let taken = match &self.way {
            Way::Socket(socket) => send(socket.as_ref(), bytes)?,
            Way::Pipe(pipe, _) => pipe.write(bytes)?,
        };
        self.full.store(taken < bytes.len(), Ordering::Relaxed);
        self.end_if_all_is_said();
        Ok(taken)
    }

    fn take_moved(&self) -> bool {
        matches!(&self.way, Way::Pipe(_, line) if line.take_moved())
    }
}

/// Writes to the kernel what it takes.
fn send(socket: &TcpStream, bytes: &[u8]) -> Result<usize, Gone> {
    let mut taken = 0;
    while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
        match line::send(socket, rest) {
            Ok(0) => return Err(Gone),
            Ok(n) => taken += n,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Err(Gone),
        }
    }
    Ok(taken)
}
