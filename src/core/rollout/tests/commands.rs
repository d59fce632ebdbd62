//! What somebody wants, and what comes of it.

use super::*;

#[test]
fn commands_are_refused_with_the_reason() {
    let mut world = World::at(0, Plan { maximum: 75, ..plan() });
    let mut say = |command, percent, covered| {
        world.rollout.moved(percent, Cause::Set, world.now);
        world.measures.covered = covered;
        world.path.p95 = 500;
        world.second();
        world.order(command).map_err(|refusal| refusal.to_string())
    };
    let table = [
        (Command::Rollback, 0, true, "there is no step before 0 %"),
        (Command::Set { percent: 10 }, 0, true, "10 % is no step: these are [0, 25, 50, 75, 100]"),
        (Command::Set { percent: 100 }, 0, true, "100 % is beyond the maximum of 75 %"),
        (
            Command::Advance { force: true },
            75,
            true,
            "75 % is as far as it goes: the maximum is 75 %",
        ),
        (
            Command::Set { percent: 25 },
            0,
            false,
            "not every event goes to Realtime: clients that moved there would miss some",
        ),
        (
            Command::Advance { force: true },
            0,
            false,
            "not every event goes to Realtime: clients that moved there would miss some",
        ),
        (
            Command::Advance { force: false },
            25,
            true,
            "these gates do not hold: samples, scored, match_rate, latency, error_rate",
        ),
    ];
    for (command, percent, covered, words) in table {
        assert_eq!(say(command, percent, covered), Err(words.to_owned()), "{command:?}");
    }
    assert_eq!(say(Command::Advance { force: true }, 25, true), Ok(Order::Move { to: 50 }));
    assert_eq!(say(Command::Set { percent: 25 }, 75, false), Ok(Order::Move { to: 25 }));
    assert_eq!(say(Command::Rollback, 75, false), Ok(Order::Move { to: 50 }));
}

#[test]
fn who_brings_it_back_does_not_see_it_go_on_at_once() {
    let mut world = World::at(50, Plan { hold: SECOND * 2, ..plan() });
    world.order(Command::Rollback).unwrap();
    assert!(matches!(world.seconds(99), Decision::Wait(Wait::CoolDown { .. })));
    assert_eq!(world.rollout.fallen(), 0);
    world.second();
    assert_eq!(world.rollout.percent(), 50);
}

#[test]
fn somebody_may_go_on_before_the_hold_time_is_over() {
    let mut world = World::at(0, plan());
    let refused = world.order(Command::Advance { force: false });
    assert_eq!(refused, Err(Refusal::Gates(vec![])), "nothing was looked at yet");
    world.seconds(7);
    assert_eq!(world.order(Command::Advance { force: false }), Ok(Order::Move { to: 25 }));
}
