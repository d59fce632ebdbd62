//! Events of the journal told as broadcasts of a topic: to a channel that says where it was, until it
//! is where the topic goes on.

use bytes::Bytes;
use uuid::Uuid;

use super::phoenix::{Broadcast, Encoding, UserBroadcast, Vsn};
use crate::core::event::{Event, Seq};

/// What a channel is told of the journal before it hears its topic. Equal ones share their bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Replay {
    /// Of which journal.
    pub epoch: Uuid,
    /// The protocol's version.
    pub vsn: Vsn,
    /// The topic on the wire.
    pub topic: Box<str>,
    /// The last that is told.
    pub through: Seq,
}

impl Replay {
    /// Whether the event is told.
    #[must_use]
    pub fn wants(&self, event: &Event) -> bool {
        event.seq <= self.through
    }

    /// Appends the frame of an event, if it is told.
    pub fn write(&self, out: &mut Vec<u8>, event: &Event) -> bool {
        self.wants(event) && broadcast(event).encode(out, self.vsn, &self.topic).is_ok()
    }
}

/// An event as it is broadcast on the realtime path: its type is the name of the broadcast, its
/// payload the event and `prev`, the place of the one before it there.
#[must_use]
pub fn broadcast(event: &Event) -> Broadcast {
    let prev = format!(",\"prev\":{}}}", event.seq.saturating_sub(1));
    let json = event.json.strip_suffix(b"}").unwrap_or(&event.json);
    Broadcast::User(UserBroadcast {
        event: event.event_type.clone(),
        encoding: Encoding::Json,
        payload: Bytes::from([json, prev.as_bytes()].concat()),
        meta: None,
    })
}
