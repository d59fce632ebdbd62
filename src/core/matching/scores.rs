//! How many events got which verdict: since the start, and lately.

use std::{ops::AddAssign, time::Duration};

use serde::Serialize;

use super::{Unscored, Verdict};
use crate::core::event::Category;

/// How long a slice of the windows is.
const SLICE_SECONDS: u64 = 10;
/// Slices of the longest window, and the one that is not over.
const SLICES: usize = 361;

/// How many events got which verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct MatchCounts {
    /// Seen once, in time, in order, and unchanged.
    pub matched: u64,
    /// Seen late, while the breaker was closed.
    pub late: u64,
    /// Seen after an event that follows them.
    pub reordered: u64,
    /// Seen more than once.
    pub duplicate: u64,
    /// Not seen.
    pub missing: u64,
    /// Seen with another content.
    pub differs: u64,
    /// Nothing can be said of them.
    pub unscored: u64,
}

impl MatchCounts {
    fn of_mut(&mut self, verdict: Verdict) -> &mut u64 {
        match verdict {
            Verdict::Matched => &mut self.matched,
            Verdict::Late => &mut self.late,
            Verdict::Reordered => &mut self.reordered,
            Verdict::Duplicate => &mut self.duplicate,
            Verdict::Missing => &mut self.missing,
            Verdict::Differs => &mut self.differs,
            Verdict::Unscored(_) => &mut self.unscored,
        }
    }

    /// In the order of [`Verdict::NAMES`].
    #[must_use]
    pub fn by_place(&self) -> [u64; 7] {
        let Self { matched, late, reordered, duplicate, missing, differs, unscored } = *self;
        [matched, late, reordered, duplicate, missing, differs, unscored]
    }

    /// Events that got a verdict, whichever.
    #[must_use]
    pub fn due(&self) -> u64 {
        self.scored() + self.unscored
    }

    /// Those of which something can be said.
    #[must_use]
    pub fn scored(&self) -> u64 {
        self.matched + self.faults()
    }

    /// Those that are scored and not matched.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.late + self.reordered + self.duplicate + self.missing + self.differs
    }

    /// Matched of scored, in percent; nothing without any.
    #[must_use]
    pub fn match_rate(&self) -> Option<f64> {
        percent(self.matched, self.scored())
    }

    /// Scored and not matched of scored, in percent; nothing without any.
    #[must_use]
    pub fn mismatch_rate(&self) -> Option<f64> {
        percent(self.faults(), self.scored())
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate is a float")]
fn percent(n: u64, of: u64) -> Option<f64> {
    (of > 0).then(|| n as f64 * 100.0 / of as f64)
}

impl AddAssign for MatchCounts {
    fn add_assign(&mut self, other: Self) {
        self.matched += other.matched;
        self.late += other.late;
        self.reordered += other.reordered;
        self.duplicate += other.duplicate;
        self.missing += other.missing;
        self.differs += other.differs;
        self.unscored += other.unscored;
    }
}

/// A time that is looked back on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub enum Window {
    /// A minute, and up to ten seconds more; so are the others.
    #[serde(rename = "1m")]
    Minute,
    /// Five minutes. Alerts are raised by this one.
    #[serde(rename = "5m")]
    FiveMinutes,
    /// An hour.
    #[serde(rename = "1h")]
    Hour,
}

impl Window {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Minute, Self::FiveMinutes, Self::Hour];

    fn slices(self) -> u64 {
        match self {
            Self::Minute => 6,
            Self::FiveMinutes => 30,
            Self::Hour => 360,
        }
    }
}

/// Counts of each category, in the order of [`Category::ALL`].
pub type ByCategory = [MatchCounts; Category::ALL.len()];

/// How many events of unscored ones had which reason, in the order of [`Unscored::ALL`].
pub type ByReason = [u64; Unscored::ALL.len()];

#[derive(Debug)]
pub(super) struct Scores {
    pub(super) totals: MatchCounts,
    pub(super) reasons: ByReason,
    slices: Vec<ByCategory>,
    /// Number of the slice that is not over.
    now: u64,
}

impl Default for Scores {
    fn default() -> Self {
        let slices = vec![ByCategory::default(); SLICES];
        Self { totals: MatchCounts::default(), reasons: ByReason::default(), slices, now: 0 }
    }
}

