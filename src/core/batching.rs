//! How many waiting events go together, and whether to wait for more.
//!
//! The journal's group commit and the adapters' batchers share this policy. It decides; the actor
//! that owns it takes events, waits and sends. It knows no clock: what was seen comes in as an
//! [`Outcome`].
//!
//! **Size** grows by addition and shrinks by multiplication. Only a batch that reached the limit
//! and was answered in time says that more would be taken; a failure, a refusal for rate or an
//! answer that came late says that it was too much.
//!
//! **Linger** is zero until the destination asks for fewer requests: so an idle queue sends its
//! one event at once, and a busy one fills by itself while the request before is under way. Each
//! refusal for rate doubles it (from a sixteenth of the most), each good answer takes a sixteenth
//! back. A queue that fills the batch never waits.
//!
//! | knob | range | raising it |
//! |---|---|---|
//! | `min` | 1 to `max` | keeps batches larger when the destination suffers; policy starts here |
//! | `max` | `min` to 100,000 | more throughput, more memory and more to repeat after a failure |
//! | `step` | 1 to `max` | finds the best size sooner, and passes it by further |
//! | `shrink_percent` | 1 to 99 | what is left of the limit: gives way less at each bad answer |
//! | `target_latency` | above 0 | larger batches, each event waits longer for its answer |
//! | `max_linger` | 0 to 10 s | fewer requests where these are rationed, at the price of delay |

use std::time::Duration;

/// The largest `max`.
pub const MAX_BATCH: usize = 100_000;
/// The largest `max_linger`.
pub const MAX_LINGER: Duration = Duration::from_secs(10);

/// Linger comes and goes in this many parts of the most.
const LINGER_PARTS: u32 = 16;

/// The knobs; see the table in the module's documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Fewest events the limit goes down to.
    pub min: usize,
    /// Most events in a batch.
    pub max: usize,
    /// Events that the limit grows by.
    pub step: usize,
    /// Percent of the limit that a bad answer leaves.
    pub shrink_percent: usize,
    /// An answer that takes longer is a bad one.
    pub target_latency: Duration,
    /// Longest wait for a batch to fill. Zero: never wait.
    pub max_linger: Duration,
}

/// Why limits cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLimits {
    /// A batch must hold something.
    #[error("min must be at least 1")]
    NoMin,
    /// There is no size in between.
    #[error("min ({min}) must not be above max ({max})")]
    MinAboveMax {
        /// As given.
        min: usize,
        /// As given.
        max: usize,
    },
    /// See [`MAX_BATCH`].
    #[error("max ({0}) must not be above {MAX_BATCH}")]
    MaxTooLarge(usize),
    /// The limit would never grow, or jump from end to end.
    #[error("step ({0}) must be from 1 to max")]
    Step(usize),
    /// The limit would not shrink, or be gone at once.
    #[error("shrink_percent ({0}) must be from 1 to 99")]
    Shrink(usize),
    /// Every answer would be late.
    #[error("target_latency must be above zero")]
    NoTarget,
    /// See [`MAX_LINGER`].
    #[error("max_linger must not be above {} s", MAX_LINGER.as_secs())]
    LingerTooLong,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Take at most this many events.
    pub size: usize,
    /// When fewer are there, wait at most this long for them; zero: take what is there now.
    pub linger: Duration,
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Events in it.
    pub size: usize,
    /// From sending it to its answer.
    pub latency: Duration,
    /// The answer.
    pub result: BatchResult,
}

/// How a destination answered a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchResult {
    /// It took the batch.
    Ok,
    /// It did not, or gave no answer.
    Failed,
    /// It asked for fewer requests.
    Throttled,
}

/// The policy of one queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchPolicy {
    limits: Limits,
    size: usize,
    linger: Duration,
}

impl BatchPolicy {
    /// A policy that starts with the smallest batches.
    ///
    /// # Errors
    /// When a limit is out of its range.
    pub fn try_new(limits: Limits) -> Result<Self, BadLimits> {
        check(&limits)?;
        Ok(Self { limits, size: limits.min, linger: Duration::ZERO })
    }

    /// Takes other limits and keeps what was learned, as far as they allow.
    ///
    /// # Errors
    /// When a limit is out of its range; nothing changes then.
    pub fn adopt(&mut self, limits: Limits) -> Result<(), BadLimits> {
        check(&limits)?;
        self.limits = limits;
        self.size = self.size.clamp(limits.min, limits.max);
        self.linger = self.linger.min(limits.max_linger);
        Ok(())
    }

