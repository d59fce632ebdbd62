//! Requests that are being answered: a router that stops waits for them, and not for connections
//! on which nothing is going on.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use bytes::Bytes;

/// Counts requests from when they are seen until the last byte of their answer is handed over.
#[derive(Clone, Debug, Default)]
pub struct InFlight(Arc<AtomicUsize>);

impl InFlight {
    /// Counts a request, until what this returns is dropped.
    #[must_use]
    pub fn begin(&self) -> Answering {
        self.0.fetch_add(1, Ordering::Relaxed);
        Answering(self.0.clone())
    }

    /// Requests that are being answered now.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub struct Answering(Arc<AtomicUsize>);

/// The same body, with what lasts until it has been sent.
#[must_use]
pub fn until_sent(body: impl MessageBody + 'static, lasting: impl Unpin + 'static) -> BoxBody {
    BoxBody::new(Sent { body: body.boxed(), _lasting: lasting })
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Sent<T> {
    body: BoxBody,
    _lasting: T,
}

impl<T: Unpin> MessageBody for Sent<T> {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        self.body.as_pin_mut().poll_next(cx)
    }
}
