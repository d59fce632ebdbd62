//! Delivery to another system: what goes there, and what it can answer.
//!
//! An adapter reads the journal by a cursor and sends what is routed to its path. Every answer is
//! one of these values: nothing is swallowed, and a failure is never counted as a success.

pub mod attempt;
pub mod gate;
pub mod outgoing;
pub mod settling;
pub mod unread;

use std::{sync::Arc, time::Duration};

use uuid::Uuid;

pub use self::attempt::Attempted;
use super::event::{Event, Seq};

/// The name of the one adapter that has a cursor.
pub const REALTIME: &str = "realtime";

/// The name of a broadcast that is no event: how far the path is.
pub const HEAD_EVENT: &str = "signalbox:head";

/// An event on its way to a destination.
#[derive(Clone, Debug)]
pub struct Item {
    /// The event.
    pub event: Arc<Event>,
    /// The event before it that was routed to the same path; 0 when there was none. Who reads there
    /// can tell a hole from a filter by it.
    pub prev: Seq,
}

impl Item {
    /// The payload of a broadcast: the event, and `prev`.
    #[must_use]
    pub fn payload(&self) -> Vec<u8> {
        let json = &self.event.json;
        let mut payload = Vec::with_capacity(json.len() + 32);
        payload.extend_from_slice(format!("{{\"prev\":{},", self.prev).as_bytes());
        payload.extend_from_slice(json.get(1..).unwrap_or_default());
        payload
    }
}

/// Events that go together, in the journal's order.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The journal they are of.
    pub epoch: Uuid,
    /// At least one.
    pub items: Vec<Item>,
}

/// A destination took a batch, whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Events that were sent.
    pub events: usize,
    /// Those of them that the destination already had, where that is known.
    pub known: usize,
}

/// Why a destination did not take a batch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryError {
    /// No connection, no answer in time, or an error that may pass. It may have been taken all the
    /// same: who sends it again sends the same ids.
    #[error("{reason}")]
    Transient {
        /// What happened, without a secret.
        reason: String,
    },
    /// The destination asks for fewer requests, or for smaller ones: some refuse a batch, whole, that
    /// is larger than what is left of a rate. Whoever sends it again sends less at a time.
    #[error("{reason}")]
    RateLimited {
        /// How long it asks to wait, if it says so.
        retry_after: Option<Duration>,
        /// Its words.
        reason: String,
    },
    /// The destination will never take some of it. Nothing of the batch counts as taken: what is left
    /// is to be sent again.
    #[error("{reason}")]
    Rejected {
        /// Which events.
        which: Which,
        /// Its words.
        reason: String,
    },
    /// Nothing can be delivered until somebody changes a setting, here or there.
    #[error("{reason}")]
    Misconfigured {
        /// What is wrong, and what to do, without a secret.
        reason: String,
    },
}

/// Which events of a batch were rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// At least one: the destination does not say which.
    Unknown,
    /// Those at these places within the batch, ascending.
    These(Vec<usize>),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::tail::tests::event;

    #[test]
    fn a_payload_is_the_event_and_what_came_before_it() {
        let mut event = event(7, "t");
        event.json = r#"{"id":"x","seq":7}"#.into();
        let item = Item { event: Arc::new(event), prev: 5 };
        assert_eq!(item.payload(), br#"{"prev":5,"id":"x","seq":7}"#);
    }
}
