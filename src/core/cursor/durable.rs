//! How far an adapter has come, across restarts: the cursor that is stored, the steps that move it,
//! and where to go on from it.
//!
//! A step is idempotent: repeated, or overtaken by a later one, it changes nothing. A cursor goes
//! back only by a step that says so.

use std::ops::RangeInclusive;

use chrono::{DateTime, Utc};

use crate::core::{
    event::{Position, Seq},
    numbering::Head,
};

/// A cursor as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The last event that was routed to this path and is settled there: the next one's `prev`.
    pub position: Position,
    /// Nothing up to this `seq` is left to do: the events behind `position` are not for this path.
    pub through: Seq,
    /// When it was last moved.
    pub updated_at: DateTime<Utc>,
}

/// A cursor's way forward, or back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CursorStep {
    /// The adapter's name.
    pub name: Box<str>,
    /// See [`Cursor::position`].
    pub position: Position,
    /// See [`Cursor::through`]; never before `position`.
    pub through: Seq,
    /// Whether it may lead back: the cursor was beyond the journal's head.
    pub clamp: bool,
}

impl CursorStep {
    /// Everything up to `position` is settled, and `position` was routed to this path.
    #[must_use]
    pub fn new(name: &str, position: Position) -> Self {
        Self { name: name.into(), position, through: position.seq, clamp: false }
    }

    /// And what follows up to `seq` is not for this path.
    #[must_use]
    pub fn and_through(self, seq: Seq) -> Self {
        Self { through: seq.max(self.position.seq), ..self }
    }

    /// The same, but it may lead back.
    #[must_use]
    pub fn clamped(self) -> Self {
        Self { clamp: true, ..self }
    }

    /// Whether this step moves `stored` in the journal at `head`. One of another epoch, or beyond
    /// the head, is of a journal that is no more.
    #[must_use]
    pub fn moves(&self, stored: Option<&Cursor>, head: &Head) -> bool {
        let known = self.position.epoch == head.epoch && self.through <= head.head_seq;
        known && (self.clamp || stored.is_none_or(|stored| stored.through <= self.through))
    }

    /// What is left to do of this step when `later` came after it.
    #[must_use]
    pub fn then(self, later: Self) -> Self {
        let overtaken = later.clamp
            || later.position.epoch != self.position.epoch
            || later.through >= self.through;
        if overtaken { Self { clamp: self.clamp || later.clamp, ..later } } else { self }
    }
}

/// Where an adapter goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resume {
    /// The first `seq` to look at.
    pub next: Seq,
    /// What the next routed event says came before it. Not what is stored where events were lost:
    /// who reads the path must see a hole.
    pub prev: Seq,
    /// The events that retention took before they were looked at.
    pub lost: Option<RangeInclusive<Seq>>,
    /// The cursor was beyond the head, and must be stored anew by a clamped step.
    pub clamped: bool,
}

impl Resume {
    /// The step that stores this place.
    #[must_use]
    pub fn step(&self, name: &str, head: &Head) -> CursorStep {
        let position = Position { epoch: head.epoch, seq: self.prev };
        let step = CursorStep::new(name, position).and_through(self.next.saturating_sub(1));
        CursorStep { clamp: self.clamped, ..step }
    }
}

