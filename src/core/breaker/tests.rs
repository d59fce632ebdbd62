use super::*;
use BreakerState::{Closed, HalfOpen, Open};

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A breaker and the time, for scripts: `s`, `f` and `n` are attempts that succeed, fail and say
/// nothing; `.` lets the time open pass.
struct Run {
    breaker: Breaker,
    now: Duration,
    transitions: Vec<Transition>,
}

impl Run {
    fn new(limits: BreakerLimits) -> Self {
        Self { breaker: Breaker::try_new(limits, s(0)).unwrap(), now: s(0), transitions: vec![] }
    }

    fn of(script: &str) -> Self {
        let mut run = Self::new(BreakerLimits::default());
        run.play(script);
        run
    }

    fn play(&mut self, script: &str) {
        for step in script.chars() {
            if step == '.' {
                self.now = self.breaker.view().until.expect("it is open, with an end");
                continue;
            }
            let pass = self.pass();
            let moved = match step {
                's' => self.breaker.succeeded(pass, self.now),
                'f' => self.breaker.failed(pass, self.now, 1.0),
                _ => {
                    self.breaker.neutral(pass);
                    None
                }
            };
            self.transitions.extend(moved);
        }
    }

    fn ask(&mut self) -> Permit {
        let (permit, moved) = self.breaker.permit(self.now);
        self.transitions.extend(moved);
        permit
    }

    fn pass(&mut self) -> Pass {
        match self.ask() {
            Permit::Go(pass) | Permit::Probe(pass) => pass,
            Permit::Wait { until } => panic!("has to wait until {until:?}"),
        }
    }

    fn state(&self) -> BreakerState {
        self.breaker.view().state
    }

    fn cause(&self) -> Option<Cause> {
        self.breaker.view().cause
    }

    /// How long it is open now.
    fn period(&self) -> Duration {
        let view = self.breaker.view();
        view.until.unwrap().checked_sub(view.since).unwrap()
    }
}

#[test]
fn a_script_of_attempts_leads_to_a_state() {
    let good = |count: usize| "s".repeat(count);
    let mixed = format!("{0}f{0}f{0}f", good(30));
    let rate = |failures, attempts| Some(Cause::ErrorRate { failures, attempts });
    let row = Some(Cause::Failures(5));
    let table = [
        ("nothing happened", String::new(), Closed, None),
        ("four failures are not five", "ffff".into(), Closed, None),
        ("five in a row", "fffff".into(), Open, row.clone()),
        ("a success breaks the row", "ffffsffff".into(), Closed, None),
        ("what says nothing does not", "ffnnfnff".into(), Open, row),
        ("1 of 19: too few to tell", good(18) + "f", Closed, None),
        ("1 of 20 is 5 %", good(19) + "f", Open, rate(1, 20)),
        ("1 of 21 is less", good(20) + "f", Closed, None),
        ("a success never opens", "f".to_owned() + &good(19), Closed, None),
        ("but the next failure", "f".to_owned() + &good(19) + "f", Open, rate(2, 21)),
        ("what says nothing is no attempt", "n".repeat(99) + "f", Closed, None),
        ("3 of 93", mixed.clone(), Closed, None),
        ("4 of 95", mixed.clone() + "sf", Closed, None),
        ("5 of 97", mixed.clone() + "sfsf", Open, rate(5, 97)),
        ("what is 100 attempts ago is forgotten", mixed.clone() + &good(98) + "f", Closed, None),
        ("the time is up", "fffff.s".into(), HalfOpen, Some(Cause::TimeIsUp)),
        ("a probe that says nothing", "fffff.nnn".into(), HalfOpen, Some(Cause::TimeIsUp)),
        ("two probes succeed", "fffff.ss".into(), Closed, Some(Cause::ProbesSucceeded)),
        (
            "what says nothing comes between",
            "fffff.sns".into(),
            Closed,
            Some(Cause::ProbesSucceeded),
        ),
        ("the probe fails", "fffff.f".into(), Open, Some(Cause::ProbeFailed)),
        ("the second probe fails", "fffff.sf".into(), Open, Some(Cause::ProbeFailed)),
        (
            "a success of before does not count",
            "fffff.sf.s".into(),
            HalfOpen,
            Some(Cause::TimeIsUp),
        ),
        (
            "closed, the window begins anew",
            "fffff.ssffff".into(),
            Closed,
            Some(Cause::ProbesSucceeded),
        ),
    ];
    for (name, script, state, cause) in table {
        let run = Run::of(&script);
        assert_eq!((run.state(), run.cause()), (state, cause), "{name}");
    }
}

#[test]
fn it_tells_what_moved_when_and_why() {
    let run = Run::of("fffff.ss");
    let moved = |from, to, at, cause, until| Transition { from, to, at, cause, until };
    let expected = [
        moved(Closed, Open, s(0), Cause::Failures(5), Some(s(30))),
        moved(Open, HalfOpen, s(30), Cause::TimeIsUp, None),
        moved(HalfOpen, Closed, s(30), Cause::ProbesSucceeded, None),
    ];
    assert_eq!(run.transitions, expected);
}

