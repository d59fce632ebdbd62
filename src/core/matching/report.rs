//! How the paths are, for people and for the rollout.

use std::time::Duration;

use serde::Serialize;
use uuid::Uuid;

use super::{
    ByCategory, ByReason, Case, Ear, MatchCounts, Path, PayloadHash, Verdict, Window, side::Side,
};
use crate::core::{
    event::{Category, Seq},
    stats::Quantiles,
};

/// What became of what a probe saw, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Copies {
    /// Counted for an event's verdict.
    pub taken: u64,
    /// Came after the verdict of an event that was seen before: a duplicate, far behind.
    pub again: u64,
    /// Came after the event was found missing.
    pub arrived_after: u64,
    /// Of no event that is known here: committed before validation began, or forgotten, or never.
    pub unknown: u64,
    /// Came while no subscription was told.
    pub outside: u64,
}

impl Copies {
    /// Each count, and its name in metrics.
    #[must_use]
    pub fn named(&self) -> [(&'static str, u64); 5] {
        let Self { taken, again, arrived_after, unknown, outside } = *self;
        [
            ("taken", taken),
            ("again", again),
            ("arrived_after", arrived_after),
            ("unknown", unknown),
            ("outside", outside),
        ]
    }

    /// One came after a verdict.
    pub(super) fn after(&mut self, verdict: Verdict) {
        if verdict == Verdict::Missing {
            self.arrived_after += 1;
        } else {
            self.again += 1;
        }
    }
}

/// A probe's subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EarView {
    /// When it began.
    pub since: Duration,
    /// Everything after this place that is delivered is heard.
    pub from: Seq,
    /// It was whole until then.
    pub proven: Duration,
}

/// How a path is.
#[derive(Clone, Debug)]
pub struct PathReport {
    /// Which.
    pub path: Path,
    /// Verdicts since the start: all that were due.
    pub totals: MatchCounts,
    /// The unscored ones of them, by reason.
    pub reasons: ByReason,
    /// What the probe saw.
    pub copies: Copies,
    /// Events that wait for their verdict.
    pub waiting: usize,
    /// Verdicts that fell lately, in the order of [`Window::ALL`].
    pub windows: [ByCategory; Window::ALL.len()],
    /// From the commit to the probe, in the last minute.
    pub latency: Quantiles,
    /// The probe's subscription, while there is one.
    pub probe: Option<EarView>,
    /// The newest verdicts of each kind that is scored and not matched, the worst kind first.
    pub worst: Vec<Case>,
}

/// What is known of an event on a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// There is no verdict yet.
    Waiting {
        /// Copies that were seen.
        copies: u32,
        /// From the commit to the first of them.
        latency: Option<Duration>,
        /// When it was delivered, as far as that is known.
        delivered: Option<Duration>,
        /// What a client is to see.
        expected: PayloadHash,
        /// What was seen.
        seen: Option<PayloadHash>,
    },
    /// There is one.
    Decided(Case),
}

/// The share of events, in percent of the scored ones, that may be anything but matched before it
/// is an alert; in the order of [`Category::ALL`].
pub type AlertRates = [f64; Category::ALL.len()];

/// Too much of a category is anything but matched, in the last five minutes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Alert {
    /// Where.
    pub path: Path,
    /// Of which category.
    pub category: Category,
    /// How much is not matched, in percent of the scored events.
    pub mismatch_percent: f64,
    /// How much may be.
    pub limit_percent: f64,
    /// Events that were scored.
    pub scored: u64,
    /// Those of them that were not matched.
    pub faults: u64,
}

impl PathReport {
    /// Verdicts of all categories, within a window.
    #[must_use]
    pub fn within(&self, window: Window) -> MatchCounts {
        let mut sum = MatchCounts::default();
        for counts in self.by_category(window) {
            sum += counts;
        }
        sum
    }

    /// Verdicts of each category, within a window.
    #[must_use]
    pub fn by_category(&self, window: Window) -> ByCategory {
        let all = Window::ALL.into_iter().zip(self.windows);
        let found = all.into_iter().find(|(each, _)| *each == window);
        found.map(|(_, counts)| counts).unwrap_or_default()
    }

    /// What is to be told about.
    #[must_use]
    pub fn alerts(&self, rates: &AlertRates) -> Vec<Alert> {
        let counts = self.by_category(Window::FiveMinutes);
        let each = Category::ALL.into_iter().zip(counts).zip(rates);
        let above = each.filter_map(|((category, counts), limit)| {
            let mismatch = counts.mismatch_rate().filter(|rate| rate > limit)?;
            Some(Alert {
                path: self.path,
                category,
                mismatch_percent: mismatch,
                limit_percent: *limit,
                scored: counts.scored(),
                faults: counts.faults(),
            })
        });
        above.collect()
    }
}

impl From<&Ear> for EarView {
    fn from(ear: &Ear) -> Self {
        Self { since: ear.since, from: ear.from, proven: ear.proven }
    }
}

impl Side {
    pub(super) fn seen(&self, id: &Uuid) -> Option<Seen> {
        let waiting = self.is_waiting(id).map(|waiting| Seen::Waiting {
            copies: waiting.copies(),
            latency: waiting.latency(),
            delivered: waiting.delivered(),
            expected: waiting.event.expected,
            seen: waiting.seen(),
        });
        waiting.or_else(|| self.recent.get(id).copied().map(Seen::Decided))
    }

    pub(super) fn report(&mut self, now: Duration) -> PathReport {
        PathReport {
            path: self.path(),
            totals: self.scores.totals,
            reasons: self.scores.reasons,
            copies: self.copies,
            waiting: self.waiting(),
            windows: Window::ALL.map(|window| self.scores.within(now, window)),
            latency: self.latencies.quantiles(now),
            probe: self.ear.as_ref().map(EarView::from),
            worst: self.recent.worst().copied().collect(),
        }
    }
}
