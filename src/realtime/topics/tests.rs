//! Which topics there are, and what is forgotten of them.

use uuid::Uuid;

use super::*;
use crate::core::{
    numbering::Head,
    realtime::phoenix::{Encoding, UserBroadcast},
    tail::Tail,
};

fn topics(settings: RealtimeSettings) -> Arc<Topics> {
    let head = Head { head_seq: 9, ..Head::empty(Uuid::nil()) };
    let limits = TailLimits { events: 1, bytes: 1 };
    Arc::new(Topics::new(TopicOptions {
        settings,
        journal: Arc::new(SharedTail::new(Tail::empty(head, limits))),
        advanced: watch::channel(()).0,
        metrics: Arc::new(Metrics::new()),
    }))
}

fn topic(name: &str, private: bool) -> Topic {
    Topic { name: name.into(), private }
}

fn json(payload: &str) -> Broadcast {
    let payload = payload.to_owned().into();
    let encoding = Encoding::Json;
    Broadcast::User(UserBroadcast { event: "e".into(), encoding, payload, meta: None })
}

fn names(topics: &Topics) -> Vec<String> {
    let mut names: Vec<_> = topics.open().keys().map(|topic| topic.name.to_string()).collect();
    names.sort();
    names
}

#[test]
fn a_public_topic_lasts_as_long_as_its_channels_and_a_private_one_for_a_while() {
    let topics = topics(RealtimeSettings::default());
    let channels = ["a", "a", "b"].map(|name| topics.enter(&topic(name, false)).unwrap());
    let private = topics.enter(&topic("c", true)).unwrap();
    topics.publish(&topic("nobody", false), json("{}")).unwrap();
    topics.publish(&topic("d", true), json("{}")).unwrap();
    topics.publish(&topic("monitoring", false), json("{}")).unwrap();
    assert_eq!(names(&topics), ["a", "b", "c", "d", "monitoring"]);
    let [first, second, other] = channels;
    drop((first, other));
    assert_eq!(names(&topics), ["a", "c", "d", "monitoring"]);
    drop((second, private));
    topics.forget_idle(Instant::now());
    assert_eq!(names(&topics), ["c", "d", "monitoring"]);
    topics.forget_idle(Instant::now() + topics.options.settings.replay_window);
    assert_eq!(names(&topics), ["monitoring"]);
}

#[test]
fn a_new_topic_takes_the_place_of_one_that_nobody_listens_to() {
    let topics = topics(RealtimeSettings { topics: 2, ..RealtimeSettings::default() });
    for name in ["old", "new"] {
        topics.publish(&topic(name, true), json("{}")).unwrap();
    }
    let _kept = topics.enter(&topic("a", false)).unwrap();
    assert_eq!(names(&topics), ["a", "new"]);
    let _too = topics.enter(&topic("b", false)).unwrap();
    assert_eq!(topics.enter(&topic("c", false)).err(), Some(TooManyTopics));
    assert_eq!(topics.publish(&topic("c", true), json("{}")), Err(TooManyTopics));
    assert!(topics.enter(&topic("a", false)).is_ok(), "it is there already");
}

#[test]
fn the_largest_are_forgotten_when_all_together_are_too_large() {
    let topics = topics(RealtimeSettings { total_bytes: 3000, ..RealtimeSettings::default() });
    let [small, large] = ["small", "large"].map(|name| topics.enter(&topic(name, false)).unwrap());
    small.publish(json("{}"));
    large.publish(json(&"1".repeat(2000)));
    topics.forget_largest();
    let held = |member: &Member| member.tail().load().from(0).count();
    assert_eq!((held(&small), held(&large)), (1, 1));
    large.publish(json(&"1".repeat(2000)));
    topics.forget_largest();
    assert_eq!((held(&small), held(&large)), (1, 0));
    assert_eq!(large.standing(None, false).0.next, 3, "what comes next has its place");
}

#[test]
fn the_newest_event_that_was_said_is_one_of_the_journal() {
    let topics = topics(RealtimeSettings::default());
    let member = topics.enter(&topic("monitoring", false)).unwrap();
    let published = || member.standing(None, false).0.published.map(|position| position.seq);
    let event = |seq: u64| json(&format!(r#"{{"epoch":"{}","seq":{seq}}}"#, Uuid::nil()));
    member.publish(json("{}"));
    assert_eq!(published(), None);
    for (seq, newest) in [(4, 4), (3, 4), (9, 9), (10, 9)] {
        member.publish(event(seq));
        assert_eq!(published(), Some(newest), "{seq}");
    }
    let other = topics.enter(&topic("other", false)).unwrap();
    other.publish(event(5));
    assert_eq!(other.standing(None, false).0.published, None);
}
