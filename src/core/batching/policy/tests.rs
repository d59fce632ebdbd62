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
        (1, 100, 0, 20, Ok),
        (200, 100, 0, 60, Ok), // 0.6 ms an event
        (200, 50, 0, 40, Ok),  // a trial: 0.8 ms
        (200, 100, 0, 60, Failed),
        (200, 100, 0, 60, Ok), // one failure is chance
        (200, 100, 0, 60, Failed),
        (200, 100, 0, 60, Failed),
        (200, 50, 0, 40, Failed),
        (200, 25, 0, 20, Ok),
        (200, 37, 0, 25, Ok), // half way to 50: 0.7 ms instead of 0.8
        (200, 43, 0, 60, Ok), // half way again: 1.4 ms
        (200, 37, 0, 25, Throttled),
        (3, 37, 10, 20, Throttled),
        (3, 37, 20, 20, Ok),
        (37, 37, 0, 25, Ok), // a queue that fills the batch never waits
        (1, 37, 0, 20, Ok),  // idle: at once
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
    let mut policy = BatchPolicy { size: 60, linger: ms(80), ..policy(LIMITS) };
    policy.adopt(Limits { max: 80, ..LIMITS }).unwrap();
    assert_eq!(policy.next(0), Plan { size: 60, linger: ms(80) });
    policy.adopt(Limits { max: 40, max_linger: ms(20), ..LIMITS }).unwrap();
    assert_eq!(policy.next(0), Plan { size: 40, linger: ms(20) });
    policy.adopt(Limits { min: 50, ..LIMITS }).unwrap();
    assert_eq!(policy.next(0), Plan { size: 50, linger: ms(20) });
}

/// A destination that takes some time a request and some for each event, or fails from a size on.
struct Destination {
    base: Duration,
    cost: Duration,
    fails_from: usize,
}

const NORMAL: Destination = Destination { base: ms(10), cost: ms(1), fails_from: usize::MAX };

impl Destination {
    /// Sizes of the batches it is sent while so many are waiting.
    fn run(&self, policy: &mut BatchPolicy, depth: usize, batches: usize) -> Vec<usize> {
        let mut sizes = Vec::new();
        for _ in 0..batches {
            let Plan { size, linger } = policy.next(depth);
            assert_eq!(linger, Duration::ZERO);
            let size = size.min(depth);
            let latency = self.base + self.cost * u32::try_from(size).unwrap();
            let down = size >= self.fails_from;
            let result = if down { BatchResult::Failed } else { BatchResult::Ok };
            policy.observe(Outcome { size, latency, result });
            sizes.push(size);
        }
        sizes
    }
}

/// How many of the batches are of these sizes.
fn of(sizes: &[usize], range: std::ops::RangeInclusive<usize>) -> usize {
    sizes.iter().filter(|&&size| range.contains(&size)).count()
}

#[test]
fn a_slow_network_does_not_shrink_batches() {
    let mut policy = policy(LIMITS);
    for base in [5, 200, 5] {
        let network = Destination { base: ms(base), cost: ms(0), ..NORMAL };
        let sizes = network.run(&mut policy, 1_000, 100);
        assert!(of(&sizes, 100..=100) >= 90, "{base} ms: {sizes:?}");
    }
}

#[test]
fn where_each_event_takes_its_time_batches_come_down_to_the_target() {
    // Eight events take 90 ms, and more of them hardly save anything.
    let mut policy = policy(LIMITS);
    let slow = Destination { cost: ms(10), ..NORMAL };
    let sizes = slow.run(&mut policy, 1_000, 100);
    assert!(of(&sizes[20..], 5..=14) >= 70, "{sizes:?}");
}

#[test]
fn a_size_that_fails_is_found_and_seldom_tried_again() {
    let mut policy = policy(LIMITS);
    let small = Destination { fails_from: 17, ..NORMAL };
    let sizes = small.run(&mut policy, 1_000, 300);
    assert!(of(&sizes[20..], 14..=16) >= 250, "{sizes:?}");
    assert!(of(&sizes[20..], 17..=100) <= 12, "{sizes:?}");
}

