//! Verdicts that wait to be kept in storage: a bounded number, a few at a time, so that a path that
//! is wholly broken does not fill the database, nor keep a commit waiting.

use std::{collections::VecDeque, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};

use crate::storage::StoredVerdict;

/// Verdicts that may wait.
const MAX: usize = 2_000;
/// Most unscored ones among them: there may be many, and what is wrong is more worth keeping.
const MAX_UNSCORED: usize = 1_000;
/// Verdicts that are written together.
const TOGETHER: usize = 100;

/// What waits.
#[derive(Debug, Default)]
pub(super) struct Keeping {
    waiting: VecDeque<StoredVerdict>,
    /// Those that were not kept.
    dropped: u64,
}

impl Keeping {
    /// Takes one that is to be kept; `false` when there is no room.
    pub(super) fn push(&mut self, verdict: StoredVerdict) -> bool {
        let room = if verdict.verdict.is_fault() { MAX } else { MAX_UNSCORED };
        let kept = self.waiting.len() < room;
        if kept {
            self.waiting.push_back(verdict);
        } else {
            self.dropped += 1;
        }
        kept
    }

    /// Whether some are to be written: those that go together, or the oldest has waited for so long.
    pub(super) fn is_due(&self, now: DateTime<Utc>, longest: Duration) -> bool {
        let waited = |oldest: &StoredVerdict| {
            let longest = TimeDelta::from_std(longest).unwrap_or(TimeDelta::MAX);
            now.signed_duration_since(oldest.decided_at) >= longest
        };
        self.waiting.len() >= TOGETHER || self.waiting.front().is_some_and(waited)
    }

    /// Those that go next, oldest first.
    pub(super) fn next(&self) -> Vec<StoredVerdict> {
        self.waiting.iter().take(TOGETHER).copied().collect()
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// So many of them were written, or will not be.
    pub(super) fn done(&mut self, count: usize, written: bool) {
        let gone = self.waiting.drain(..count.min(self.waiting.len())).count();
        if !written {
            self.dropped += gone as u64;
        }
    }

    /// Those that were not kept.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;
    use crate::core::{
        event::{Category, Position},
        matching::{Path, PayloadHash, Unscored, Verdict},
    };

    fn verdict(seq: u64, verdict: Verdict) -> StoredVerdict {
        StoredVerdict {
            event_id: Uuid::from_u128(u128::from(seq)),
            path: Path::Realtime,
            position: Position { epoch: Uuid::nil(), seq },
            category: Category::Debug,
            verdict,
            expected: PayloadHash::of("x"),
            seen: None,
            generation: 1,
            decided_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn what_is_wrong_has_room_when_what_is_unknown_has_none() {
        let mut keeping = Keeping::default();
        let unknown = Verdict::Unscored(Unscored::Down);
        let kept = (0..1_500).filter(|seq| keeping.push(verdict(*seq, unknown))).count();
        assert_eq!((kept, keeping.dropped()), (1_000, 500));
        let kept = (0..1_500).filter(|seq| keeping.push(verdict(*seq, Verdict::Missing))).count();
        assert_eq!((kept, keeping.dropped()), (1_000, 1_000));
        assert_eq!(keeping.waiting.len(), MAX);
    }

    #[test]
    fn they_go_in_their_order_and_stay_until_they_are_done() {
        let mut keeping = Keeping::default();
        for seq in 0..150 {
            assert!(keeping.push(verdict(seq, Verdict::Missing)));
        }
        let next = keeping.next();
        assert_eq!((next.len(), next[99].position.seq), (100, 99));
        assert_eq!(keeping.next(), next);
        keeping.done(100, true);
        assert_eq!((keeping.next().len(), keeping.next()[0].position.seq), (50, 100));
        keeping.done(100, false);
        assert_eq!((keeping.next(), keeping.dropped()), (vec![], 50));
    }
}
