//! Where a subscription begins, given what it asks for and what the journal still has.

pub mod durable;

use super::{
    event::{Position, Seq},
    numbering::Head,
    protocol::{Gap, GapReason},
};

/// The beginning of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// The first `seq` to look at.
    pub next: Seq,
    /// Whether nothing between the place asked for and `next` is missing.
    pub recovered: bool,
    /// What is missing, when something is.
    pub gap: Option<Gap>,
}

/// Begins at `next`, which the journal has or will have.
#[must_use]
pub fn at(next: Seq) -> Start {
    Start { next, recovered: true, gap: None }
}

/// Goes on after `position`, as far as the journal at `head` allows. Never a partial fill without
/// a gap that names what is missing.
#[must_use]
pub fn resume(position: Position, head: &Head) -> Start {
    let next = position.seq.saturating_add(1);
    let lost = |next, from_seq, to_seq, reason| Start {
        next,
        recovered: false,
        gap: (from_seq <= to_seq).then_some(Gap { from_seq, to_seq, reason }),
    };
    if position.epoch != head.epoch {
        lost(head.head_seq + 1, head.first_seq, head.head_seq, GapReason::Epoch)
    } else if position.seq > head.head_seq {
        lost(head.head_seq + 1, head.head_seq + 1, position.seq, GapReason::Ahead)
    } else if next < head.first_seq {
        lost(head.first_seq, next, head.first_seq - 1, GapReason::Retention)
    } else {
        at(next)
    }
}

/// Begins nearer to the head when `start` is more than `max_lag` events behind it, or the session
/// would be given up at once; 0 is no limit.
#[must_use]
pub fn within(max_lag: u64, head: &Head, start: Start) -> Start {
    let next = (head.head_seq + 1).saturating_sub(max_lag / 2);
    if max_lag == 0 || head.head_seq < start.next + max_lag {
        return start;
    }
    let from_seq = start.gap.map_or(start.next, |gap| gap.from_seq);
    let gap = Gap { from_seq, to_seq: next - 1, reason: GapReason::Lag };
    Start { next, recovered: false, gap: Some(gap) }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn resumes_only_what_the_journal_can_prove() {
        let head = Head { first_seq: 5, head_seq: 9, ..Head::empty(Uuid::nil()) };
        let from = |seq| resume(Position { epoch: Uuid::nil(), seq }, &head);
        let gap = |from_seq, to_seq, reason| Some(Gap { from_seq, to_seq, reason });
        assert_eq!(from(9), at(10));
        assert_eq!(from(6), at(7));
        assert_eq!(from(4), at(5), "the place just before the first is whole");
        let past = Start { next: 5, recovered: false, gap: gap(4, 4, GapReason::Retention) };
        assert_eq!(from(3), past);
        let ahead = Start { next: 10, recovered: false, gap: gap(10, 12, GapReason::Ahead) };
        assert_eq!(from(12), ahead);
        let other = resume(Position { epoch: Uuid::from_u128(1), seq: 6 }, &head);
        assert_eq!(other, Start { next: 10, recovered: false, gap: gap(5, 9, GapReason::Epoch) });
        let empty = Head::empty(Uuid::nil());
        let other = resume(Position { epoch: Uuid::from_u128(1), seq: 6 }, &empty);
        assert_eq!(other, Start { next: 1, recovered: false, gap: None });
        let all = resume(Position { epoch: Uuid::nil(), seq: Seq::MAX }, &head);
        assert_eq!(all.next, 10);
    }

    #[test]
    fn begins_within_what_it_may_be_behind() {
        let head = Head { first_seq: 50, head_seq: 99, ..Head::empty(Uuid::nil()) };
        assert_eq!(within(0, &head, at(50)), at(50));
        assert_eq!(within(40, &head, at(60)), at(60));
        let gap = |from_seq| Some(Gap { from_seq, to_seq: 79, reason: GapReason::Lag });
        assert_eq!(within(40, &head, at(59)), Start { next: 80, recovered: false, gap: gap(59) });
        let past = resume(Position { epoch: Uuid::nil(), seq: 9 }, &head);
        let both = Start { next: 80, recovered: false, gap: gap(10) };
        assert_eq!(within(40, &head, past), both, "one gap names all");
    }
}
