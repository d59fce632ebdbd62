//! Rollouts, second by second.

mod commands;

use std::time::Duration;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// A router whose rollout does what it decides, and whose path does as it is told.
struct World {
    rollout: Rollout,
    now: Duration,
    measures: Measures,
    path: Way,
    /// `second percentage why`, of each move.
    moves: Vec<String>,
}

/// How the realtime path does in a second.
#[derive(Clone, Copy)]
struct Way {
    events: u64,
    faults: u64,
    requests: u64,
    failures: u64,
    p95: u64,
}

const WELL: Way = Way { events: 1_000, faults: 0, requests: 100, failures: 0, p95: 15 };

fn plan() -> Plan {
    Plan {
        hold: SECOND * 60,
        patience: SECOND * 10,
        grace: SECOND * 20,
        cool_down: SECOND * 100,
        window: SECOND * 60,
        ..Plan::default()
    }
}

impl World {
    fn at(percent: u8, plan: Plan) -> Self {
        let rollout = Rollout::try_new(plan, percent, Duration::ZERO, Memory::default()).unwrap();
        let measures = Measures { covered: true, validating: true, ..Measures::default() };
        Self { rollout, now: Duration::ZERO, measures, path: WELL, moves: vec![] }
    }

    fn second(&mut self) -> Decision {
        let Way { events, faults, requests, failures, p95 } = self.path;
        self.now += SECOND;
        self.measures.due += events;
        self.measures.scored += events;
        self.measures.matched += events - faults;
        self.measures.attempts += requests;
        self.measures.failures += failures;
        self.measures.p95 = (events > 0).then(|| Duration::from_millis(p95));
        let decision = self.rollout.tick(self.now, &self.measures);
        let (to, cause, why) = match &decision {
            Decision::Advance { to, why } => (*to, Cause::Advanced, why),
            Decision::Rollback { to, reason } => (*to, Cause::RolledBack, &reason.detail),
            Decision::Wait(_) => return decision,
        };
        self.moves.push(format!("{} {to} {why}", self.now.as_secs()));
        self.rollout.moved(to, cause, self.now);
        decision
    }

    fn seconds(&mut self, seconds: u32) -> Decision {
        (0..seconds).map(|_| self.second()).last().unwrap()
    }

    fn order(&mut self, command: Command) -> Result<Order, Refusal> {
        let order = self.rollout.command(command, self.measures.covered)?;
        if let Order::Move { to } = order {
            let back = command == Command::Rollback;
            self.rollout.moved(to, if back { Cause::BroughtBack } else { Cause::Set }, self.now);
        }
        Ok(order)
    }

