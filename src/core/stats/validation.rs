//! What validation found, by event type.
//!
//! A type has a row of its own from its first valid event on, as long as there are no more than
//! [`MAX_TYPES`]; what else there is counts under `other`, so that nobody can fill the memory with
//! made-up types. Events whose type cannot be read count under `unreadable`.

use std::{collections::BTreeMap, ops::AddAssign, time::Duration};

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::core::{event::rfc3339, millis};

/// Types that have a row of their own.
pub const MAX_TYPES: usize = 64;

/// Everything that was found, since the start.
#[derive(Clone, Debug, Default)]
pub struct Validation {
    types: BTreeMap<Box<str>, Account>,
    other: Account,
    unreadable: Account,
}

/// What was found in some events of one type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Events without a fault.
    pub passed: u64,
    /// Events with faults.
    pub failed: u64,
    /// Their faults.
    pub errors: u64,
    /// What looking took, all together.
    pub took: Duration,
}

impl Tally {
    /// One event without a fault.
    #[must_use]
    pub fn passed(took: Duration) -> Self {
        Self { passed: 1, took, ..Self::default() }
    }

    /// One event with so many faults.
    #[must_use]
    pub fn failed(took: Duration, errors: u64) -> Self {
        Self { failed: 1, errors, took, ..Self::default() }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.errors += other.errors;
        self.took += other.took;
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Account {
    tally: Tally,
    last: Option<DateTime<Utc>>,
}

/// What validation found, as `GET /v1/stats` shows it.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Validations {
    /// Types that have a row of their own, at most; the first that had a valid event.
    pub max_types: usize,
    /// By event type.
    pub types: BTreeMap<Box<str>, ValidationRow>,
    /// All other types together.
    pub other: ValidationRow,
    /// Events whose type cannot be read.
    pub unreadable: ValidationRow,
}

/// What validation found in events of one type since the start.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct ValidationRow {
    /// Events that were looked at.
    pub total_events: u64,
    /// Those without a fault.
    pub passed_events: u64,
    /// Those with faults.
    pub failed_events: u64,
    /// Those without a fault, in percent; nothing without events.
    pub pass_rate: Option<f64>,
    /// What looking at one took; the events of a request share its time evenly.
    pub avg_validation_time_ms: Option<f64>,
    /// All faults.
    pub total_errors: u64,
    /// Always 0: there is no rule that only warns.
    pub total_warnings: u64,
    /// When the last one was looked at, as RFC 3339.
    pub last_updated: Option<String>,
}

impl Validation {
    /// Events of a type were looked at; without one, it could not be read.
    pub fn record(&mut self, at: DateTime<Utc>, event_type: Option<&str>, found: Tally) {
        let account = match event_type {
            None => &mut self.unreadable,
            Some(name) => {
                let room = self.types.len() < MAX_TYPES && found.passed > 0;
                if room && !self.types.contains_key(name) {
                    self.types.insert(name.into(), Account::default());
                }
                self.types.get_mut(name).unwrap_or(&mut self.other)
            }
        };
        account.add(at, found);
    }

    /// All of it.
    #[must_use]
    pub fn rows(&self) -> Validations {
        let rows = self.types.iter().map(|(name, account)| (name.clone(), account.row()));
        Validations {
            max_types: MAX_TYPES,
            types: rows.collect(),
            other: self.other.row(),
            unreadable: self.unreadable.row(),
        }
    }
}

impl Account {
    fn add(&mut self, at: DateTime<Utc>, found: Tally) {
        self.tally += found;
        self.last = self.last.max(Some(at));
    }

    #[expect(clippy::cast_precision_loss, reason = "shares and averages are floats")]
    fn row(&self) -> ValidationRow {
        let Tally { passed, failed, errors, took } = self.tally;
        let total = passed + failed;
        let of_all = |n: f64| (total > 0).then(|| n / total as f64);
        ValidationRow {
            total_events: total,
            passed_events: passed,
            failed_events: failed,
            pass_rate: of_all(passed as f64 * 100.0),
            avg_validation_time_ms: of_all(millis::exact(took)),
            total_errors: errors,
            total_warnings: 0,
            last_updated: self.last.map(rfc3339),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const AT: DateTime<Utc> = DateTime::from_timestamp_micros(1_500_000).unwrap();

    fn found(passed: u64, failed: u64) -> Tally {
        Tally { passed, failed, errors: failed * 2, took: Duration::from_millis(passed + failed) }
    }

    #[test]
    fn a_row_adds_up() {
        let mut validation = Validation::default();
        validation.record(AT, Some("a"), found(3, 0));
        validation.record(DateTime::UNIX_EPOCH, Some("a"), found(0, 1));
        validation.record(AT, None, found(0, 1));
        let rows = validation.rows();
        let expected = ValidationRow {
            total_events: 4,
            passed_events: 3,
            failed_events: 1,
            pass_rate: Some(75.0),
            avg_validation_time_ms: Some(1.0),
            total_errors: 2,
            total_warnings: 0,
            last_updated: Some("1970-01-01T00:00:01.500000Z".into()),
        };
        assert_eq!(rows.types["a"], expected);
        assert_eq!((rows.unreadable.failed_events, rows.other.total_events), (1, 0));
        assert_eq!((rows.other.pass_rate, rows.other.last_updated), (None, None));
    }

    #[test]
    fn types_that_were_never_valid_take_no_row() {
        let mut validation = Validation::default();
        validation.record(AT, Some("made up"), found(0, 5));
        assert_eq!((validation.rows().types.len(), validation.rows().other.failed_events), (0, 5));
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_the_rows_are_bounded(
            events in prop::collection::vec((prop::option::of(0u8..120), 0u64..3, 0u64..3), 0..500),
        ) {
            let (mut validation, mut total) = (Validation::default(), 0);
            for (name, passed, failed) in events {
                let name = name.map(|name| name.to_string());
                validation.record(AT, name.as_deref(), found(passed, failed));
                total += passed + failed;
            }
            let rows = validation.rows();
            prop_assert!(rows.types.len() <= MAX_TYPES);
            let counted = rows.types.values().chain([&rows.other, &rows.unreadable]);
            prop_assert_eq!(counted.map(|row| row.total_events).sum::<u64>(), total);
        }
    }
}
