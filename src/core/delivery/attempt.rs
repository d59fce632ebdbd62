//! One request to a destination, and what is remembered of the last ones.

use std::{collections::VecDeque, time::Duration};

use chrono::{DateTime, Utc};

use super::{Delivered, DeliveryError};
use crate::core::{breaker::BreakerState, event::Seq};

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempted {
    /// The first so many events of the batch were sent.
    pub sent: usize,
    /// Whether it was a probe; then, whether the destination is well otherwise.
    pub probe: Option<bool>,
    /// From sending it to its answer.
    pub latency: Duration,
    /// The answer.
    pub result: Result<Delivered, DeliveryError>,
}

/// How a request ended, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// The destination has it.
    Delivered,
    /// It may pass.
    Transient,
    /// It was asked to wait.
    RateLimited,
    /// The destination will never take it.
    Rejected,
    /// A setting is wrong.
    Misconfigured,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Delivered, Self::Transient, Self::RateLimited, Self::Rejected, Self::Misconfigured];

    /// How the answer is counted.
    #[must_use]
    pub fn of(result: &Result<Delivered, DeliveryError>) -> Self {
        match result {
            Ok(_) => Self::Delivered,
            Err(DeliveryError::Transient { .. }) => Self::Transient,
            Err(DeliveryError::RateLimited { .. }) => Self::RateLimited,
            Err(DeliveryError::Rejected { .. }) => Self::Rejected,
            Err(DeliveryError::Misconfigured { .. }) => Self::Misconfigured,
        }
    }

    /// Its name in metrics and answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Transient => "transient",
            Self::RateLimited => "rate_limited",
            Self::Rejected => "rejected",
            Self::Misconfigured => "misconfigured",
        }
    }
}

/// A request, as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When its answer came.
    pub at: DateTime<Utc>,
    /// The first event in it.
    pub first: Seq,
    /// The last event in it.
    pub last: Seq,
    /// How many there were.
    pub events: usize,
    /// How it ended.
    pub outcome: Outcome,
    /// The destination's words, where it failed.
    pub reason: Option<String>,
    /// From sending it to its answer.
    pub latency: Duration,
    /// The breaker's state when it was sent.
    pub breaker: BreakerState,
}

/// The last requests, in bounded memory.
#[derive(Clone, Debug)]
pub struct Attempts {
    kept: VecDeque<Attempt>,
    most: usize,
}

impl Attempts {
    /// Remembers at most so many.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { kept: VecDeque::new(), most }
    }

    /// Remembers one more, and forgets the oldest when there are too many.
    pub fn push(&mut self, attempt: Attempt) {
        while self.kept.len() >= self.most.max(1) {
            self.kept.pop_front();
        }
        self.kept.push_back(attempt);
    }

    /// Those that an event was in, oldest first.
    pub fn of(&self, seq: Seq) -> impl Iterator<Item = &Attempt> {
        self.kept.iter().filter(move |attempt| (attempt.first..=attempt.last).contains(&seq))
    }

    /// The newest that failed.
    #[must_use]
    pub fn last_failure(&self) -> Option<&Attempt> {
        self.kept.iter().rev().find(|attempt| attempt.outcome != Outcome::Delivered)
    }

    /// The first event that can have been forgotten: what was before may have been sent too.
    #[must_use]
    pub fn oldest(&self) -> Option<&Attempt> {
        self.kept.front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(first: Seq, last: Seq, outcome: Outcome) -> Attempt {
        Attempt {
            at: DateTime::UNIX_EPOCH,
            first,
            last,
            events: 1,
            outcome,
            reason: None,
            latency: Duration::ZERO,
            breaker: BreakerState::Closed,
        }
    }

    #[test]
    fn the_newest_requests_of_an_event_are_remembered() {
        let mut attempts = Attempts::new(3);
        for (first, last) in [(1, 5), (1, 2), (3, 5), (6, 9)] {
            attempts.push(attempt(first, last, Outcome::Transient));
        }
        let of = |seq| attempts.of(seq).map(|attempt| attempt.first).collect::<Vec<_>>();
        assert_eq!((of(2), of(4), of(9), of(10)), (vec![1], vec![3], vec![6], vec![]));
        assert_eq!(attempts.oldest().unwrap().last, 2);
    }

    #[test]
    fn a_failure_is_found_behind_what_went_well() {
        let mut attempts = Attempts::new(10);
        assert!(attempts.last_failure().is_none());
        attempts.push(attempt(1, 1, Outcome::Rejected));
        attempts.push(attempt(2, 2, Outcome::Delivered));
        assert_eq!(attempts.last_failure().unwrap().first, 1);
    }

    #[test]
    fn every_answer_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<_> = Outcome::ALL.map(Outcome::name).into();
        assert_eq!(names.len(), Outcome::ALL.len());
    }
}
