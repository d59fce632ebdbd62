//! What the realtime path tells of itself, for whoever compares: the newest of it, which nobody has
//! to wait for.

use tokio::{sync::watch, time::Instant};

use crate::core::event::Seq;

/// How far the realtime path is, and whether it flows. Shared by an `Arc`; it outlives a delivery
/// that is begun anew.
#[derive(Debug)]
pub struct PathNews {
    passed: watch::Sender<(Seq, Instant)>,
    closed: watch::Sender<(bool, Instant)>,
}

impl Default for PathNews {
    fn default() -> Self {
        let now = Instant::now();
        Self { passed: watch::Sender::new((0, now)), closed: watch::Sender::new((true, now)) }
    }
}

impl PathNews {
    /// The batcher's cursor passed everything up to there.
    pub fn passed(&self, through: Seq) {
        self.passed.send_replace((through, Instant::now()));
    }

    /// The breaker is closed, or not.
    pub fn closed(&self, closed: bool) {
        self.closed.send_replace((closed, Instant::now()));
    }

    /// Follows the cursor.
    #[must_use]
    pub fn follow_passed(&self) -> watch::Receiver<(Seq, Instant)> {
        self.passed.subscribe()
    }

    /// Follows the breaker.
    #[must_use]
    pub fn follow_closed(&self) -> watch::Receiver<(bool, Instant)> {
        self.closed.subscribe()
    }
}
