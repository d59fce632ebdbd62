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
    /// The batcher's cursor passed everything up to there. Told again, it is nothing new: what is on
    /// its way by now is beyond it.
    pub fn passed(&self, through: Seq) {
        self.passed.send_if_modified(|(before, at)| {
            let is_news = *before != through;
            if is_news {
                (*before, *at) = (through, Instant::now());
            }
            is_news
        });
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_told_again_keeps_its_time() {
        let news = PathNews::default();
        let mut passed = news.follow_passed();
        news.passed(7);
        let first = *passed.borrow_and_update();
        tokio::time::advance(Duration::from_secs(1)).await;
        news.passed(7);
        assert!(!passed.has_changed().unwrap());
        assert_eq!(*passed.borrow(), first);
        news.passed(5);
        let other = *passed.borrow_and_update();
        assert_eq!((other.0, other.1 - first.1), (5, Duration::from_secs(1)), "another journal");
    }
}
