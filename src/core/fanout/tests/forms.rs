//! Sessions that hear the same events in different forms.

use super::*;
use crate::core::protocol::{CloseReason, ServerFrame};

/// What came since the last time, as text.
fn text(wire: &Wire) -> String {
    String::from_utf8(wire.got.take()).unwrap()
}

fn session(case: &mut Case, form: Form) -> (Key, Rc<Wire>) {
    let wire = Wire::roomy();
    let key = case.fanout.join(Rc::clone(&wire), form, case.now);
    case.subscribe(key, &[], Begin::Now);
    (key, wire)
}

#[test]
fn each_form_has_its_own_group_and_all_get_the_event() {
    let mut case = Case::new(LIMITS, 100);
    let (_, socket) = session(&mut case, Form::Session);
    let (_, stream) = session(&mut case, Form::Sse);
    let (_, legacy) = session(&mut case, Form::Legacy);
    assert_eq!(case.fanout.groups(), 3);
    assert!(text(&stream).contains("event: subscribed\n"));
    assert_eq!(legacy.got.borrow().len(), 0, "it hears events alone");
    case.commit(&["t"]);
    case.advance();
    assert_eq!(socket.said(), ["subscribed 0 true", "event 1"]);
    assert_eq!(text(&stream), format!("id: {}.1\ndata: 1\n\n", Uuid::nil()));
    let got = legacy.got.borrow();
    let (opcode, frame, rest) = decode(&got).unwrap();
    assert!(opcode == 1 && rest.is_empty() && frame.starts_with(br#"{"type":"#));
    let balance = case.fanout.balance(&case.tail);
    assert_eq!((balance.matched, balance.delivered, balance.imbalance), (3, 3, 0));
}

#[test]
fn a_client_that_cannot_answer_is_not_ended_for_its_silence() {
    let mut case = Case::new(LIMITS, 100);
    let (_, stream) = session(&mut case, Form::Sse);
    text(&stream);
    for second in 1..=60 {
        case.now = Duration::from_secs(second);
        case.with(Fanout::tick);
    }
    assert_eq!(text(&stream), ":\n\n".repeat(4), "one in 15 s");
    assert_eq!(case.effects(), []);
}

#[test]
fn nothing_is_said_that_a_form_has_no_words_for() {
    let mut case = Case::new(LIMITS, 100);
    for (form, end) in [(Form::Sse, "event: bye\n"), (Form::Legacy, "closed")] {
        let (key, wire) = session(&mut case, form);
        text(&wire);
        case.with(|fanout, turn| fanout.tell(key, &ServerFrame::Pong, turn));
        assert_eq!(wire.got.borrow().len(), 0);
        case.with(|fanout, turn| fanout.end(key, CloseReason::Closed, None, turn));
        let said = String::from_utf8_lossy(&wire.got.take()).into_owned();
        assert!(said.contains(end), "{said}");
    }
}
