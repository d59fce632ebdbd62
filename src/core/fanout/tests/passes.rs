//! What is new goes over all sessions once, however often the pass is left and who goes meanwhile.

use super::*;

/// Everything a wire said, as a list to compare with.
fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|word| (*word).into()).collect()
}

/// A case with this many sessions in one group, which have read the answer to their subscription.
fn crowd(n: usize) -> (Case, Vec<(Key, Rc<Wire>)>) {
    let mut case = Case::new(LIMITS, 100);
    let sessions: Vec<_> = (0..n).map(|_| case.session(&[])).collect();
    for (_, wire) in &sessions {
        assert_eq!(wire.said(), words(&["subscribed 0 true"]));
        wire.writes.set(0);
    }
    (case, sessions)
}

#[test]
fn a_session_gets_what_comes_after_it_subscribed() {
    let mut case = Case::new(LIMITS, 100);
    case.commit(&["t"; 3]);
    let (_, wire) = case.session(&["t"]);
    case.commit(&["t", "other", "t"]);
    case.advance();
    assert_eq!(wire.said(), words(&["subscribed 3 true", "event 4", "event 6"]));
    let balance = case.fanout.balance(&case.tail);
    assert_eq!((balance.matched, balance.delivered, balance.imbalance), (2, 2, 0));
}

#[test]
fn what_is_new_costs_a_current_session_one_write() {
    let (mut case, sessions) = crowd(1000);
    case.commit(&["t"; 20]);
    case.advance();
    case.advance();
    assert!(sessions.iter().all(|(_, wire)| wire.writes.get() == 1));
    assert!(sessions.iter().all(|(_, wire)| wire.said().len() == 20));
}

#[test]
fn nobody_is_passed_over_when_others_leave_in_the_middle_of_a_pass() {
    for leaves in [vec![3], vec![3, 4, 5], vec![15], vec![16], vec![0, 39], vec![20, 2, 30, 1]] {
        let (mut case, mut sessions) = crowd(40);
        case.commit(&["t"]);
        assert!(!case.with(|fanout, turn| fanout.advance(turn, || false)));
        for &index in &leaves {
            let key = sessions[index].0;
            case.with(|fanout, turn| fanout.leave(key, turn)).unwrap();
        }
        case.advance();
        let gone: Vec<_> = leaves.iter().map(|index| sessions[*index].0).collect();
        sessions.retain(|(key, _)| !gone.contains(key));
        for (key, wire) in &sessions {
            assert_eq!(wire.said(), words(&["event 1"]), "{key} when {leaves:?} leave");
            assert_eq!(wire.writes.get(), 1, "nobody is written to twice");
        }
        case.assert_balanced();
    }
}

#[test]
fn nobody_is_passed_over_when_others_turn_out_to_be_dead() {
    let (mut case, sessions) = crowd(40);
    for (_, wire) in sessions.iter().step_by(3) {
        wire.gone.set(true);
    }
    case.commit(&["t"]);
    case.advance();
    let cuts = case.effects();
    assert_eq!(cuts.iter().filter(|effect| matches!(effect, Effect::Cut(..))).count(), 14);
    for (index, (_, wire)) in sessions.iter().enumerate() {
        assert_eq!(wire.said().len(), usize::from(index % 3 > 0), "session {index}");
    }
    case.assert_balanced();
}

#[test]
fn a_group_that_vanishes_in_the_middle_of_a_pass_leaves_the_others_alone() {
    let (mut case, sessions) = crowd(17);
    let (_, other) = case.session(&["t"]);
    case.commit(&["t"]);
    assert!(!case.with(|fanout, turn| fanout.advance(turn, || false)));
    for (key, _) in sessions {
        case.with(|fanout, turn| fanout.leave(key, turn));
    }
    let (_, newcomer) = case.session(&["u", "t"]);
    case.commit(&["t"]);
    case.advance();
    assert_eq!(other.said(), words(&["subscribed 0 true", "event 1", "event 2"]));
    assert_eq!(newcomer.said(), words(&["subscribed 1 true", "event 2"]), "in the old one's place");
}

