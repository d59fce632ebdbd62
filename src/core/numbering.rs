//! How the journal numbers a batch, and when it must begin a new epoch.
//!
//! Pure: both databases call [`number`] inside their transaction with what they looked up, and
//! [`prove`] when the writer opens. `seq` is contiguous from 1 and never goes back.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::event::{Draft, Position, Seq};

/// The `journal` row: where the journal begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The journal's identity.
    pub epoch: Uuid,
    /// Oldest kept event; `head_seq + 1` when none is.
    pub first_seq: Seq,
    /// Newest event; 0 when there never was one.
    pub head_seq: Seq,
    /// Commit time of the newest event: commit times never go back.
    pub last_created_at: DateTime<Utc>,
}

impl Head {
    /// A journal without events.
    #[must_use]
    pub fn empty(epoch: Uuid) -> Self {
        Self { epoch, first_seq: 1, head_seq: 0, last_created_at: DateTime::UNIX_EPOCH }
    }

    /// The newest position.
    #[must_use]
    pub fn position(&self) -> Position {
        Position { epoch: self.epoch, seq: self.head_seq }
    }
}

/// What the journal already holds under an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its place.
    pub seq: Seq,
    /// Checksum of what is stored.
    pub checksum: Box<str>,
}

/// What became of one draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Its place, or that of the first event of the same id.
    pub seq: Seq,
    /// The id was already there: nothing was stored and nothing will be shown.
    pub duplicate: bool,
    /// A duplicate whose checksum is another than the first one's.
    pub differs: bool,
}

/// A batch, numbered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbered {
    /// One per draft, in order.
    pub outcomes: Vec<Outcome>,
    /// Indexes of the drafts to insert, in `seq` order from the old head on.
    pub fresh: Vec<usize>,
    /// The row after the commit.
    pub head: Head,
}

/// Numbers `drafts` after `head`; `known` is what storage holds of their ids.
///
/// Duplicates, within the batch too, get the first one's place. `created_at` of the fresh ones is
/// the new head's `last_created_at`: `now`, or the last commit's time if the clock went back.
#[must_use]
pub fn number(
    head: &Head,
    drafts: &[Draft],
    mut known: HashMap<Uuid, Known>,
    now: DateTime<Utc>,
) -> Numbered {
    let mut next = head.head_seq;
    let mut fresh = Vec::with_capacity(drafts.len());
    let mut outcomes = Vec::with_capacity(drafts.len());
    for (index, draft) in drafts.iter().enumerate() {
        if let Some(first) = known.get(&draft.id) {
            let differs = first.checksum != draft.checksum;
            outcomes.push(Outcome { seq: first.seq, duplicate: true, differs });
            continue;
        }
        next += 1;
        known.insert(draft.id, Known { seq: next, checksum: draft.checksum.clone() });
        fresh.push(index);
        outcomes.push(Outcome { seq: next, duplicate: false, differs: false });
    }
    let last_created_at =
        if fresh.is_empty() { head.last_created_at } else { head.last_created_at.max(now) };
    Numbered { outcomes, fresh, head: Head { head_seq: next, last_created_at, ..*head } }
}

/// What became of a request whose commit was lost, from what a look-up found: `None` when it is
/// not in the journal and must be committed again.
///
/// `before` is the head that the lost commit began with, `after` the one that was found: what lies
/// between was fresh. `seen` holds the ids of the requests before this one in the same commit.
#[must_use]
pub fn recall(
    drafts: &[Draft],
    known: &HashMap<Uuid, Known>,
    before: &Head,
    after: &Head,
    seen: &mut HashSet<Uuid>,
) -> Option<Vec<Outcome>> {
    let mut outcomes = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let first = known.get(&draft.id)?;
        let fresh = before.epoch == after.epoch && first.seq > before.head_seq;
        outcomes.push(Outcome {
            seq: first.seq,
            duplicate: !(seen.insert(draft.id) && fresh),
            differs: first.checksum != draft.checksum,
        });
    }
    Some(outcomes)
}

/// What vouches, from outside the stored rows, that this journal is the one seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Witness {
    /// The database itself is the one the journal was created in.
    pub same_database: bool,
    /// The newest position known to have been committed, where one is known.
    pub last_seen: Option<Position>,
}

/// Whether the stored journal may be continued under its epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// There is no journal yet.
    Absent,
    /// It is the same journal.
    Same,
    /// It cannot be proved to be the same: a new epoch, `seq` goes on.
    Renewed(Doubt),
}

/// Why a journal could not be proved to be the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// The database is another than the one the journal was created in.
    OtherDatabase,
    /// The journal ends before a position that was already committed: it was restored.
    WentBack,
}

