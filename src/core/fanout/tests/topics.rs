//! Several subscriptions on one socket: of topics, of the journal, one after the other.

use std::sync::Arc;

use super::*;
use crate::core::{
    fanout::{Attach, Label, Opening},
    interest::Interest,
    ledger::LEFT,
    protocol::CloseReason,
    reader::MAX_UNSENT,
    realtime::{
        phoenix::{Broadcast, Encoding, UserBroadcast, Vsn},
        replay::Replay,
        topic::{Body, Listening, Message, Origin, TopicTail, Tuning},
    },
};

const SMALL: TailLimits = TailLimits { events: 16, bytes: 1 << 20 };

fn topic(id: u64) -> Arc<TopicTail> {
    Arc::new(TopicTail::new(id, &format!("realtime:{id}"), SMALL))
}

fn say(topic: &TopicTail, word: &str, origin: Option<Origin>, place: Option<Seq>) {
    let payload = format!("{{\"n\":\"{word}\"}}").into();
    let user = UserBroadcast { event: word.into(), encoding: Encoding::Json, payload, meta: None };
    let position = place.map(|seq| Position { epoch: Uuid::nil(), seq });
    let body = Body::Broadcast(Broadcast::User(user));
    topic.append(Message { seq: 0, origin, position, at_ms: 0, body });
}

fn listening(topic: &Arc<TopicTail>) -> Listening {
    let topic = Arc::clone(topic);
    Listening { topic, vsn: Vsn::V1, presence: false, except: None, after: None, past: None }
}

impl Case {
    fn attach(&mut self, key: Key, interest: Interest) -> Label {
        self.open(key, vec![Attach { interest, from: None }])
    }

    fn open(&mut self, key: Key, chain: Vec<Attach>) -> Label {
        self.labels += 1;
        let opening = Opening { label: self.labels, welcome: Vec::new(), chain };
        self.with(|fanout, turn| fanout.open(key, opening, turn)).unwrap();
        self.labels
    }

    fn socket(&mut self) -> (Key, Rc<Wire>) {
        let wire = Wire::roomy();
        (self.fanout.join(Rc::clone(&wire), Form::Legacy, self.now), wire)
    }
}

/// The names of the broadcasts that came since the last time, with their topics.
fn heard(wire: &Wire) -> Vec<String> {
    let mut got = wire.got.borrow_mut();
    let mut heard = Vec::new();
    while let Some((_, payload, rest)) = decode(&got) {
        let frame: serde_json::Value = serde_json::from_slice(payload).unwrap();
        let word = frame["payload"]["event"].as_str().unwrap();
        heard.push(format!("{} {word}", frame["topic"].as_str().unwrap()));
        let rest = rest.to_vec();
        *got = rest;
    }
    heard
}

fn object(seq: Seq, name: &str) -> Event {
    Event { json: format!("{{\"seq\":{seq}}}").into(), ..event(seq, name) }
}

#[test]
fn a_socket_hears_several_topics_and_each_only_while_it_listens() {
    let mut case = Case::new(LIMITS, 100);
    let (key, wire) = case.socket();
    let (one, two) = (topic(1), topic(2));
    say(&one, "before", None, None);
    let first = case.attach(key, Interest::Messages(listening(&one)));
    case.attach(key, Interest::Messages(listening(&two)));
    say(&one, "a", None, None);
    say(&two, "b", None, None);
    case.advance();
    assert_eq!(heard(&wire), ["realtime:1 a", "realtime:2 b"]);
    case.with(|fanout, turn| fanout.close(key, first, LEFT, turn));
    say(&one, "c", None, None);
    say(&two, "d", None, None);
    case.advance();
    assert_eq!(heard(&wire), ["realtime:2 d"]);
    case.assert_balanced();
}

