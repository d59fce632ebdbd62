//! The newest part of the journal in memory: one a process, immutable, shared.
//!
//! The journal swaps in a new [`Tail`] after each commit; readers load one and keep it for a turn.
//! Chunks grow like a binary counter, so that a tail of any length is a few dozen pointers to copy.
//!
//! What it holds is the journal's events, or a topic's messages: anything with a place.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use uuid::Uuid;

use super::{
    event::{Event, Position, Seq},
    numbering::Head,
};

/// Chunks stop growing at this many events.
const CHUNK_EVENTS: usize = 1024;
/// Chunks stop growing at this many bytes.
const CHUNK_BYTES: usize = 1 << 20;

/// How much the tail keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TailLimits {
    /// Events; a chunk more at most.
    pub events: usize,
    /// Bytes; a chunk more at most.
    pub bytes: usize,
}

/// What a tail holds.
pub trait Entry {
    /// Its place: contiguous, ascending.
    fn seq(&self) -> Seq;

    /// Bytes it takes, near enough to bound a tail by.
    fn size(&self) -> usize;
}

impl Entry for Event {
    fn seq(&self) -> Seq {
        self.seq
    }

    fn size(&self) -> usize {
        Event::size(self)
    }
}

#[derive(Debug)]
struct Chunk<T> {
    events: Vec<Arc<T>>,
    bytes: usize,
}

impl<T: Entry> Chunk<T> {
    fn end(&self) -> Seq {
        self.events.last().map_or(0, |event| event.seq() + 1)
    }
}

/// One immutable state of the tail.
#[derive(Debug)]
pub struct Tail<T = Event> {
    head: Head,
    chunks: Vec<Arc<Chunk<T>>>,
    events: usize,
    bytes: usize,
    limits: TailLimits,
}

impl<T> Clone for Tail<T> {
    fn clone(&self) -> Self {
        Self { chunks: self.chunks.clone(), ..*self }
    }
}

impl<T: Entry> Tail<T> {
    /// A tail that holds nothing yet of the journal that ends at `head`.
    #[must_use]
    pub fn empty(head: Head, limits: TailLimits) -> Self {
        Self { head, chunks: Vec::new(), events: 0, bytes: 0, limits }
    }

    /// The journal's identity.
    #[must_use]
    pub fn epoch(&self) -> Uuid {
        self.head.epoch
    }

    /// Where the journal begins and ends.
    #[must_use]
    pub fn head(&self) -> Head {
        self.head
    }

    /// The newest position.
    #[must_use]
    pub fn position(&self) -> Position {
        self.head.position()
    }

    /// The first `seq` that can be read here; [`Tail::next`] when the tail holds nothing.
    #[must_use]
    pub fn first(&self) -> Seq {
        self.head.head_seq + 1 - self.events as Seq
    }

    /// The `seq` that the next event will have.
    #[must_use]
    pub fn next(&self) -> Seq {
        self.head.head_seq + 1
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The tail after a commit of `events`, which end at `head`.
    ///
    /// The tail never has a hole: when they do not follow what it holds, it lets go of that, and
    /// readers go to storage.
    #[must_use]
    pub fn append(&self, mut events: Vec<T>, head: Head) -> Self {
        if events.last().is_some_and(|last| last.seq() != head.head_seq) {
            events.clear();
        }
        let follows = head.epoch == self.head.epoch
            && head.head_seq == self.head.head_seq + events.len() as Seq;
        let mut tail =
            if follows { Self { head, ..self.clone() } } else { Self::empty(head, self.limits) };
        for event in events {
            tail.push(event);
        }
        tail.forget();
        tail
    }

    /// The tail after the oldest events of the journal were deleted.
    #[must_use]
    pub fn trimmed(&self, head: Head) -> Self {
        let first_seq = head.first_seq.min(self.next());
        Self { head: Head { first_seq, ..self.head }, ..self.clone() }
    }

    /// The same tail under other limits: what is too much for them is let go of at once.
    #[must_use]
    pub fn limited(&self, limits: TailLimits) -> Self {
        let mut tail = Self { limits, ..self.clone() };
        tail.forget();
        tail
    }

    /// The events from `seq` on, oldest first; from the first held when `seq` is older.
    pub fn from(&self, seq: Seq) -> impl Iterator<Item = &Arc<T>> {
        let chunk = self.chunks.partition_point(|chunk| chunk.end() <= seq);
        let chunks = self.chunks.get(chunk..).unwrap_or_default();
        let skip = match chunks.first().and_then(|chunk| chunk.events.first()) {
            Some(first) => usize::try_from(seq.saturating_sub(first.seq())).unwrap_or(usize::MAX),
            None => 0,
        };
        chunks.iter().flat_map(|chunk| &chunk.events).skip(skip)
    }

    fn push(&mut self, event: T) {
        let bytes = event.size();
        self.events += 1;
        self.bytes += bytes;
        self.chunks.push(Arc::new(Chunk { events: vec![Arc::new(event)], bytes }));
        while let [.., left, right] = self.chunks.as_slice() {
            let events = left.events.len() + right.events.len();
            let bytes = left.bytes + right.bytes;
            if left.events.len() > right.events.len()
                || events > CHUNK_EVENTS
                || bytes > CHUNK_BYTES
            {
                break;
            }
            let events = left.events.iter().chain(&right.events).cloned().collect();
            self.chunks.truncate(self.chunks.len() - 2);
            self.chunks.push(Arc::new(Chunk { events, bytes }));
        }
    }

    fn forget(&mut self) {
        let over = |tail: &Self| tail.events > tail.limits.events || tail.bytes > tail.limits.bytes;
        let mut gone = 0;
        while over(self) && gone + 1 < self.chunks.len() {
            let Some(chunk) = self.chunks.get(gone) else { break };
            self.events -= chunk.events.len();
            self.bytes -= chunk.bytes;
            gone += 1;
        }
        self.chunks.drain(..gone);
    }
}

/// The tail of the process: loaded by any thread, swapped by the journal alone.
#[derive(Debug)]
pub struct SharedTail<T = Event>(ArcSwap<Tail<T>>);

impl<T> SharedTail<T> {
    /// Shares `tail`.
    #[must_use]
    pub fn new(tail: Tail<T>) -> Self {
        Self(ArcSwap::from_pointee(tail))
    }

