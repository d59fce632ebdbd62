//! What the rollout sees, and what of it counts.

use std::{collections::VecDeque, time::Duration};

use crate::core::share::Share;

/// How the realtime path does, as of now. Counts go up from the start of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measures {
    /// Events that were to go there, and whose verdict is due.
    pub due: u64,
    /// Of them have a verdict that counts.
    pub scored: u64,
    /// Of these were seen there as they should be.
    pub matched: u64,
    /// 95 of 100 took at most this long to be seen there, in the last minute; `None`: none was seen.
    pub p95: Option<Duration>,
    /// Requests to the destination.
    pub attempts: u64,
    /// Of them failed.
    pub failures: u64,
    /// Whether the breaker is not closed.
    pub breaker_open: bool,
    /// Whether every event goes there.
    pub covered: bool,
    /// Whether verdicts are being made.
    pub validating: bool,
}

/// The counts of measures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) due: u64,
    pub(super) scored: u64,
    pub(super) matched: u64,
    pub(super) attempts: u64,
    pub(super) failures: u64,
}

impl Measures {
    pub(super) fn counts(&self) -> Counts {
        let Self { due, scored, matched, attempts, failures, .. } = *self;
        Counts { due, scored, matched, attempts, failures }
    }
}

impl Counts {
    /// What was added since.
    pub(super) fn since(self, base: Self) -> Self {
        Self {
            due: self.due.saturating_sub(base.due),
            scored: self.scored.saturating_sub(base.scored),
            matched: self.matched.saturating_sub(base.matched),
            attempts: self.attempts.saturating_sub(base.attempts),
            failures: self.failures.saturating_sub(base.failures),
        }
    }

    /// Whether somebody began to count anew.
    pub(super) fn went_back(self, before: Self) -> bool {
        self.due < before.due
            || self.scored < before.scored
            || self.matched < before.matched
            || self.attempts < before.attempts
            || self.failures < before.failures
    }

    /// Scored, and not as they should be.
    pub(super) fn faults(self) -> u64 {
        self.scored.saturating_sub(self.matched)
    }

    pub(super) fn match_rate(self) -> Option<Share> {
        share(self.matched, self.scored)
    }

    pub(super) fn scored_rate(self) -> Option<Share> {
        share(self.scored, self.due)
    }

    pub(super) fn error_rate(self) -> Option<Share> {
        share(self.failures, self.attempts)
    }
}

/// Nothing can be said of nothing.
fn share(part: u64, whole: u64) -> Option<Share> {
    (whole > 0).then(|| Share::of(part, whole))
}

/// Marks are a fraction of the window apart.
const MARKS: u32 = 64;

/// The counts of lately: what was added within a window, and a 64th of it more.
#[derive(Clone, Debug)]
pub(super) struct Lately {
    marks: VecDeque<(Duration, Counts)>,
}

impl Lately {
    pub(super) fn new(now: Duration, counts: Counts) -> Self {
        Self { marks: VecDeque::from([(now, counts)]) }
    }

    /// Takes the counts of now; gives what was added within the window.
    pub(super) fn add(&mut self, now: Duration, counts: Counts, window: Duration) -> Counts {
        let begins = now.saturating_sub(window);
        while self.marks.get(1).is_some_and(|(at, _)| *at <= begins) {
            self.marks.pop_front();
        }
        let added = self.marks.front().map_or(counts, |(_, oldest)| counts.since(*oldest));
        if self.marks.back().is_none_or(|(at, _)| now.saturating_sub(*at) >= window / MARKS) {
            self.marks.push_back((now, counts));
        }
        added
    }
}

/// One-minute values that are kept: an hour of them.
const KEPT: usize = 60;
const MINUTE: Duration = Duration::from_mins(1);

/// The latency before anybody moved: the median of one value a minute, of the last hour.
#[derive(Clone, Debug, Default)]
pub(super) struct Baseline {
    values: VecDeque<Duration>,
    next: Duration,
}

impl Baseline {
    /// One that is known from before.
    pub(super) fn known(p95: Duration) -> Self {
        Self { values: VecDeque::from([p95]), next: Duration::ZERO }
    }

    /// Takes the value of the last minute, once a minute.
    pub(super) fn add(&mut self, now: Duration, p95: Option<Duration>) {
        let Some(p95) = p95.filter(|_| now >= self.next) else { return };
        self.next = now.saturating_add(MINUTE);
        self.values.push_back(p95);
        if self.values.len() > KEPT {
            self.values.pop_front();
        }
    }

    pub(super) fn median(&self) -> Option<Duration> {
        let mut sorted: Vec<_> = self.values.iter().copied().collect();
        sorted.sort_unstable();
        sorted.get(sorted.len().saturating_sub(1) / 2).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(scored: u64) -> Counts {
        Counts { scored, ..Counts::default() }
    }

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn lately_is_what_was_added_within_the_window() {
        let window = secs(64);
        let mut lately = Lately::new(secs(0), scored(7));
        for second in 1..1_000 {
            let added = lately.add(secs(second), scored(7 + second), window).scored;
            let expected = second.min(64);
            assert!((expected..=expected + 1).contains(&added), "{second}: {added}");
            assert!(lately.marks.len() <= 66);
        }
        let added = lately.add(secs(100_000), scored(2_000), window);
        assert!(added.scored <= 1_000, "what is old and quiet is not counted twice: {added:?}");
    }

    #[test]
    fn marks_are_bounded_however_often_it_is_asked() {
        let mut lately = Lately::new(secs(0), scored(0));
        for milli in 0..100_000 {
            lately.add(Duration::from_millis(milli), scored(milli), secs(10));
            assert!(lately.marks.len() <= 66);
        }
    }

    #[test]
    fn the_baseline_is_the_median_of_one_value_a_minute() {
        let mut baseline = Baseline::default();
        assert_eq!(baseline.median(), None);
        let millis = [Some(30), None, Some(10), Some(900), Some(20), Some(40)];
        for (minute, milli) in (0..).zip(millis) {
            baseline.add(secs(60 * minute), milli.map(Duration::from_millis));
            baseline.add(secs(60 * minute + 1), milli.map(|_| secs(5)));
        }
        assert_eq!(baseline.median(), Some(Duration::from_millis(30)));
        for minute in 100..300 {
            baseline.add(secs(60 * minute), Some(secs(1)));
        }
        assert_eq!((baseline.median(), baseline.values.len()), (Some(secs(1)), KEPT));
    }
}