#[test]
fn a_group_that_is_never_done_does_not_keep_the_others_waiting() {
    let (mut case, _sessions) = crowd(17);
    let (_, other) = case.session(&["t"]);
    for _ in 0..6 {
        // In every turn something new comes, and there is time for sixteen sessions only.
        case.commit(&["t"]);
        case.with(|fanout, turn| fanout.advance(turn, || false));
    }
    assert!(other.said().len() > 1, "it got something while the first group had work");
}

#[test]
fn the_clock_is_asked_between_small_groups_too() {
    let mut case = Case::new(LIMITS, 100);
    let names: Vec<_> = (0..30).map(|n| format!("t{n}")).collect();
    for name in &names {
        case.session(&[name]);
    }
    case.commit(&["t3"]);
    let mut asked = 0;
    case.with(|fanout, turn| {
        fanout.advance(turn, || {
            asked += 1;
            true
        })
    });
    assert!(asked >= 30, "{asked} times");
}

#[test]
fn a_laggard_goes_on_from_the_tail_when_the_window_has_gone_on() {
    let mut case = Case::new(FanoutLimits { window_bytes: 64, ..LIMITS }, 100);
    let (slow, wire) = case.session(&[]);
    let (_, quick) = case.session(&[]);
    wire.room.set(10);
    for _ in 0..20 {
        case.commit(&["t"]);
        case.advance();
    }
    assert_eq!(quick.said().len(), 21, "the slow one delays nobody");
    case.assert_balanced();
    wire.room.set(PLENTY);
    case.with(|fanout, turn| fanout.writable(slow, turn));
    let events = (1..=20).map(|seq| format!("event {seq}"));
    assert_eq!(wire.said()[1..], events.collect::<Vec<_>>());
    case.assert_balanced();
}

#[test]
fn what_the_tail_forgot_before_the_group_looked_is_read_from_storage() {
    let mut case = Case::new(LIMITS, 2);
    let (key, wire) = case.session(&[]);
    for _ in 0..10 {
        case.commit(&["t"]);
    }
    let first = case.tail.first();
    assert!(first > 5);
    case.advance();
    assert_eq!(case.effects(), [case.reading(key, 1)]);
    case.assert_balanced();
    case.page(key, 1..4, 1);
    assert_eq!(case.effects(), [case.reading(key, 4)]);
    case.page(key, 4..11, 1);
    let events = (1..=10).map(|seq| format!("event {seq}"));
    assert_eq!(wire.said()[1..], events.collect::<Vec<_>>());
    let balance = case.fanout.balance(&case.tail);
    assert_eq!((balance.matched, balance.delivered, balance.imbalance), (10, 10, 0));
}

#[test]
fn a_shard_with_an_empty_tail_comes_to_rest() {
    let mut case = Case::new(LIMITS, 100);
    let (key, _) = case.session(&[]);
    case.tail = case.tail.append(Vec::new(), Head { head_seq: 9, ..case.tail.head() });
    case.advance();
    assert_eq!(case.effects(), [case.reading(key, 1)]);
}

#[test]
fn a_pass_ends_with_the_journal_it_was_begun_on() {
    let (mut case, _sessions) = crowd(17);
    case.commit(&["t"; 50]);
    assert!(!case.with(|fanout, turn| fanout.advance(turn, || false)));
    let head = Head::empty(Uuid::from_u128(1));
    case.tail = Tail::empty(head, TailLimits { events: 9, bytes: 999 });
    case.with(Fanout::tick);
    let (_, wire) = case.session(&[]);
    case.commit(&["t"]);
    let mut asked = 0..1000;
    assert!(case.with(|fanout, turn| fanout.advance(turn, || asked.next().is_some())));
    assert_eq!(wire.said(), words(&["subscribed 0 true", "event 1"]));
}
