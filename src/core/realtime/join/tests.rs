use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;

fn parse(payload: &Value) -> Result<Join, JoinFault> {
    Join::parse(&payload.to_string())
}

fn config(config: &Value) -> Join {
    parse(&json!({ "config": config })).unwrap()
}

#[test]
fn topics_have_a_name_behind_their_prefix() {
    for (wire, name) in [
        ("realtime:room", Ok("room")),
        ("realtime:a:b:", Ok("a:b:")),
        ("realtime::", Ok(":")),
        ("realtime:", Err(JoinFault::NameRequired)),
        ("realtime", Err(JoinFault::Unmatched)),
        ("other:room", Err(JoinFault::Unmatched)),
        ("phoenix", Err(JoinFault::Unmatched)),
    ] {
        assert_eq!(topic_name(wire), name, "{wire}");
    }
}

#[test]
fn a_join_of_the_javascript_client_is_read_whole() {
    let join = parse(&json!({
        "config": {
            "broadcast": { "ack": true, "self": true, "replay": { "since": 5, "limit": 90 } },
            "presence": { "key": "me", "enabled": true },
            "postgres_changes": [{ "event": "INSERT", "schema": "public", "table": "t" }],
            "private": true,
        },
        "access_token": "jwt",
        "version": "realtime-js/2.109.0",
    }));
    let join = join.unwrap();
    assert!(join.ack && join.to_self && join.presence && join.private);
    assert_eq!(join.replay, Some(Replay { since: 5, limit: 25 }));
    assert_eq!(join.presence_key.as_deref(), Some("me"));
    assert_eq!(join.changes.len(), 1);
    assert_eq!(join.token.as_deref(), Some("jwt"));
    assert_eq!(join.notes, [""; 0]);
}

#[test]
fn what_is_absent_or_null_has_its_default_and_what_is_unknown_is_ignored() {
    let nulls = json!({
        "config": {
            "broadcast": null, "presence": { "key": null, "enabled": null },
            "postgres_changes": null, "private": null, "signalbox": { "from": null },
        },
        "access_token": null,
    });
    let unknown = json!({ "config": { "more": 1, "broadcast": { "more": [] } }, "more": {} });
    for payload in [json!({}), json!({ "config": null }), json!({ "config": {} }), nulls, unknown] {
        assert_eq!(parse(&payload), Ok(Join::default()), "{payload}");
    }
}

#[test]
fn what_cannot_be_read_has_its_default_and_a_note() {
    for (payload, note) in [
        (json!([]), "payload: unable to parse, expected a map"),
        (json!({ "config": [] }), "config: unable to parse, expected a map"),
        (
            json!({ "config": { "broadcast": { "ack": "yes" } } }),
            "config.broadcast.ack: unable to parse, expected boolean",
        ),
        (
            json!({ "config": { "private": 1 } }),
            "config.private: unable to parse, expected boolean",
        ),
        (
            json!({ "config": { "presence": "on" } }),
            "config.presence: unable to parse, expected a map",
        ),
        (
            json!({ "config": { "postgres_changes": {} } }),
            "config.postgres_changes: unable to parse, expected an array of maps",
        ),
    ] {
        let expected = Join { notes: vec![note.to_owned()], ..Join::default() };
        assert_eq!(parse(&payload), Ok(expected));
    }
    let join = config(&json!({ "broadcast": { "ack": 7, "self": true } }));
    assert!(join.to_self, "one fault spoils nothing else");
}

#[test]
fn booleans_may_be_words_and_keys_anything() {
    for (value, expected) in
        [(json!("true"), true), (json!("TRUE"), true), (json!("False"), false), (json!(true), true)]
    {
        assert_eq!(config(&json!({ "private": value })).private, expected);
    }
    for (value, expected) in [
        (json!("k"), Some("k")),
        (json!(""), None),
        (json!(5), Some("5")),
        (json!("null"), Some("null")),
    ] {
        let join = config(&json!({ "presence": { "key": value } }));
        assert_eq!(join.presence_key.as_deref(), expected, "{value}");
    }
}

