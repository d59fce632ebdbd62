//! Whether each path shows exactly what was committed: the journal's commits and the receipts of
//! the probes go in, and exactly one verdict for each event and path comes out.
//!
//! On the direct path every committed event is compared, on the realtime path every one that is
//! routed there. An event is **delivered** when it is committed; on the realtime path, when the
//! adapter's cursor passes it, so that lag is lag and not loss.
//!
//! | verdict | when |
//! |---|---|
//! | differs | a copy of it has another content |
//! | missing | no copy came within [`MatchLimits::deadline`] after it was delivered |
//! | duplicate | more than one copy came |
//! | reordered | its first copy came after one of an event that follows it in the journal |
//! | late | its first copy came more than [`MatchLimits::late_after`] after its commit |
//! | matched | none of these |
//! | unscored | nothing can be said, for a reason: see [`Unscored`] |
//!
//! Of several that apply, the first one counts. Late counts as scored and not matched; when the
//! breaker was not closed at some time from the commit to the copy it is unscored instead, as the
//! outage explains it and is told by itself. Lateness alone is excused by that.
//!
//! **When the verdict falls.** An event without a copy is due at its deadline. One with a copy is due
//! [`MatchLimits::settle`] after the first, time enough for what a destination sends twice; but not
//! before it was delivered, because until then an adapter may send it again, as it does when an
//! answer was lost. A copy that comes later is counted and changes nothing: a verdict does not
//! depend on when somebody looked.
//!
//! **What is proven.** A verdict rests on a subscription that was whole, from before the event was
//! delivered until it was due: the probe proves that, again and again, by an echo, and tells its
//! receipts in order with the proofs. Without a proof there is no `missing` and no `matched`; what
//! was seen to be wrong stays wrong. Anything else is `unscored`.
//!
//! Times are durations since any fixed moment. Everything is bounded by [`MatchLimits::max_events`].

mod ear;
mod hash;
mod outages;
mod recent;
mod report;
mod scores;
mod side;
mod waiting;
mod words;

use std::time::Duration;

use uuid::Uuid;

use self::{
    ear::{Ear, Heard},
    outages::Outages,
    side::{Common, Side},
};
pub use self::{
    hash::{NoHash, NotAnEvent, PayloadHash, Shown},
    report::{Alert, AlertRates, Copies, EarView, PathReport, Seen},
    scores::{ByCategory, ByReason, MatchCounts, Window},
    words::{Case, Committed, MatchLimits, Path, Receipt, Unscored, Verdict},
};
use super::event::Seq;

/// Compares; see the module's documentation.
#[derive(Debug)]
pub struct Matcher {
    limits: MatchLimits,
    websocket: Side,
    realtime: Side,
    outages: Outages,
    /// The newest event that is known to be committed.
    head: Seq,
    now: Duration,
}

impl Matcher {
    /// Compares what is committed after `head`.
    #[must_use]
    pub fn new(limits: MatchLimits, head: Seq) -> Self {
        Self {
            limits,
            websocket: Side::new(Path::Websocket),
            realtime: Side::new(Path::Realtime),
            outages: Outages::default(),
            head,
            now: Duration::ZERO,
        }
    }

    /// Other limits count, from now on.
    pub fn limit(&mut self, limits: MatchLimits) {
        self.limits = limits;
    }

    /// The newest event that is known to be committed.
    #[must_use]
    pub fn head(&self) -> Seq {
        self.head
    }

    /// An event was committed. In the order of the journal; one that is known already is nothing
    /// new.
    pub fn committed(&mut self, event: Committed) {
        if event.seq <= self.head {
            return;
        }
        self.head = event.seq;
        let (sides, common) = self.parts();
        for side in sides {
            if event.routed || side.path() == Path::Websocket {
                side.commit(event, &common);
            }
        }
    }

