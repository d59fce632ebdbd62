//! Which events are deleted: always a prefix of the journal, by age, and by size when that is not
//! enough. Never past what an enabled adapter still has to read, unless the size demands it.

use super::{event::Seq, numbering::Head};

/// What is known when it is decided.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// Where the journal begins and ends.
    pub head: Head,
    /// The first event that is young enough to stay.
    pub first_young: Seq,
    /// Bytes that the journal takes.
    pub size: u64,
    /// Bytes that it may take.
    pub max_bytes: u64,
    /// The last event that every enabled adapter has read; `None` without adapters.
    pub read_by_all: Option<Seq>,
}

/// What is deleted, and what of it somebody still had to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Everything up to here; 0 when nothing is.
    pub through: Seq,
    /// How many of those an adapter has not read: they are dropped, and counted.
    pub unread: u64,
}

/// Decides what is deleted now.
#[must_use]
pub fn plan(facts: &Facts) -> Plan {
    let Facts { head, first_young, size, max_bytes, read_by_all } = *facts;
    let by_age = first_young.saturating_sub(1).min(read_by_all.unwrap_or(Seq::MAX));
    let by_size = excess(&head, size, max_bytes);
    let through = by_age.max(by_size).min(head.head_seq);
    if through < head.first_seq {
        return Plan::default();
    }
    let read = read_by_all.unwrap_or(through);
    Plan { through, unread: unread(head.first_seq, through, read) }
}

/// How many of the events `first` to `last`, which are deleted, an adapter that is done up to
/// `through` will never see.
#[must_use]
pub fn unread(first: Seq, last: Seq, through: Seq) -> u64 {
    last.saturating_sub(through.max(first.saturating_sub(1)))
}

/// The last event to go so that the rest fits, if all are of the same size.
fn excess(head: &Head, size: u64, max_bytes: u64) -> Seq {
    if size <= max_bytes {
        return 0;
    }
    let events = head.head_seq + 1 - head.first_seq;
    let excess = u128::from(events) * u128::from(size - max_bytes) / u128::from(size.max(1));
    head.first_seq + u64::try_from(excess).unwrap_or(events)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn facts() -> Facts {
        Facts {
            head: Head { first_seq: 101, head_seq: 200, ..Head::empty(Uuid::nil()) },
            first_young: 101,
            size: 1000,
            max_bytes: 1000,
            read_by_all: None,
        }
    }

    #[test]
    fn what_is_young_and_fits_stays() {
        assert_eq!(plan(&facts()), Plan::default());
        let empty = Facts { head: Head::empty(Uuid::nil()), first_young: 1, ..facts() };
        assert_eq!(plan(&empty), Plan::default());
    }

    #[test]
    fn age_waits_for_adapters_and_size_does_not() {
        let old = Facts { first_young: 151, ..facts() };
        assert_eq!(plan(&old), Plan { through: 150, unread: 0 });
        let held = Facts { read_by_all: Some(120), ..old };
        assert_eq!(plan(&held), Plan { through: 120, unread: 0 });
        let held = Facts { read_by_all: Some(90), ..old };
        assert_eq!(plan(&held), Plan::default());
        let full = Facts { size: 2000, read_by_all: Some(120), ..facts() };
        assert_eq!(plan(&full), Plan { through: 151, unread: 31 });
    }

    #[test]
    fn what_an_adapter_has_read_is_not_lost_to_it() {
        for (through, lost) in [(0, 10), (10, 10), (14, 6), (19, 1), (20, 0), (90, 0)] {
            assert_eq!(unread(11, 20, through), lost, "{through}");
        }
        assert_eq!(unread(1, 1, 0), 1);
    }

    proptest! {
        #[test]
        fn only_size_takes_what_is_young_or_unread(
            (first_seq, kept) in (1..50_u64, 0..50_u64),
            (first_young, read) in (0..120_u64, proptest::option::of(0..120_u64)),
            (size, max_bytes) in (0..2000_u64, 1..2000_u64),
        ) {
            let head = Head { first_seq, head_seq: first_seq + kept - 1, ..facts().head };
            let facts = Facts { head, first_young, size, max_bytes, read_by_all: read };
            let Plan { through, unread } = plan(&facts);
            if through == 0 {
                prop_assert!(kept == 0 || size <= max_bytes);
                return Ok(());
            }
            prop_assert!((first_seq..=head.head_seq).contains(&through));
            if size <= max_bytes {
                prop_assert!(through < first_young && unread == 0);
                prop_assert!(read.is_none_or(|read| through <= read));
            }
            let lost = (first_seq..=through).filter(|seq| read.is_some_and(|read| *seq > read));
            prop_assert_eq!(unread, lost.count() as u64);
        }
    }

    #[test]
    fn never_deletes_past_the_head() {
        let full = Facts { size: u64::MAX, max_bytes: 1, ..facts() };
        assert_eq!(plan(&full).through, 200);
        assert_eq!(plan(&Facts { first_young: 900, ..facts() }).through, 200);
    }
}