#[test]
fn tokens_have_two_names_and_an_api_key_is_none() {
    for (payload, token) in [
        (json!({ "access_token": "a" }), Some("a")),
        (json!({ "user_token": "u" }), Some("u")),
        (json!({ "access_token": "a", "user_token": "u" }), Some("u")),
        (json!({ "access_token": "sb_publishable_x" }), None),
        (json!({ "access_token": "sb_x", "user_token": "u" }), None),
        (json!({ "access_token": 7 }), None),
        (json!({ "access_token": 7, "user_token": "u" }), Some("u")),
    ] {
        assert_eq!(parse(&payload).unwrap().token.as_deref(), token, "{payload}");
    }
}

#[test]
fn what_no_default_could_stand_for_is_refused() {
    let replay = |private: bool, replay: &Value| {
        parse(&json!({ "config": { "private": private, "broadcast": { "replay": replay } } })).err()
    };
    assert_eq!(replay(false, &json!({ "since": 0 })), Some(JoinFault::PublicReplay));
    assert_eq!(replay(true, &json!({ "since": "0" })), Some(JoinFault::Replay));
    assert_eq!(replay(true, &json!({ "since": 0 })), None);
    let changes = json!({ "config": { "postgres_changes": ["t"] } });
    let fault = parse(&changes).unwrap_err();
    assert_eq!(fault.to_string(), "UnknownErrorOnChannel: expected a map, got: \"t\"");
    let many = json!({ "config": { "postgres_changes": vec![json!({}); 101] } });
    assert_eq!(parse(&many), Err(JoinFault::TooManyBindings));
    let from = json!({ "config": { "signalbox": { "from": { "seq": 1 } } } });
    assert_eq!(parse(&from), Err(JoinFault::Resume));
}

#[test]
fn bindings_are_said_back_in_order_as_they_were_sent() {
    let payload = r#"{"config":{"postgres_changes":[
        null, {"table": "t", "event":"*", "filter":"a=eq.1\u00e9"}, {}, {"id":0,"schema":"s"}
    ]}}"#;
    let join = Join::parse(payload).unwrap();
    let [a, b, c] = *super::ids(&join.changes) else { panic!("three bindings") };
    let expected = format!(
        r#"{{"postgres_changes":[{{"id":{a},"table": "t", "event":"*", "filter":"a=eq.1\u00e9"}},{{"id":{b}}},{{"id":{c},"schema":"s"}}]}}"#
    );
    assert_eq!(join.response(None), expected);
    assert!(a != 0 && a != b && b != c);
    assert_eq!(Join::default().response(None), r#"{"postgres_changes":[]}"#);
}

#[test]
fn only_who_resumes_hears_how_it_went() {
    let epoch = Uuid::from_u128(1);
    let join = config(&json!({ "signalbox": { "from": { "epoch": epoch, "seq": 7 } } }));
    assert_eq!(join.from, Some(Position { epoch, seq: 7 }));
    let resumed = Resumed { position: Position { epoch, seq: 9 }, recovered: true };
    let response: Value = serde_json::from_str(&join.response(Some(resumed))).unwrap();
    let expected = json!({
        "postgres_changes": [],
        "signalbox": { "epoch": epoch, "seq": 9, "recovered": true },
    });
    assert_eq!(response, expected);
}

proptest! {
    #[test]
    fn no_payload_breaks_anything(text in ".{0,40}", value in "[\\[{\"0-9a-z:,}\\]]{0,20}") {
        drop(Join::parse(&text));
        drop(Join::parse(&format!(r#"{{"config":{{"postgres_changes":[{value}]}}}}"#)));
        if let Ok(join) = Join::parse(&format!(r#"{{"config":{{"presence":{{"key":{value}}}}}}}"#)) {
            prop_assert!(serde_json::from_str::<Value>(&join.response(None)).is_ok());
        }
    }
}