    /// The tail as it is now. Keep it for one turn, not longer.
    #[must_use]
    pub fn load(&self) -> Guard<Arc<Tail<T>>> {
        self.0.load()
    }

    /// Puts `tail` in the place of the old one.
    pub fn store(&self, tail: Tail<T>) {
        self.0.store(Arc::new(tail));
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::core::event::Category;

    /// An event for tests: its type is `type`, its JSON just its seq.
    pub(crate) fn event(seq: Seq, event_type: &str) -> Event {
        Event {
            seq,
            id: Uuid::from_u128(u128::from(seq)),
            event_type: event_type.into(),
            source: "test".into(),
            category: Category::System,
            mode: crate::core::flags::Mode::Dual,
            created_at: chrono::DateTime::UNIX_EPOCH,
            json: seq.to_string().into(),
        }
    }

    fn grown(commits: &[u64], limits: TailLimits) -> Tail {
        let mut tail = Tail::empty(Head::empty(Uuid::nil()), limits);
        for &n in commits {
            let events: Vec<_> = (0..n).map(|i| event(tail.next() + i, "t")).collect();
            let head = Head { head_seq: tail.head().head_seq + n, ..tail.head() };
            tail = tail.append(events, head);
        }
        tail
    }

    const ALL: TailLimits = TailLimits { events: 1 << 20, bytes: 1 << 30 };

    #[test]
    fn reads_from_anywhere_across_chunks() {
        let tail = grown(&[1, 3, 1, 1, 700, 700, 1, 5], ALL);
        assert_eq!((tail.first(), tail.next()), (1, 1413));
        for from in [0, 1, 2, 5, 6, 706, 707, 1411, 1412, 1413, 2000] {
            let seqs: Vec<_> = tail.from(from).map(|event| event.seq).collect();
            let expected: Vec<_> = (from.max(1)..1413).collect();
            assert_eq!(seqs, expected, "from {from}");
        }
    }

    #[test]
    fn stays_a_few_dozen_chunks_however_it_grew() {
        let tail = grown(&vec![1; 5000], ALL);
        assert!(tail.chunks.len() < 20, "{}", tail.chunks.len());
        assert_eq!(tail.from(1).count(), 5000);
    }

    #[test]
    fn under_other_limits_it_lets_go_of_the_oldest_and_has_no_hole() {
        let tail = grown(&vec![1; 5000], TailLimits { events: 10_000, bytes: usize::MAX });
        let small = tail.limited(TailLimits { events: 10, bytes: usize::MAX });
        assert!(small.next() - small.first() < 2 * CHUNK_EVENTS as u64, "{}", small.first());
        assert!(small.first() > tail.first());
        let seqs: Vec<_> = small.from(0).map(|event| event.seq).collect();
        assert_eq!(seqs, (small.first()..small.next()).collect::<Vec<_>>());
    }

    #[test]
    fn forgets_the_oldest_beyond_its_limits() {
        let tail = grown(&[100; 100], TailLimits { events: 2000, bytes: 1 << 30 });
        assert!((2000..=2000 + CHUNK_EVENTS).contains(&tail.events) || tail.events <= 2000);
        assert_eq!(tail.next(), 10_001);
        assert_eq!(tail.from(0).next().unwrap().seq, tail.first());
        assert_eq!(tail.from(0).count(), tail.events);
        let tiny = grown(&[100; 100], TailLimits { events: 1, bytes: 1 });
        assert!(tiny.first() <= tiny.next());
        assert_eq!(tiny.from(0).map(Arc::as_ref).map(Event::size).sum::<usize>(), tiny.bytes());
    }

    #[test]
    fn what_does_not_follow_is_never_joined_over_the_hole() {
        let old = grown(&[5], ALL);
        let late =
            old.append(vec![event(8, "t"), event(9, "t")], Head { head_seq: 9, ..old.head() });
        assert_eq!((late.first(), late.next(), late.from(0).count()), (8, 10, 2));
        let unseen = old.append(Vec::new(), Head { head_seq: 7, ..old.head() });
        assert_eq!((unseen.first(), unseen.next(), unseen.from(0).count()), (8, 8, 0));
        let other = Head { head_seq: 6, ..Head::empty(Uuid::from_u128(1)) };
        assert_eq!(old.append(vec![event(6, "t")], other).first(), 6, "another journal");
        let ahead = old.trimmed(Head { first_seq: 9, head_seq: 8, ..old.head() });
        assert_eq!(ahead.head().first_seq, 6, "the journal may be ahead, the tail is not");
    }

    #[test]
    fn an_empty_tail_begins_where_the_journal_ends() {
        let head = Head { head_seq: 41, ..Head::empty(Uuid::nil()) };
        let tail: Tail = Tail::empty(head, ALL);
        assert_eq!((tail.first(), tail.next(), tail.from(0).count()), (42, 42, 0));
    }
}
