//! The writing side of a session's socket: shared by the session that owns the socket and the
//! shard that writes to it, both on one thread. It never blocks and never queues.

use std::{
    io,
    net::{Shutdown, SocketAddr},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use socket2::SockRef;
use tokio::net::tcp::OwnedWriteHalf;

use crate::core::reader::{Gone, Sink};

/// A socket that is written to.
#[derive(Debug)]
pub struct Outlet {
    socket: OwnedWriteHalf,
    heard: AtomicBool,
    full: AtomicBool,
}

impl Outlet {
    /// Writes to `socket`; the kernel keeps at most about `send_buffer` bytes for a client that
    /// does not read, instead of the megabytes it would grow to by itself.
    ///
    /// # Errors
    /// When the socket does not take the option, because it is gone already.
    pub fn new(socket: OwnedWriteHalf, send_buffer: usize) -> io::Result<Self> {
        SockRef::from(socket.as_ref()).set_send_buffer_size(send_buffer)?;
        Ok(Self { socket, heard: AtomicBool::new(false), full: AtomicBool::new(false) })
    }

    /// Who is at the other side, while it is there.
    #[must_use]
    pub fn peer(&self) -> Option<SocketAddr> {
        self.socket.peer_addr().ok()
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

    /// Whether the socket did not take all of what was written last.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    /// Waits until the socket takes bytes, or fails.
    pub async fn writable(&self) {
        // A failure is seen by the next write, which knows what to do about it.
        drop(self.socket.writable().await);
    }

    /// Ends the connection, whoever still holds the socket: a task that waits until it is writable
    /// would keep it, and its descriptor, for as long as the client does not read.
    pub fn close(&self) {
        if self.is_full() {
            self.abandon();
        }
        // One that refuses is gone already, which is what is wanted.
        drop(SockRef::from(self.socket.as_ref()).shutdown(Shutdown::Both));
    }

    /// Lets the kernel forget what it still holds once the socket is dropped: the client is reset.
    pub fn abandon(&self) {
        // As above.
        drop(SockRef::from(self.socket.as_ref()).set_linger(Some(Duration::ZERO)));
    }
}

impl Sink for Outlet {
    /// Goes to the kernel directly, which is cheaper than by way of the runtime, and finds room that
    /// the runtime has not heard of: a socket counts as writable only when a third of its buffer
    /// is free. Only a refusal is shown to the runtime, so that it knows what to wait for.
    fn write(&self, bytes: &[u8]) -> Result<usize, Gone> {
        let socket = SockRef::from(self.socket.as_ref());
        let mut taken = 0;
        while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
            let sent = match socket.send(rest) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => self.socket.try_write(rest),
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
        self.full.store(taken < bytes.len(), Ordering::Relaxed);
        Ok(taken)
    }
}
