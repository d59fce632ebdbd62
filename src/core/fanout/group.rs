//! A filter group: the subscriptions that want to hear the same, and the frames joined once for all
//! of them.

use std::{collections::HashMap, sync::Arc};

use slab::Slab;

use crate::core::{
    event::Seq,
    interest::{Feed, Interest},
    reader::{Source, SubKey},
    realtime::topic::Message,
    tail::Tail,
    window::{Room, Window},
};

/// Where a member is: its group, and the place among the group's members.
pub(super) type Place = (usize, usize);

#[derive(Debug)]
pub(super) struct Group {
    pub(super) interest: Interest,
    pub(super) window: Window,
    /// The topic as it was when somebody looked last; nothing for what reads the journal.
    topic: Option<Arc<Tail<Message>>>,
    pub(super) members: Vec<SubKey>,
}

impl Group {
    /// What a member reads from.
    pub(super) fn source<'a>(&'a self, tail: &'a Tail) -> Source<'a> {
        Source { interest: &self.interest, group: &self.window, feed: self.feed(tail) }
    }

    fn feed<'a>(&'a self, tail: &'a Tail) -> Feed<'a> {
        self.topic.as_deref().map_or(Feed::Journal(tail), Feed::Topic)
    }

    /// Looks at what the topic has by now, if that is what the group reads.
    pub(super) fn look(&mut self) {
        if let Interest::Messages(listening) = &self.interest {
            self.topic = Some(listening.topic.load());
        }
    }

    /// Whether there is anything new: in the journal up to `end`, or on the topic.
    pub(super) fn is_behind(&self, end: Seq) -> bool {
        self.window.next() < self.topic.as_ref().map_or(end, |topic| topic.next())
    }

    /// Joins what is new, up to `limit` bytes. Sessions that still need what is let go of for it
    /// read the tail by themselves.
    ///
    /// Returns the range `[from, to)` that the tail has forgotten before the group came to look.
    pub(super) fn join(&mut self, tail: &Tail, limit: usize) -> Option<(Seq, Seq)> {
        if self.window.bytes() >= limit {
            self.window.clear();
        }
        let (next, first) = (self.window.next(), self.feed(tail).first());
        let forgotten = (next < first).then_some((next, first));
        if forgotten.is_some() {
            self.window.restart(first);
        }
        let Self { interest, window, topic, .. } = self;
        let feed = topic.as_deref().map_or(Feed::Journal(tail), Feed::Topic);
        interest.join(window, feed, Room { bytes: limit.max(1), end: Seq::MAX });
        forgotten
    }
}

/// All groups of a shard, found by place or by what they want to hear.
#[derive(Debug, Default)]
pub(super) struct Groups {
    slots: Slab<Group>,
    places: HashMap<Interest, usize>,
}

impl Groups {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Group> {
        self.slots.iter().map(|(_, group)| group)
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// One past the last place in use.
    pub(super) fn end(&self) -> usize {
        self.slots.iter().next_back().map_or(0, |(index, _)| index + 1)
    }

    pub(super) fn find(&self, interest: &Interest) -> Option<usize> {
        self.places.get(interest).copied()
    }

    pub(super) fn get(&self, index: usize) -> Option<&Group> {
        self.slots.get(index)
    }

    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut Group> {
        self.slots.get_mut(index)
    }

    /// The group of `interest`; a new one begins where the tail ends.
    pub(super) fn find_or_make(&mut self, interest: Interest, tail: &Tail) -> usize {
        if let Some(index) = self.find(&interest) {
            return index;
        }
        let mut group = Group {
            interest: interest.clone(),
            window: Window::new(0),
            topic: None,
            members: Vec::new(),
        };
        group.look();
        group.window = Window::new(group.feed(tail).next());
        let index = self.slots.insert(group);
        self.places.insert(interest, index);
        index
    }

    pub(super) fn remove(&mut self, index: usize) {
        if let Some(group) = self.slots.try_remove(index) {
            self.places.remove(&group.interest);
        }
    }

    /// What a member at `place` reads from.
    pub(super) fn source<'a>(&'a self, (group, _): Place, tail: &'a Tail) -> Option<Source<'a>> {
        Some(self.get(group)?.source(tail))
    }
}