impl Scores {
    /// An event got its verdict. A time before an earlier one counts as that one.
    pub(super) fn add(&mut self, now: Duration, category: Category, verdict: Verdict) {
        self.go_on(now);
        self.add_to_totals(verdict, 1);
        let place = Category::ALL.iter().position(|each| *each == category);
        let slice = self.slices.get_mut(place_of(self.now));
        if let Some(counts) = slice.and_then(|slice| slice.get_mut(place?)) {
            *counts.of_mut(verdict) += 1;
        }
    }

    /// So many events got a verdict of which nothing else is known.
    pub(super) fn add_to_totals(&mut self, verdict: Verdict, n: u64) {
        *self.totals.of_mut(verdict) += n;
        let reasons = Unscored::ALL.iter().zip(&mut self.reasons);
        let reason = verdict.reason();
        if let Some((_, count)) = reasons.into_iter().find(|(each, _)| Some(**each) == reason) {
            *count += n;
        }
    }

    pub(super) fn within(&mut self, now: Duration, window: Window) -> ByCategory {
        self.go_on(now);
        let mut sums = ByCategory::default();
        for slice in self.now.saturating_sub(window.slices())..=self.now {
            let Some(slice) = self.slices.get(place_of(slice)) else { continue };
            for (sum, counts) in sums.iter_mut().zip(slice) {
                *sum += *counts;
            }
        }
        sums
    }

    fn go_on(&mut self, now: Duration) {
        let now = now.as_secs() / SLICE_SECONDS;
        if now > self.now {
            for slice in (self.now + 1..=now).take(SLICES) {
                if let Some(slice) = self.slices.get_mut(place_of(slice)) {
                    *slice = ByCategory::default();
                }
            }
            self.now = now;
        }
    }
}

fn place_of(slice: u64) -> usize {
    usize::try_from(slice % SLICES as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const VERDICTS: [Verdict; 7] = [
        Verdict::Matched,
        Verdict::Late,
        Verdict::Reordered,
        Verdict::Duplicate,
        Verdict::Missing,
        Verdict::Differs,
        Verdict::Unscored(Unscored::Down),
    ];

    #[test]
    fn rates_are_of_what_was_scored() {
        let counts =
            MatchCounts { matched: 997, late: 1, missing: 2, unscored: 50, ..Default::default() };
        assert_eq!((counts.scored(), counts.faults(), counts.due()), (1_000, 3, 1_050));
        assert_eq!((counts.match_rate(), counts.mismatch_rate()), (Some(99.7), Some(0.3)));
        let nothing = MatchCounts { unscored: 5, ..Default::default() };
        assert_eq!((nothing.match_rate(), nothing.mismatch_rate()), (None, None));
    }

    #[test]
    fn every_verdict_has_its_count() {
        for (place, verdict) in VERDICTS.into_iter().enumerate() {
            let mut scores = Scores::default();
            scores.add(Duration::ZERO, Category::Debug, verdict);
            let mut expected = [0; 7];
            expected[place] = 1;
            assert_eq!(scores.totals.by_place(), expected);
            assert_eq!(verdict.name(), Verdict::NAMES[place]);
            assert_eq!(verdict.is_fault(), scores.totals.faults() == 1);
        }
    }

    proptest! {
        #[test]
        fn a_window_holds_what_a_list_of_everything_says(
            steps in prop::collection::vec((0u64..400, 0usize..5, 0usize..7), 0..120),
            wait in 0u64..5_000,
        ) {
            let (mut scores, mut all, mut now) = (Scores::default(), Vec::new(), 0);
            for (step, category, verdict) in steps {
                now += step;
                scores.add(Duration::from_secs(now), Category::ALL[category], VERDICTS[verdict]);
                all.push((now / 10, category, verdict));
            }
            let slice = (now + wait) / 10;
            for (window, slices) in Window::ALL.into_iter().zip([6, 30, 360]) {
                let mut expected = [[0; 7]; 5];
                for (at, category, verdict) in &all {
                    expected[*category][*verdict] += u64::from(at + slices >= slice);
                }
                let found = scores.within(Duration::from_secs(now + wait), window);
                prop_assert_eq!(found.map(|counts| counts.by_place()), expected);
            }
            prop_assert_eq!(scores.totals.due(), all.len() as u64);
        }
    }
}
