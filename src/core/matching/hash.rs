//! What a client sees of an event, as a hash: alike on both paths and after a trip through JSONB.
//!
//! It covers `id`, `seq`, `event_type`, `timestamp`, `source`, `category`, `data` and `metadata`, by
//! value: key order, white space, escapes and number forms do not matter, nor how a time is
//! written. Not `epoch`, which a table does not have, nor what the journal and the router add for
//! themselves. SHA-256: a changed event must not pass by chance, and reading the JSON takes longer
//! than the hash.

use std::{fmt, str::FromStr};

use chrono::{DateTime, NaiveDateTime, Utc};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::core::{
    canonical::{Members, canonical, members, text},
    event::{Event, Seq},
};

/// What is compared.
const COMPARED: [&str; 8] =
    ["id", "seq", "event_type", "timestamp", "source", "category", "data", "metadata"];

/// The hash of what a client sees of an event.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PayloadHash([u8; 32]);

/// A text that is no hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a payload hash is 64 hexadecimal digits")]
pub struct NoHash;

/// A JSON text that shows no event.
#[derive(Debug, thiserror::Error)]
pub enum NotAnEvent {
    /// It is no JSON object.
    #[error("no JSON object: {0}")]
    NoObject(#[from] serde_json::Error),
    /// It has no `id` that is a UUID.
    #[error("its id is no UUID")]
    NoId,
}

/// What was seen of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Its id.
    pub id: Uuid,
    /// Its place, where one is told.
    pub seq: Option<Seq>,
    /// The journal's epoch, where it is told.
    pub epoch: Option<Uuid>,
    /// All that is compared.
    pub hash: PayloadHash,
}

impl Shown {
    /// Reads an event as a client gets it: the `event` of a frame, the payload of a broadcast, or
    /// the row of a change.
    ///
    /// # Errors
    /// When it is no event at all; one that was changed is read all the same.
    pub fn read(object: &str) -> Result<Self, NotAnEvent> {
        let members = members(object)?;
        let uuid = |name| value(&members, name).and_then(plain).and_then(|id| id.parse().ok());
        let seq = value(&members, "seq").and_then(|seq| canonical(seq).ok()?.parse().ok());
        let id = uuid("id").ok_or(NotAnEvent::NoId)?;
        Ok(Self { id, seq, epoch: uuid("epoch"), hash: hash(&members) })
    }
}

impl PayloadHash {
    /// What a client is to see of an event.
    #[must_use]
    pub fn expected(event: &Event) -> Self {
        // The journal makes the JSON of an event itself: it reads.
        let json = std::str::from_utf8(&event.json).unwrap_or_default();
        members(json).map_or_else(|_| Self(Sha256::digest(json).into()), |members| hash(&members))
    }

    /// A hash for tests.
    #[cfg(test)]
    pub(crate) fn of(text: &str) -> Self {
        Self(Sha256::digest(text).into())
    }
}

impl fmt::Display for PayloadHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PayloadHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PayloadHash {
    type Err = NoHash;

    fn from_str(text: &str) -> Result<Self, NoHash> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_no_digits| NoHash)?;
        Ok(Self(bytes))
    }
}

fn hash(members: &Members<'_>) -> PayloadHash {
    let mut hash = Sha256::new();
    for name in COMPARED {
        // No canonical value has a line break in it, and none is empty.
        match value(members, name) {
            None => {}
            Some(value) if name == "timestamp" => hash.update(time(value)),
            Some(value) => hash.update(by_value(value)),
        }
        hash.update("\n");
    }
    PayloadHash(hash.finalize().into())
}

/// The value as it is written; of equal keys, the last one counts.
fn value<'a>(members: &Members<'a>, name: &str) -> Option<&'a str> {
    members.iter().rfind(|(key, _)| key == name).map(|(_, value)| value.get())
}

/// The text of a JSON string.
fn plain(value: &str) -> Option<String> {
    text(value).ok().flatten().map(String::from)
}

/// What could not have been stored was changed on its way: it stands for itself.
fn by_value(value: &str) -> String {
    canonical(value).unwrap_or_else(|_refused| format!("!{value}"))
}

/// Microseconds since 1970, of a time as JSON or as a database writes it; marked, as a number would
/// look the same.
fn time(value: &str) -> String {
    let micros = plain(value).as_deref().and_then(parse_time).map(|time| time.timestamp_micros());
    micros.map_or_else(|| by_value(value), |micros| format!("@{micros}"))
}

