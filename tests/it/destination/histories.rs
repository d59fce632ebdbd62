//! The judge, on histories that are right and on such as are wrong in one way each.

use proptest::prelude::*;

use crate::support::{
    destination::{Event, Received, Via},
    history::{History, Verdict, Violation},
};

/// What became of a request.
#[derive(Clone, Copy, Debug)]
enum Answer {
    /// Its events are there, and its sender knows.
    Told,
    /// They are there, and it does not.
    Lost,
    /// They are not there.
    Refused,
}
use Answer::{Lost, Refused, Told};

/// Requests with events that are named by one letter each; each names the one before it.
fn received(requests: &[(&str, Answer)]) -> Vec<Received> {
    let requests = requests.iter().zip(1..);
    requests
        .map(|((ids, answer), request)| Received {
            request,
            connection: 1,
            via: Via::Broadcast,
            events: ids.chars().map(event).collect(),
            outcome: String::new(),
            kept: matches!(answer, Told | Lost),
            told: matches!(answer, Told),
        })
        .collect()
}

fn event(id: char) -> Event {
    let seq = u64::from(u32::from(id));
    Event {
        id: Some(id.to_string()),
        name: "event".into(),
        topic: "monitoring".into(),
        private: false,
        seq: Some(seq),
        prev: Some(seq - 1),
        digest: u32::from(id),
    }
}

/// That so many letters were committed.
fn committed(n: usize) -> History {
    History::of(('a'..='z').take(n).map(String::from))
}

#[track_caller]
fn assert_right(history: &History, requests: &[(&str, Answer)], lost: usize, crashes: usize) {
    let right = Verdict { after_lost_answers: lost, after_crashes: crashes };
    assert_eq!(history.assert(&received(requests)), right);
}

#[track_caller]
fn assert_wrong(history: &History, requests: &[(&str, Answer)], text: &str) {
    let violation = history.judge(&received(requests)).expect_err(text);
    assert_eq!(violation.to_string(), text);
}

#[test]
fn what_comes_once_and_in_order_is_right() {
    assert_right(&committed(0), &[], 0, 0);
    assert_right(&committed(5), &[("abc", Told), ("d", Told), ("e", Lost)], 0, 0);
    assert_right(
        &committed(3),
        &[("abc", Refused), ("a", Told), ("bc", Refused), ("bc", Told)],
        0,
        0,
    );
}

#[test]
fn what_comes_again_after_a_lost_answer_is_right() {
    assert_right(&committed(4), &[("ab", Lost), ("ab", Lost), ("ab", Told), ("cd", Told)], 4, 0);
    assert_right(&committed(4), &[("abc", Lost), ("a", Told), ("bcd", Told)], 3, 0);
    // Sent one by one without waiting, and only one answer of three was lost.
    assert_right(&committed(3), &[("a", Told), ("b", Lost), ("c", Told), ("b", Told)], 1, 0);
    assert_right(
        &committed(4),
        &[("b", Refused), ("a", Lost), ("b", Told), ("a", Told), ("cd", Told)],
        1,
        0,
    );
}

#[test]
fn what_comes_again_after_a_crash_is_right() {
    let history = committed(6).with_crashes(2, 3);
    assert_right(&history, &[("abc", Told), ("abc", Told), ("def", Told)], 0, 3);
    assert_right(&history, &[("abc", Told), ("bcd", Told), ("d", Told), ("ef", Told)], 0, 3);
    assert_right(&history, &[("ab", Told), ("cd", Lost), ("bcd", Told), ("ef", Told)], 2, 1);
    // What was forgotten once can be lost again.
    let history = committed(3).with_crashes(1, 3);
    assert_right(&history, &[("abc", Told), ("a", Lost), ("ab", Lost), ("abc", Told)], 3, 3);
}

#[test]
fn what_was_set_aside_may_be_missing_or_come_later() {
    let history = committed(4).without(["b"]);
    assert_right(&history, &[("ab", Refused), ("a", Told), ("b", Refused), ("cd", Told)], 0, 0);
    assert_right(&history, &[("a", Told), ("cd", Told), ("b", Told)], 0, 0);
    let crashed = committed(3).without(["b"]).with_crashes(1, 1);
    assert_right(&crashed, &[("ac", Told), ("b", Told), ("b", Lost), ("b", Told)], 1, 1);
    let again =
        "request 4: b came again, although its sender was told in request 3 that it is there";
    assert_wrong(&history, &[("a", Told), ("cd", Told), ("b", Told), ("b", Told)], again);
}

#[test]
fn what_is_missing_is_named() {
    assert_wrong(&committed(2), &[], "a never came; nothing did");
    assert_wrong(&committed(3), &[("ab", Told), ("c", Refused)], "c never came; the last was b");
    assert_wrong(
        &committed(3),
        &[("a", Told), ("c", Told)],
        "b never came; c came without it in request 2",
    );
}

#[test]
fn what_is_out_of_order_is_named() {
    let text = "request 2: c came before b, which came in request 3";
    assert_wrong(&committed(3), &[("a", Told), ("c", Told), ("b", Told)], text);
    assert_wrong(
        &committed(3),
        &[("ba", Told), ("c", Told)],
        "request 1: b came before a, which came in request 1",
    );
}

