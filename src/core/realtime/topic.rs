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
    /// Told from all others, also of the same name.
    id: u64,
    name: Box<str>,
    limits: TailLimits,
    tail: SharedTail<Message>,
}

impl TopicTail {
    /// An empty topic of this name on the wire, such as `realtime:room`.
    #[must_use]
    pub fn new(id: u64, name: &str, limits: TailLimits) -> Self {
        let head = numbering::Head::empty(Uuid::nil());
        Self { id, name: name.into(), limits, tail: SharedTail::new(Tail::empty(head, limits)) }
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

    /// Forgets what it holds: whoever has not read it has lost it.
    pub fn forget(&self) {
        self.tail.store(Tail::empty(self.tail.load().head(), self.limits));
    }

    /// The places of the newest broadcasts since a time, in milliseconds since 1970: at most `limit`.
    #[must_use]
    pub fn newest(&self, since: i64, limit: usize) -> Option<(Seq, Seq)> {
        let tail = self.load();
        let broadcasts = tail.from(0).filter(|message| matches!(message.body, Body::Broadcast(_)));
        let since = broadcasts.filter(|message| message.at_ms >= since);
        let places: Vec<_> = since.map(|message| message.seq).collect();
        let first = places.get(places.len().saturating_sub(limit))?;
        Some((*first, *places.last()?))
    }

    /// What names a message among those of all topics.
    fn id(&self, seq: Seq) -> Uuid {
        Uuid::from_u64_pair(self.id, seq)
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
    /// Only broadcasts up to this place, as those of before: who joins hears them again.
    pub past: Option<Seq>,
}

/// How a channel listens in another way than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tuning {
    /// No more to what this channel sends, which is itself.
    Except(Origin),
    /// To who comes and goes, too.
    Presence,
}

impl Listening {
    /// The same in another way.
    #[must_use]
    pub fn tuned(self, tuning: Tuning) -> Self {
        match tuning {
            Tuning::Except(origin) => Self { except: Some(origin), ..self },
            Tuning::Presence => Self { presence: true, ..self },
        }
    }

    /// Whether these channels get the message.
    #[must_use]
    pub fn wants(&self, message: &Message) -> bool {
        let Message { origin, position, body, .. } = message;
        match body {
            Body::Presence(_) => self.presence && self.past.is_none(),
            Body::Broadcast(broadcast) => {
                self.past.is_none_or(|past| message.seq <= past)
                    && (origin.is_none() || *origin != self.except)
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
            Body::Broadcast(broadcast) if self.past.is_some() => {
                let id = self.topic.id(message.seq);
                let meta = format!("{{\"id\":\"{id}\",\"replayed\":true}}");
                broadcast.with_meta(meta.into()).encode(out, self.vsn, name).is_ok()
            }
            Body::Broadcast(broadcast) => broadcast.encode(out, self.vsn, name).is_ok(),
            Body::Presence(diff) => {
                text_frame(out, self.vsn, &Head::delivery(name, "presence_diff"), &[diff]);
                true
            }
        }
    }
}