#[test]
fn each_failed_probe_doubles_the_time_up_to_the_longest() {
    let mut run = Run::of("fffff");
    let mut periods = vec![run.period()];
    for _ in 0..5 {
        run.play(".f");
        periods.push(run.period());
    }
    assert_eq!(periods, [30, 60, 120, 240, 300, 300].map(s));
    run.play(".ssfffff");
    assert_eq!(run.period(), s(30), "closing clears it");
}

#[test]
fn between_half_and_the_whole_time_is_drawn() {
    for (jitter, period) in [(0.0, 15), (0.5, 22), (0.999_999, 29), (7.0, 30), (f64::NAN, 30)] {
        let mut run = Run::of("ffff");
        let pass = run.pass();
        run.transitions.extend(run.breaker.failed(pass, run.now, jitter));
        assert_eq!(run.period().as_secs(), period, "{jitter}");
    }
}

#[test]
fn waits_until_the_time_is_up_and_no_longer() {
    let mut run = Run::of("fffff");
    run.now = s(30).saturating_sub(Duration::from_nanos(1));
    assert_eq!(run.ask(), Permit::Wait { until: Some(s(30)) });
    run.now = s(30);
    assert_eq!(run.ask(), Permit::Probe(Pass { number: 6 }));
}

#[test]
fn one_probe_at_a_time() {
    let mut run = Run::of("fffff.");
    let first = run.pass();
    assert_eq!(run.ask(), Permit::Wait { until: Some(s(90)) });
    run.transitions.extend(run.breaker.succeeded(first, run.now));
    assert_eq!(run.ask(), Permit::Probe(Pass { number: 7 }));
}

/// Fault 19 of the original: who was called off held the slot for ever.
#[test]
fn fault_19_a_probe_that_never_tells_frees_its_slot() {
    let mut run = Run::of("fffff.");
    let lost = run.pass();
    run.now += s(60);
    let next = run.pass();
    assert_eq!(next.number, 7);
    assert_eq!(run.breaker.failed(lost, run.now, 0.5), None, "it comes too late to count");
    assert_eq!(run.state(), HalfOpen);
    run.now += s(60);
    let third = run.pass();
    assert_eq!(run.breaker.succeeded(next, run.now), None);
    run.breaker.neutral(third);
    run.play("ss");
    assert_eq!(run.state(), Closed);
}

/// Fault 19 of the original: an open breaker was only ever asked whether it is open.
#[test]
fn fault_19_asking_is_enough_to_try_again() {
    let mut run = Run::of("fffff");
    run.now = s(1_000_000);
    assert!(matches!(run.ask(), Permit::Probe(_)));
    assert_eq!(run.transitions.last().unwrap().to, HalfOpen);
}

/// Fault 19 of the original: one bad client opened the breaker for all.
#[test]
fn fault_19_what_is_refused_for_itself_does_not_open_it() {
    let run = Run::of(&"n".repeat(1_000));
    assert_eq!(run.state(), Closed);
    let (bad, good) = (Run::of("fffff"), Run::of("s"));
    assert_eq!((bad.state(), good.state()), (Open, Closed), "each destination has its own");
}

/// Fault 15 of the original: the rate was of the mismatches, not of all that was compared.
#[test]
fn fault_15_one_failure_is_not_a_hundred_percent() {
    let mut run = Run::of("f");
    assert_eq!(run.state(), Closed);
    run.play(&"s".repeat(60));
    run.play("f");
    let view = run.breaker.view();
    assert_eq!((view.state, view.window_failures, view.window_attempts), (Closed, 2, 62));
    run.play(&"s".repeat(100));
    assert_eq!(run.breaker.view().window_failures, 0, "and it is of the newest only");
}

#[test]
fn misconfigured_holds_until_somebody_acts() {
    let acts: [fn(&mut Breaker) -> Option<Transition>; 3] = [
        |breaker| breaker.reset(s(9)),
        |breaker| breaker.force(Force::Auto, s(9)),
        |breaker| breaker.force(Force::Closed, s(9)),
    ];
    for (act, to) in acts.into_iter().zip([HalfOpen, HalfOpen, Closed]) {
        let mut run = Run::of("s");
        let pass = run.pass();
        let moved = run.breaker.misconfigured(pass, s(1), "no such key").unwrap();
        assert_eq!((moved.to, moved.until), (Open, None));
        assert_eq!(moved.cause.to_string(), "misconfigured: no such key");
        run.now = s(1_000_000);
        assert_eq!(run.ask(), Permit::Wait { until: None });
        assert_eq!(act(&mut run.breaker).unwrap().to, to);
        assert!(!matches!(run.ask(), Permit::Wait { .. }));
    }
}

#[test]
fn a_probe_can_find_it_misconfigured() {
    let mut run = Run::of("fffff.");
    let pass = run.pass();
    let moved = run.breaker.misconfigured(pass, run.now, "x").unwrap();
    assert_eq!((moved.from, moved.to, moved.until), (HalfOpen, Open, None));
}