/// Where to go on from `stored` in the journal at `head`. The first time, that is the head.
///
/// Under a new epoch `seq` goes on, so a cursor of another epoch still says what was delivered.
#[must_use]
pub fn resume(stored: Option<&Cursor>, head: &Head) -> Resume {
    let beyond = head.head_seq + 1;
    let Some(Cursor { position, through, .. }) = stored else {
        return Resume { next: beyond, prev: head.head_seq, lost: None, clamped: false };
    };
    if *through > head.head_seq {
        let prev = position.seq.min(head.head_seq);
        return Resume { next: beyond, prev, lost: None, clamped: true };
    }
    let next = through + 1;
    if next < head.first_seq {
        let prev = head.first_seq - 1;
        return Resume { next: head.first_seq, prev, lost: Some(next..=prev), clamped: false };
    }
    Resume { next, prev: position.seq, lost: None, clamped: false }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    const EPOCH: Uuid = Uuid::from_u128(7);
    const OTHER: Uuid = Uuid::from_u128(8);

    fn head(first_seq: Seq, head_seq: Seq) -> Head {
        Head { first_seq, head_seq, ..Head::empty(EPOCH) }
    }

    fn cursor(epoch: Uuid, seq: Seq, through: Seq) -> Cursor {
        let position = Position { epoch, seq };
        Cursor { position, through, updated_at: DateTime::UNIX_EPOCH }
    }

    fn step(epoch: Uuid, seq: Seq) -> CursorStep {
        CursorStep::new("realtime", Position { epoch, seq })
    }

    #[test]
    fn goes_on_where_the_journal_allows_and_says_what_is_lost() {
        let table = [
            // stored, head, next, prev, lost, clamped
            (None, head(1, 0), 1, 0, None, false),
            (None, head(5, 9), 10, 9, None, false),
            (Some(cursor(EPOCH, 6, 6)), head(5, 9), 7, 6, None, false),
            (Some(cursor(EPOCH, 2, 6)), head(5, 9), 7, 2, None, false),
            (Some(cursor(EPOCH, 9, 9)), head(5, 9), 10, 9, None, false),
            (Some(cursor(EPOCH, 4, 4)), head(5, 9), 5, 4, None, false),
            (Some(cursor(EPOCH, 3, 3)), head(5, 9), 5, 4, Some(4..=4), false),
            (Some(cursor(EPOCH, 0, 0)), head(5, 9), 5, 4, Some(1..=4), false),
            (Some(cursor(EPOCH, 0, 0)), head(10, 9), 10, 9, Some(1..=9), false),
            (Some(cursor(EPOCH, 12, 12)), head(5, 9), 10, 9, None, true),
            (Some(cursor(EPOCH, 6, 12)), head(5, 9), 10, 6, None, true),
            (Some(cursor(OTHER, 6, 7)), head(5, 9), 8, 6, None, false),
            (Some(cursor(OTHER, 10, 10)), head(5, 9), 10, 9, None, true),
            (Some(cursor(EPOCH, Seq::MAX, Seq::MAX)), head(1, 0), 1, 0, None, true),
        ];
        for (stored, head, next, prev, lost, clamped) in table {
            let expected = Resume { next, prev, lost, clamped };
            assert_eq!(resume(stored.as_ref(), &head), expected, "{stored:?} in {head:?}");
        }
    }

    #[test]
    fn a_step_leads_on_and_leads_back_only_when_it_says_so() {
        let stored = cursor(EPOCH, 6, 8);
        let moves = |step: CursorStep| step.moves(Some(&stored), &head(1, 9));
        assert!(step(EPOCH, 0).moves(None, &head(1, 9)));
        assert!(moves(step(EPOCH, 9)) && moves(step(EPOCH, 8)), "repeated, it changes nothing");
        assert!(!moves(step(EPOCH, 7)) && moves(step(EPOCH, 7).clamped()));
        assert!(moves(step(EPOCH, 7).and_through(9)));
        assert!(!moves(step(EPOCH, 10)) && !moves(step(EPOCH, 10).clamped()), "not there yet");
        assert!(!moves(step(EPOCH, 9).and_through(10)));
        assert!(!moves(step(OTHER, 9)) && !moves(step(OTHER, 9).clamped()), "of another journal");
    }

    #[test]
    fn of_two_steps_what_remains_is_the_later_one_and_what_the_first_allowed() {
        assert_eq!(step(EPOCH, 4).then(step(EPOCH, 6)), step(EPOCH, 6));
        assert_eq!(step(EPOCH, 6).then(step(EPOCH, 4)), step(EPOCH, 6));
        assert_eq!(step(EPOCH, 6).then(step(EPOCH, 4).clamped()), step(EPOCH, 4).clamped());
        assert_eq!(step(EPOCH, 4).clamped().then(step(EPOCH, 6)), step(EPOCH, 6).clamped());
        assert_eq!(step(EPOCH, 6).clamped().then(step(EPOCH, 4)), step(EPOCH, 6).clamped());
        assert_eq!(step(OTHER, 6).then(step(EPOCH, 4)), step(EPOCH, 4));
    }

    proptest! {
        #[test]
        fn the_step_of_a_place_stores_that_place(
            stored in proptest::option::of((0..30_u64, 0..30_u64, any::<bool>())),
            (first, kept) in (1..20_u64, 0..20_u64),
        ) {
            let head = head(first, first + kept - 1);
            let stored = stored.map(|(seq, more, other)| {
                cursor(if other { OTHER } else { EPOCH }, seq, seq + more)
            });
            let place = resume(stored.as_ref(), &head);
            prop_assert!((head.first_seq..=head.head_seq + 1).contains(&place.next));
            prop_assert!(place.prev < place.next);
            let step = place.step("realtime", &head);
            prop_assert!(step.moves(stored.as_ref(), &head), "{:?}", step);
            let CursorStep { position, through, .. } = step;
            let again = Cursor { position, through, updated_at: DateTime::UNIX_EPOCH };
            let expected = Resume { lost: None, clamped: false, ..place };
            prop_assert_eq!(resume(Some(&again), &head), expected);
        }
    }
}
