//! What is forgotten as time passes: private topics that nobody listens to, and, when all topics
//! together are too large, the messages of the largest.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::Topics;

/// How often topics are looked at: so long may they be larger than they should.
const INTERVAL: Duration = Duration::from_secs(1);

impl Topics {
    /// Forgets, again and again, what need not or cannot be kept.
    pub async fn sweep(self: Arc<Self>) {
        loop {
            tokio::time::sleep(INTERVAL).await;
            self.forget_idle(Instant::now());
            self.forget_largest();
        }
    }

    /// Forgets topics that nobody came to for too long.
    pub(super) fn forget_idle(&self, now: Instant) {
        let window = self.options.settings.replay_window;
        let is_over = |since: Instant| now.saturating_duration_since(since) >= window;
        self.open().retain(|topic, open| {
            self.tells_events(topic) || open.members > 0 || !open.idle.is_some_and(is_over)
        });
    }

    /// Forgets messages of the largest topics, until all are no larger than they may be. Whoever
    /// has not read them has lost them, and is told so.
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
    pub(super) fn forget_largest(&self) {
        let tails: Vec<_> = self.open().values().map(|open| open.shared.clone()).collect();
        let mut sizes: Vec<_> =
            tails.iter().map(|shared| (shared.tail.load().bytes(), shared)).collect();
        sizes.sort_by_key(|(bytes, _)| *bytes);
        let mut total: usize = sizes.iter().map(|(bytes, _)| bytes).sum();
        while total > self.options.settings.total_bytes {
            let Some((bytes, largest)) = sizes.pop() else { break };
            let _state = largest.state();
            largest.tail.forget();
            total -= bytes;
            self.count_forgotten("too_large");
        }
        self.options.metrics.realtime_topics.set(tails.len() as f64);
        self.options.metrics.realtime_topics_bytes.set(total as f64);
    }
}
