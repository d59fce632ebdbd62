//! When the breaker was not closed.

use std::{collections::VecDeque, time::Duration};

/// Outages that are remembered. Of more, the two oldest become one: an event between them is then
/// excused, too.
const REMEMBERED: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Outages {
    /// From when to when, oldest first.
    over: VecDeque<(Duration, Duration)>,
    since: Option<Duration>,
}

impl Outages {
    pub(super) fn opened(&mut self, at: Duration) {
        self.since.get_or_insert(at);
    }

    pub(super) fn closed(&mut self, at: Duration) {
        if let Some(since) = self.since.take() {
            self.over.push_back((since, at.max(since)));
        }
        if self.over.len() > REMEMBERED
            && let (Some(oldest), Some(next)) = (self.over.pop_front(), self.over.front_mut())
        {
            next.0 = next.0.min(oldest.0);
        }
    }

    /// Whether the breaker was not closed at some time within these.
    pub(super) fn overlap(&self, from: Duration, to: Duration) -> bool {
        self.since.is_some_and(|since| since <= to)
            || self.over.iter().rev().any(|(since, until)| *since <= to && from <= *until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn an_outage_excuses_what_it_overlaps() {
        let mut outages = Outages::default();
        assert!(!outages.overlap(s(0), s(100)));
        outages.opened(s(10));
        outages.opened(s(12));
        assert!(outages.overlap(s(11), s(11)) && outages.overlap(s(0), s(10)));
        assert!(!outages.overlap(s(0), s(9)));
        outages.closed(s(20));
        outages.closed(s(30));
        assert!(outages.overlap(s(20), s(25)) && !outages.overlap(s(21), s(40)));
    }

    #[test]
    fn the_oldest_outages_become_one() {
        let mut outages = Outages::default();
        for n in 0..1_000 {
            outages.opened(s(n * 10));
            outages.closed(s(n * 10 + 1));
        }
        assert_eq!(outages.over.len(), REMEMBERED);
        assert!((0..1_000).all(|n| outages.overlap(s(n * 10), s(n * 10 + 1))));
        assert!(!outages.overlap(s(9_982), s(9_989)));
    }
}