/// Whoever cannot know that b is there must not go on as if it were.
#[test]
fn what_is_skipped_on_the_way_back_is_named() {
    let text = "request 2: c follows a, but whoever goes back has to send b again";
    assert_wrong(&committed(3), &[("abc", Lost), ("ac", Told)], text);
    let text = "request 4: d follows b, but whoever goes back has to send c again";
    let requests = [("ab", Told), ("c", Lost), ("b", Lost), ("d", Told)];
    assert_wrong(&committed(4).with_crashes(1, 1), &requests, text);
}

#[test]
fn what_comes_again_without_a_reason_is_named() {
    let text =
        "request 2: b came again, although its sender was told in request 1 that it is there";
    assert_wrong(&committed(3), &[("ab", Told), ("bc", Told)], text);
    assert_wrong(
        &committed(1),
        &[("aa", Lost), ("a", Told), ("a", Told)],
        &text.replace("2: b", "3: a").replace("request 1 ", "request 2 "),
    );
    let text = "request 3: a came again, although its sender was told in request 2 that it is there, \
                and all 1 crashes have had their duplicates";
    let requests = [("a", Told), ("a", Told), ("a", Told)];
    assert_wrong(&committed(1).with_crashes(1, 1), &requests, text);
}

#[test]
fn more_than_a_batch_after_a_crash_is_named() {
    let text = "request 2: a came again after a crash, which made its sender forget 3 events; \
                a batch is 2";
    let history = committed(4).with_crashes(9, 2);
    assert_wrong(&history, &[("abc", Told), ("abcd", Told)], text);
}

#[test]
fn what_is_unknown_or_altered_is_named() {
    assert_wrong(&committed(1), &[("a", Told), ("x", Told)], "request 2: x was never committed");
    let mut altered = received(&[("ab", Lost), ("ab", Told)]);
    altered[1].events[1].digest += 1;
    let violation = Violation::Altered { id: "b".into(), request: 2, first: 1 };
    assert_eq!(committed(2).judge(&altered), Err(violation));
}

#[test]
fn each_names_the_one_before_it() {
    let mut unchained = received(&[("ab", Told), ("c", Told)]);
    unchained[1].events[0].prev = Some(96);
    let text = "request 2: c says that seq 96 came before it; that was 98";
    assert_eq!(committed(3).judge(&unchained).unwrap_err().to_string(), text);
    // One that was set aside before it is not known.
    let history = committed(4).without(["c"]);
    assert_right(&history, &[("ab", Told), ("d", Told)], 0, 0);
    // Others belong to nobody's order.
    let mut with_head = received(&[("a", Told), ("b", Told)]);
    with_head[0].events.push(Event { id: None, ..event('h') });
    committed(2).assert(&with_head);
}

#[test]
#[should_panic(expected = "a never came; nothing did")]
fn a_history_that_is_wrong_fails_the_test() {
    committed(1).assert(&[]);
}

/// What a request of a sender comes to.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Answered(Answer),
    /// It was told, and crashed before it had made a note of that.
    Crash,
}

const LARGEST: usize = 4;

fn fates() -> impl Strategy<Value = Vec<(usize, Fate)>> {
    let fate = prop_oneof![
        Just(Fate::Answered(Told)),
        Just(Fate::Answered(Lost)),
        Just(Fate::Answered(Refused)),
        Just(Fate::Crash),
    ];
    prop::collection::vec((1..=LARGEST, fate), 0..30)
}

/// What a sender does that has so many events and is right, and how often it crashes.
fn sent(n: usize, fates: &[(usize, Fate)]) -> (Vec<Received>, usize) {
    let letters: String = ('a'..='z').take(n).collect();
    let for_ever = std::iter::repeat((LARGEST, Fate::Answered(Told)));
    let mut fates = fates.iter().copied().chain(for_ever);
    let (mut cursor, mut crashes, mut requests) = (0, 0, Vec::new());
    while cursor < n {
        let (batch, fate) = fates.next().unwrap();
        let end = n.min(cursor + batch);
        let answer = match fate {
            Fate::Answered(answer) => answer,
            Fate::Crash => Told,
        };
        requests.push((&letters[cursor..end], answer));
        match fate {
            Fate::Answered(Told) => cursor = end,
            Fate::Answered(_) => {}
            Fate::Crash => crashes += 1,
        }
    }
    (received(&requests), crashes)
}

proptest! {
    #[test]
    fn who_does_it_right_is_found_right(n in 0_usize..20, fates in fates()) {
        let (received, crashes) = sent(n, &fates);
        let verdict = committed(n).with_crashes(crashes, LARGEST).assert(&received);
        let kept = received.iter().filter(|it| it.kept).map(|it| it.events.len()).sum::<usize>();
        prop_assert_eq!(verdict.after_lost_answers + verdict.after_crashes, kept - n);
        prop_assert!(verdict.after_crashes <= crashes * LARGEST);
    }

    #[test]
    fn whatever_is_taken_away_is_missed(n in 1_usize..20, fates in fates(), which: usize) {
        let (mut received, crashes) = sent(n, &fates);
        let gone = char::from(b'a' + u8::try_from(which % n).unwrap()).to_string();
        for request in &mut received {
            request.events.retain(|event| event.id.as_ref() != Some(&gone));
        }
        let judged = committed(n).with_crashes(crashes, LARGEST).judge(&received);
        let is_missed = matches!(&judged, Err(Violation::Lost { missing, .. }) if *missing == gone);
        prop_assert!(is_missed, "{:?}", judged);
    }
}
