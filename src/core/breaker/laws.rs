//! What holds whatever happens, in whatever order, and whatever the clock does.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

/// Something that can happen. Passes are taken from those that are out, by a number modulo.
#[derive(Clone, Copy, Debug)]
enum Op {
    Ask,
    Succeed(usize),
    Fail(usize, f64),
    Say(usize),
    Misconfigure(usize),
    /// The attempt is called off, and nobody tells.
    Drop(usize),
    Force(Force),
    Reset,
    /// Milliseconds; the clock may go back.
    Clock(i64),
}

fn op() -> impl Strategy<Value = Op> {
    let force = prop_oneof![Just(Force::Auto), Just(Force::Open), Just(Force::Closed)];
    prop_oneof![
        12 => Just(Op::Ask),
        6 => any::<usize>().prop_map(Op::Succeed),
        9 => (any::<usize>(), 0.0..1.0).prop_map(|(pass, jitter)| Op::Fail(pass, jitter)),
        2 => any::<usize>().prop_map(Op::Say),
        1 => any::<usize>().prop_map(Op::Misconfigure),
        2 => any::<usize>().prop_map(Op::Drop),
        1 => force.prop_map(Op::Force),
        1 => Just(Op::Reset),
        8 => (-2_000_i64..20_000).prop_map(Op::Clock),
    ]
}

/// A breaker, and what is known of it from outside.
struct World {
    breaker: Breaker,
    now: Duration,
    latest: Duration,
    state: BreakerState,
    forced: Force,
    /// Out, and not answered.
    passes: Vec<Pass>,
    /// The probe that is out, and when it stops to count.
    probe: Option<(u64, Duration)>,
    given: HashSet<u64>,
}

const LIMITS: BreakerLimits = BreakerLimits {
    failures: 3,
    error_percent: 20,
    attempts: 10,
    min_attempts: 5,
    open_for: Duration::from_secs(4),
    open_max: Duration::from_secs(20),
    successes: 2,
    probe_for: Duration::from_secs(7),
};

impl World {
    fn new() -> Self {
        let now = Duration::from_mins(1);
        Self {
            breaker: Breaker::try_new(LIMITS, now).unwrap(),
            now,
            latest: now,
            state: BreakerState::Closed,
            forced: Force::Auto,
            passes: vec![],
            probe: None,
            given: HashSet::new(),
        }
    }

    /// Takes a pass out; a probe is no longer under way then.
    fn take(&mut self, at: usize) -> Option<Pass> {
        let count = self.passes.len();
        let pass = (count > 0).then(|| self.passes.swap_remove(at % count))?;
        self.probe = self.probe.filter(|(number, _)| *number != pass.number);
        Some(pass)
    }

    /// What the breaker is told now, and so knows from now on.
    fn clock(&mut self) -> Duration {
        self.latest = self.latest.max(self.now);
        self.now
    }

    fn outcome(
        &mut self,
        at: usize,
        tell: impl FnOnce(&mut Breaker, Pass, Duration) -> Option<Transition>,
    ) -> Option<Transition> {
        let pass = self.take(at)?;
        let now = self.clock();
        tell(&mut self.breaker, pass, now)
    }

    fn does(&mut self, op: Op) {
        let moved = match op {
            Op::Ask => return self.ask(),
            Op::Succeed(at) => self.outcome(at, Breaker::succeeded),
            Op::Fail(at, jitter) => {
                self.outcome(at, |breaker, pass, now| breaker.failed(pass, now, jitter))
            }
            Op::Misconfigure(at) => {
                self.outcome(at, |breaker, pass, now| breaker.misconfigured(pass, now, "x"))
            }
            Op::Say(at) => {
                if let Some(pass) = self.take(at) {
                    self.breaker.neutral(pass);
                }
                None
            }
            Op::Drop(at) => {
                let probe = self.probe;
                let _lost = self.take(at);
                self.probe = probe;
                None
            }
            Op::Force(force) => {
                self.forced = force;
                let now = self.clock();
                self.breaker.force(force, now)
            }
            Op::Reset => {
                self.probe = None;
                let now = self.clock();
                self.breaker.reset(now)
            }
            Op::Clock(by) => {
                let by_time = Duration::from_millis(by.unsigned_abs());
                self.now =
                    if by < 0 { self.now.saturating_sub(by_time) } else { self.now + by_time };
                None
            }
        };
        self.follow(moved);
    }

