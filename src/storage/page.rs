//! Which part of the journal a page reads, and whether it read it whole.
//!
//! Pure: the queries fetch what a [`Span`] says, and hand the rows to [`assemble`].

use std::ops::RangeInclusive;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use super::{From, Page, PageQuery, StorageError, rows::EventRow};
use crate::core::{event::Seq, numbering::Head};

/// The `seq`s that a page may hold, both ends included; empty when the first is beyond the last.
pub(super) type Span = RangeInclusive<Seq>;

/// The part of the journal that lies in a query's direction.
pub(super) fn span(from: From, head: &Head) -> Span {
    match from {
        From::After(seq) => seq.saturating_add(1).max(head.first_seq)..=head.head_seq,
        From::Before(seq) => head.first_seq..=seq.saturating_sub(1).min(head.head_seq),
    }
}

/// The first microsecond at or after `time`: commit times have no finer parts.
pub(super) fn from_micros(time: DateTime<Utc>) -> DateTime<Utc> {
    let whole = time.trunc_subsecs(6);
    if whole == time { time } else { after_micros(whole) }
}

/// The first microsecond after `time`.
pub(super) fn after_micros(time: DateTime<Utc>) -> DateTime<Utc> {
    let next = time.trunc_subsecs(6).checked_add_signed(TimeDelta::microseconds(1));
    next.unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// Makes a page of the rows that were selected in `span`, in the query's direction.
pub(super) fn assemble(
    query: &PageQuery,
    head: Head,
    span: &Span,
    rows: Vec<EventRow>,
) -> Result<Page, StorageError> {
    if query.narrow.is_bounds_only() {
        whole(query, span, rows.iter().map(EventRow::seq))?;
    }
    let scanned_through = match query.from {
        _ if rows.len() >= query.limit => rows.last().map_or(start(query.from), EventRow::seq),
        From::After(seq) => seq.max(head.head_seq),
        From::Before(seq) => seq.min(head.first_seq),
    };
    let events = rows.into_iter().map(|row| row.event(head.epoch)).collect::<Result<_, _>>()?;
    Ok(Page { events, scanned_through, head })
}

fn start(from: From) -> Seq {
    match from {
        From::After(seq) | From::Before(seq) => seq,
    }
}

/// Checks that `seqs` are those of `span`, up to the query's limit.
fn whole(
    query: &PageQuery,
    span: &Span,
    mut seqs: impl Iterator<Item = Seq>,
) -> Result<(), StorageError> {
    let mut matches = |expected: Seq| match seqs.next() {
        Some(seq) if seq == expected => Ok(()),
        _ => Err(StorageError::Corrupt { seq: expected }),
    };
    match query.from {
        From::After(_) => span.clone().take(query.limit).try_for_each(&mut matches),
        From::Before(_) => span.clone().rev().take(query.limit).try_for_each(&mut matches),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn head(first_seq: Seq, head_seq: Seq) -> Head {
        Head { first_seq, head_seq, ..Head::empty(Uuid::nil()) }
    }

    #[test]
    fn a_span_never_leaves_the_journal() {
        assert_eq!(span(From::After(0), &head(4, 9)), 4..=9);
        assert_eq!(span(From::After(6), &head(4, 9)), 7..=9);
        assert_eq!(span(From::Before(7), &head(4, 9)), 4..=6);
        assert_eq!(span(From::Before(Seq::MAX), &head(4, 9)), 4..=9);
        assert!(span(From::After(9), &head(4, 9)).is_empty());
        assert!(span(From::After(Seq::MAX), &head(4, 9)).is_empty());
        assert!(span(From::Before(4), &head(4, 9)).is_empty());
        assert!(span(From::Before(0), &head(1, 0)).is_empty());
    }

    #[test]
    fn a_missing_seq_is_named_in_both_directions() {
        let missing = |from, seqs: &[Seq]| {
            let query = PageQuery { from, limit: 3, ..PageQuery::default() };
            match whole(&query, &(4..=9), seqs.iter().copied()) {
                Err(StorageError::Corrupt { seq }) => Some(seq),
                other => other.map(|()| None).unwrap(),
            }
        };
        assert_eq!(missing(From::After(3), &[4, 5, 6]), None);
        assert_eq!(missing(From::After(3), &[4, 6, 7]), Some(5));
        assert_eq!(missing(From::After(3), &[4, 5]), Some(6), "the end of a page is no excuse");
        assert_eq!(missing(From::Before(10), &[9, 8, 7]), None);
        assert_eq!(missing(From::Before(10), &[9, 7, 6]), Some(8));
        assert_eq!(missing(From::Before(10), &[]), Some(9));
    }

    #[test]
    fn bounds_in_time_are_those_of_whole_microseconds() {
        let nanos = DateTime::from_timestamp_nanos;
        assert_eq!(from_micros(nanos(5_000)), nanos(5_000));
        assert_eq!(from_micros(nanos(5_001)), nanos(6_000));
        assert_eq!(after_micros(nanos(5_000)), nanos(6_000));
        assert_eq!(after_micros(nanos(5_999)), nanos(6_000));
        assert_eq!(after_micros(DateTime::<Utc>::MAX_UTC), DateTime::<Utc>::MAX_UTC);
    }
}
