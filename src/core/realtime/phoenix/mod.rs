//! The wire: what clients say, decoded, and whole WebSocket frames of what they hear.
//!
//! Two versions of one protocol. [`Vsn::V1`] is JSON objects; [`Vsn::V2`] is JSON arrays, and
//! binary frames for broadcasts. Payloads are carried as the bytes that were sent and spliced into
//! what is said: never parsed into values, never serialised again.

mod broadcast;
mod decode;
mod encode;
mod heard;
#[cfg(test)]
pub(super) mod tests;

use bytes::Bytes;

pub use broadcast::{Broadcast, Encoding, Unsendable, UserBroadcast};
pub use decode::{Malformed, decode_binary, decode_text};
pub use encode::{Head, ServerMessage, text_frame};
pub use heard::Heard;

/// The topic of heartbeats.
pub const PHOENIX: &str = "phoenix";

/// A version of the protocol, as the query parameter `vsn` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Vsn {
    /// `1.0.0`: JSON objects.
    V1,
    /// `2.0.0`: JSON arrays, and binary broadcasts.
    V2,
}

impl Vsn {
    /// The version of that name; without a name it is the first.
    #[must_use]
    pub fn parse(vsn: Option<&str>) -> Option<Self> {
        match vsn {
            None | Some("1.0.0") => Some(Self::V1),
            Some("2.0.0") => Some(Self::V2),
            Some(_) => None,
        }
    }
}

/// What a client numbers its messages and its joins with, as it wrote it: a JSON string or number,
/// and said back unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ref(Box<str>);

impl Ref {
    /// From the text of a JSON string or number; `None` for anything else.
    fn from_json(raw: &str) -> Option<Self> {
        matches!(raw.as_bytes(), [b'"' | b'-' | b'0'..=b'9', ..]).then(|| Self(raw.into()))
    }

    /// From plain text, as binary frames have it; nothing there is no reference.
    fn from_text(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self(quoted(text).into()))
    }

    /// The JSON of an optional one.
    fn json(reference: Option<&Self>) -> &str {
        reference.map_or("null", |reference| &reference.0)
    }
}

/// One message of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientMessage {
    /// The join it belongs to; clients leave it out, or send a stale one.
    pub join_ref: Option<Ref>,
    /// What the reply will carry.
    pub reference: Option<Ref>,
    /// The topic on the wire, such as `realtime:room`.
    pub topic: Box<str>,
    /// What is meant, such as `phx_join`.
    pub event: Box<str>,
    /// What comes with it.
    pub payload: Payload,
}

impl ClientMessage {
    /// Its size in bytes, near enough.
    #[must_use]
    pub fn len(&self) -> usize {
        let refs = [&self.join_ref, &self.reference].into_iter().flatten();
        let refs: usize = refs.map(|reference| reference.0.len()).sum();
        self.topic.len() + self.event.len() + self.payload.len() + refs
    }

    /// Whether it says nothing at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What comes with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Any JSON value, as it was sent.
    Json(Bytes),
    /// A broadcast, taken apart already by its frame (kind 3).
    User(UserBroadcast),
    /// Bytes without a meaning here (kind 0).
    Binary(Bytes),
}

impl Payload {
    /// Its size in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Json(bytes) | Self::Binary(bytes) => bytes.len(),
            Self::User(broadcast) => broadcast.payload.len(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The text as a JSON string.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    crate::core::canonical::quote(text, &mut out);
    out
}
