//! Several subscriptions on one socket: of topics, of the journal, one after the other.

use std::sync::Arc;

use super::*;
use crate::core::{
    fanout::Attach,
    interest::Interest,
    realtime::{
        phoenix::{Broadcast, Encoding, UserBroadcast, Vsn},
        replay::Replay,
        topic::{Body, Listening, Message, Origin, TopicTail},
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
    Listening { topic, vsn: Vsn::V1, presence: false, except: None, after: None }
}

impl Case {
    fn attach(&mut self, key: Key, interest: Interest) -> SubKey {
        self.attach_after(key, interest, None, None)
    }

    fn attach_after(
        &mut self,
        key: Key,
        interest: Interest,
        from: Option<Seq>,
        waits_for: Option<SubKey>,
    ) -> SubKey {
        let attach = Attach { interest, from, waits_for };
        self.with(|fanout, turn| fanout.attach(key, attach, turn)).unwrap()
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
    case.with(|fanout, turn| fanout.detach(key, first, "left", turn));
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
    let replay = case.attach_after(key, Interest::Replay(replay), Some(2), None);
    let after = Some(Position { epoch: Uuid::nil(), seq: 3 });
    let listening = Listening { after, ..listening(&room) };
    case.attach_after(key, Interest::Messages(listening), None, Some(replay));
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