fn parse_time(text: &str) -> Option<DateTime<Utc>> {
    let with_offset = DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f%#z"));
    let utc = |_| text.replacen(' ', "T", 1).parse::<NaiveDateTime>().map(|time| time.and_utc());
    with_offset.map(|time| time.to_utc()).or_else(utc).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    use super::*;
    use crate::core::{
        canonical::tests::{any_json, jsonb, spell},
        event::{Position, tests::draft},
    };

    fn committed(data: &Value, metadata: &Value) -> Event {
        let mut draft = draft(7, "00000000");
        (draft.data, draft.metadata) = (data.to_string().into(), metadata.to_string().into());
        draft.timestamp = DateTime::from_timestamp_micros(1_000_001).unwrap();
        Event::commit(draft, Position { epoch: Uuid::from_u128(9), seq: 12 }, DateTime::UNIX_EPOCH)
    }

    fn event() -> Event {
        committed(&json!({"b": 1, "a": [1.5, "é"]}), &json!({"broadcast_mode": "dual"}))
    }

    fn object(event: &Event) -> Map<String, Value> {
        serde_json::from_slice(&event.json).unwrap()
    }

    fn read(object: &Map<String, Value>) -> Shown {
        Shown::read(&serde_json::to_string(object).unwrap()).unwrap()
    }

    #[test]
    fn a_client_of_either_path_sees_what_is_expected() {
        let event = event();
        let expected = PayloadHash::expected(&event);
        let frame = read(&object(&event));
        let shown = Shown {
            id: Uuid::from_u128(7),
            seq: Some(12),
            epoch: Some(Uuid::from_u128(9)),
            hash: expected,
        };
        assert_eq!(frame, shown);

        let mut payload = object(&event);
        payload.insert("prev".into(), 5.into());
        assert_eq!(read(&payload), shown);

        let mut row = object(&event);
        row.remove("epoch");
        for time in ["1970-01-01T00:00:01.000001+00:00", "1970-01-01 00:00:01.000001+00"] {
            row.insert("timestamp".into(), time.into());
            assert_eq!(read(&row), Shown { epoch: None, ..shown }, "{time}");
        }
        row.insert("timestamp".into(), "1970-01-01 00:00:01.000001".into());
        assert_eq!(read(&row).hash, expected, "a column without a time zone is in UTC");
    }

    #[test]
    fn a_change_of_anything_compared_is_seen() {
        let event = event();
        let changes = [
            ("id", json!("00000000-0000-0000-0000-000000000008")),
            ("seq", json!(13)),
            ("seq", json!("12")),
            ("event_type", json!("T")),
            ("timestamp", json!("1970-01-01T00:00:01.000002Z")),
            ("timestamp", json!("yesterday")),
            ("timestamp", json!(1_000_001)),
            ("source", json!("")),
            ("category", json!("debug")),
            ("data", json!({"b": 1, "a": ["é", 1.5]})),
            ("data", json!({"b": 1, "a": [1.5, "e\u{301}"]})),
            ("metadata", json!({})),
            ("metadata", Value::Null),
        ];
        for (name, value) in changes {
            let mut seen = object(&event);
            seen.insert(name.into(), value.clone());
            assert_ne!(read(&seen).hash, PayloadHash::expected(&event), "{name}: {value}");
        }
        for name in COMPARED.into_iter().filter(|name| *name != "id") {
            let mut seen = object(&event);
            seen.remove(name);
            assert_ne!(read(&seen).hash, PayloadHash::expected(&event), "without {name}");
        }
    }

    #[test]
    fn what_shows_no_event_is_told() {
        assert!(matches!(Shown::read("[]"), Err(NotAnEvent::NoObject(_))));
        assert!(matches!(Shown::read("{"), Err(NotAnEvent::NoObject(_))));
        for text in ["{}", r#"{"id":7}"#, r#"{"id":"x"}"#, r#"{"id":null}"#] {
            assert!(matches!(Shown::read(text), Err(NotAnEvent::NoId)), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_stored_is_read_as_a_change() {
        let seen = r#"{"id":"00000000-0000-0000-0000-000000000007","data":{"x":"\u0000"}}"#;
        let other = r#"{"id":"00000000-0000-0000-0000-000000000007","data":{"x":1e999}}"#;
        assert_ne!(Shown::read(seen).unwrap().hash, Shown::read(other).unwrap().hash);
    }

    #[test]
    fn a_hash_reads_as_it_is_written() {
        let hash = PayloadHash::of("x");
        assert_eq!(hash.to_string().parse(), Ok(hash));
        assert_eq!("00".parse::<PayloadHash>(), Err(NoHash));
        assert_eq!("x".repeat(64).parse::<PayloadHash>(), Err(NoHash));
    }

    proptest! {
        #[test]
        fn an_event_and_its_json_agree_after_any_trip(
            data in any_json(),
            choices in prop::collection::vec(any::<u8>(), 1..64),
        ) {
            let data = json!({ "x": data });
            let event = committed(&data, &data);
            let expected = PayloadHash::expected(&event);
            let sent = String::from_utf8(event.json.to_vec()).unwrap();
            for form in [jsonb(&data), spell(&data, &choices)] {
                let seen = sent.replace(&data.to_string(), &form);
                prop_assert_eq!(Shown::read(&seen).unwrap().hash, expected, "{}", seen);
            }
        }
    }
}