#[test]
fn an_answer_of_before_says_nothing_of_now() {
    let mut run = Run::of("ffff");
    let [old, older, oldest] = [run.pass(), run.pass(), run.pass()];
    run.play("f.");
    assert_eq!(run.breaker.failed(old, run.now, 0.5), None);
    let probe = run.pass();
    assert_eq!(run.breaker.failed(older, run.now, 0.5), None, "it is not the probe's");
    run.transitions.extend(run.breaker.succeeded(probe, run.now));
    run.play("s");
    assert_eq!(run.breaker.misconfigured(oldest, run.now, "x"), None);
    let view = run.breaker.view();
    assert_eq!((view.state, view.window_attempts), (Closed, 0));
}

#[test]
fn a_reset_forgets_what_is_under_way_too() {
    let mut run = Run::of("ffff");
    let old = run.pass();
    assert_eq!(run.breaker.reset(run.now), None);
    assert_eq!(run.breaker.misconfigured(old, run.now, "of before"), None);
    run.play("ffff");
    assert_eq!(run.state(), Closed);
    run.play("f.f");
    assert_eq!(run.breaker.reset(run.now).unwrap().to, HalfOpen);
    run.play("f");
    assert_eq!(run.period(), s(60), "only what failed since");
}

#[test]
fn forced_open_sends_nothing_and_then_begins_with_a_probe() {
    for script in ["", "fffff", "fffff.s"] {
        let mut run = Run::of(script);
        let (before, moved) = (run.state(), run.breaker.force(Force::Open, s(40)));
        assert_eq!(moved.is_some(), before != Open, "{script}");
        run.now = s(1_000_000);
        assert_eq!(run.ask(), Permit::Wait { until: None });
        assert_eq!(run.breaker.reset(run.now), None, "a reload does not undo it");
        let moved = run.breaker.force(Force::Auto, run.now).unwrap();
        assert_eq!((moved.from, moved.to, moved.cause), (Open, HalfOpen, Cause::Released));
        assert!(matches!(run.ask(), Permit::Probe(_)));
    }
}

#[test]
fn forced_closed_sends_whatever_comes_of_it_and_counts() {
    let mut run = Run::of("fffff");
    assert_eq!(run.breaker.force(Force::Closed, s(1)).unwrap().to, Closed);
    run.play("fffffff");
    let pass = run.pass();
    assert_eq!(run.breaker.misconfigured(pass, s(2), "x"), None);
    let view = run.breaker.view();
    assert_eq!((view.state, view.forced), (Closed, Force::Closed));
    assert_eq!((view.window_attempts, view.consecutive_failures), (7, 7));
    assert_eq!(run.breaker.force(Force::Auto, s(3)), None);
    run.play("f");
    assert_eq!(run.cause(), Some(Cause::Failures(8)), "what was counted counts");
}

#[test]
fn other_limits_keep_what_was_learned() {
    let mut run = Run::of(&("s".repeat(20) + "f"));
    let limits = BreakerLimits { attempts: 10, min_attempts: 10, ..BreakerLimits::default() };
    run.breaker.adopt(limits).unwrap();
    assert_eq!(run.breaker.view().window_attempts, 10);
    assert!(run.breaker.adopt(BreakerLimits { failures: 0, ..limits }).is_err());
    run.play("sf");
    assert_eq!(run.cause(), Some(Cause::ErrorRate { failures: 2, attempts: 10 }));
}

#[test]
fn a_limit_out_of_its_range_is_named() {
    let good = BreakerLimits::default();
    let table = [
        (BreakerLimits { failures: 0, ..good }, BadBreaker::Failures(0)),
        (BreakerLimits { failures: 1_001, ..good }, BadBreaker::Failures(1_001)),
        (BreakerLimits { error_percent: 0, ..good }, BadBreaker::Percent(0)),
        (BreakerLimits { error_percent: 101, ..good }, BadBreaker::Percent(101)),
        (BreakerLimits { attempts: 0, ..good }, BadBreaker::Attempts(0)),
        (BreakerLimits { attempts: 10_001, ..good }, BadBreaker::Attempts(10_001)),
        (
            BreakerLimits { min_attempts: 0, ..good },
            BadBreaker::MinAttempts { min: 0, attempts: 100 },
        ),
        (
            BreakerLimits { min_attempts: 101, ..good },
            BadBreaker::MinAttempts { min: 101, attempts: 100 },
        ),
        (BreakerLimits { open_for: s(0), ..good }, BadBreaker::OpenFor),
        (BreakerLimits { open_for: s(301), ..good }, BadBreaker::OpenFor),
        (BreakerLimits { successes: 0, ..good }, BadBreaker::Successes(0)),
        (BreakerLimits { probe_for: s(0), ..good }, BadBreaker::ProbeFor),
    ];
    for (limits, fault) in table {
        assert_eq!(Breaker::try_new(limits, s(0)).unwrap_err(), fault);
    }
}
