//! Events as the original system's dashboards get them over `/ws`.
//!
//! An event posted anywhere is `{type, data, timestamp}`. One of type `event` that tells of a
//! connection has its members side by side, and one that came in by `/events` is a `test_event`, as
//! they were. The time of a broadcast is that of the commit: it is the same for every client.

use serde_json::value::RawValue;

use super::{ServerFrame, session, text_frame};
use crate::core::{
    canonical::quote,
    event::{Event, rfc3339},
    legacy::{INGEST, Ingest, Members, Parts, member},
};

/// Members of an `event`, and the names under which producers give them.
const CONNECTION: [(&str, &[&str]); 7] = [
    ("direction", &["direction"]),
    ("script_name", &["script_name", "script"]),
    ("function_name", &["function_name", "function"]),
    ("data_size_bytes", &["data_size_bytes"]),
    ("response_time_ms", &["response_time_ms"]),
    ("error", &["error"]),
    ("metadata", &["metadata"]),
];

/// Appends an event.
pub fn event(out: &mut Vec<u8>, event: &Event) {
    text_frame(out, &push(event));
}

/// Appends a frame, if it names events that will not come: the original system had no word for that,
/// and its clients pass it over. All else is their session's to say.
pub(super) fn frame(out: &mut Vec<u8>, frame: &ServerFrame) {
    if let ServerFrame::Gap { gap, .. } | ServerFrame::Subscribed { gap: Some(gap), .. } = frame {
        text_frame(out, &session::gap_value(gap).to_string());
    }
}

