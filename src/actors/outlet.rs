//! The writing side of a session: shared by the session that owns it and the shard that writes to
//! it, both on one thread. It never blocks; what it does not take, the shard keeps a place for.
//!
//! A WebSocket is written to directly. A stream of server-sent events goes through a [`Pipe`] to the
//! server, which owns the socket; what is done to the socket is done through a clone of it.

use std::{
    io,
    net::{Shutdown, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use socket2::{SockRef, Socket};
use tokio::{
    io::Interest,
    net::{TcpStream, tcp::OwnedWriteHalf},
};

use super::pipe::{Body, Pipe};
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
    Pipe(Arc<Pipe>, TcpStream),
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

    /// Writes to the body of a response that the server sends through `socket`, of which this is a
    /// clone; for `send_buffer` see [`Outlet::new`].
    ///
    /// # Errors
    /// As [`Outlet::new`].
    pub fn piped(socket: Socket, send_buffer: usize) -> io::Result<(Self, Body)> {
        socket.set_send_buffer_size(send_buffer)?;
        let (pipe, body) = Pipe::open();
        Ok((Self::by(Way::Pipe(pipe, TcpStream::from_std(socket.into())?)), body))
    }

    fn by(way: Way) -> Self {
        let [heard, full, last] = [const { AtomicBool::new(false) }; 3];
        Self { way, heard, full, last }
    }

    fn socket(&self) -> SockRef<'_> {
        match &self.way {
            Way::Socket(socket) => SockRef::from(socket.as_ref()),
            Way::Pipe(_, socket) => SockRef::from(socket),
        }
    }

    /// Who is at the other side, while it is there.
    #[must_use]
    pub fn peer(&self) -> Option<SocketAddr> {
        self.socket().peer_addr().ok()?.as_socket()
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

    /// Waits until the client of a response has closed its side. The server itself would let it
    /// have the rest, which never ends, and so notice only when a write fails.
    pub async fn hung_up(&self) {
        if let Way::Pipe(_, socket) = &self.way {
            hung_up(socket).await;
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
        // One that refuses is gone already, which is what is wanted.
        drop(self.socket().shutdown(Shutdown::Write));
    }

    /// Ends the connection, whoever still holds the socket: a task that waits until it is writable
    /// would keep it, and its descriptor, for as long as the client does not read.
    pub fn close(&self) {
        if self.is_full() {
            self.abandon();
        }
        if let Way::Pipe(pipe, _) = &self.way {
            pipe.end();
        }
        // One that refuses is gone already, which is what is wanted.
        drop(self.socket().shutdown(Shutdown::Both));
    }

    /// Lets the kernel forget what it still holds once the socket is dropped: the client is reset.
    pub fn abandon(&self) {
        // As above.
        drop(self.socket().set_linger(Some(Duration::ZERO)));
    }
}

impl Sink for Outlet {
    fn write(&self, bytes: &[u8]) -> Result<usize, Gone> {
        let taken = match &self.way {
            Way::Socket(socket) => send(socket, bytes)?,
            Way::Pipe(pipe, _) => pipe.write(bytes)?,
        };
        self.full.store(taken < bytes.len(), Ordering::Relaxed);
        self.end_if_all_is_said();
        Ok(taken)
    }
}

/// Goes to the kernel directly, which is cheaper than by way of the runtime, and finds room that
/// the runtime has not heard of: a socket counts as writable only when a third of its buffer
/// is free. Only a refusal is shown to the runtime, so that it knows what to wait for.
fn send(half: &OwnedWriteHalf, bytes: &[u8]) -> Result<usize, Gone> {
    let socket = SockRef::from(half.as_ref());
    let mut taken = 0;
    while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
        let sent = match socket.send(rest) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => half.try_write(rest),
            sent => sent,
        };
        match sent {
            Ok(0) => return Err(Gone),
            Ok(n) => taken += n,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Err(Gone),
        }
    }
    Ok(taken)
}

/// Waits until the other side has closed; what it says meanwhile is left to whoever reads it.
async fn hung_up(socket: &TcpStream) {
    loop {
        match socket.ready(Interest::READABLE).await {
            Ok(ready) if !ready.is_read_closed() => {
                let nothing = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
                // To be woken by the next bytes, not by these.
                socket.try_io(Interest::READABLE, nothing).unwrap_or_default();
            }
            _ => return,
        }
    }
}
