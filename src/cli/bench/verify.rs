//! Whether a client's stream is what was promised: every event once, in order, none missing.
//!
//! Pure. Two numbers are held against each other: `seq`, which the journal gave, and the count
//! that each publisher keeps itself.

use std::ops::Range;

use serde::Serialize;

use super::mark::Mark;
use crate::core::event::Seq;

/// What was wrong with a client's stream, or with those of many; all zero is right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Faults {
    /// Events that were acknowledged and never came.
    pub lost: u64,
    /// Events that came again.
    pub doubled: u64,
    /// Events that came after a later one.
    pub disordered: u64,
    /// Places in the journal that were passed over, where no filter explains it.
    pub skipped: u64,
    /// `gap` frames: the router said itself that something is missing.
    pub gaps: u64,
    /// Connections that ended by themselves.
    pub closed: u64,
}

impl Faults {
    /// Whether there are none.
    #[must_use]
    pub fn none(&self) -> bool {
        *self == Self::default()
    }

    /// Adds another client's.
    pub fn add(&mut self, other: Self) {
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.disordered += other.disordered;
        self.skipped += other.skipped;
        self.gaps += other.gaps;
        self.closed += other.closed;
    }
}

/// The check of one client's stream.
#[derive(Debug)]
pub struct Check {
    /// Every event of the journal must come: there is no filter.
    everything: bool,
    last_seq: Option<Seq>,
    publishers: Vec<Count>,
    received: u64,
    faults: Faults,
}

/// What came of one publisher.
#[derive(Clone, Debug, Default)]
struct Count {
    next: u64,
    /// Passed over, and may still come late.
    missing: Vec<Range<u64>>,
}

impl Check {
    /// A client that subscribed before anything was published.
    #[must_use]
    pub fn new(publishers: usize, everything: bool) -> Self {
        Self {
            everything,
            last_seq: None,
            publishers: vec![Count::default(); publishers],
            received: 0,
            faults: Faults::default(),
        }
    }

    /// An event came; `mark` is `None` for an event of somebody else.
    pub fn on_event(&mut self, seq: Seq, mark: Option<Mark>) {
        let came_before = mark.is_some_and(|mark| !self.take(mark));
        match self.last_seq {
            _ if came_before => self.faults.doubled += 1,
            Some(last) if seq == last => self.faults.doubled += 1,
            Some(last) if seq < last => self.faults.disordered += 1,
            Some(last) if self.everything => self.faults.skipped += seq - last - 1,
            _ => {}
        }
        self.last_seq = self.last_seq.max(Some(seq));
    }

    /// An event came that has no place; `mark` is `None` when it is somebody else's.
    pub fn on_message(&mut self, mark: Option<Mark>) {
        let Some(mark) = mark else { return };
        let count = self.publishers.get(usize::from(mark.publisher));
        let is_late = count.is_some_and(|count| mark.number < count.next);
        match self.take(mark) {
            false => self.faults.doubled += 1,
            true if is_late => self.faults.disordered += 1,
            true => {}
        }
    }

    fn take(&mut self, mark: Mark) -> bool {
        self.received += 1;
        let count = self.publishers.get_mut(usize::from(mark.publisher));
        count.is_some_and(|count| count.take(mark.number))
    }

    /// The router said that something is missing.
    pub fn on_gap(&mut self) {
        self.faults.gaps += 1;
    }

    /// Events of this load test that came.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Whether all came; `published` is what each publisher sent.
    #[must_use]
    pub fn complete(&self, published: &[u64]) -> bool {
        self.publishers.iter().zip(published).all(|(count, sent)| count.lost(*sent) == 0)
    }

    /// What was wrong in what came, if nothing more comes.
    #[must_use]
    pub fn faults(&self, published: &[u64]) -> Faults {
        let lost = self.publishers.iter().zip(published).map(|(count, sent)| count.lost(*sent));
        Faults { lost: lost.sum(), ..self.faults }
    }

    /// What was wrong in what came, for a client that may still be on its way to the end.
    #[must_use]
    pub fn faults_so_far(&self) -> Faults {
        let reached: Vec<_> = self.publishers.iter().map(|count| count.next).collect();
        self.faults(&reached)
    }
}

impl Count {
    /// Takes note of an event; false when it had come before.
    fn take(&mut self, number: u64) -> bool {
        if number >= self.next {
            if number > self.next {
                self.missing.push(self.next..number);
            }
            self.next = number + 1;
            return true;
        }
        let Some(at) = self.missing.iter().position(|range| range.contains(&number)) else {
            return false;
        };
        let range = self.missing.swap_remove(at);
        let parts = [range.start..number, number + 1..range.end];
        self.missing.extend(parts.into_iter().filter(|part| !part.is_empty()));
        true
    }

    fn lost(&self, sent: u64) -> u64 {
        let missing: u64 = self.missing.iter().map(|range| range.end - range.start).sum();
        missing + sent.saturating_sub(self.next)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A stream of events of two publishers in turn, where `seq` n + 100 is event n / 2 of n % 2.
    fn stream(check: &mut Check, numbers: &[u64]) {
        for n in numbers {
            let publisher = u8::from(n % 2 == 1);
            let mark = Mark { run: 1, publisher, number: n / 2, due_ns: 0 };
            check.on_event(n + 100, Some(mark));
        }
    }

    fn faults(everything: bool, numbers: &[u64]) -> Faults {
        let mut check = Check::new(2, everything);
        stream(&mut check, numbers);
        assert_eq!(check.complete(&[3, 3]), check.faults(&[3, 3]).lost == 0);
        check.faults(&[3, 3])
    }

    #[test]
    fn the_whole_stream_in_order_is_right() {
        assert!(faults(true, &[0, 1, 2, 3, 4, 5]).none());
    }

    #[test]
    fn every_fault_is_seen() {
        let none = Faults::default();
        assert_eq!(faults(false, &[0, 1, 2, 3]), Faults { lost: 2, ..none }, "the end");
        assert_eq!(faults(true, &[0, 3, 4, 5]), Faults { lost: 2, skipped: 2, ..none }, "a hole");
        assert_eq!(faults(true, &[0, 1, 2, 2, 3, 4, 5]), Faults { doubled: 1, ..none }, "a double");
        let swapped = Faults { skipped: 1, disordered: 1, ..none };
        assert_eq!(faults(true, &[0, 2, 1, 3, 4, 5]), swapped, "two changed places");
    }

    #[test]
    fn events_of_others_count_only_for_the_journals_order() {
        let mut check = Check::new(2, true);
        stream(&mut check, &[0, 1]);
        check.on_event(102, None);
        check.on_event(102, None);
        check.on_event(104, None);
        assert_eq!(check.faults_so_far(), Faults { doubled: 1, skipped: 1, ..Faults::default() });
        assert_eq!(check.received(), 2);
    }

    proptest! {
        #[test]
        fn whatever_comes_in_whatever_order_each_event_is_lost_or_came(
            numbers in prop::collection::vec(0_u64..40, 0..80),
        ) {
            let mut check = Check::new(1, false);
            for number in &numbers {
                let mark = Mark { run: 1, publisher: 0, number: *number, due_ns: 0 };
                check.on_event(number + 1, Some(mark));
            }
            let came: std::collections::BTreeSet<_> = numbers.iter().collect();
            let faults = check.faults(&[40]);
            prop_assert_eq!(faults.lost, 40 - came.len() as u64);
            prop_assert_eq!(faults.doubled, (numbers.len() - came.len()) as u64);
        }
    }
}