#[test]
fn after_an_outage_the_size_doubles_up_to_half_and_goes_on_by_steps() {
    let down = Destination { fails_from: 1, ..NORMAL };
    let up = Destination { base: ms(10), cost: ms(0), ..NORMAL };
    let mut busy = policy(LIMITS);
    assert_eq!(down.run(&mut busy, 1_000, 10), [100, 100, 50, 25, 12, 6, 3, 1, 1, 1]);
    let sizes = up.run(&mut busy, 1_000, 12);
    assert_eq!(sizes, [1, 2, 4, 8, 16, 32, 64, 74, 84, 94, 100, 100]);
    // A short queue forgives, too.
    let mut idle = policy(LIMITS);
    down.run(&mut idle, 1, 20);
    assert_eq!(idle.next(1_000).size, 1);
    up.run(&mut idle, 1, 20);
    assert_eq!(idle.next(1_000).size, 100);
}

#[test]
fn who_asks_for_fewer_requests_gets_larger_ones() {
    let mut policy = BatchPolicy { size: 40, ..policy(LIMITS) };
    let mut sizes = Vec::new();
    for round in 0..40 {
        let Plan { size, .. } = policy.next(1_000);
        let result = if round % 2 == 0 { BatchResult::Throttled } else { BatchResult::Ok };
        // The larger, the dearer.
        let latency = ms(u64::try_from(size * size).unwrap() / 100);
        policy.observe(Outcome { size, latency, result });
        sizes.push(size);
    }
    assert_eq!(sizes.last(), Some(&100), "{sizes:?}");
}

#[test]
fn eight_refusals_for_rate_in_a_row_shrink_the_batch() {
    let mut policy = policy(LIMITS);
    let throttled = Outcome { size: 100, latency: ms(5), result: BatchResult::Throttled };
    for expected in [100, 100, 100, 100, 100, 100, 100, 50, 50, 50, 50, 25] {
        policy.observe(throttled);
        assert_eq!(policy.next(1_000).size, expected);
    }
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
    let latency = prop_oneof![(0..1_000_u64).prop_map(ms), Just(Duration::MAX)];
    (0..1_000_usize, latency, prop::sample::select(results.to_vec()))
        .prop_map(|(size, latency, result)| Outcome { size, latency, result })
}

proptest! {
    #[test]
    fn bounds_hold_whatever_happens(
        limits in any_limits(),
        outcomes in prop::collection::vec((any_outcome(), 0..2_000_usize, any::<bool>()), 0..100),
    ) {
        let mut policy = policy(limits);
        for (mut outcome, depth, as_planned) in outcomes {
            let plan = policy.next(depth);
            prop_assert!((limits.min..=limits.max).contains(&plan.size));
            prop_assert!(plan.linger <= limits.max_linger);
            prop_assert!(depth < plan.size || plan.linger.is_zero());
            if as_planned {
                outcome.size = depth.min(plan.size);
            }
            let before = policy.size;
            policy.observe(outcome);
            match outcome.result {
                BatchResult::Ok => {}
                BatchResult::Failed | BatchResult::Throttled => prop_assert!(policy.size <= before),
            }
        }
    }

    #[test]
    fn whatever_happened_an_outage_ends_at_the_smallest_and_is_overcome(
        limits in any_limits(),
        outcomes in prop::collection::vec(any_outcome(), 0..100),
    ) {
        let mut policy = policy(limits);
        for outcome in outcomes {
            policy.observe(outcome);
        }
        let mut answer = |result, latency| {
            let size = policy.next(10_000).size;
            policy.observe(Outcome { size, latency, result });
            policy.size
        };
        // 99 percent of 1,000, again and again.
        let sizes: Vec<_> = (0..700).map(|_| answer(BatchResult::Failed, ms(1))).collect();
        prop_assert_eq!(sizes.last(), Some(&limits.min));
        let back = (0..3_000).any(|_| answer(BatchResult::Ok, ms(1)) == limits.max);
        prop_assert!(back);
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
