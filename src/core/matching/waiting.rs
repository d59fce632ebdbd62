//! An event that waits for its verdict on a path, and what was seen of it so far.

use std::time::Duration;

use super::{Committed, MatchLimits, PayloadHash, Receipt, Unscored, Verdict, outages::Outages};

#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) event: Committed,
    /// When its delivery was done, as far as the router knows.
    delivered: Option<Duration>,
    copies: u32,
    /// When the first copy was seen.
    first_at: Option<Duration>,
    first: Option<PayloadHash>,
    differs: Option<PayloadHash>,
    overtaken: bool,
    /// Its place among those that are due.
    pub(super) key: Option<Duration>,
}

impl Waiting {
    pub(super) fn new(event: Committed, delivered: Option<Duration>) -> Self {
        Self {
            event,
            delivered,
            copies: 0,
            first_at: None,
            first: None,
            differs: None,
            overtaken: false,
            key: None,
        }
    }

    pub(super) fn delivered(&self) -> Option<Duration> {
        self.delivered
    }

    /// The adapter's cursor passed it; the first time counts.
    pub(super) fn deliver(&mut self, at: Duration) {
        self.delivered.get_or_insert(at);
    }

    pub(super) fn copies(&self) -> u32 {
        self.copies
    }

    pub(super) fn latency(&self) -> Option<Duration> {
        self.first_at.map(|at| at.saturating_sub(self.event.at))
    }

    /// What was seen: the copy that differs, else the first one.
    pub(super) fn seen(&self) -> Option<PayloadHash> {
        self.differs.or(self.first)
    }

    /// When no copy counts any more. Not before it was delivered: until then an adapter may send
    /// it again, as it does when an answer was lost.
    pub(super) fn due(&self, limits: &MatchLimits) -> Option<Duration> {
        self.due_with(self.first_at, limits)
    }

    fn due_with(&self, first_at: Option<Duration>, limits: &MatchLimits) -> Option<Duration> {
        let delivered = self.delivered?;
        Some(match first_at {
            Some(first) => first.max(delivered).saturating_add(limits.settle),
            None => delivered.saturating_add(limits.deadline),
        })
    }

    /// Counts a copy; `false` when it comes too late to count.
    pub(super) fn see(&mut self, copy: &Receipt, overtaken: bool, limits: &MatchLimits) -> bool {
        let first_at = self.first_at.map(|first| first.min(copy.at));
        if self.due_with(first_at, limits).is_some_and(|due| due < copy.at) {
            return false;
        }
        let same = copy.hash == self.event.expected
            && copy.epoch.is_none_or(|epoch| epoch == self.event.epoch);
        if !same {
            self.differs.get_or_insert(copy.hash);
        }
        self.first_at = first_at.or(Some(copy.at));
        self.first.get_or_insert(copy.hash);
        self.overtaken |= overtaken && self.copies == 0;
        self.copies = self.copies.saturating_add(1);
        true
    }

    /// What became of it. When it is `cut` short, for a reason, only what was seen to be wrong can
    /// be said.
    pub(super) fn verdict(
        &self,
        cut: Option<Unscored>,
        limits: &MatchLimits,
        outages: &Outages,
    ) -> Verdict {
        let Some(first_at) = self.first_at else {
            return cut.map_or(Verdict::Missing, Verdict::Unscored);
        };
        if self.differs.is_some() {
            Verdict::Differs
        } else if self.copies > 1 {
            Verdict::Duplicate
        } else if self.overtaken {
            Verdict::Reordered
        } else if self.latency() > Some(limits.late_after) {
            let excused = outages.overlap(self.event.at, first_at);
            if excused { Verdict::Unscored(Unscored::Breaker) } else { Verdict::Late }
        } else {
            cut.map_or(Verdict::Matched, Verdict::Unscored)
        }
    }
}