/// Decides between going on and beginning a new epoch.
#[must_use]
pub fn prove(stored: Option<&Head>, witness: Witness) -> Proof {
    let Some(head) = stored else { return Proof::Absent };
    if !witness.same_database {
        return Proof::Renewed(Doubt::OtherDatabase);
    }
    match witness.last_seen {
        Some(seen) if seen.epoch != head.epoch || seen.seq > head.head_seq => {
            Proof::Renewed(Doubt::WentBack)
        }
        _ => Proof::Same,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::event::tests::draft;
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn fresh_events_follow_the_head_without_a_hole() {
        let head = Head { head_seq: 4, last_created_at: at(9), ..Head::empty(Uuid::nil()) };
        let known = HashMap::from([(Uuid::from_u128(2), Known { seq: 3, checksum: "a".into() })]);
        let drafts = [draft(1, "a"), draft(2, "a"), draft(2, "b"), draft(3, "a"), draft(1, "a")];
        let numbered = number(&head, &drafts, known, at(5));
        let seqs: Vec<_> =
            numbered.outcomes.iter().map(|o| (o.seq, o.duplicate, o.differs)).collect();
        assert_eq!(
            seqs,
            [
                (5, false, false),
                (3, true, false),
                (3, true, true),
                (6, false, false),
                (5, true, false)
            ]
        );
        assert_eq!(numbered.fresh, [0, 3]);
        assert_eq!(numbered.head.head_seq, 6);
        assert_eq!(numbered.head.last_created_at, at(9), "commit times never go back");
    }

    /// Numbers one batch after another; what is known grows as the rows do.
    fn number_all(batches: &[&[Draft]]) -> (Head, Vec<Outcome>) {
        let (mut head, mut known) = (Head::empty(Uuid::nil()), HashMap::new());
        let mut outcomes = Vec::new();
        for drafts in batches {
            let numbered = number(&head, drafts, known.clone(), at(1));
            for (seq, &index) in (head.head_seq + 1..).zip(&numbered.fresh) {
                assert_eq!(numbered.outcomes[index].seq, seq, "without a hole");
                let checksum = drafts[index].checksum.clone();
                assert!(known.insert(drafts[index].id, Known { seq, checksum }).is_none());
            }
            assert_eq!(head.head_seq + numbered.fresh.len() as Seq, numbered.head.head_seq);
            head = numbered.head;
            outcomes.extend(numbered.outcomes);
        }
        (head, outcomes)
    }

    proptest! {
        #[test]
        fn how_events_are_batched_changes_nothing(
            drafts in proptest::collection::vec((0..9_u128, "[ab]"), 0..24),
            cut in 0..24_usize,
        ) {
            let drafts: Vec<_> = drafts.iter().map(|(id, sum)| draft(*id, sum)).collect();
            let (left, right) = drafts.split_at(cut.min(drafts.len()));
            let singles: Vec<_> = drafts.chunks(1).collect();
            prop_assert_eq!(number_all(&[left, right]), number_all(&[&drafts]));
            prop_assert_eq!(number_all(&singles), number_all(&[&drafts]));
        }
    }

    #[test]
    fn only_duplicates_leave_the_head_alone() {
        let head = Head { head_seq: 4, last_created_at: at(9), ..Head::empty(Uuid::nil()) };
        let known = HashMap::from([(Uuid::from_u128(2), Known { seq: 3, checksum: "a".into() })]);
        assert_eq!(number(&head, &[draft(2, "a")], known, at(50)).head, head);
    }

    #[test]
    fn a_lost_commit_is_recalled_as_it_would_have_been_answered() {
        let before = Head { head_seq: 4, ..Head::empty(Uuid::nil()) };
        let old = HashMap::from([(Uuid::from_u128(2), Known { seq: 3, checksum: "a".into() })]);
        let batch =
            [vec![draft(1, "a"), draft(2, "b")], vec![draft(1, "a"), draft(3, "a"), draft(3, "b")]];
        let numbered = number(&before, &batch.concat(), old.clone(), at(5));
        let stored = numbered.fresh.iter().map(|&index| {
            let draft = &batch.concat()[index];
            let seq = numbered.outcomes[index].seq;
            (draft.id, Known { seq, checksum: draft.checksum.clone() })
        });
        let known = old.clone().into_iter().chain(stored).collect();
        let recalled = |known, after| {
            let mut seen = HashSet::new();
            batch.each_ref().map(|drafts| recall(drafts, known, &before, after, &mut seen))
        };
        let [first, second] = recalled(&known, &numbered.head).map(Option::unwrap);
        assert_eq!([first, second].concat(), numbered.outcomes);
        assert_eq!(recalled(&old, &before), [None, None], "not stored: commit it again");

        let duplicates = [draft(2, "a"), draft(2, "b")];
        let told = recall(&duplicates, &old, &before, &before, &mut HashSet::new()).unwrap();
        assert_eq!(told, number(&before, &duplicates, old, at(5)).outcomes);
        let other = Head { epoch: Uuid::from_u128(1), ..numbered.head };
        let renewed = recall(&batch[0], &known, &before, &other, &mut HashSet::new()).unwrap();
        assert!(renewed.iter().all(|outcome| outcome.duplicate), "shown in the epoch before");
    }

    #[test]
    fn a_journal_is_the_same_only_when_it_is_proved() {
        let epoch = Uuid::from_u128(1);
        let head = Head { head_seq: 10, ..Head::empty(epoch) };
        let seen =
            |epoch, seq| Witness { same_database: true, last_seen: Some(Position { epoch, seq }) };
        assert_eq!(prove(None, seen(epoch, 3)), Proof::Absent);
        assert_eq!(prove(Some(&head), seen(epoch, 10)), Proof::Same);
        assert_eq!(prove(Some(&head), seen(epoch, 11)), Proof::Renewed(Doubt::WentBack));
        assert_eq!(prove(Some(&head), seen(Uuid::nil(), 1)), Proof::Renewed(Doubt::WentBack));
        let other = Witness { same_database: false, last_seen: None };
        assert_eq!(prove(Some(&head), other), Proof::Renewed(Doubt::OtherDatabase));
    }
}
