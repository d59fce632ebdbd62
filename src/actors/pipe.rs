//! A bounded pipe from a shard to the body of a response: what `EventSource` clients read.
//!
//! The shard writes as into a socket: what does not fit is refused. The server polls the body, which
//! takes all there is, when its own buffer has room; so a client that does not read makes the
//! pipe refuse, and an idle one holds no memory.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use futures_util::Stream;
use tokio::sync::Notify;

use crate::core::reader::Gone;

/// Bytes that wait for the server at most.
const CAPACITY: usize = 16 << 10;

/// The end that is written to.
#[derive(Debug, Default)]
pub struct Pipe {
    state: Mutex<State>,
    /// The body took bytes, or nothing will be taken any more.
    moved: Notify,
    /// The body is gone.
    closed: Notify,
}

#[derive(Debug, Default)]
struct State {
    bytes: Vec<u8>,
    /// Nothing more will be written.
    ended: bool,
    /// Nothing more will be read.
    closed: bool,
    /// The server's task for the connection.
    reader: Option<Waker>,
}

impl State {
    fn refuses(&self) -> bool {
        self.bytes.len() >= CAPACITY && !self.ended && !self.closed
    }

    fn wake_reader(&self) {
        if let Some(reader) = &self.reader {
            reader.wake_by_ref();
        }
    }
}

impl Pipe {
    /// The two ends of a pipe.
    #[must_use]
    pub fn open() -> (Arc<Self>, Body) {
        let pipe = Arc::<Self>::default();
        (pipe.clone(), Body(pipe))
    }

    /// Writes as much as there is room for. The server hears of it even when there is none: its
    /// socket may have room that it was not told of.
    ///
    /// # Errors
    /// When nothing will be read any more.
    pub fn write(&self, bytes: &[u8]) -> Result<usize, Gone> {
        let mut state = self.lock();
        if state.ended || state.closed {
            return Err(Gone);
        }
        let room = CAPACITY.saturating_sub(state.bytes.len());
        let taken = bytes.get(..room).unwrap_or(bytes);
        state.bytes.extend_from_slice(taken);
        state.wake_reader();
        Ok(taken.len())
    }

    /// Waits until there is room, or nothing to wait for any more.
    pub async fn writable(&self) {
        while self.lock().refuses() {
            self.moved.notified().await;
        }
    }

    /// Whether there are bytes that the body has not taken.
    #[must_use]
    pub fn holds_bytes(&self) -> bool {
        !self.lock().bytes.is_empty()
    }

    /// Ends the body, after what was written.
    pub fn end(&self) {
        let mut state = self.lock();
        state.ended = true;
        state.wake_reader();
        self.moved.notify_one();
    }

    /// Waits until the body is gone: it was sent, or its client is gone.
    pub async fn closed(&self) {
        while !self.lock().closed {
            self.closed.notified().await;
        }
    }

    /// Nothing panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end that the server reads.
#[derive(Debug)]
pub struct Body(Arc<Pipe>);

impl Stream for Body {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut state = self.0.lock();
        if !state.reader.as_ref().is_some_and(|reader| reader.will_wake(cx.waker())) {
            state.reader = Some(cx.waker().clone());
        }
        if state.bytes.is_empty() {
            return if state.ended { Poll::Ready(None) } else { Poll::Pending };
        }
        let bytes = std::mem::take(&mut state.bytes);
        self.0.moved.notify_one();
        Poll::Ready(Some(Ok(bytes.into())))
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.moved.notify_one();
        self.0.closed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, StreamExt};

    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_until_all_was_taken() {
        let (pipe, mut body) = Pipe::open();
        assert_eq!(pipe.write(&[1; CAPACITY - 1]), Ok(CAPACITY - 1));
        assert!(pipe.writable().now_or_never().is_some());
        assert_eq!(pipe.write(&[2; 9]), Ok(1));
        assert_eq!(pipe.write(&[2; 9]), Ok(0));
        assert!(pipe.writable().now_or_never().is_none());
        let Some(Some(Ok(bytes))) = body.next().now_or_never() else { panic!("nothing came") };
        assert_eq!(bytes.len(), CAPACITY);
        assert!(pipe.writable().now_or_never().is_some() && !pipe.holds_bytes());
        assert!(body.next().now_or_never().is_none(), "it waits for more");
    }

    #[test]
    fn the_end_comes_after_what_was_written() {
        let (pipe, mut body) = Pipe::open();
        assert_eq!(pipe.write(b"bye"), Ok(3));
        pipe.end();
        assert_eq!(pipe.write(b"more"), Err(Gone));
        let said: Vec<_> = body.by_ref().map(Result::unwrap).collect().now_or_never().unwrap();
        assert_eq!(said, [Bytes::from_static(b"bye")]);
        assert!(pipe.closed().now_or_never().is_none());
        drop(body);
        assert!(pipe.closed().now_or_never().is_some());
    }

    #[test]
    fn nobody_waits_for_a_body_that_is_gone() {
        let (pipe, body) = Pipe::open();
        assert_eq!(pipe.write(&[0; CAPACITY]), Ok(CAPACITY));
        drop(body);
        assert!(pipe.writable().now_or_never().is_some());
        assert_eq!(pipe.write(b"x"), Err(Gone));
    }
}
