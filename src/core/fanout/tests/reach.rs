//! Whom an event reaches.

use super::*;

/// Of each session that event 2 is for, whether it has it.
fn reached(case: &Case) -> Vec<bool> {
    let event = event(2, "a");
    case.fanout.reached(&event).iter().map(|reached| reached.has_it).collect()
}

#[test]
fn an_event_is_for_those_that_match_it_and_were_there() {
    let mut case = Case::new(LIMITS, 100);
    let session = |case: &mut Case, types: &[&str], begin| {
        let wire = Wire::roomy();
        let key = case.fanout.join(Rc::clone(&wire), Form::Session, case.now);
        case.subscribe(key, types, begin);
        wire
    };
    session(&mut case, &["a"], Begin::Now);
    session(&mut case, &["b"], Begin::Now);
    let slow = session(&mut case, &[], Begin::Now);
    slow.room.set(0);
    case.commit(&["a", "a", "a"]);
    assert_eq!(reached(&case), [false, false], "nobody was told yet");
    case.advance();
    session(&mut case, &[], Begin::Now);
    session(&mut case, &["a"], Begin::At(2));
    assert_eq!(reached(&case), [true, false, true], "who came later asked for it, or did not");
}

#[test]
fn a_frame_that_is_cut_has_not_arrived() {
    let mut case = Case::new(LIMITS, 100);
    let wire = Wire::roomy();
    let key = case.fanout.join(Rc::clone(&wire), Form::Session, case.now);
    case.subscribe(key, &[], Begin::Now);
    case.commit(&["a"]);
    case.advance();
    wire.room.set(10);
    case.commit(&["a"]);
    case.advance();
    assert!(wire.refused.get());
    assert_eq!(reached(&case), [false]);
    wire.room.set(PLENTY);
    case.with(|fanout, turn| fanout.writable(key, turn));
    assert_eq!(reached(&case), [true]);
}