#[test]
fn a_channel_does_not_hear_itself_unless_it_wants_to() {
    let mut case = Case::new(LIMITS, 100);
    let ((key, wire), (other, others)) = (case.socket(), case.socket());
    let room = topic(1);
    case.attach(key, Interest::Messages(Listening { except: Some(7), ..listening(&room) }));
    case.attach(other, Interest::Messages(listening(&room)));
    say(&room, "mine", Some(7), None);
    say(&room, "theirs", Some(8), None);
    case.advance();
    assert_eq!(heard(&wire), ["realtime:1 theirs"]);
    assert_eq!(heard(&others), ["realtime:1 mine", "realtime:1 theirs"]);
}

#[test]
fn a_frame_of_one_topic_is_never_cut_by_another() {
    let mut case = Case::new(LIMITS, 100);
    let (key, wire) = case.socket();
    let (one, two) = (topic(1), topic(2));
    case.attach(key, Interest::Messages(listening(&one)));
    case.attach(key, Interest::Messages(listening(&two)));
    wire.room.set(10);
    say(&one, "a", None, None);
    say(&two, "b", None, None);
    case.advance();
    assert_eq!(case.effects(), [Effect::AwaitWritable(key)]);
    for _ in 0..100 {
        wire.room.set(3);
        case.with(|fanout, turn| fanout.writable(key, turn));
        case.assert_balanced();
    }
    assert_eq!(heard(&wire), ["realtime:1 a", "realtime:2 b"]);
    let balance = case.fanout.balance(&case.tail);
    assert_eq!((balance.matched, balance.delivered, balance.pending), (2, 2, 0));
}

#[test]
fn what_a_topic_has_forgotten_is_lost_and_said_so() {
    let mut case = Case::new(LIMITS, 100);
    let ((slow, wire), (quick, others)) = (case.socket(), case.socket());
    let room = topic(1);
    let lost = case.attach(slow, Interest::Messages(listening(&room)));
    case.attach(quick, Interest::Messages(listening(&room)));
    wire.room.set(0);
    for n in 0..40 {
        say(&room, &n.to_string(), None, None);
        case.advance();
    }
    assert_eq!(heard(&others).len(), 40);
    case.effects();
    wire.room.set(PLENTY);
    case.with(|fanout, turn| fanout.writable(slow, turn));
    assert_eq!(case.effects(), [Effect::Lost(slow, lost)]);
    let balance = case.fanout.balance(&case.tail);
    assert_eq!((balance.imbalance, balance.pending), (0, 0), "{balance:?}");
    assert!(balance.dropped["lost"] > 0, "{balance:?}");
}

#[test]
fn a_channel_is_told_of_the_journal_before_it_hears_its_topic() {
    let mut case = Case::new(LIMITS, 100);
    let (key, wire) = case.socket();
    let room = topic(1);
    case.append((1..).zip(["a", "b", "c", "d"]).map(|(seq, word)| object(seq, word)).collect());
    // The topic has been told of three of the four.
    for (seq, word) in (1..).zip(["a", "b", "c"]) {
        say(&room, word, None, Some(seq));
    }
    let replay =
        Replay { epoch: Uuid::nil(), vsn: Vsn::V1, topic: "realtime:1".into(), through: 3 };
    wire.room.set(0);
    let after = Some(Position { epoch: Uuid::nil(), seq: 3 });
    let listening = Listening { after, ..listening(&room) };
    let chain = [(Interest::Replay(replay), Some(2)), (Interest::Messages(listening), None)];
    case.open(key, chain.map(|(interest, from)| Attach { interest, from }).into());
    // It says one of them again, as after a crash, and goes on.
    say(&room, "c", None, Some(3));
    say(&room, "d", None, Some(4));
    case.advance();
    assert_eq!(heard(&wire), [""; 0]);
    wire.room.set(PLENTY);
    case.with(|fanout, turn| fanout.writable(key, turn));
    assert_eq!(heard(&wire), ["realtime:1 b", "realtime:1 c", "realtime:1 d"]);
    case.append(vec![object(5, "e")]);
    say(&room, "e", None, Some(5));
    case.advance();
    assert_eq!(heard(&wire), ["realtime:1 e"]);
    case.assert_balanced();
}