fn push(event: &Event) -> String {
    let broadcast = rfc3339(event.created_at);
    let Some(parts) = Parts::of(event) else {
        let mut event_type = String::new();
        quote(&event.event_type, &mut event_type);
        return format!(r#"{{"type":{event_type},"data":{{}},"timestamp":"{broadcast}"}}"#);
    };
    if let Some(ingest) = ingest(&parts) {
        return test_event(event, &parts, ingest, &broadcast);
    }
    if &*event.event_type == "event" {
        let data = parts.data();
        if member(&data, &["connection_type"]).is_some_and(|kind| kind.get().starts_with('"')) {
            return connection_event(&data, &parts, &broadcast);
        }
    }
    let Parts { event_type, data, timestamp, .. } = parts;
    format!(r#"{{"type":{event_type},"data":{data},"timestamp":{timestamp}}}"#)
}

/// How an event came in by `/events`, if it did.
fn ingest(parts: &Parts<'_>) -> Option<Ingest> {
    // Most have not, and need not be taken apart to know.
    if !parts.metadata.get().contains(INGEST) {
        return None;
    }
    let name = member(&parts.metadata(), &[INGEST])?.get();
    Ingest::parse(name.trim_matches('"'))
}

/// The object of a producer: as it was sent when it is the data, else with the names of both sides.
fn test_event(event: &Event, parts: &Parts<'_>, ingest: Ingest, broadcast: &str) -> String {
    let Parts { event_type, timestamp, data, .. } = parts;
    let sent = match ingest {
        Ingest::Object => data.get().to_owned(),
        Ingest::Fields => {
            let json = std::str::from_utf8(&event.json).unwrap_or_default();
            let members = json.strip_prefix('{').unwrap_or("}");
            format!(r#"{{"type":{event_type},{members}"#)
        }
    };
    format!(
        r#"{{"type":"test_event","event":{sent},"timestamp":{timestamp},"broadcast_time":"{broadcast}"}}"#
    )
}

fn connection_event(data: &Members<'_>, parts: &Parts<'_>, broadcast: &str) -> String {
    let value = |names| member(data, names).map_or("null", RawValue::get);
    let mut text = format!(r#"{{"type":"event","connection_type":{}"#, value(&["connection_type"]));
    for (name, names) in CONNECTION {
        let value = match (name, value(names)) {
            ("metadata", "null") => parts.metadata.get(),
            (_, value) => value,
        };
        text.extend([",\"", name, "\":", value]);
    }
    text.extend([",\"broadcast_time\":\"", broadcast, "\"}"]);
    text
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;
    use crate::core::event::{Draft, Position, tests::draft};

    const TIME: &str = "1970-01-01T00:00:00.000000Z";
    const LATER: &str = "1970-01-01T00:00:02.000000Z";

    fn committed(event_type: &str, data: &Value, metadata: &Value) -> Event {
        let draft = Draft {
            event_type: event_type.into(),
            data: data.to_string().into(),
            metadata: metadata.to_string().into(),
            ..draft(7, "00000000")
        };
        let created_at = DateTime::from_timestamp(2, 0).unwrap();
        Event::commit(draft, Position { epoch: Uuid::nil(), seq: 5 }, created_at)
    }

    fn pushed(event_type: &str, data: &Value, metadata: &Value) -> Value {
        serde_json::from_str(&push(&committed(event_type, data, metadata))).unwrap()
    }

    #[test]
    fn an_event_is_its_type_its_data_and_its_time() {
        let data = json!({ "hit_rate": 0.5 });
        let expected = json!({ "type": "cache_metrics", "data": data, "timestamp": TIME });
        assert_eq!(pushed("cache_metrics", &data, &json!({})), expected);
        let expected = json!({ "type": "event", "data": data, "timestamp": TIME });
        assert_eq!(pushed("event", &data, &json!({})), expected, "it tells of no connection");
    }

    #[test]
    fn an_event_of_a_connection_has_its_members_side_by_side() {
        let data = json!({
            "connection_type": "redis", "direction": "send", "script_name": "a.py",
            "function": "get", "data_size_bytes": 12, "response_time_ms": 1.5, "other": 1,
        });
        let expected = json!({
            "type": "event", "connection_type": "redis", "direction": "send",
            "script_name": "a.py", "function_name": "get", "data_size_bytes": 12,
            "response_time_ms": 1.5, "error": null, "metadata": { "m": 1 },
            "broadcast_time": LATER,
        });
        assert_eq!(pushed("event", &data, &json!({ "m": 1 })), expected);
    }

    #[test]
    fn what_came_by_the_old_socket_is_shown_as_it_was_sent() {
        let sent = json!({ "event_type": "x", "anything": [1] });
        let push = pushed("x", &sent, &json!({ "ingest": "websocket_object" }));
        let expected = json!({
            "type": "test_event", "event": sent, "timestamp": TIME, "broadcast_time": LATER,
        });
        assert_eq!(push, expected);
        let push = pushed("x", &json!({ "n": 1 }), &json!({ "ingest": "websocket" }));
        let event = &push["event"];
        assert_eq!(push["type"], "test_event");
        assert_eq!((&event["type"], &event["event_type"]), (&json!("x"), &json!("x")));
        assert_eq!((&event["data"], &event["source"]), (&json!({ "n": 1 }), &json!("s")));
        assert_eq!((&event["timestamp"], &event["seq"]), (&json!(TIME), &json!(5)));
        let push = pushed("x", &json!({}), &json!({ "ingest": 7 }));
        assert_eq!(push["type"], "x", "not what the router writes");
    }

    proptest! {
        #[test]
        fn every_push_is_an_object_with_a_type(
            event_type in ".{1,50}",
            keys in prop::collection::vec("(event_type|connection_type|ingest|error|\\PC*)", 0..5),
            values in prop::collection::vec(
                prop_oneof![Just(Value::Null), any::<i64>().prop_map(Value::from),
                    "(websocket|redis|\\PC*)".prop_map(Value::from)],
                5,
            ),
        ) {
            let object: Value = keys.into_iter().zip(values).collect();
            let event = committed(&event_type, &object, &object);
            let push: Value = serde_json::from_str(&push(&event)).unwrap();
            let kind = push["type"].as_str().unwrap();
            prop_assert!(kind == event_type || kind == "test_event");
        }
    }
}
