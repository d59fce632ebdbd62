//! What producers send over `/events`, as the event that a POST would have brought.
//!
//! An object that has nothing but an event's fields, under their old names or the new ones, is that
//! event. Any other object is the data of one, whole, so that nothing of it is lost. Either way it
//! goes through the same intake as everything else.

use std::fmt::Write;

use chrono::{DateTime, Utc};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{Members, member, times::time};
use crate::core::{
    canonical::{members, quote},
    event::{MAX_SOURCE, rfc3339},
    intake::{self, Batch, Context, Faults},
};

/// The member of an event's metadata that says how it came in by `/events`.
pub(in crate::core) const INGEST: &str = "ingest";

/// What the object of a producer became.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::core) enum Ingest {
    /// The event's fields.
    Fields,
    /// The event's data.
    Object,
}

impl Ingest {
    fn as_str(self) -> &'static str {
        match self {
            Self::Fields => "websocket",
            Self::Object => "websocket_object",
        }
    }

    /// What is marked so.
    pub(in crate::core) fn parse(name: &str) -> Option<Self> {
        [Self::Fields, Self::Object].into_iter().find(|ingest| ingest.as_str() == name)
    }
}

/// A frame that is not taken.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// Not JSON.
    #[error("an event is JSON: {0}")]
    NotJson(serde_json::Error),
    /// JSON, but no object.
    #[error("an event is a JSON object")]
    NoObject,
    /// An object that cannot be taken.
    #[error("{}", explain(.0))]
    Faults(#[from] Faults),
}

/// The source of an event that names none, and the type of one that names none.
const SOURCE: &str = "\"websocket\"";
const UNKNOWN: &str = "\"unknown\"";
/// The fields of an event; of the last four, the router makes its own.
const FIELDS: [&str; 12] = [
    "event_type",
    "type",
    "timestamp",
    "source",
    "category",
    "data",
    "metadata",
    "id",
    "seq",
    "epoch",
    "checksum",
    "created_at",
];
/// Reads a frame as the body of a POST with one event; `new_id` makes the id of one without.
///
/// # Errors
/// When it is no JSON object. What no event may hold is a fault of the event.
pub fn read(
    text: &str,
    ctx: &Context<'_>,
    new_id: &mut dyn FnMut() -> Uuid,
) -> Result<Batch, Unreadable> {
    let members = members(text).map_err(|error| {
        if error.is_data() { Unreadable::NoObject } else { Unreadable::NotJson(error) }
    })?;
    let mut read = |json: &str| intake::read_json(json.as_bytes(), ctx, &mut |_| new_id());
    if let Some(json) = fields(&members)
        && let Ok(batch) = read(&json)
        && batch.events.iter().all(Result::is_ok)
    {
        return Ok(batch);
    }
    read(&object(text, &members)).map_err(Unreadable::Faults)
}

/// The event whose fields these are, if they are nothing else.
fn fields(members: &Members<'_>) -> Option<String> {
    if members.iter().any(|(key, _)| !FIELDS.contains(&&**key)) {
        return None;
    }
    let is_object = |name: &str| member(members, &[name]).map(|value| value.get().starts_with('{'));
    if is_object("data") != Some(true) || is_object("metadata") == Some(false) {
        return None;
    }
    let time = match member(members, &["timestamp"]) {
        Some(raw) => Some(time(raw.get())?),
        None => None,
    };
    let given = |name| member(members, &[name]).map(RawValue::get);
    let metadata = given("metadata").unwrap_or("{}");
    let source = given("source").unwrap_or(SOURCE);
    let data = given("data").unwrap_or("{}");
    let mut json = event(members, source, data, &marked(metadata, Ingest::Fields), time);
    for name in ["id", "category"] {
        if let Some(value) = given(name) {
            put(&mut json, name, value);
        }
    }
    json.push('}');
    Some(json)
}

/// The event whose data is the whole object.
fn object(text: &str, members: &Members<'_>) -> String {
    let source = member(members, &["source"]).filter(|raw| {
        let name = serde_json::from_str::<String>(raw.get()).unwrap_or_default();
        (1..=MAX_SOURCE).contains(&name.chars().count())
    });
    let time = member(members, &["timestamp"]).and_then(|raw| time(raw.get()));
    let source = source.map_or(SOURCE, |raw| raw.get());
    let mut json = event(members, source, text, &marked("{}", Ingest::Object), time);
    json.push('}');
    json
}

