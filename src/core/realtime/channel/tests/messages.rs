//! Broadcasts and presence.

use serde_json::json;

use super::*;
use crate::core::realtime::phoenix::{Broadcast, Encoding, UserBroadcast};

#[test]
fn on_the_routers_own_topic_clients_only_listen() {
    for (private, ack) in [(false, false), (false, true), (true, true)] {
        let mut socket = Socket::new();
        socket.channels = Channels::new(Limits::default(), Duration::ZERO);
        socket.channels.reserve(Some("a"));
        let config = json!({ "private": private, "broadcast": { "ack": ack } });
        let payload = json!({ "config": config, "access_token": "read write" });
        socket.say(&json!(["1", "1", "realtime:a", "phx_join", payload]).to_string());
        let heard = socket.say(r#"["1","2","realtime:a","broadcast",{"event":"e"}]"#);
        let reason = r#"{"reason":"Unauthorized: Only the router speaks on this topic"}"#;
        let answer = ack.then(|| error(2, reason));
        let expected: Vec<String> =
            [Some("drop reserved".into()), answer].into_iter().flatten().collect();
        assert_eq!(heard, expected);
        socket.say(r#"["2","3","realtime:ab","phx_join",{}]"#);
        let heard = socket.say(r#"["2","4","realtime:ab","broadcast",{"event":"e"}]"#);
        assert_eq!(heard, ["publish ab of 13 bytes"]);
    }
}

#[test]
fn broadcasts_are_passed_on_and_answered_when_asked() {
    let said = r#"["9","2","realtime:a","broadcast",{"type":"broadcast","event":"e","payload":1}]"#;
    for (config, heard) in [
        (json!({}), vec!["publish a of 44 bytes".to_owned()]),
        (
            json!({ "broadcast": { "self": true } }),
            vec!["publish a of 44 bytes to self".to_owned()],
        ),
        (json!({ "broadcast": { "ack": true } }), vec!["publish a of 44 bytes".to_owned(), ok(2)]),
        // Who may only read is not even answered.
        (
            json!({ "private": true, "broadcast": { "ack": true } }),
            vec!["drop not_allowed".to_owned()],
        ),
    ] {
        assert_eq!(joined(&config).say(said), heard, "{config}");
    }
}

#[test]
fn what_cannot_be_passed_on_is_counted_and_answered_when_asked() {
    let limits = Limits { payload_bytes: 9, ..Limits::default() };
    for (payload, dropped, response) in [
        (r#"{"a":"bcd"}"#, "too_large", r#"{"error":"payload_size_exceeded"}"#),
        ("[1]", "not_an_object", r#"{"reason":"Broadcast payload must be a map"}"#),
    ] {
        let said = format!(r#"["1","2","realtime:a","broadcast",{payload}]"#);
        let mut socket = Socket::with(limits);
        join(&mut socket, &json!({}));
        assert_eq!(socket.say(&said), [format!("drop {dropped}")]);
        join(&mut socket, &json!({ "broadcast": { "ack": "true" } }));
        assert_eq!(socket.say(&said), [format!("drop {dropped}"), error(2, response)]);
    }
}

#[test]
fn what_a_client_says_about_its_message_is_not_passed_on() {
    let user = UserBroadcast {
        event: "e".into(),
        encoding: Encoding::Json,
        payload: "1".into(),
        meta: Some("{}".into()),
    };
    let mut socket = joined(&json!({}));
    let message = ClientMessage {
        payload: Payload::User(user.clone()),
        ..decode(r#"["1","2","realtime:a","broadcast",{}]"#)
    };
    let effects = socket.channels.on_message(&message, socket.now(), &Words, &mut || Uuid::nil());
    let expected = Broadcast::User(UserBroadcast { meta: None, ..user });
    assert!(matches!(&effects[..], [Effect::Publish { broadcast, .. }] if *broadcast == expected));
}

#[test]
fn too_many_messages_end_the_channel_for_good() {
    for event in ["broadcast", "other"] {
        let mut socket = Socket::with(Limits { events_per_second: 1, ..Limits::default() });
        join(&mut socket, &json!({}));
        let said = format!(r#"["1","2","realtime:a","{event}",{{}}]"#);
        for _ in 0..60 {
            assert_eq!(socket.say(&said).len(), 1);
        }
        assert_eq!(socket.say(&said), fatal("Too many messages per second"));
    }
}

/// A token that may do everything.
const MAY: &str = "read write";

#[test]
fn presence_is_tracked_and_answered() {
    let mut socket =
        joined(&json!({ "private": true, "presence": { "key": "me", "enabled": true } }));
    let mut say = |payload: &str, token: &str| {
        let refresh = json!(["1", "2", "realtime:a", "access_token", { "access_token": token }]);
        assert_eq!(socket.say(&refresh.to_string()), [""; 0]);
        socket.now += Duration::from_secs(31);
        socket.say(&format!(r#"["1","2","realtime:a","presence",{payload}]"#))
    };
    for (payload, token, heard) in [
        (
            r#"{"type":"presence","event":"track","payload":{"n":1.0}}"#,
            MAY,
            vec![r#"track a! me {"n":1.0}"#.to_owned(), ok(2)],
        ),
        (r#"{"event":"TRACK"}"#, MAY, vec!["track a! me {}".to_owned(), ok(2)]),
        (r#"{"event":"untrack"}"#, MAY, vec!["untrack a!".to_owned(), ok(2)]),
        (
            r#"{"event":"track","payload":[1]}"#,
            MAY,
            vec![error(2, r#"{"reason":"Presence track payload must be a map"}"#)],
        ),
        (r#"{"event":"dance"}"#, MAY, vec![error(2, "{}")]),
        ("{}", MAY, vec![ok(2)]),
        ("5", MAY, vec![ok(2)]),
        (r#"{"event":"track","payload":{}}"#, "read", vec![error(2, "{}")]),
        (r#"{"event":"untrack"}"#, "read", vec!["untrack a!".to_owned(), ok(2)]),
    ] {
        assert_eq!(say(payload, token), heard, "{payload}");
    }
}

#[test]
fn who_is_present_hears_who_is() {
    let mut socket = joined(&json!({ "presence": { "key": "me" } }));
    let say = |socket: &mut Socket, what: &str| {
        socket.say(&format!(r#"["1","2","realtime:a","presence",{{"event":"{what}"}}]"#))
    };
    assert_eq!(say(&mut socket, "untrack"), ["untrack a", &ok(2)]);
    assert_eq!(say(&mut socket, "track"), ["watch a", "track a me {}", &ok(2)]);
    let topic = Topic { name: "a".into(), private: false };
    let state = socket.channels.watching(&topic, "{}".into()).unwrap();
    assert_eq!(said(&state), r#"["1",null,"realtime:a","presence_state",{}]"#);
    assert_eq!(say(&mut socket, "track"), ["track a me {}", &ok(2)], "it does already");
}

#[test]
fn presence_has_its_limits() {
    let track = r#"["1","2","realtime:a","presence",{"event":"track","payload":{"n":1}}]"#;
    let outcome = |limits: Limits, calls: usize| {
        let mut socket = Socket::with(limits);
        join(&mut socket, &json!({ "presence": { "enabled": true } }));
        let key = "00000000-0000-0000-0000-000000000007";
        for _ in 0..calls {
            assert_eq!(socket.say(track), [format!(r#"track a {key} {{"n":1}}"#), ok(2)]);
        }
        socket.say(track)
    };
    let limits = Limits::default();
    assert_eq!(outcome(limits, 5), fatal("Client presence rate limit exceeded"));
    let small = Limits { payload_bytes: 6, ..limits };
    assert_eq!(outcome(small, 0), fatal("Track message size exceeded"));
    let slow = Limits { presence_per_second: 1, presence_calls: 0, ..limits };
    assert_eq!(outcome(slow, 60), fatal("Too many presence messages per second"));
}