    /// Everything up to there was committed, and what it was is not known: the validator was too
    /// slow. Each of them counts as unscored, on both paths.
    pub fn skipped(&mut self, through: Seq) {
        let count = through.saturating_sub(self.head);
        self.head = self.head.max(through);
        let (sides, common) = self.parts();
        for side in sides {
            side.scores.add_to_totals(Verdict::Unscored(Unscored::Behind), count);
            side.listen(&common);
        }
    }

    /// The journal is another one now, and what follows `head` is compared: what waited is unscored.
    /// Its places may be used again.
    pub fn renew(&mut self, head: Seq) {
        let (sides, common) = self.parts();
        for side in sides {
            side.finish(&common);
            side.forget_passed();
        }
        self.head = head;
    }

    /// Everything up to there is not compared: validation was off.
    pub fn resume(&mut self, head: Seq) {
        self.head = self.head.max(head);
    }

    /// The adapter's cursor passed everything up to there: delivered, or given up.
    pub fn passed(&mut self, through: Seq, at: Duration) {
        let ([_, realtime], common) = self.parts();
        realtime.pass(through, at, &common);
    }

    /// The adapter's breaker is closed, or not.
    pub fn breaker(&mut self, closed: bool, at: Duration) {
        if closed { self.outages.closed(at) } else { self.outages.opened(at) }
    }

    /// A probe is subscribed, from now on: every event after `from` that is delivered from now on
    /// is heard. A subscription before it is over.
    pub fn subscribed(&mut self, path: Path, from: Seq, at: Duration) {
        self.hear(path, Heard::Subscribed { from, at });
    }

    /// The probe's subscription was whole until `at`, and everything that it saw by then is told.
    pub fn proven(&mut self, path: Path, at: Duration) {
        self.hear(path, Heard::Proven(at));
    }

    /// The probe's subscription broke; it was whole until `proven` at least.
    pub fn broken(&mut self, path: Path, proven: Option<Duration>) {
        self.hear(path, Heard::Broken { proven });
    }

    /// The probe saw an event. In the order in which it saw them.
    pub fn receipt(&mut self, path: Path, receipt: Receipt) {
        self.hear(path, Heard::Receipt(receipt));
    }

    /// Time goes on: what is decided since it was asked last. A time before an earlier one counts
    /// as that one.
    pub fn tick(&mut self, now: Duration) -> Vec<Case> {
        self.now = self.now.max(now);
        let (sides, common) = self.parts();
        let mut decided = Vec::new();
        for side in sides {
            side.listen(&common);
            side.decide_due(&common);
            side.take_decided(&mut decided);
        }
        decided
    }

    /// Nothing more will be told: what is left is unscored.
    pub fn finish(&mut self, now: Duration) -> Vec<Case> {
        let mut decided = self.tick(now);
        let (sides, common) = self.parts();
        for side in sides {
            side.finish(&common);
            side.take_decided(&mut decided);
        }
        decided
    }

    /// What is known of an event on a path, while it is remembered.
    #[must_use]
    pub fn seen(&self, path: Path, id: &Uuid) -> Option<Seen> {
        let side = match path {
            Path::Websocket => &self.websocket,
            Path::Realtime => &self.realtime,
        };
        side.seen(id)
    }

    /// How a path is.
    pub fn report(&mut self, path: Path, now: Duration) -> PathReport {
        self.now = self.now.max(now);
        let now = self.now;
        self.side(path).report(now)
    }

    fn hear(&mut self, path: Path, heard: Heard) {
        let ([websocket, realtime], common) = self.parts();
        match path {
            Path::Websocket => websocket.hear(heard, &common),
            Path::Realtime => realtime.hear(heard, &common),
        }
    }

    fn side(&mut self, path: Path) -> &mut Side {
        match path {
            Path::Websocket => &mut self.websocket,
            Path::Realtime => &mut self.realtime,
        }
    }

    fn parts(&mut self) -> ([&mut Side; 2], Common<'_>) {
        let Self { limits, websocket, realtime, outages, head, now } = self;
        ([websocket, realtime], Common { limits, outages, head: *head, now: *now })
    }
}

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;
