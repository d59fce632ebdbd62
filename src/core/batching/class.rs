//! How often events come to a path, and what that allows.
//!
//! | class | most events in a batch | longest linger | rises to it at | falls from it below |
//! |---|---:|---:|---|---|
//! | high | 100 | 0.1 s | 100 events/s, or 500 waiting | half of both |
//! | medium | 50 | 0.5 s | 5 events/s, or 100 waiting | half of both |
//! | low | 10 | 2.0 s | | |
//!
//! A path rises when its events would fill the batches of its class within their linger. Events/s are
//! those of the busiest second of the last ten, since it is the bursts that need large batches. A queue
//! of ten full batches lifts the class as well: a path that has an outage behind it is not held to
//! what its quiet days need.

use std::time::Duration;

/// Seconds that count.
const WINDOW: usize = 10;
/// Full batches of a class that, when they wait, lift it.
const FULL_BATCHES: usize = 10;

/// How often events come, in three steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// As health checks.
    #[default]
    Low,
    /// As metrics of sessions.
    Medium,
    /// As metrics of a cache.
    High,
}

/// What a class allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ceiling {
    /// Most events in a batch.
    pub events: usize,
    /// Longest wait for a batch to fill.
    pub linger: Duration,
}

impl Class {
    /// What it allows.
    #[must_use]
    pub const fn ceiling(self) -> Ceiling {
        let (events, millis) = match self {
            Self::Low => (10, 2_000),
            Self::Medium => (50, 500),
            Self::High => (100, 100),
        };
        Ceiling { events, linger: Duration::from_millis(millis) }
    }

    /// Events a second, and events waiting, that each lift a path to it.
    const fn entry(self) -> (usize, usize) {
        match self {
            Self::Low => (0, 0),
            Self::Medium => (5, FULL_BATCHES * Self::Low.ceiling().events),
            Self::High => (100, FULL_BATCHES * Self::Medium.ceiling().events),
        }
    }

    /// The class after this one, with so many events a second and so many waiting.
    #[must_use]
    pub fn follow(self, per_second: usize, waiting: usize) -> Self {
        let reaches = |class: &Self| {
            let (frequent, many) = class.entry();
            let part = if *class <= self { 2 } else { 1 };
            per_second.saturating_mul(part) >= frequent || waiting.saturating_mul(part) >= many
        };
        [Self::High, Self::Medium].into_iter().find(reaches).unwrap_or_default()
    }
}

/// Events of the last ten seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frequency {
    /// Of each second, at its number modulo the window.
    seconds: [usize; WINDOW],
    newest: u64,
}

impl Frequency {
    /// Counts events that came at `now`. A time before the newest is taken for the newest.
    pub fn arrived(&mut self, events: usize, now: Duration) {
        self.advance(now);
        if let Some(second) = self.seconds.get_mut(slot(self.newest)) {
            *second = second.saturating_add(events);
        }
    }

    /// Events of the busiest second of the last ten.
    pub fn per_second(&mut self, now: Duration) -> usize {
        self.advance(now);
        self.seconds.iter().copied().max().unwrap_or(0)
    }

    fn advance(&mut self, now: Duration) {
        let now = now.as_secs();
        let passed = usize::try_from(now.saturating_sub(self.newest)).unwrap_or(WINDOW);
        for second in (self.newest + 1..=now).take(passed.min(WINDOW)) {
            if let Some(events) = self.seconds.get_mut(slot(second)) {
                *events = 0;
            }
        }
        self.newest = self.newest.max(now);
    }
}

fn slot(second: u64) -> usize {
    usize::try_from(second % WINDOW as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_class_follows_frequency_and_queue_and_does_not_flap() {
        use Class::{High, Low, Medium};
        let table = [
            (Low, 0, 0, Low),
            (Low, 4, 99, Low),
            (Low, 5, 0, Medium),
            (Low, 0, 100, Medium),
            (Low, 100, 0, High),
            (Low, 0, 500, High),
            (Medium, 99, 499, Medium),
            (Medium, 100, 0, High),
            (Medium, 3, 0, Medium), // half of five, rounded up
            (Medium, 2, 49, Low),
            (Medium, 2, 50, Medium),
            (High, 50, 0, High),
            (High, 49, 0, Medium),
            (High, 0, 250, High),
            (High, 2, 49, Low),
        ];
        for (from, per_second, waiting, to) in table {
            assert_eq!(from.follow(per_second, waiting), to, "{from:?} {per_second} {waiting}");
        }
    }

    #[test]
    fn the_busiest_second_counts_for_ten() {
        let mut frequency = Frequency::default();
        let at = Duration::from_millis;
        frequency.arrived(3, at(500));
        frequency.arrived(4, at(999));
        frequency.arrived(5, at(1_000));
        assert_eq!(frequency.per_second(at(1_000)), 7);
        frequency.arrived(4, at(0)); // a clock that goes back
        assert_eq!(frequency.per_second(at(9_999)), 9);
        assert_eq!(frequency.per_second(at(10_000)), 9);
        assert_eq!(frequency.per_second(at(11_000)), 0);
        frequency.arrived(2, at(1_000_000_000));
        assert_eq!(frequency.per_second(at(1_000_000_000)), 2);
    }

    proptest! {
        #[test]
        fn frequency_agrees_with_counting(
            mut arrivals in prop::collection::vec((0..40_u64, 1..10_usize), 0..50),
            now in 0..50_u64,
        ) {
            arrivals.sort_unstable();
            arrivals.retain(|(second, _)| *second <= now);
            let mut frequency = Frequency::default();
            for (second, events) in &arrivals {
                frequency.arrived(*events, Duration::from_secs(*second));
            }
            let of = |at: u64| arrivals.iter().filter(|(s, _)| *s == at).map(|(_, n)| n).sum();
            let counted = (now.saturating_sub(9)..=now).map(of).max();
            prop_assert_eq!(Some(frequency.per_second(Duration::from_secs(now))), counted);
        }
    }
}
