//! What holds whatever is measured, wanted and set, in whatever order.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

/// Something that happens within a second.
#[derive(Clone, Debug)]
enum Op {
    /// Events, faults, events without a verdict, requests, failures, p95 in ms.
    Seconds(u32, [u64; 5], Option<u64>),
    Breaker(bool),
    Covered(bool),
    Validating(bool),
    Order(Command),
    Maximum(u8),
    Advances(bool),
    /// Whoever counts begins anew.
    Anew,
    /// The clock goes back, by seconds.
    Back(u64),
}

fn order() -> impl Strategy<Value = Command> {
    prop_oneof![
        any::<bool>().prop_map(|force| Command::Advance { force }),
        Just(Command::Rollback),
        (0_usize..6).prop_map(|step| Command::Set { percent: [0, 25, 50, 75, 100, 33][step] }),
        Just(Command::Pause),
        Just(Command::Resume),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let few = |most| prop_oneof![3 => Just(0), 1 => 0..=most];
    let way = (0_u64..500, few(3_u64), few(20), 0_u64..50, few(4));
    let p95 = prop_oneof![8 => (1_u64..60).prop_map(Some), 1 => (60_u64..300).prop_map(Some), 1 => Just(None)];
    prop_oneof![
        20 => (1_u32..40, way, p95)
            .prop_map(|(seconds, (a, b, c, d, e), p95)| Op::Seconds(seconds, [a, b, c, d, e], p95)),
        2 => any::<bool>().prop_map(Op::Breaker),
        3 => prop::bool::weighted(0.8).prop_map(Op::Covered),
        2 => prop::bool::weighted(0.8).prop_map(Op::Validating),
        2 => order().prop_map(Op::Order),
        1 => prop_oneof![Just(100), Just(60)].prop_map(Op::Maximum),
        1 => any::<bool>().prop_map(Op::Advances),
        1 => Just(Op::Anew),
        1 => (0_u64..30).prop_map(Op::Back),
    ]
}

fn plan() -> Plan {
    Plan {
        hold: Duration::from_secs(5),
        min_events: 500,
        patience: Duration::from_secs(3),
        grace: Duration::from_secs(4),
        cool_down: Duration::from_secs(20),
        window: Duration::from_secs(30),
        ..Plan::default()
    }
}

/// A rollout, and what is known of it from outside.
struct World {
    rollout: Rollout,
    /// The clock, and the latest that it said.
    now: Duration,
    last: Duration,
    measures: Measures,
    /// At the last tick at which this step's samples began; kept here by the rules as written, not by
    /// the rollout.
    base: Option<Measures>,
    counts_from: Duration,
    /// Since when all gates held, at each tick of this step.
    held: Option<Duration>,
    rolled_back: Option<Duration>,
    told: Vec<(Duration, Decision)>,
}

impl World {
    fn new() -> Self {
        let start = Duration::from_secs(100);
        let rollout = Rollout::try_new(plan(), 0, start, Memory::default()).unwrap();
        Self {
            rollout,
            now: start,
            last: start,
            measures: Measures { covered: true, validating: true, ..Measures::default() },
            base: None,
            counts_from: start,
            held: None,
            rolled_back: None,
            told: vec![],
        }
    }

    fn happen(&mut self, op: &Op) -> Result<(), TestCaseError> {
        match *op {
            Op::Seconds(seconds, [events, faults, unscored, requests, failures], p95) => {
                for _ in 0..seconds {
                    let scored = events.saturating_sub(unscored);
                    self.measures.due += events;
                    self.measures.scored += scored;
                    self.measures.matched += scored.saturating_sub(faults);
                    self.measures.attempts += requests;
                    self.measures.failures += failures.min(requests);
                    self.measures.p95 = p95.map(Duration::from_millis);
                    self.now += Duration::from_secs(1);
                    self.tick()?;
                }
            }
            Op::Breaker(open) => self.measures.breaker_open = open,
            Op::Covered(covered) => self.measures.covered = covered,
            Op::Validating(validating) => self.measures.validating = validating,
            Op::Order(command) => self.order(command)?,
            Op::Maximum(maximum) => self.adopt(|plan| plan.maximum = maximum),
            Op::Advances(advances) => self.adopt(|plan| plan.advances = advances),
            Op::Anew => {
                let Measures { breaker_open, covered, validating, .. } = self.measures;
                self.measures =
                    Measures { breaker_open, covered, validating, ..Measures::default() };
                self.base = self.base.map(|_| Measures::default());
            }
            Op::Back(seconds) => self.now = self.now.saturating_sub(Duration::from_secs(seconds)),
        }
        Ok(())
    }

    /// The time, which never goes back.
    fn latest(&mut self) -> Duration {
        self.last = self.last.max(self.now);
        self.last
    }

    fn adopt(&mut self, change: impl FnOnce(&mut Plan)) {
        let mut plan = self.rollout.plan().clone();
        change(&mut plan);
        self.rollout.adopt(plan).unwrap();
    }

    fn moved(&mut self, percent: u8, cause: Cause) {
        self.rollout.moved(percent, cause, self.now);
        self.base = None;
        self.held = None;
        self.counts_from = self.latest();
        if matches!(cause, Cause::RolledBack | Cause::BroughtBack) {
            self.counts_from += plan().grace;
            self.rolled_back = Some(self.latest());
        }
    }

    fn order(&mut self, command: Command) -> Result<(), TestCaseError> {
        let before = self.rollout.percent();
        let Ok(order) = self.rollout.command(command, self.measures.covered) else { return Ok(()) };
        if command == Command::Resume {
            self.held = None;
            self.rolled_back = None;
        }
        if let Order::Move { to } = order {
            prop_assert!(to <= before || self.measures.covered, "went up without coverage");
            prop_assert!(to <= self.rollout.plan().maximum || to < before);
            let back = command == Command::Rollback;
            if !back {
                self.rolled_back = None;
            }
            self.moved(to, if back { Cause::BroughtBack } else { Cause::Set });
        }
        Ok(())
    }

    /// All gates of DESIGN, counted here.
    fn all_hold(&mut self) -> bool {
        let now = self.measures;
        if self.latest() < self.counts_from {
            return false;
        }
        let base = *self.base.get_or_insert(now);
        // At least so many of a thousand.
        let share = |part: u64, whole: u64, least: u64| whole > 0 && part * 1_000 >= whole * least;
        let scored = now.scored - base.scored;
        let due = now.due - base.due;
        let attempts = now.attempts - base.attempts;
        now.covered
            && now.validating
            && !now.breaker_open
            && scored >= plan().min_events
            && share(scored.min(due), due, 990)
            && share(now.matched - base.matched, scored, 999)
            && now.p95.is_some_and(|p95| p95 <= plan().latency)
            && attempts > 0
            && (now.failures - base.failures) * 1_000 < attempts
    }

    fn tick(&mut self) -> Result<(), TestCaseError> {
        let percent = self.rollout.percent();
        let paused = self.rollout.paused();
        let maximum = self.rollout.plan().maximum;
        let decision = self.rollout.tick(self.now, &self.measures);
        self.held = if self.all_hold() { self.held.or(Some(self.latest())) } else { None };
        self.told.push((self.now, decision.clone()));
        match decision {
            Decision::Advance { to, .. } => {
                let held = self.held.map(|since| self.last.saturating_sub(since));
                prop_assert!(held >= Some(plan().hold), "went on after {held:?}");
                prop_assert_eq!(plan().steps.after(percent), Some(to));
                prop_assert!(to <= maximum && paused.is_none());
                prop_assert!(self.rollout.plan().advances);
                let cooled = self
                    .rolled_back
                    .is_none_or(|at| self.last.saturating_sub(at) >= plan().cool_down);
                prop_assert!(cooled, "did not cool down");
                self.moved(to, Cause::Advanced);
            }
            Decision::Rollback { to, reason } => {
                prop_assert!(to < percent && plan().steps.all().contains(&to));
                let one = plan().steps.before(percent);
                prop_assert!(one == Some(to) || reason.trigger == Sign::Maximum);
                prop_assert!(!reason.detail.is_empty());
                self.moved(to, Cause::RolledBack);
            }
            Decision::Wait(_) => {}
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// G7: it never goes on while a gate fails, nor before all held for the whole hold time.
    #[test]
    fn never_goes_on_while_a_gate_fails(ops in prop::collection::vec(op(), 1..60)) {
        let mut world = World::new();
        for op in &ops {
            world.happen(op)?;
            prop_assert!(plan().steps.all().contains(&world.rollout.percent()));
        }
    }

    /// Whatever was before: what stays bad brings it back to 0, one step at a time, in bounded time.
    #[test]
    fn always_comes_back_while_a_trigger_holds(
        ops in prop::collection::vec(op(), 0..40), bad in 0_usize..3, from in 0_usize..5,
    ) {
        let mut world = World::new();
        for op in &ops {
            world.happen(op)?;
        }
        let percent = [0, 25, 50, 75, 100][from];
        world.adopt(|plan| (plan.maximum, plan.advances) = (100, true));
        world.happen(&Op::Covered(true))?;
        world.order(Command::Set { percent })?;
        prop_assert_eq!(world.rollout.percent(), percent);
        // A minute that forgets what was, then what is bad.
        let way = [
            Op::Seconds(1, [1_000, 5, 0, 100, 0], Some(5)),
            Op::Seconds(1, [1_000, 0, 0, 100, 10], Some(5)),
            Op::Seconds(1, [1_000, 0, 0, 100, 0], Some(5_000)),
        ];
        // The baseline is at most 300 ms, so five seconds are too slow.
        let bound = plan().patience + plan().grace + Duration::from_secs(3);
        for left in (0..from).rev() {
            for _ in 0..=bound.as_secs() + 30 {
                world.happen(&way[bad])?;
            }
            let most = [0, 25, 50, 75, 100][left];
            prop_assert!(world.rollout.percent() <= most, "still at {}", world.rollout.percent());
        }
        prop_assert_eq!(world.rollout.percent(), 0);
    }

    #[test]
    fn a_breaker_that_opens_brings_it_back_at_the_next_tick(
        from in 1_usize..5, well in 1_u32..20,
    ) {
        let mut world = World::new();
        world.order(Command::Set { percent: [0, 25, 50, 75, 100][from] })?;
        world.happen(&Op::Seconds(well, [100, 0, 0, 10, 0], Some(5)))?;
        let before = world.rollout.percent();
        world.happen(&Op::Breaker(true))?;
        world.happen(&Op::Seconds(1, [0; 5], None))?;
        prop_assert_eq!(Some(world.rollout.percent()), plan().steps.before(before));
    }

    #[test]
    fn the_same_happens_again(ops in prop::collection::vec(op(), 1..40)) {
        let told = || {
            let mut world = World::new();
            ops.iter().try_for_each(|op| world.happen(op)).map(|()| world.told)
        };
        prop_assert_eq!(told()?, told()?);
    }
}