    /// What to do with a queue of `depth` events.
    #[must_use]
    pub fn next(&self, depth: usize) -> Plan {
        let fills = depth >= self.size;
        Plan { size: self.size, linger: if fills { Duration::ZERO } else { self.linger } }
    }

    /// Learns from the answer to a batch.
    pub fn observe(&mut self, outcome: Outcome) {
        let Limits { min, max, step, shrink_percent, target_latency, max_linger } = self.limits;
        let part = max_linger / LINGER_PARTS;
        match outcome.result {
            BatchResult::Ok if outcome.latency <= target_latency => {
                if outcome.size >= self.size {
                    self.size = (self.size + step).min(max);
                }
                self.linger = self.linger.saturating_sub(part);
                return;
            }
            BatchResult::Throttled => {
                self.linger = (self.linger * 2).clamp(part, max_linger);
            }
            BatchResult::Ok | BatchResult::Failed => {}
        }
        self.size = (self.size * shrink_percent / 100).max(min);
    }
}

fn check(limits: &Limits) -> Result<(), BadLimits> {
    let Limits { min, max, step, shrink_percent, target_latency, max_linger } = *limits;
    match () {
        () if min == 0 => Err(BadLimits::NoMin),
        () if min > max => Err(BadLimits::MinAboveMax { min, max }),
        () if max > MAX_BATCH => Err(BadLimits::MaxTooLarge(max)),
        () if step == 0 || step > max => Err(BadLimits::Step(step)),
        () if !(1..100).contains(&shrink_percent) => Err(BadLimits::Shrink(shrink_percent)),
        () if target_latency.is_zero() => Err(BadLimits::NoTarget),
        () if max_linger > MAX_LINGER => Err(BadLimits::LingerTooLong),
        () => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: Limits = Limits {
        min: 1,
        max: 100,
        step: 10,
        shrink_percent: 50,
        target_latency: ms(100),
        max_linger: ms(160),
    };

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn policy(limits: Limits) -> BatchPolicy {
        BatchPolicy::try_new(limits).unwrap()
    }

    #[test]
    fn size_and_linger_follow_depth_latency_and_result() {
        use BatchResult::{Failed, Ok, Throttled};
        // (waiting, size planned, linger planned) and the answer to taking what is waiting.
        let script = [
            (1, 1, 0, 20, Ok),
            (1, 11, 0, 20, Ok), // not reached: the limit stays
            (50, 11, 0, 20, Ok),
            (50, 21, 0, 100, Ok), // just in time
            (50, 31, 0, 101, Ok), // late
            (50, 15, 0, 20, Failed),
            (50, 7, 0, 20, Ok),
            (50, 17, 0, 20, Throttled),
            (3, 8, 10, 20, Throttled),
            (3, 4, 20, 20, Throttled),
            (1, 2, 40, 20, Failed), // a failure says nothing about the number of requests
            (0, 1, 40, 20, Ok),
            (1, 1, 0, 20, Ok), // a queue that fills the batch never waits
            (1, 11, 20, 20, Ok),
            (1, 11, 10, 20, Ok),
            (1, 11, 0, 20, Ok), // idle: at once
        ];
        let mut policy = policy(LIMITS);
        for (row, (depth, size, linger, latency, result)) in script.into_iter().enumerate() {
            let plan = policy.next(depth);
            assert_eq!(plan, Plan { size, linger: ms(linger) }, "row {row}");
            policy.observe(Outcome { size: depth.min(size), latency: ms(latency), result });
        }
    }

    #[test]
    fn bad_limits_are_refused_with_the_reason() {
        let table = [
            (Limits { min: 0, ..LIMITS }, BadLimits::NoMin),
            (Limits { min: 101, ..LIMITS }, BadLimits::MinAboveMax { min: 101, max: 100 }),
            (Limits { max: 100_001, ..LIMITS }, BadLimits::MaxTooLarge(100_001)),
            (Limits { step: 0, ..LIMITS }, BadLimits::Step(0)),
            (Limits { step: 101, ..LIMITS }, BadLimits::Step(101)),
            (Limits { shrink_percent: 0, ..LIMITS }, BadLimits::Shrink(0)),
            (Limits { shrink_percent: 100, ..LIMITS }, BadLimits::Shrink(100)),
            (Limits { target_latency: Duration::ZERO, ..LIMITS }, BadLimits::NoTarget),
            (Limits { max_linger: ms(10_001), ..LIMITS }, BadLimits::LingerTooLong),
        ];
        for (limits, why) in table {
            assert_eq!(BatchPolicy::try_new(limits), Err(why));
            let mut kept = policy(LIMITS);
            assert_eq!(kept.adopt(limits), Err(why));
            assert_eq!(kept, policy(LIMITS));
        }
    }

    #[test]
    fn other_limits_keep_what_was_learned() {
        let mut policy = BatchPolicy { limits: LIMITS, size: 60, linger: ms(80) };
        policy.adopt(Limits { max: 80, ..LIMITS }).unwrap();
        assert_eq!(policy.next(0), Plan { size: 60, linger: ms(80) });
        policy.adopt(Limits { max: 40, max_linger: ms(20), ..LIMITS }).unwrap();
        assert_eq!(policy.next(0), Plan { size: 40, linger: ms(20) });
        policy.adopt(Limits { min: 50, ..LIMITS }).unwrap();
        assert_eq!(policy.next(0), Plan { size: 50, linger: ms(20) });
    }

    /// A destination that takes 10 ms a request and `cost` for each event, or fails.
    struct Destination {
        cost: Duration,
        up: bool,
    }

    impl Destination {
        /// Sizes of the batches it is sent while more than enough is waiting.
        fn run(&self, policy: &mut BatchPolicy, batches: usize) -> Vec<usize> {
            let mut sizes = Vec::new();
            for _ in 0..batches {
                let Plan { size, linger } = policy.next(1_000);
                assert_eq!(linger, Duration::ZERO);
                let latency = ms(10) + self.cost * u32::try_from(size).unwrap();
                let result = if self.up { BatchResult::Ok } else { BatchResult::Failed };
                policy.observe(Outcome { size, latency, result });
                sizes.push(size);
            }
            sizes
        }
    }

    #[test]
    fn batches_settle_at_what_a_destination_can_take_and_come_back_after_trouble() {
        let mut policy = policy(LIMITS);
        let within = |sizes: &[usize], low, high| {
            assert!(sizes.iter().all(|size| (low..=high).contains(size)), "{sizes:?}");
        };
        // 90 events take just 100 ms: one step beyond that, and back to half.
        let normal = Destination { cost: ms(1), up: true };
        within(&normal.run(&mut policy, 50)[10..], 45, 100);
        // Nine events take just 99 ms.
        let slow = Destination { cost: ms(10), up: true };
        within(&slow.run(&mut policy, 50)[5..], 1, 19);
        let down = Destination { cost: ms(1), up: false };
        within(&down.run(&mut policy, 50)[5..], 1, 1);
        within(&normal.run(&mut policy, 50)[10..], 45, 100);
    }

    prop_compose! {
        fn any_limits()(min in 1..500_usize, more in 0..500_usize)(
            min in Just(min),
            max in Just(min + more),
            step in 1..=min + more,
            shrink_percent in 1..100_usize,
            target in 1..500_u64,
            linger in 0..=10_000_u64,
        ) -> Limits {
            Limits { min, max, step, shrink_percent, target_latency: ms(target), max_linger: ms(linger) }
        }
    }

    fn any_outcome() -> impl Strategy<Value = Outcome> {
        let results = [BatchResult::Ok, BatchResult::Failed, BatchResult::Throttled];
        (0..1_000_usize, 0..1_000_u64, prop::sample::select(results.to_vec()))
            .prop_map(|(size, latency, result)| Outcome { size, latency: ms(latency), result })
    }

    proptest! {
        #[test]
        fn bounds_hold_whatever_happens(
            limits in any_limits(),
            outcomes in prop::collection::vec((any_outcome(), 0..2_000_usize), 0..100),
        ) {
            let mut policy = policy(limits);
            for (outcome, depth) in outcomes {
                let before = policy.next(depth);
                prop_assert!((limits.min..=limits.max).contains(&before.size));
                prop_assert!(before.linger <= limits.max_linger);
                prop_assert!(depth < before.size || before.linger.is_zero());
                policy.observe(outcome);
                let good = outcome.result == BatchResult::Ok && outcome.latency <= limits.target_latency;
                let after = policy.next(depth).size;
                if good && outcome.size >= before.size {
                    prop_assert_eq!(after, limits.max.min(before.size + limits.step));
                } else if good {
                    prop_assert_eq!(after, before.size);
                } else {
                    prop_assert!(after < before.size || after == limits.min);
                }
            }
        }

        #[test]
        fn without_throttling_nothing_ever_waits(
            outcomes in prop::collection::vec(any_outcome(), 0..100),
            depth in 0..200_usize,
        ) {
            let mut policy = policy(LIMITS);
            for outcome in outcomes.into_iter().filter(|o| o.result != BatchResult::Throttled) {
                policy.observe(outcome);
                prop_assert_eq!(policy.next(depth).linger, Duration::ZERO);
            }
        }
    }
}
