//! Frames joined once for all sessions that want to hear the same: one buffer, a mark for each event.
//!
//! A filter group has one window over the tail; a place in it is one slice, one write. The same
//! type is the scratch for a session that reads the tail or a page of storage by itself, so that
//! there is one way to cut, count and go on.

use std::collections::VecDeque;

use super::{event::Seq, tail::Entry};

/// How much is joined at a time.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Bytes to be held; what is joined last may be above it.
    pub bytes: usize,
    /// The place that is not joined any more.
    pub end: Seq,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    seq: Seq,
    /// Where its frame begins in the buffer.
    start: usize,
}

/// Joined frames of the matching events in `[first, next)`.
#[derive(Debug)]
pub struct Window {
    buffer: Vec<u8>,
    marks: VecDeque<Mark>,
    first: Seq,
    next: Seq,
    matched: u64,
}

/// What a slice of a window is made of, after part of it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut<'a> {
    /// Whole frames written.
    pub frames: u64,
    /// The rest of the frame that was cut: all of the next one when the cut is between two, so that
    /// whoever was refused something always has bytes to try again with. Empty at the end.
    pub rest: &'a [u8],
    /// The `seq` to go on from, after that rest.
    pub next: Seq,
}

impl Window {
    /// A window that will hold the events from `next` on.
    #[must_use]
    pub fn new(next: Seq) -> Self {
        Self { buffer: Vec::new(), marks: VecDeque::new(), first: next, next, matched: 0 }
    }

    /// Everything before this `seq` was looked at.
    #[must_use]
    pub fn next(&self) -> Seq {
        self.next
    }

    /// How many events matched since the window was made.
    #[must_use]
    pub fn matched(&self) -> u64 {
        self.matched
    }

    /// Bytes joined and still held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.buffer.len()
    }

    /// Whether every matching event from `seq` on is held.
    #[must_use]
    pub fn covers(&self, seq: Seq) -> bool {
        seq >= self.first
    }

    /// Lets go of all frames: a session that still needs them reads the tail.
    pub fn clear(&mut self) {
        self.restart(self.next);
        self.buffer.shrink_to(64 << 10);
    }

    /// Begins again at `next`, in either direction. The count of matches goes on.
    pub fn restart(&mut self, next: Seq) {
        self.buffer.clear();
        self.marks.clear();
        self.first = next;
        self.next = next;
    }

    /// Joins those of `entries` that `write` writes, which it says; they follow `next` without a hole.
    /// What is written for one is never split.
    pub fn join<'a, T: Entry + 'a>(
        &mut self,
        entries: impl Iterator<Item = &'a T>,
        room: Room,
        write: impl Fn(&mut Vec<u8>, &T) -> bool,
    ) {
        for entry in entries {
            let (seq, start) = (entry.seq(), self.buffer.len());
            if seq >= room.end || start >= room.bytes {
                break;
            }
            debug_assert!(seq >= self.next, "{seq} after {}", self.next);
            self.next = seq + 1;
            if write(&mut self.buffer, entry) {
                self.matched += 1;
                self.marks.push_back(Mark { seq, start });
            }
        }
    }

    /// Says that nothing up to `next` matches any more: the events behind it were looked at.
    pub fn skip_to(&mut self, next: Seq) {
        self.next = self.next.max(next);
    }

    /// All frames from `seq` on, which the window must cover.
    #[must_use]
    pub fn slice(&self, seq: Seq) -> &[u8] {
        let start = self.marks.get(self.index(seq)).map_or(self.buffer.len(), |mark| mark.start);
        self.buffer.get(start..).unwrap_or_default()
    }

    /// How many frames there are from `seq` on.
    #[must_use]
    pub fn count(&self, seq: Seq) -> u64 {
        (self.marks.len() - self.index(seq)) as u64
    }

    /// How many frames there are in `[from, to)`.
    #[must_use]
    pub fn count_between(&self, from: Seq, to: Seq) -> u64 {
        self.count(from) - self.count(to)
    }

    /// Where a session is that had `taken` bytes of [`Window::slice`] of `seq`.
    #[must_use]
    pub fn cut(&self, seq: Seq, taken: usize) -> Cut<'_> {
        let begin = self.index(seq);
        let Some(first) = self.marks.get(begin) else {
            return Cut { frames: 0, rest: &[], next: self.next };
        };
        let at = first.start + taken;
        if at >= self.buffer.len() {
            return Cut { frames: (self.marks.len() - begin) as u64, rest: &[], next: self.next };
        }
        // The frame that holds the byte `at`: the last that begins at or before it.
        let cut = self.marks.partition_point(|mark| mark.start <= at).saturating_sub(1);
        let frames = (cut - begin) as u64;
        let end = self.marks.get(cut + 1).map_or(self.buffer.len(), |mark| mark.start);
        let rest = self.buffer.get(at..end).unwrap_or_default();
        Cut { frames, rest, next: self.marks.get(cut).map_or(self.next, |mark| mark.seq + 1) }
    }

    fn index(&self, seq: Seq) -> usize {
        match self.marks.front() {
            Some(first) if first.seq >= seq => 0,
            _ => self.marks.partition_point(|mark| mark.seq < seq),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{event::Event, protocol::session, tail::tests::event};

    const ALL: Room = Room { bytes: usize::MAX, end: Seq::MAX };

    fn write(out: &mut Vec<u8>, event: &Event) -> bool {
        session::event(out, event);
        true
    }

    fn window(seqs: &[Seq]) -> Window {
        let events: Vec<_> = seqs.iter().map(|&seq| event(seq, "t")).collect();
        let mut window = Window::new(seqs[0]);
        window.join(events.iter(), ALL, write);
        window
    }

    #[test]
    fn a_cut_anywhere_goes_on_without_hole_or_double() {
        let window = window(&[5, 6, 9, 10]);
        assert_eq!(window.next(), 11);
        for from in [5, 6, 7, 9, 10, 11] {
            let all = window.slice(from).to_vec();
            for taken in 0..=all.len() {
                let cut = window.cut(from, taken);
                let mut joined = all[..taken].to_vec();
                joined.extend_from_slice(cut.rest);
                joined.extend_from_slice(window.slice(cut.next));
                assert_eq!(joined, all, "from {from}, {taken} taken");
                let rest = u64::from(!cut.rest.is_empty());
                assert_eq!(cut.frames + rest + window.count(cut.next), window.count(from));
            }
        }
    }

    #[test]
    fn joins_no_more_than_it_may_and_goes_on_later() {
        let events: Vec<_> = (1..=10).map(|seq| event(seq, "t")).collect();
        let mut window = Window::new(1);
        window.join(events.iter(), Room { bytes: 40, end: 8 }, write);
        let next = window.next();
        assert!(next > 1 && next < 8 && window.bytes() >= 40);
        let from = usize::try_from(next - 1).unwrap();
        window.join(events[from..].iter(), Room { end: 8, ..ALL }, write);
        assert_eq!((window.next(), window.matched()), (8, 7));
        window.clear();
        assert!(window.covers(8) && !window.covers(7) && window.slice(8).is_empty());
    }
}