    fn ask(&mut self) {
        let now = self.clock();
        let (permit, moved) = self.breaker.permit(now);
        self.follow(moved);
        match permit {
            Permit::Go(pass) => {
                assert_eq!(self.state, BreakerState::Closed, "goes only while closed");
                self.out(pass);
            }
            Permit::Probe(pass) => {
                assert_eq!(self.state, BreakerState::HalfOpen);
                let under_way = self.probe.filter(|(_, lapses)| self.latest < *lapses);
                assert_eq!(under_way, None, "never two probes at once");
                self.probe = Some((pass.number, self.latest + LIMITS.probe_for));
                self.out(pass);
            }
            Permit::Wait { until } => {
                assert_ne!(self.state, BreakerState::Closed, "closed waits for nothing");
                assert!(until.is_none_or(|until| until > self.latest), "a wait has a point");
            }
        }
    }

    fn out(&mut self, pass: Pass) {
        assert!(self.given.insert(pass.number), "each pass is another");
        self.passes.push(pass);
    }

    /// Transitions form a chain, and say what the view says.
    fn follow(&mut self, moved: Option<Transition>) {
        if let Some(moved) = moved {
            assert_eq!(moved.from, self.state);
            assert_ne!(moved.from, moved.to);
            assert_eq!(moved.at, self.latest);
            self.state = moved.to;
            self.probe = None;
            let view = self.breaker.view();
            assert_eq!((view.since, view.until), (moved.at, moved.until));
            assert_eq!(view.cause, Some(moved.cause));
        }
        let view = self.breaker.view();
        assert_eq!((view.state, view.forced), (self.state, self.forced));
        assert!(view.window_failures <= view.window_attempts);
        assert!(view.window_attempts <= LIMITS.attempts);
        match self.forced {
            Force::Open => assert_eq!((view.state, view.until), (BreakerState::Open, None)),
            Force::Closed => assert_eq!(view.state, BreakerState::Closed),
            Force::Auto => {}
        }
        if let Some(until) = view.until {
            let period = until.checked_sub(view.since).unwrap();
            assert!(LIMITS.open_for / 2 <= period && period <= LIMITS.open_max, "{period:?}");
        }
    }

    /// Whatever happened, a destination that is well again gets everything in the end.
    fn heals(&mut self) {
        let held = matches!(self.breaker.view().cause, Some(Cause::Misconfigured(_)));
        if self.forced != Force::Auto || held && self.state == BreakerState::Open {
            self.does(Op::Force(Force::Auto));
        }
        self.now = self.latest + LIMITS.open_max.max(LIMITS.probe_for);
        for _ in 0..LIMITS.successes {
            self.does(Op::Ask);
            let newest = self.passes.len().checked_sub(1).expect("nothing had to wait");
            self.does(Op::Succeed(newest));
        }
        assert_eq!(self.state, BreakerState::Closed);
    }
}

/// When it opens, by the words of the contract, over all outcomes since it was closed.
fn opens_at(outcomes: &[Option<bool>], limits: &BreakerLimits) -> Option<usize> {
    (0..outcomes.len()).find(|at| {
        let seen: Vec<bool> = outcomes[..=*at].iter().copied().flatten().collect();
        let row = seen.iter().rev().take_while(|failed| **failed).count();
        let newest = &seen[seen.len().saturating_sub(limits.attempts)..];
        let failures = newest.iter().filter(|failed| **failed).count();
        let percent = usize::try_from(limits.error_percent).unwrap();
        let rate = newest.len() >= limits.min_attempts && failures * 100 >= percent * newest.len();
        let in_a_row = usize::try_from(limits.failures).unwrap();
        outcomes[*at] == Some(true) && (row >= in_a_row || rate)
    })
}

proptest! {
    #[test]
    fn no_order_of_events_breaks_it(ops in proptest::collection::vec(op(), 0..250)) {
        let mut world = World::new();
        for op in ops {
            world.does(op);
        }
        world.heals();
    }

    /// `None` says nothing, `Some(true)` failed.
    #[test]
    fn it_opens_exactly_when_the_contract_says(
        outcomes in proptest::collection::vec(
            prop_oneof![1 => Just(None), 40 => Just(Some(false)), 2 => Just(Some(true))],
            0..400,
        ),
        attempts in 20_usize..120,
        failures in 1_u32..6,
        error_percent in 1_u32..20,
    ) {
        let limits = BreakerLimits { failures, error_percent, attempts, ..BreakerLimits::default() };
        let mut breaker = Breaker::try_new(limits, Duration::ZERO).unwrap();
        let mut opened = None;
        for (at, outcome) in outcomes.iter().enumerate() {
            let (Permit::Go(pass), None) = breaker.permit(Duration::ZERO) else { break };
            let moved = match outcome {
                Some(true) => breaker.failed(pass, Duration::ZERO, 0.5),
                Some(false) => breaker.succeeded(pass, Duration::ZERO),
                None => {
                    breaker.neutral(pass);
                    None
                }
            };
            opened = opened.or(moved.map(|_| at));
        }
        prop_assert_eq!(opened, opens_at(&outcomes, &limits));
    }
}