/// An event's JSON, but for its last brace.
fn event(
    members: &Members<'_>,
    source: &str,
    data: &str,
    metadata: &str,
    time: Option<DateTime<Utc>>,
) -> String {
    let given = member(members, &["event_type"]).filter(|name| name.get() != "\"\"");
    let given = given.or_else(|| member(members, &["type"]));
    let event_type = given.map(RawValue::get).filter(|name| *name != "\"\"");
    let mut json = format!(r#"{{"event_type":{}"#, event_type.unwrap_or(UNKNOWN));
    put(&mut json, "source", source);
    put(&mut json, "data", data);
    put(&mut json, "metadata", metadata);
    if let Some(time) = time {
        put(&mut json, "timestamp", &format!("\"{}\"", rfc3339(time)));
    }
    json
}

/// The metadata with the mark of how it came, in the place of any other.
fn marked(metadata: &str, ingest: Ingest) -> String {
    let mut json = format!("{{\"{INGEST}\":\"{}\"", ingest.as_str());
    for (key, value) in members(metadata).unwrap_or_default() {
        if key != INGEST {
            put(&mut json, &key, value.get());
        }
    }
    json.push('}');
    json
}

fn put(json: &mut String, name: &str, value: &str) {
    json.push(',');
    quote(name, json);
    // Writing to a String cannot fail.
    write!(json, ":{value}").unwrap_or_default();
}

/// All faults in a line; they point into the event as a POST would bring it.
fn explain(faults: &Faults) -> String {
    let mut lines = faults.list.iter().map(|fault| {
        let place = fault.pointer.trim_start_matches('/');
        format!("{place} {}", fault.detail).trim_start().to_owned()
    });
    let first = lines.next().unwrap_or_default();
    lines.fold(first, |text, line| format!("{text}; {line}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::core::{event::Draft, intake::Limits};

    fn take(text: &str) -> Result<Draft, Unreadable> {
        let ctx = Context {
            received: DateTime::from_timestamp(9, 0).unwrap(),
            limits: Limits { batch_events: 1, event_bytes: 1000 },
            secret: None,
            routing: &crate::core::flags::Routing::DIRECT,
            traceparent: None,
        };
        let parsed = read(text, &ctx, &mut || Uuid::from_u128(1))?.all_or_nothing()?;
        Ok(parsed.drafts.into_iter().next().unwrap())
    }

    fn taken(sent: &Value) -> Draft {
        take(&sent.to_string()).unwrap()
    }

    #[test]
    fn an_events_fields_are_taken_under_their_old_names_too() {
        let id = "0190b5c4-6a2e-7cc3-98c4-dc0c0c07398f";
        let draft = taken(&json!({
            "type": "cache", "timestamp": 1.5, "data": { "n": 1 }, "metadata": { "m": 2 },
            "source": "redis", "id": id, "category": "debug", "seq": 3,
        }));
        assert_eq!(
            (&*draft.event_type, &*draft.source, &*draft.data),
            ("cache", "redis", r#"{"n":1}"#)
        );
        assert_eq!(&*draft.metadata, r#"{"ingest":"websocket","m":2,"broadcast_mode":"direct"}"#);
        assert_eq!((draft.id.to_string(), draft.category.as_str()), (id.to_owned(), "debug"));
        assert_eq!(draft.timestamp.timestamp_millis(), 1500);
        let draft = taken(&json!({ "type": "old", "event_type": "new", "data": {} }));
        assert_eq!((&*draft.event_type, &*draft.source), ("new", "websocket"));
        assert_eq!(draft.timestamp.timestamp(), 9, "the time of receipt");
        assert_eq!(&*taken(&json!({ "data": {} })).event_type, "unknown");
        assert_eq!(&*taken(&json!({ "event_type": "", "data": {} })).event_type, "unknown");
    }

    #[test]
    fn any_other_object_is_data_as_it_was_sent() {
        for sent in [
            json!({ "event_type": "x", "severity": "high", "data": {} }),
            json!({ "event_type": "x", "data": [1] }),
            json!({ "event_type": "x" }),
            json!({ "event_type": "x", "data": {}, "metadata": 1 }),
            json!({ "event_type": "x", "data": {}, "id": 17 }),
            json!({ "event_type": "x", "data": {}, "category": "none" }),
            json!({ "event_type": "x", "data": {}, "timestamp": "yesterday" }),
            json!({ "event_type": "x", "data": {}, "source": 5 }),
        ] {
            let draft = taken(&sent);
            assert_eq!(serde_json::from_str::<Value>(&draft.data).unwrap(), sent);
            assert_eq!((&*draft.event_type, &*draft.source), ("x", "websocket"), "{sent}");
            assert!(draft.metadata.contains(r#""ingest":"websocket_object""#), "{sent}");
        }
        let sent = json!({ "source": "api", "timestamp": "1970-01-01 00:00:05", "x": 1 });
        let draft = taken(&sent);
        assert_eq!((&*draft.source, draft.timestamp.timestamp()), ("api", 5));
    }

    #[test]
    fn what_is_no_event_is_told_why() {
        let why = |text: &str| take(text).unwrap_err().to_string();
        assert!(why("{").starts_with("an event is JSON: "), "{}", why("{"));
        assert_eq!(why("[1]"), "an event is a JSON object");
        assert_eq!(why(r#"{"type":5}"#), "event_type must be a string");
        let long = format!(r#"{{"type":"{}"}}"#, "x".repeat(51));
        assert_eq!(why(&long), "event_type has 51 characters: at most 50 are allowed");
        assert!(why(r#"{"type":"x","y":"\u0000"}"#).starts_with("data/y the character U+0000"));
        let large = format!(r#"{{"type":"x","y":"{}"}}"#, "y".repeat(1000));
        assert!(why(&large).starts_with("has "), "{}", why(&large));
    }

    proptest! {
        #[test]
        fn nothing_that_was_sent_is_lost(
            object in prop::collection::btree_map(
                "(event_type|type|source|timestamp|data|metadata|[a-z]{1,3})",
                prop_oneof![
                    Just(json!({})), Just(json!({ "ingest": 1 })), Just(Value::Null),
                    "[ -~]{1,20}".prop_map(Value::from), any::<i32>().prop_map(Value::from),
                ],
                0..6,
            ),
        ) {
            let sent = json!(object);
            // Only a type that is none is refused.
            let name = |key: &str| object.get(key).filter(|value| !value.is_null());
            let typed = name("event_type").or_else(|| name("type"));
            let result = take(&sent.to_string());
            prop_assert_eq!(result.is_ok(), typed.is_none_or(Value::is_string), "{:?}", result);
            if let Ok(draft) = result {
                let data: Value = serde_json::from_str(&draft.data).unwrap();
                let whole = draft.metadata.contains("websocket_object");
                prop_assert_eq!(&data, if whole { &sent } else { &sent["data"] });
            }
        }
    }
}
