//! What a probe on a path is proven to hear.

use std::time::Duration;

use super::Receipt;
use crate::core::event::Seq;

/// What a probe tells, in its order.
#[derive(Clone, Copy, Debug)]
pub(super) enum Heard {
    Subscribed { from: Seq, at: Duration },
    Proven(Duration),
    Receipt(Receipt),
    Broken { proven: Option<Duration> },
}

/// A subscription that is not broken, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ear {
    /// When it began.
    pub(super) since: Duration,
    /// Everything after this place that is delivered is heard.
    pub(super) from: Seq,
    /// It was whole until then.
    pub(super) proven: Duration,
    /// The furthest event that was heard.
    pub(super) highest: Seq,
    /// Whether `from` is where the adapter was when it began.
    narrowed: bool,
}

impl Ear {
    pub(super) fn new(from: Seq, at: Duration) -> Self {
        Self { since: at, from, proven: at, highest: 0, narrowed: false }
    }

    pub(super) fn prove(&mut self, at: Duration) {
        self.proven = self.proven.max(at);
    }

    /// The adapter's cursor passed this place. One request is under way at a time: what is beyond
    /// the first one that was answered after the subscription began was sent after that, too,
    /// though it may have been committed before.
    pub(super) fn narrow(&mut self, through: Seq, at: Duration) {
        if !self.narrowed && at >= self.since {
            self.from = self.from.min(through);
            self.narrowed = true;
        }
    }
}
