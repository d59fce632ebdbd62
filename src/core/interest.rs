//! What a group of subscriptions wants to hear: of which tail, which of it, and in which bytes.

use uuid::Uuid;

use super::{
    event::{Event, Seq},
    filter::Filter,
    protocol::{Form, legacy, session, sse},
    realtime::topic::{Listening, Message},
    tail::{Entry, Tail},
    window::{Room, Window},
};

/// What a group of subscriptions wants to hear. Equal ones share their bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Interest {
    /// Events of the journal.
    Events(Events),
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
        match (self, feed) {
            (Self::Events(events), Feed::Journal(tail)) => events.epoch == tail.epoch(),
            (Self::Messages(_), Feed::Topic(_)) => true,
            (Self::Events(_), Feed::Topic(_)) | (Self::Messages(_), Feed::Journal(_)) => false,
        }
    }

    /// Joins what the feed has from the window's end on.
    pub fn join(&self, window: &mut Window, feed: Feed<'_>, room: Room) {
        match (self, feed) {
            (Self::Events(_), Feed::Journal(tail)) => {
                self.join_events(window, tail.from(window.next()).map(AsRef::as_ref), room);
            }
            (Self::Messages(listening), Feed::Topic(tail)) => {
                let messages = tail.from(window.next()).map(AsRef::as_ref);
                window.join(messages, room, |out, message| listening.write(out, message));
            }
            // A group reads its own feed.
            (Self::Events(_), Feed::Topic(_)) | (Self::Messages(_), Feed::Journal(_)) => {}
        }
    }

    /// Joins events of the journal, which follow the window's end without a hole.
    pub fn join_events<'a>(
        &self,
        window: &mut Window,
        events: impl Iterator<Item = &'a Event>,
        room: Room,
    ) {
        if let Self::Events(Events { form, epoch, filter }) = self {
            match form {
                Form::Session => window.join(events, room, written(filter, session::event)),
                Form::Sse => {
                    let head = sse::Head::new(*epoch);
                    let write = |out: &mut Vec<u8>, event: &Event| sse::event(out, &head, event);
                    window.join(events, room, written(filter, write));
                }
                Form::Legacy => window.join(events, room, written(filter, legacy::event)),
            }
        }
    }

    /// The places before `end` that the feed holds and that are wanted.
    #[must_use]
    pub fn matching(&self, feed: Feed<'_>, end: Seq) -> Vec<Seq> {
        match (self, feed) {
            (Self::Events(Events { filter, .. }), Feed::Journal(tail)) => {
                places(tail, end, |event| filter.matches(event))
            }
            (Self::Messages(listening), Feed::Topic(tail)) => {
                places(tail, end, |message| listening.wants(message))
            }
            (Self::Events(_), Feed::Topic(_)) | (Self::Messages(_), Feed::Journal(_)) => Vec::new(),
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
