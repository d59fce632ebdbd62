//! How many events wait to be read for a path: those that came since somebody looks, by what they
//! are; those of before, all of them, until they are read.
//!
//! ```text
//!     read      not looked at: each may be routed here    looked at: `known` are
//!   ─────────┼──────────────────────────────────────────┼───────────────────────► seen
//!                                                    `blind`
//! ```

use crate::core::event::{Event, Seq};

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unread {
    /// Nobody has looked at what is up to here.
    blind: Seq,
    /// Everything behind `blind` and up to here was looked at.
    seen: Seq,
    /// Events looked at that are routed here, and not read yet.
    known: u64,
}

impl Unread {
    /// Nobody has looked at anything up to the head.
    #[must_use]
    pub fn new(head: Seq) -> Self {
        Self { blind: head, seen: head, known: 0 }
    }

    /// The first event to look at next.
    #[must_use]
    pub fn next(&self) -> Seq {
        self.seen + 1
    }

    /// Looks at what has come up to `head`: `events` begin at `first`, which is [`Unread::next`], or
    /// a later one when what is between is not in memory any more. What is up to `read` was read
    /// already. How many have come that may be routed here.
    pub fn look<'a>(
        &mut self,
        (first, head): (Seq, Seq),
        read: Seq,
        events: impl IntoIterator<Item = &'a Event>,
    ) -> u64 {
        if head <= self.seen {
            return 0;
        }
        let mut arrived = 0;
        if first > self.next() {
            arrived += first - self.next();
            // What was known lies before the hole, and counts like it.
            *self = Self { blind: first - 1, seen: first - 1, known: 0 };
        }
        for event in events.into_iter().filter(|event| event.is_routed()) {
            if (self.next()..=head).contains(&event.seq) {
                arrived += 1;
                self.known += u64::from(event.seq > read);
            }
        }
        self.seen = head;
        arrived
    }

    /// An event was read.
    pub fn read(&mut self, event: &Event) {
        if event.is_routed() && event.seq > self.blind && event.seq <= self.seen {
            self.known = self.known.saturating_sub(1);
        }
    }

    /// What is up to `to` can be read no more; `events` are those of what follows. How many fewer
    /// wait, when everything up to `read` was read.
    pub fn skip<'a>(
        &mut self,
        read: Seq,
        to: Seq,
        (first, events): (Seq, impl IntoIterator<Item = &'a Event>),
    ) -> u64 {
        let before = self.count(read);
        if to >= self.seen {
            *self = Self::new(to);
        } else if to > self.blind {
            let left = events.into_iter().filter(|event| event.seq > to && event.seq <= self.seen);
            let left = left.filter(|event| event.is_routed()).count() as u64;
            // What is not in memory any more may be routed here, all of it.
            let gone = first.saturating_sub(to + 1).min(self.known);
            self.known = (left + gone).min(self.known);
        }
        before.saturating_sub(self.count(to.max(read)))
    }

    /// Events that wait when everything up to `read` was read.
    #[must_use]
    pub fn count(&self, read: Seq) -> u64 {
        self.blind.saturating_sub(read) + self.known
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::core::{flags::Mode, tail::tests::event};

    /// Every third event is routed.
    fn an_event(seq: Seq) -> Event {
        let mode = if seq.is_multiple_of(3) { Mode::Dual } else { Mode::Direct };
        Event { mode, ..event(seq, "t") }
    }

    fn routed(range: std::ops::RangeInclusive<Seq>) -> u64 {
        range.filter(|seq| seq.is_multiple_of(3)).count() as u64
    }

    #[test]
    fn what_came_before_counts_whole_and_what_comes_by_what_it_is() {
        let mut unread = Unread::new(10);
        assert_eq!(unread.count(4), 6, "any of them may be for this path");
        let events: Vec<_> = (11..=20).map(an_event).collect();
        assert_eq!(unread.look((11, 20), 4, &events), 3);
        assert_eq!(unread.count(4), 9);
        for seq in 5..=15 {
            unread.read(&an_event(seq));
        }
        assert_eq!(unread.count(15), 1, "18");
        assert_eq!(unread.look((11, 20), 15, &events), 0, "each is looked at once");
    }

    #[test]
    fn a_hole_in_memory_is_counted_whole_again() {
        let mut unread = Unread::new(0);
        let mut look = |first, head| {
            let events: Vec<_> = (first..=head).map(an_event).collect();
            (unread.look((first, head), 0, &events), unread.count(0))
        };
        assert_eq!(look(1, 9), (3, 3));
        assert_eq!(look(31, 33), (22, 31), "10 to 30 are not in memory");
    }

    #[test]
    fn what_is_lost_is_counted_by_what_it_was() {
        let mut unread = Unread::new(0);
        let events: Vec<_> = (1..=30).map(an_event).collect();
        unread.look((1, 30), 0, &events);
        assert_eq!(unread.skip(0, 12, (1, &events)), 4);
        assert_eq!(unread.count(12), 6);
        assert_eq!(unread.skip(12, 40, (1, &events)), 6, "all that was known");
        assert_eq!(unread.count(40), 0);
        let mut blind = Unread::new(30);
        assert_eq!(blind.skip(3, 10, (31, &[])), 7);
        assert_eq!(blind.count(10), 20);
    }

    proptest! {
        /// Whatever is read, and whenever it is looked: where nothing is blind, the count is exact.
        #[test]
        fn the_count_is_exact(steps in prop::collection::vec((0..9_u64, 0..9_u64, 0..4_u64), 1..40)) {
            let (mut unread, mut head, mut read) = (Unread::new(0), 0, 0);
            for (come, reads, lost) in steps {
                head += come;
                // A page of storage may be ahead of what was looked at.
                let through = (read + reads).min(head);
                for seq in read + 1..=through {
                    unread.read(&an_event(seq));
                }
                read = through;
                let events: Vec<_> = (unread.next()..=head).map(an_event).collect();
                unread.look((unread.next(), head), read, &events);
                prop_assert_eq!(unread.count(read), routed(read + 1..=head));
                let to = (read + lost).min(head);
                let events: Vec<_> = (1..=head).map(an_event).collect();
                let gone = unread.skip(read, to, (1, &events));
                prop_assert_eq!(gone, routed(read + 1..=to));
                read = to;
                prop_assert_eq!(unread.count(read), routed(read + 1..=head));
            }
        }
    }
}