#[test]
fn who_begins_to_speak_goes_on_hearing_all_others() {
    let mut case = Case::new(LIMITS, 100);
    let (key, wire) = case.socket();
    let room = topic(1);
    let label = case.attach(key, Interest::Messages(listening(&room)));
    wire.room.set(10);
    say(&room, "a", Some(8), None);
    say(&room, "b", Some(8), None);
    case.advance();
    case.with(|fanout, turn| fanout.tune(key, label, Tuning::Except(7), turn));
    say(&room, "mine", Some(7), None);
    say(&room, "c", Some(8), None);
    case.advance();
    case.assert_balanced();
    wire.room.set(PLENTY);
    case.with(|fanout, turn| fanout.writable(key, turn));
    assert_eq!(heard(&wire), ["realtime:1 a", "realtime:1 b", "realtime:1 c"]);
    let balance = case.fanout.balance(&case.tail);
    assert_eq!((balance.matched, balance.delivered), (3, 3));
    assert_eq!((balance.total_dropped(), balance.imbalance), (0, 0), "{balance:?}");
}

#[test]
fn broadcasts_of_before_are_heard_first_and_marked() {
    let mut case = Case::new(LIMITS, 100);
    let (key, wire) = case.socket();
    let room = topic(1);
    for word in ["a", "b", "c"] {
        say(&room, word, None, None);
    }
    let (first, last) = room.newest(0, 2).unwrap();
    let past = Listening { past: Some(last), ..listening(&room) };
    let chain =
        [(Interest::Messages(past), Some(first)), (Interest::Messages(listening(&room)), None)];
    wire.room.set(0);
    case.open(key, chain.map(|(interest, from)| Attach { interest, from }).into());
    say(&room, "d", None, None);
    case.advance();
    wire.room.set(PLENTY);
    case.with(|fanout, turn| fanout.writable(key, turn));
    let text = String::from_utf8_lossy(&wire.got.borrow()).matches("\"replayed\":true").count();
    assert_eq!(text, 2);
    assert_eq!(heard(&wire), ["realtime:1 b", "realtime:1 c", "realtime:1 d"]);
    case.assert_balanced();
}

#[test]
fn a_long_welcome_may_wait_behind_an_answer() {
    let mut case = Case::new(LIMITS, 100);
    let (key, wire) = case.socket();
    wire.room.set(0);
    case.with(|fanout, turn| fanout.say(key, b"y", turn));
    let attach = Attach { interest: Interest::Messages(listening(&topic(1))), from: None };
    let welcome = vec![b'x'; 2 * MAX_UNSENT];
    let opening = Opening { label: 1, welcome, chain: vec![attach] };
    case.with(|fanout, turn| fanout.open(key, opening, turn)).unwrap();
    assert_eq!(case.effects(), [Effect::AwaitWritable(key)]);
    case.with(|fanout, turn| fanout.say(key, &vec![b'z'; MAX_UNSENT], turn));
    assert_eq!(case.effects(), [Effect::Cut(key, CloseReason::TooMany)]);
}

#[test]
fn a_long_welcome_may_wait_and_a_second_answer_behind_it() {
    let mut case = Case::new(LIMITS, 100);
    let (key, wire) = case.socket();
    wire.room.set(0);
    let attach = Attach { interest: Interest::Messages(listening(&topic(1))), from: None };
    let welcome = vec![b'x'; 2 * MAX_UNSENT];
    let opening = Opening { label: 1, welcome, chain: vec![attach] };
    case.with(|fanout, turn| fanout.open(key, opening, turn)).unwrap();
    case.with(|fanout, turn| fanout.say(key, &vec![b'y'; MAX_UNSENT], turn));
    assert_eq!(case.effects(), [Effect::AwaitWritable(key)]);
    case.with(|fanout, turn| fanout.say(key, b"z", turn));
    assert_eq!(case.effects(), [Effect::Cut(key, CloseReason::TooMany)]);
}
