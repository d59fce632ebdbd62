//! A topic: a tail without a storage. Whatever is broadcast on it, and who comes and goes, has a
//! place there, and is read like the journal; what the tail has forgotten is lost.

use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

use bytes::Bytes;
use uuid::Uuid;

use super::phoenix::{Broadcast, Head, Vsn, text_frame};
use crate::core::{
    event::{Position, Seq},
    numbering,
    tail::{Entry, SharedTail, Tail, TailLimits},
};

/// A channel that sends, told from all others of the process.
pub type Origin = u64;

/// What stands on a topic.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its place on the topic.
    pub seq: Seq,
    /// Who sent it, when that was a channel.
    pub origin: Option<Origin>,
    /// Where the event stands in the journal, when it is one.
    pub position: Option<Position>,
    /// When it was published, in milliseconds since 1970.
    pub at_ms: i64,
    /// What it says.
    pub body: Body,
}

/// What a message says.
#[derive(Clone, Debug)]
pub enum Body {
    /// A broadcast.
    Broadcast(Broadcast),
    /// The payload of a `presence_diff`.
    Presence(Bytes),
}

impl Entry for Message {
    fn seq(&self) -> Seq {
        self.seq
    }

    fn size(&self) -> usize {
        let body = match &self.body {
            Body::Broadcast(broadcast) => broadcast.len(),
            Body::Presence(diff) => diff.len(),
        };
        size_of::<Self>() + body
    }
}

/// A topic's tail, and the name that clients know it by.
#[derive(Debug)]
pub struct TopicTail {
    /// Told from all others of the process, also of the same name.
    id: u64,
    name: Box<str>,
    tail: SharedTail<Message>,
}

impl TopicTail {
    /// An empty topic of this name on the wire, such as `realtime:room`.
    #[must_use]
    pub fn new(id: u64, name: &str, limits: TailLimits) -> Self {
        let head = numbering::Head::empty(Uuid::nil());
        Self { id, name: name.into(), tail: SharedTail::new(Tail::empty(head, limits)) }
    }

    /// The name on the wire.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The messages as they are now.
    #[must_use]
    pub fn load(&self) -> Arc<Tail<Message>> {
        Arc::clone(&self.tail.load())
    }

    /// Puts a message behind the others, which gets its place. One at a time: the caller sees to it.
    pub fn append(&self, mut message: Message) {
        let tail = self.tail.load();
        message.seq = tail.next();
        let head = numbering::Head { head_seq: message.seq, ..tail.head() };
        self.tail.store(tail.append(vec![message], head));
    }
}

impl PartialEq for TopicTail {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for TopicTail {}

impl Hash for TopicTail {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

/// What channels of one kind hear of a topic: they share their bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Listening {
    /// The topic.
    pub topic: Arc<TopicTail>,
    /// The protocol's version.
    pub vsn: Vsn,
    /// Whether who comes and goes is heard.
    pub presence: bool,
    /// Whose messages are not heard: the channel's own.
    pub except: Option<Origin>,
    /// The place in the journal up to which events were heard already.
    pub after: Option<Position>,
}

impl Listening {
    /// Whether these channels get the message.
    #[must_use]
    pub fn wants(&self, message: &Message) -> bool {
        let Message { origin, position, body, .. } = message;
        match body {
            Body::Presence(_) => self.presence,
            Body::Broadcast(broadcast) => {
                (origin.is_none() || *origin != self.except)
                    && !self.has_heard(*position)
                    && broadcast.sendable(self.vsn, self.topic.name()).is_ok()
            }
        }
    }

    fn has_heard(&self, position: Option<Position>) -> bool {
        let (Some(position), Some(after)) = (position, self.after) else { return false };
        position.epoch == after.epoch && position.seq <= after.seq
    }

    /// Appends the frame of a message, if these channels get it.
    pub fn write(&self, out: &mut Vec<u8>, message: &Message) -> bool {
        if !self.wants(message) {
            return false;
        }
        let name = self.topic.name();
        match &message.body {
            Body::Broadcast(broadcast) => broadcast.encode(out, self.vsn, name).is_ok(),
            Body::Presence(diff) => {
                text_frame(out, self.vsn, &Head::delivery(name, "presence_diff"), &[diff]);
                true
            }
        }
    }
}