    fn closed(&mut self) -> Vec<Sign> {
        match self.second() {
            Decision::Wait(Wait::Gates(gates)) => gates.iter().map(|gate| gate.gate).collect(),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn goes_to_the_end_by_itself_when_all_is_well() {
    let mut world = World::at(0, plan());
    assert_eq!(world.seconds(300), Decision::Wait(Wait::Done));
    // Each step: a tick to begin counting, five until 5,000 events are scored, a minute of holding.
    assert_eq!(
        world.moves,
        [
            "66 25 all gates held for 60 s",
            "132 50 all gates held for 60 s",
            "198 75 all gates held for 60 s",
            "264 100 all gates held for 60 s",
        ]
    );
}

#[test]
fn each_gate_alone_keeps_it_where_it_is() {
    type Change = fn(&mut World);
    let closes: [(Change, Sign); 8] = [
        (|world| world.measures.covered = false, Sign::Coverage),
        (|world| world.measures.validating = false, Sign::Validation),
        (|world| world.measures.breaker_open = true, Sign::Breaker),
        (|world| world.path.events = 40, Sign::Samples),
        (|world| world.measures.due += 1_000_000, Sign::Scored),
        (|world| world.path.faults = 2, Sign::MatchRate),
        (|world| world.path.p95 = 101, Sign::Latency),
        (|world| world.path.failures = 1, Sign::ErrorRate),
    ];
    for (close, gate) in closes {
        let mut world = World::at(0, plan());
        world.second();
        close(&mut world);
        world.seconds(100);
        assert_eq!(world.closed(), [gate]);
        assert!(world.moves.is_empty(), "{gate}");
    }
}

#[test]
fn what_is_not_known_does_not_hold() {
    let mut world = World::at(0, Plan { min_events: 0, ..plan() });
    world.path = Way { events: 0, requests: 0, ..WELL };
    world.seconds(100);
    assert_eq!(world.closed(), [Sign::Scored, Sign::MatchRate, Sign::Latency, Sign::ErrorRate]);
}

#[test]
fn a_gate_that_fails_for_a_second_begins_the_hold_time_anew() {
    let mut world = World::at(0, plan());
    world.seconds(60);
    world.path.p95 = 150;
    assert_eq!(world.closed(), [Sign::Latency]);
    world.path.p95 = 15;
    world.seconds(60);
    assert!(world.moves.is_empty());
    world.second();
    assert_eq!(world.moves, ["122 25 all gates held for 60 s"]);
}

#[test]
fn two_of_a_thousand_that_are_lost_bring_it_back_one_step() {
    let mut world = World::at(50, plan());
    world.seconds(30);
    world.path.faults = 2;
    world.seconds(60);
    // Below 99.9 % of the last minute after half of it, then ten seconds of that.
    assert_eq!(world.moves, ["70 25 the match rate is 99.8666%, below 99.9%: 80 of 60000 events"]);
}

#[test]
fn one_bad_event_of_ten_does_not_bring_it_back() {
    let mut world = World::at(50, Plan { patience_events: 100, ..plan() });
    world.path = Way { events: 1, ..WELL };
    world.seconds(9);
    world.path.faults = 1;
    world.second();
    world.path.faults = 0;
    world.seconds(500);
    assert!(world.moves.is_empty());
    world.path.faults = 1;
    world.seconds(20);
    assert_eq!(world.moves.len(), 1, "but all of them do, however few they are a second");
}

#[test]
fn failures_bring_it_back_when_they_last() {
    let mut world = World::at(75, plan());
    world.seconds(30);
    world.path.failures = 40;
    world.seconds(4);
    world.path.failures = 0;
    // 160 of 3,400 requests is below 5 %.
    world.seconds(60);
    assert!(world.moves.is_empty());
    world.path.failures = 10;
    world.seconds(60);
    assert_eq!(world.moves.len(), 1);
    assert!(world.moves[0].contains("% of the requests failed, more than 5%: "));
}

#[test]
fn latency_is_compared_with_that_before_anybody_moved() {
    for (before, slow) in [(30, 61), (1, 41)] {
        let mut world = World::at(0, plan());
        world.path.p95 = before;
        world.seconds(66);
        assert_eq!(world.rollout.percent(), 25);
        assert_eq!(world.rollout.baseline(), Some(Duration::from_millis(before)));
        world.path.p95 = slow - 1;
        world.seconds(30);
        world.path.p95 = slow;
        world.seconds(10);
        world.path.p95 = slow - 1;
        world.second();
        assert_eq!(world.moves.len(), 1, "ten seconds are not long enough");
        world.path.p95 = slow;
        world.seconds(11);
        let expected = format!("p95 is {slow}.0 ms, more than {}.0 ms", slow - 1);
        assert!(world.moves[1].contains(&expected), "{:?}", world.moves);
        assert_eq!(world.rollout.percent(), 0);
    }
}

#[test]
fn a_baseline_that_is_not_known_is_the_limit_of_the_gate() {
    let mut world = World::at(50, plan());
    world.path.p95 = 100;
    world.seconds(40);
    assert!(world.moves.is_empty());
    let memory = Memory { baseline: Some(Duration::from_millis(45)), ..Memory::default() };
    world.rollout = Rollout::try_new(plan(), 50, world.now, memory).unwrap();
    assert_eq!(world.rollout.slow(), Duration::from_millis(90));
    world.seconds(12);
    assert_eq!(world.moves.len(), 1);
}

#[test]
fn a_breaker_that_opens_brings_it_back_at_once_and_once() {
    let mut world = World::at(75, plan());
    world.seconds(5);
    world.measures.breaker_open = true;
    world.seconds(300);
    assert_eq!(world.moves, ["6 50 the breaker opened"]);
    world.measures.breaker_open = false;
    world.seconds(5);
    world.measures.breaker_open = true;
    world.second();
    assert_eq!(world.moves[1..], ["311 25 the breaker opened"]);
}

#[test]
fn an_outage_brings_it_back_once_over_restarts_too() {
    let mut world = World::at(75, plan());
    world.seconds(5);
    world.measures.breaker_open = true;
    world.second();
    assert_eq!(world.moves, ["6 50 the breaker opened"]);
    for _ in 0..3 {
        let memory = world.rollout.memory();
        world.rollout = Rollout::try_new(plan(), 50, world.now, memory).unwrap();
        // Closed, before anything was tried; then open again.
        world.path = Way { events: 0, requests: 0, ..WELL };
        world.measures = Measures { covered: true, validating: true, ..Measures::default() };
        world.seconds(5);
        world.path = Way { events: 0, requests: 1, failures: 1, ..WELL };
        world.measures.breaker_open = true;
        world.seconds(5);
    }
    assert_eq!((world.moves.len(), world.rollout.fallen()), (1, 1));
    world.path = WELL;
    world.measures.breaker_open = false;
    world.second();
    world.measures.breaker_open = true;
    world.second();
    assert_eq!(world.moves.len(), 2);
}

#[test]
fn after_it_came_back_nothing_of_before_counts_and_it_cools_down() {
    let mut world = World::at(50, plan());
    world.path.faults = 10;
    world.seconds(12);
    assert_eq!(world.moves.len(), 1);
    // Verdicts of before still come in.
    world.seconds(19);
    world.path.faults = 0;
    let Decision::Wait(Wait::CoolDown { until }) = world.seconds(60) else { panic!() };
    assert_eq!(until, world.rollout.began() + SECOND * 100);
    world.seconds(30);
    assert_eq!(world.moves[1..], ["112 50 all gates held for 60 s"]);
}

#[test]
fn what_stays_bad_brings_it_back_to_0() {
    let mut world = World::at(100, Plan { freeze_after: 0, ..plan() });
    world.path.faults = 10;
    world.seconds(300);
    let percents: Vec<_> =
        world.moves.iter().map(|line| line.split(' ').nth(1).unwrap().to_owned()).collect();
    assert_eq!(percents, ["75", "50", "25", "0"]);
}

#[test]
fn it_waits_for_somebody_when_it_came_back_too_often() {
    let mut world = World::at(50, Plan { freeze_after: 2, ..plan() });
    for _ in 0..2 {
        assert_eq!(world.rollout.percent(), 50);
        world.path.faults = 10;
        world.seconds(15);
        world.path.faults = 0;
        assert_eq!(world.rollout.percent(), 25);
        world.seconds(120);
    }
    assert_eq!(world.second(), Decision::Wait(Wait::Paused(Pause::Frozen)));
    assert_eq!(world.order(Command::Resume), Ok(Order::Resumed));
    world.seconds(62);
    assert_eq!((world.rollout.percent(), world.rollout.fallen()), (50, 0));
}

#[test]
fn a_step_further_than_before_forgives() {
    let mut world = World::at(50, Plan { freeze_after: 2, ..plan() });
    world.path.faults = 10;
    world.seconds(15);
    world.path.faults = 0;
    assert_eq!(world.rollout.fallen(), 1);
    world.seconds(101);
    assert_eq!((world.rollout.percent(), world.rollout.fallen()), (50, 1));
    world.seconds(66);
    assert_eq!((world.rollout.percent(), world.rollout.fallen()), (75, 0));
}

#[test]
fn a_pause_keeps_it_from_going_on_but_not_from_coming_back() {
    let mut world = World::at(50, plan());
    world.order(Command::Pause).unwrap();
    assert_eq!(world.seconds(200), Decision::Wait(Wait::Paused(Pause::Somebody)));
    world.order(Command::Resume).unwrap();
    assert!(matches!(world.seconds(60), Decision::Wait(Wait::Hold { .. })));
    world.order(Command::Pause).unwrap();
    world.measures.breaker_open = true;
    world.second();
    assert_eq!(world.moves.len(), 1);
}

#[test]
fn it_goes_by_itself_only_where_it_may() {
    let mut world = World::at(25, Plan { advances: false, maximum: 60, ..plan() });
    assert_eq!(world.seconds(100), Decision::Wait(Wait::Manual));
    world.rollout.adopt(Plan { maximum: 60, ..plan() }).unwrap();
    world.second();
    assert_eq!(world.moves, ["101 50 all gates held for 60 s"]);
    assert_eq!(world.seconds(200), Decision::Wait(Wait::Done));
    world.rollout.adopt(Plan { maximum: 49, ..plan() }).unwrap();
    world.second();
    assert_eq!(world.moves[1..], ["302 25 the maximum is 49 %"]);
    let mut world = World::at(25, Plan { rolls_back: false, ..plan() });
    world.measures.breaker_open = true;
    world.path.faults = 500;
    world.seconds(100);
    assert!(world.moves.is_empty());
}

#[test]
fn counts_that_begin_anew_begin_the_step_anew() {
    let mut world = World::at(50, plan());
    world.seconds(50);
    world.measures = Measures { covered: true, validating: true, ..Measures::default() };
    assert_eq!(world.closed(), [Sign::Samples]);
    world.seconds(60);
    assert!(world.moves.is_empty());
    world.seconds(4);
    assert_eq!(world.moves.len(), 1);
}

#[test]
fn a_move_that_did_not_happen_is_decided_again() {
    let mut world = World::at(50, plan());
    world.seconds(3);
    world.measures.breaker_open = true;
    for _ in 0..3 {
        world.now += SECOND;
        let decision = world.rollout.tick(world.now, &world.measures);
        assert!(matches!(decision, Decision::Rollback { to: 25, .. }));
    }
    assert_eq!(world.rollout.percent(), 50);
}
