//! A broadcast on its way from a client of either version to clients of both.
//!
//! Version 2 clients send and decode one binary form each (kinds 3 and 4); any other binary kind
//! breaks them, so nothing else is ever sent to them in binary.

use bytes::Bytes;

use super::{Head, Vsn, quoted, text_frame};
use crate::core::protocol::{Opcode, frame_head};

/// The kind of a broadcast to a client.
const USER_BROADCAST: u8 = 4;

/// A broadcast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broadcast {
    /// The whole payload of a text message, a JSON object, as it was sent.
    Whole(Bytes),
    /// Taken apart, by its frame or by whoever made it.
    User(UserBroadcast),
}

/// A broadcast, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserBroadcast {
    /// The event's name, the sender's choice.
    pub event: Box<str>,
    /// What the payload is.
    pub encoding: Encoding,
    /// JSON or anything, as `encoding` says.
    pub payload: Bytes,
    /// A JSON object about the message, such as its id.
    pub meta: Option<Bytes>,
}

/// What the payload of a broadcast is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Any bytes.
    Binary = 0,
    /// A JSON value.
    Json = 1,
}

/// Why a client does not get a broadcast; to be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unsendable {
    /// Version 1 has no binary frames.
    BinaryToV1,
    /// The binary form has no room for topic, event or meta over 255 bytes.
    TooLong,
}

impl Broadcast {
    /// Size of what the sender wrote, its name included, in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Whole(payload) => payload.len(),
            Self::User(UserBroadcast { event, payload, .. }) => event.len() + payload.len(),
        }
    }

    /// Whether the sender wrote nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same with this said about it, a JSON object.
    #[must_use]
    pub fn with_meta(&self, meta: Bytes) -> Self {
        match self {
            Self::User(user) => Self::User(UserBroadcast { meta: Some(meta), ..user.clone() }),
            Self::Whole(payload) => {
                let members = payload.strip_suffix(b"}").unwrap_or(payload);
                let is_first = members.trim_ascii_end() == b"{";
                let name: &[u8] = if is_first { b"\"meta\":" } else { b",\"meta\":" };
                Self::Whole([members, name, &meta, b"}"].concat().into())
            }
        }
    }

    /// Whether clients of that version can be told.
    ///
    /// # Errors
    /// When that version cannot carry it.
    pub fn sendable(&self, vsn: Vsn, topic: &str) -> Result<(), Unsendable> {
        match (self, vsn) {
            (Self::User(user), Vsn::V1) if user.encoding == Encoding::Binary => {
                Err(Unsendable::BinaryToV1)
            }
            (Self::User(user), Vsn::V2)
                if user.encoding == Encoding::Binary && user.lengths(topic).is_none() =>
            {
                Err(Unsendable::TooLong)
            }
            _ => Ok(()),
        }
    }

    /// Appends the whole frame for clients of that version.
    ///
    /// # Errors
    /// When that version cannot carry it; nothing is appended then.
    pub fn encode(&self, out: &mut Vec<u8>, vsn: Vsn, topic: &str) -> Result<(), Unsendable> {
        self.sendable(vsn, topic)?;
        let head = Head::delivery(topic, "broadcast");
        match self {
            Self::Whole(payload) => text_frame(out, vsn, &head, &[payload]),
            Self::User(user) => match (vsn, user.lengths(topic)) {
                (Vsn::V2, Some(lengths)) => user.binary_frame(out, topic, lengths),
                _ => user.text_frame(out, vsn, &head),
            },
        }
        Ok(())
    }
}

impl UserBroadcast {
    /// The lengths of topic, event and meta in the binary form, if it has room for them.
    fn lengths(&self, topic: &str) -> Option<[u8; 3]> {
        let byte = |length: usize| u8::try_from(length).ok();
        let meta = self.meta.as_ref().map_or(0, Bytes::len);
        Some([byte(topic.len())?, byte(self.event.len())?, byte(meta)?])
    }

    fn binary_frame(&self, out: &mut Vec<u8>, topic: &str, [topic_length, event, meta]: [u8; 3]) {
        let head = [USER_BROADCAST, topic_length, event, meta, self.encoding as u8];
        let meta = self.meta.as_deref().unwrap_or_default();
        let parts = [&head, topic.as_bytes(), self.event.as_bytes(), meta, &self.payload];
        let length = parts.iter().map(|part| part.len()).sum();
        out.reserve(length + 10);
        frame_head(out, Opcode::Binary, length);
        for part in parts {
            out.extend_from_slice(part);
        }
    }

    fn text_frame(&self, out: &mut Vec<u8>, vsn: Vsn, head: &Head<'_>) {
        let before =
            format!("{{\"type\":\"broadcast\",\"event\":{},\"payload\":", quoted(&self.event));
        let mut parts = vec![before.as_bytes(), &self.payload];
        if let Some(meta) = &self.meta {
            parts.extend([b",\"meta\":".as_slice(), meta]);
        }
        parts.push(b"}");
        text_frame(out, vsn, head, &parts);
    }
}
