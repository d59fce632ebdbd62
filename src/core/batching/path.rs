//! The policy of a delivery path: the law of size and linger, under the ceilings of its class.

use std::time::Duration;

use super::{BadLimits, BatchPolicy, Class, Frequency, Limits, Outcome, Plan};

/// What a batcher asks. It says what comes and what became of its batches, and gets the next plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPolicy {
    policy: BatchPolicy,
    frequency: Frequency,
    class: Class,
    max_linger: Duration,
}

impl PathPolicy {
    /// A policy with limits, as of [`adaptive`](super::adaptive); classes allow no more than these.
    ///
    /// # Errors
    /// When a limit is out of its range.
    pub fn try_new(limits: Limits) -> Result<Self, BadLimits> {
        let policy = BatchPolicy::try_new(limits)?;
        let mut path = Self {
            policy,
            frequency: Frequency::default(),
            class: Class::default(),
            max_linger: limits.max_linger,
        };
        path.enter(path.class);
        Ok(path)
    }

    /// Counts events that came to the path at `now`.
    pub fn arrived(&mut self, events: usize, now: Duration) {
        self.frequency.arrived(events, now);
    }

    /// What to do at `now` with a queue of `depth` events.
    pub fn next(&mut self, depth: usize, now: Duration) -> Plan {
        let per_second = self.frequency.per_second(now);
        self.enter(self.class.follow(per_second, depth));
        let Plan { size, linger } = self.policy.next(depth);
        let size = size.min(self.class.ceiling().events);
        Plan { size, linger: if depth >= size { Duration::ZERO } else { linger } }
    }

    fn enter(&mut self, class: Class) {
        self.class = class;
        self.policy.linger_at_most(self.max_linger.min(class.ceiling().linger));
    }

    /// Most events that ever go together.
    #[must_use]
    pub fn most(&self) -> usize {
        self.policy.limits().max
    }

    /// Learns from the answer to a batch.
    pub fn observe(&mut self, outcome: Outcome) {
        self.policy.observe(outcome);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        super::{BatchResult, adaptive},
        *,
    };

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn path(max_events: usize, max_linger: Duration) -> PathPolicy {
        PathPolicy::try_new(adaptive(max_events, max_linger, ms(250))).unwrap()
    }

    fn throttle(path: &mut PathPolicy) {
        for _ in 0..6 {
            path.observe(Outcome { size: 1, latency: ms(5), result: BatchResult::Throttled });
        }
    }

    #[test]
    fn an_idle_path_sends_its_one_event_at_once() {
        let mut path = path(100, ms(2_000));
        path.arrived(1, ms(0));
        assert_eq!(path.next(1, ms(0)), Plan { size: 10, linger: Duration::ZERO });
        assert_eq!(path.class, Class::Low);
    }

    #[test]
    fn classes_are_ceilings_and_settings_are_lower_ones() {
        // Events a second; size and linger with the settings as they are, and with small ones.
        let table = [(1, 10, 2_000, 10, 300), (20, 50, 500, 20, 300), (500, 100, 100, 20, 100)];
        for (events, size, linger, small, short) in table {
            for (max_events, max_linger, plan) in [
                (100, ms(2_000), Plan { size, linger: ms(linger) }),
                (20, ms(300), Plan { size: small, linger: ms(short) }),
            ] {
                let mut path = path(max_events, max_linger);
                path.arrived(events, ms(0));
                path.next(1, ms(0));
                throttle(&mut path);
                assert_eq!(path.next(1, ms(0)), plan, "{events}");
                assert_eq!(path.next(plan.size, ms(0)).linger, Duration::ZERO, "full");
            }
        }
    }

    #[test]
    fn a_path_that_catches_up_takes_large_batches() {
        let mut path = path(100, ms(2_000));
        assert_eq!(path.next(20_000, ms(0)).size, 100);
        assert_eq!(path.next(251, ms(1)).size, 100);
        assert_eq!(path.next(249, ms(2)).size, 50);
        assert_eq!(path.next(49, ms(3)).size, 10);
    }

    proptest! {
        #[test]
        fn ceilings_hold_whatever_happens(
            max_events in 1..200_usize,
            max_linger in 0..3_000_u64,
            steps in prop::collection::vec((0..300_usize, 0..2_000_u64, 0..3_usize, 0..900_u64), 0..80),
        ) {
            let mut path = path(max_events, ms(max_linger));
            let mut now = Duration::ZERO;
            for (events, passed, result, latency) in steps {
                now += ms(passed);
                path.arrived(events, now);
                let plan = path.next(events, now);
                let ceiling = path.class.ceiling();
                prop_assert!((1..=max_events.min(ceiling.events)).contains(&plan.size));
                prop_assert!(plan.linger <= ceiling.linger.min(ms(max_linger)));
                prop_assert!(events < plan.size || plan.linger.is_zero());
                let result = [BatchResult::Ok, BatchResult::Failed, BatchResult::Throttled][result];
                path.observe(Outcome { size: plan.size.min(events), latency: ms(latency), result });
            }
        }
    }
}
