//! A filter group: the sessions that want the same, and the frames joined once for all of them.

use std::collections::HashMap;

use slab::Slab;
use uuid::Uuid;

use crate::core::{
    event::Seq,
    filter::Filter,
    reader::{Source, SubKey},
    tail::Tail,
    window::Window,
};

/// Where a member is: its group, and the place among the group's members.
pub(super) type Place = (usize, usize);

#[derive(Debug)]
pub(super) struct Group {
    pub(super) filter: Filter,
    pub(super) window: Window,
    pub(super) members: Vec<SubKey>,
}

impl Group {
    /// What a member reads from.
    pub(super) fn source<'a>(&'a self, epoch: Uuid, tail: &'a Tail) -> Source<'a> {
        Source { filter: &self.filter, group: &self.window, epoch, tail }
    }

    pub(super) fn is_behind(&self, end: Seq) -> bool {
        self.window.next() < end
    }

    /// Joins what is new, up to `limit` bytes. Sessions that still need what is let go of for it
    /// read the tail by themselves.
    ///
    /// Returns the range `[from, to)` that the tail has forgotten before the group came to look.
    pub(super) fn join(&mut self, tail: &Tail, limit: usize) -> Option<(Seq, Seq)> {
        if self.window.bytes() >= limit {
            self.window.clear();
        }
        let (next, first) = (self.window.next(), tail.first());
        let forgotten = (next < first).then_some((next, first));
        if forgotten.is_some() {
            self.window.restart(first);
        }
        let events = tail.from(self.window.next()).map(AsRef::as_ref);
        self.window.extend(events, &self.filter, limit.max(1), Seq::MAX);
        forgotten
    }
}

/// All groups of a shard, found by place or by filter.
#[derive(Debug, Default)]
pub(super) struct Groups {
    slots: Slab<Group>,
    by_filter: HashMap<Filter, usize>,
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

    pub(super) fn find(&self, filter: &Filter) -> Option<usize> {
        self.by_filter.get(filter).copied()
    }

    pub(super) fn get(&self, index: usize) -> Option<&Group> {
        self.slots.get(index)
    }

    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut Group> {
        self.slots.get_mut(index)
    }

    /// The group of `filter`; a new one begins where the tail ends.
    pub(super) fn find_or_make(&mut self, filter: &Filter, tail: &Tail) -> usize {
        if let Some(index) = self.find(filter) {
            return index;
        }
        let window = Window::new(tail.next());
        let index =
            self.slots.insert(Group { filter: filter.clone(), window, members: Vec::new() });
        self.by_filter.insert(filter.clone(), index);
        index
    }

    pub(super) fn remove(&mut self, index: usize) {
        if let Some(group) = self.slots.try_remove(index) {
            self.by_filter.remove(&group.filter);
        }
    }

    /// What a member at `place` reads from.
    pub(super) fn source<'a>(
        &'a self,
        (group, _): Place,
        epoch: Uuid,
        tail: &'a Tail,
    ) -> Option<Source<'a>> {
        Some(self.get(group)?.source(epoch, tail))
    }
}
