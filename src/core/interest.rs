//! What a group of subscriptions wants to hear: of which tail, which of it, and in which bytes.

use uuid::Uuid;

use super::{
    event::{Event, Seq},
    filter::Filter,
    protocol::{Form, legacy, session, sse},
    realtime::{
        changes::Changes,
        replay::Replay,
        topic::{Listening, Message},
    },
    tail::{Entry, Tail},
    window::{Room, Window},
};

/// What a group of subscriptions wants to hear. Equal ones share their bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Interest {
    /// Events of the journal.
    Events(Events),
    /// Rows of the journal, as Realtime tells of them.
    Changes(Changes),
    /// Events of the journal, as they were broadcast on a topic.
    Replay(Replay),
    /// Messages of a topic.
    Messages(Listening),
}

/// Which events of the journal, and how.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Events {
    /// In which form.
    pub form: Form,
    /// Of which journal.
    pub epoch: Uuid,
    /// Which of them.
    pub filter: Filter,
}

/// What is read.
#[derive(Clone, Copy, Debug)]
pub enum Feed<'a> {
    /// The journal's tail; of another epoch only until the shard has noticed.
    Journal(&'a Tail),
    /// A topic's tail.
    Topic(&'a Tail<Message>),
}

impl Feed<'_> {
    /// The first place that can be read.
    #[must_use]
    pub fn first(&self) -> Seq {
        match self {
            Self::Journal(tail) => tail.first(),
            Self::Topic(tail) => tail.first(),
        }
    }

    /// The place that comes next.
    #[must_use]
    pub fn next(&self) -> Seq {
        match self {
            Self::Journal(tail) => tail.next(),
            Self::Topic(tail) => tail.next(),
        }
    }
}

impl Interest {
    /// Whether the places that this knows are those of the feed.
    #[must_use]
    pub fn is_of(&self, feed: Feed<'_>) -> bool {
        match feed {
            Feed::Journal(tail) => self.epoch() == Some(tail.epoch()),
            Feed::Topic(_) => matches!(self, Self::Messages(_)),
        }
    }

    /// The journal that is read, if one is.
    fn epoch(&self) -> Option<Uuid> {
        match self {
            Self::Events(Events { epoch, .. })
            | Self::Changes(Changes { epoch, .. })
            | Self::Replay(Replay { epoch, .. }) => Some(*epoch),
            Self::Messages(_) => None,
        }
    }

    /// Whether the journal is read, not a topic.
    #[must_use]
    pub fn reads_journal(&self) -> bool {
        self.epoch().is_some()
    }

    /// The name of the topic that is listened to.
    #[must_use]
    pub fn topic(&self) -> Option<&str> {
        match self {
            Self::Messages(listening) if listening.past.is_none() => Some(listening.topic.name()),
            _ => None,
        }
    }

    /// The last place that is wanted, where there is one.
    fn last(&self) -> Option<Seq> {
        match self {
            Self::Replay(replay) => Some(replay.through),
            Self::Messages(listening) => listening.past,
            Self::Events(_) | Self::Changes(_) => None,
        }
    }

    /// Whether something is the last that is wanted.
    #[must_use]
    pub fn ends(&self) -> bool {
        self.last().is_some()
    }

    /// Whether nothing more is wanted from `next` on.
    #[must_use]
    pub fn is_over(&self, next: Seq) -> bool {
        self.last().is_some_and(|last| next > last)
    }

    /// Joins what the feed has from the window's end on.
    pub fn join(&self, window: &mut Window, feed: Feed<'_>, room: Room) {
        match feed {
            Feed::Journal(tail) => {
                self.join_events(window, tail.from(window.next()).map(AsRef::as_ref), room);
            }
            Feed::Topic(tail) => {
                if let Self::Messages(listening) = self {
                    let messages = tail.from(window.next()).map(AsRef::as_ref);
                    window.join(messages, room, |out, message| listening.write(out, message));
                }
            }
        }
    }

    /// Joins events of the journal, which follow the window's end without a hole.
    pub fn join_events<'a>(
        &self,
        window: &mut Window,
        events: impl Iterator<Item = &'a Event>,
        room: Room,
    ) {
        match self {
            Self::Events(Events { form, epoch, filter }) => match form {
                Form::Session => window.join(events, room, written(filter, session::event)),
                Form::Sse => {
                    let head = sse::Head::new(*epoch);
                    let write = |out: &mut Vec<u8>, event: &Event| sse::event(out, &head, event);
                    window.join(events, room, written(filter, write));
                }
                Form::Legacy => window.join(events, room, written(filter, legacy::event)),
                // It has other interests: it is never told of events as such.
                Form::Realtime(_) => window.join(events, room, |_, _| false),
            },
            Self::Changes(it) => window.join(events, room, |out, event| it.write(out, event)),
            Self::Replay(it) => window.join(events, room, |out, event| it.write(out, event)),
            Self::Messages(_) => {}
        }
    }

    /// The places before `end` that the feed holds and that are wanted.
    #[must_use]
    pub fn matching(&self, feed: Feed<'_>, end: Seq) -> Vec<Seq> {
        match feed {
            Feed::Journal(tail) => places(tail, end, |event| self.wants(event)),
            Feed::Topic(tail) => {
                places(tail, end, |message| matches!(self, Self::Messages(it) if it.wants(message)))
            }
        }
    }

    /// Whether it wants an event of the journal, as such.
    #[must_use]
    pub fn wants(&self, event: &Event) -> bool {
        match self {
            Self::Events(Events { filter, .. }) => filter.matches(event),
            Self::Changes(changes) => changes.wants(event),
            Self::Replay(replay) => replay.wants(event),
            Self::Messages(_) => false,
        }
    }
}

/// Writes what matches, and says whether it did.
fn written(
    filter: &Filter,
    write: impl Fn(&mut Vec<u8>, &Event),
) -> impl Fn(&mut Vec<u8>, &Event) -> bool {
    move |out, event| {
        let matches = filter.matches(event);
        if matches {
            write(out, event);
        }
        matches
    }
}

fn places<T: Entry>(tail: &Tail<T>, end: Seq, wants: impl Fn(&T) -> bool) -> Vec<Seq> {
    let entries = tail.from(tail.first()).take_while(|entry| entry.seq() < end);
    entries.filter(|entry| wants(entry)).map(|entry| entry.seq()).collect()
}
