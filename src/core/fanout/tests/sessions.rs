//! One session: answers, cuts, pages, gaps and ends.

use super::{super::subscriptions::SMALLEST_PAGE, *};
use crate::core::{
    event::{Category, Position},
    ledger::Balance,
    protocol::{CloseReason, ServerFrame, text_frame},
    reader::MAX_UNSENT,
};

fn after(seq: Seq) -> Begin {
    Begin::After(Position { epoch: Uuid::nil(), seq })
}

fn big(seq: Seq, bytes: usize) -> Event {
    let json = format!(r#"{{"seq":{seq},"pad":"{}"}}"#, "x".repeat(bytes));
    Event { json: json.into(), category: Category::Debug, ..event(seq, "t") }
}

#[test]
fn the_rest_of_a_cut_frame_goes_out_before_the_next_subscription() {
    let mut case = Case::new(LIMITS, 100);
    let (key, wire) = case.session(&[]);
    wire.said();
    wire.room.set(1000);
    case.append(vec![big(1, 4 * MAX_UNSENT)]);
    case.advance();
    case.subscribe(key, &["t"], after(0));
    // Long as it is, the rest is no answer left unread.
    wire.room.set(10);
    case.with(|fanout, turn| fanout.writable(key, turn));
    assert_eq!(case.effects(), [Effect::AwaitWritable(key); 2]);
    wire.room.set(PLENTY);
    case.with(|fanout, turn| fanout.writable(key, turn));
    assert_eq!(wire.said(), ["event 1", "subscribed 0 true", "event 1"]);
    let balance = case.fanout.balance(&case.tail);
    assert_eq!((balance.matched, balance.delivered, balance.imbalance), (2, 2, 0));
    assert_eq!((balance.pending, balance.total_dropped()), (0, 0), "the cut one went out whole");
}

#[test]
fn a_page_of_an_earlier_subscription_makes_no_hole() {
    let mut case = Case::new(LIMITS, 2);
    case.commit(&["t"; 20]);
    case.commit(&["t"; 2]);
    let (key, wire) = case.session(&[]);
    case.subscribe(key, &[], after(14));
    assert_eq!(case.effects(), [case.reading(key, 15)]);
    case.subscribe(key, &[], after(9));
    case.page(key, 15..21, 1);
    assert_eq!(wire.said().last().unwrap(), "subscribed 9 true", "10 to 14 are not in the page");
    assert_eq!(case.effects(), [case.reading(key, 10)]);
    case.subscribe(key, &[], after(18));
    case.page(key, 10..17, 1);
    assert_eq!(wire.said(), ["subscribed 18 true"], "all of it is before 19");
    assert_eq!(case.effects(), [case.reading(key, 19)]);
    case.page(key, 18..21, 1);
    assert_eq!(wire.said(), ["event 19", "event 20", "event 21", "event 22"]);
    case.assert_balanced();
}

#[test]
fn what_retention_took_is_named_before_what_is_left() {
    let mut case = Case::new(LIMITS, 2);
    case.commit(&["t"; 8]);
    case.commit(&["t"; 2]);
    let (key, wire) = case.session(&[]);
    case.subscribe(key, &[], after(2));
    case.page(key, 6..9, 6);
    let said = ["gap 3 5 \"retention\"", "event 6", "event 7", "event 8", "event 9", "event 10"];
    assert_eq!(wire.said()[2..], said);
    case.assert_balanced();
}

#[test]
fn a_page_for_a_blocked_session_is_read_again_gap_and_all() {
    let mut case = Case::new(LIMITS, 2);
    case.commit(&["t"; 8]);
    case.commit(&["t"; 2]);
    let (key, wire) = case.session(&[]);
    case.subscribe(key, &[], after(2));
    wire.said();
    wire.room.set(0);
    case.with(|fanout, turn| fanout.say(key, &[0x8a, 0], turn));
    case.effects();
    case.page(key, 6..9, 6);
    assert_eq!(case.effects(), []);
    wire.room.set(PLENTY);
    case.with(|fanout, turn| fanout.writable(key, turn));
    assert_eq!(case.effects(), [case.reading(key, 3)]);
    case.page(key, 6..9, 6);
    assert_eq!(wire.said()[..3], ["pong", "gap 3 5 \"retention\"", "event 6"]);
}

#[test]
fn what_is_deleted_while_a_frame_is_cut_is_a_gap_after_that_frame() {
    let mut case = Case::new(LIMITS, 2);
    case.commit(&["t"; 8]);
    case.commit(&["t"; 2]);
    let (key, wire) = case.session(&[]);
    case.subscribe(key, &[], after(2));
    wire.said();
    wire.room.set(30);
    case.page(key, 3..7, 3);
    assert_eq!((wire.said(), wire.got.borrow().is_empty()), (vec!["event 3".into()], false));
    wire.room.set(PLENTY);
    case.with(|fanout, turn| fanout.writable(key, turn));
    case.page(key, 7..9, 7);
    assert_eq!(wire.said()[..3], ["event 4", "gap 5 6 \"retention\"", "event 7"]);
    case.assert_balanced();
}

#[test]
fn a_place_that_storage_named_and_retention_took_is_a_gap() {
    let mut case = Case::new(LIMITS, 100);
    case.commit(&["t"; 8]);
    case.tail = case.tail.trimmed(Head { first_seq: 6, ..case.tail.head() });
    let (key, wire) = case.session(&[]);
    case.subscribe(key, &[], Begin::At(4));
    let said = ["subscribed 5 false", "gap 4 5 \"retention\"", "event 6", "event 7", "event 8"];
    assert_eq!(wire.said()[1..], said);
    case.subscribe(key, &[], Begin::At(99));
    assert_eq!(wire.said(), ["subscribed 8 true"], "nothing of what comes is passed over");
}

#[test]
fn a_page_that_cannot_be_read_is_asked_for_again_at_the_next_tick() {
    let mut case = Case::new(LIMITS, 2);
    case.commit(&["t"; 8]);
    case.commit(&["t"; 2]);
    let (key, _wire) = case.session(&[]);
    case.subscribe(key, &[], after(2));
    case.effects();
    for nothing in [true, false] {
        if nothing {
            case.with(|fanout, turn| {
                let subscription = fanout.sessions[key].subscriptions[0];
                fanout.page(key, subscription, None, turn);
            });
        } else {
            case.page(key, 0..0, 1);
        }
        case.commit(&["t"]);
        case.advance();
        assert_eq!(case.effects(), [], "not with every event");
        case.with(Fanout::tick);
        assert_eq!(case.effects(), [case.reading(key, 3)]);
    }
}

#[test]
fn a_page_is_about_as_large_as_what_the_socket_takes() {
    let mut case = Case::new(LIMITS, 2);
    case.commit(&["t"; 100]);
    case.commit(&["t"; 2]);
    let (key, wire) = case.session(&[]);
    case.subscribe(key, &[], after(0));
    assert_eq!(case.fanout.appetite(key), usize::MAX, "nothing is known yet");
    let frame = {
        wire.said();
        case.page(key, 1..2, 1);
        wire.got.take().len()
    };
    wire.room.set(20 * frame);
    case.page(key, 2..90, 1);
    let slow = case.fanout.appetite(key);
    assert!((30..=44).contains(&slow), "{slow}: twice about 20");
    wire.room.set(PLENTY);
    case.with(|fanout, turn| fanout.writable(key, turn));
    case.page(key, 22..40, 1);
    assert_eq!(case.fanout.appetite(key), 2 * slow, "all of it was taken");
    wire.room.set(1);
    case.page(key, 40..90, 1);
    assert_eq!(case.fanout.appetite(key), SMALLEST_PAGE);
}

#[test]
fn a_client_that_stops_reading_between_two_frames_is_cut_however_far_behind() {
    let mut case = Case::new(LIMITS, 2);
    let (key, wire) = case.session(&[]);
    wire.room.set(0);
    for _ in 0..10 {
        case.append(vec![big(case.tail.next(), 1000)]);
        case.advance();
    }
    case.effects();
    for second in 1..30 {
        case.now = Duration::from_secs(second);
        case.with(Fanout::tick);
        assert_eq!(case.effects(), [], "no page is read for a socket that refuses");
    }
    case.now = PATIENCE.stall;
    case.with(Fanout::tick);
    assert_eq!(case.effects(), [Effect::Cut(key, CloseReason::Stalled)]);
    case.assert_balanced();
}

#[test]
fn a_client_that_asks_and_never_reads_is_cut() {
    let mut case = Case::new(LIMITS, 100);
    let (key, wire) = case.session(&[]);
    wire.room.set(0);
    let mut pong = Vec::new();
    Form::Session.frame(&mut pong, &ServerFrame::Pong);
    for _ in 0..MAX_UNSENT / pong.len() {
        case.with(|fanout, turn| fanout.say(key, &pong, turn));
    }
    assert_eq!(case.effects(), [Effect::AwaitWritable(key)]);
    case.with(|fanout, turn| fanout.say(key, &pong, turn));
    assert_eq!(case.effects(), [Effect::Cut(key, CloseReason::TooMany)]);
    case.with(|fanout, turn| fanout.say(key, &pong, turn));
    assert_eq!(case.effects(), [], "and nothing more is kept for it");
    case.assert_balanced();
}

#[test]
fn a_large_answer_may_wait_but_no_second_one_behind_it() {
    let mut case = Case::new(LIMITS, 100);
    let (key, wire) = case.session(&[]);
    wire.said();
    let mut large = Vec::new();
    text_frame(&mut large, &format!(r#"{{"type":"{}"}}"#, "x".repeat(4 * MAX_UNSENT)));
    for _ in 0..2 {
        wire.room.set(5);
        case.with(|fanout, turn| fanout.say(key, &large, turn));
        case.with(|fanout, turn| fanout.say(key, &[0x8a, 0], turn));
        assert_eq!(case.effects(), [Effect::AwaitWritable(key)]);
        assert!(!case.fanout.is_heard(key));
        wire.room.set(PLENTY);
        case.with(|fanout, turn| fanout.writable(key, turn));
        assert!(case.fanout.is_heard(key) && wire.said().len() == 2);
    }
    wire.room.set(5);
    case.with(|fanout, turn| fanout.say(key, &large, turn));
    case.with(|fanout, turn| fanout.say(key, &large, turn));
    let cut = Effect::Cut(key, CloseReason::TooMany);
    assert_eq!(case.effects(), [Effect::AwaitWritable(key), cut]);
    assert!(case.fanout.is_heard(key), "nothing waits for a session that is gone");
}

#[test]
fn a_close_frame_waits_behind_what_is_unsent_and_nothing_follows_it() {
    let mut case = Case::new(LIMITS, 100);
    let (key, wire) = case.session(&[]);
    wire.said();
    wire.room.set(20);
    case.commit(&["t"]);
    case.advance();
    let after = Some(Duration::from_secs(1));
    case.with(|fanout, turn| fanout.end(key, CloseReason::Closed, after, turn));
    case.commit(&["t"]);
    case.advance();
    case.subscribe(key, &[], Begin::Now);
    case.with(|fanout, turn| fanout.say(key, &[0x8a, 0], turn));
    let close = Effect::Close(key, CloseReason::Closed);
    assert_eq!(case.effects(), [Effect::AwaitWritable(key), close]);
    wire.room.set(PLENTY);
    case.with(|fanout, turn| fanout.writable(key, turn));
    assert_eq!(wire.said(), ["event 1", "bye", "close 1000"]);
    case.assert_balanced();
}

#[test]
fn a_silent_client_is_pinged_then_ended_and_one_that_answers_is_not() {
    let mut case = Case::new(LIMITS, 100);
    let (silent, wire) = case.session(&[]);
    let (alive, other) = case.session(&[]);
    for seconds in [24, 25, 34] {
        case.now = Duration::from_secs(seconds);
        case.with(Fanout::tick);
        case.fanout.heard(alive);
        assert_eq!(case.effects(), [], "at {seconds} s");
    }
    case.now = Duration::from_secs(35);
    case.with(Fanout::tick);
    assert_eq!(case.effects(), [Effect::Close(silent, CloseReason::NoPong)]);
    assert_eq!(wire.said()[1..], ["ping", "close 4408"]);
    assert_eq!(other.said()[1..], ["ping"]);
}

#[test]
fn a_client_that_takes_nothing_is_cut_and_one_that_takes_a_byte_is_not() {
    let mut case = Case::new(LIMITS, 100);
    let ((stalled, wire), (slow, other)) = (case.session(&[]), case.session(&[]));
    wire.room.set(5);
    other.room.set(5);
    case.commit(&["t"]);
    case.advance();
    case.effects();
    case.now = Duration::from_secs(20);
    other.room.set(1);
    case.with(|fanout, turn| fanout.writable(slow, turn));
    case.now = Duration::from_secs(30);
    case.with(Fanout::tick);
    let cut = Effect::Cut(stalled, CloseReason::Stalled);
    assert_eq!(case.effects(), [Effect::AwaitWritable(slow), cut]);
    let balance = case.fanout.balance(&case.tail);
    assert_eq!((balance.dropped["stalled"], balance.pending, balance.imbalance), (1, 1, 0));
}

#[test]
fn further_behind_than_allowed_is_too_far() {
    let mut case = Case::new(FanoutLimits { max_lag: 3, ..LIMITS }, 100);
    let (key, wire) = case.session(&[]);
    let (_, quick) = case.session(&[]);
    wire.room.set(0);
    // The first is in hand, and three are ahead of it.
    case.commit(&["t"; 4]);
    case.advance();
    case.with(Fanout::tick);
    assert_eq!(case.effects(), [Effect::AwaitWritable(key)]);
    case.commit(&["t"]);
    case.advance();
    case.with(Fanout::tick);
    assert_eq!(case.effects(), [Effect::Close(key, CloseReason::TooFarBehind)]);
    assert_eq!(quick.said().len(), 6);
    let balance = case.fanout.balance(&case.tail);
    let Balance { ref dropped, pending, imbalance, .. } = balance;
    assert_eq!((dropped["too_far_behind"], pending, imbalance), (4, 1, 0), "one is in hand");
}

#[test]
fn another_journal_sends_everybody_away_even_the_one_that_subscribes() {
    let mut case = Case::new(LIMITS, 100);
    let (key, wire) = case.session(&[]);
    let (_, dead) = case.session(&[]);
    dead.gone.set(true);
    case.commit(&["t"]);
    case.advance();
    case.effects();
    case.tail = Tail::empty(Head::empty(Uuid::from_u128(1)), TailLimits { events: 9, bytes: 999 });
    case.subscribe(key, &[], Begin::Now);
    assert_eq!(wire.said()[1..], ["event 1", "bye", "close 4503"]);
    let (_, late) = case.session(&[]);
    assert_eq!(late.said(), ["subscribed 0 true"], "nothing of what the dead had still to get");
    case.commit(&["t"]);
    case.advance();
    assert_eq!(late.said(), ["event 1"]);
}

#[test]
fn a_subscription_of_nobody_makes_no_group() {
    let mut case = Case::new(LIMITS, 100);
    case.subscribe(7, &[], Begin::Now);
    assert_eq!(case.fanout.groups(), 0);
}
