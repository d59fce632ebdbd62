//! An event of one of the connections that are watched, as the history keeps it.

use chrono::{DateTime, Utc};
use serde_json::{Value, value::RawValue};

use super::{ConnectionType, Members, Parts, member};
use crate::core::event::{self, Event, Seq};

/// Longest value of an event that is kept; a longer one is `null`, and the journal has it.
pub(super) const MAX_VALUE: usize = 1024;

/// An event of a connection.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) seq: Seq,
    /// Event time.
    pub(super) at: DateTime<Utc>,
    pub(super) kind: ConnectionType,
    pub(super) is_error: bool,
    pub(super) bytes: u64,
    pub(super) response_ms: Option<f64>,
    pub(super) is_sent: bool,
    pub(super) is_received: bool,
    pub(super) active_connections: Option<u64>,
    /// As `recent_events` shows it.
    pub(super) json: Box<str>,
}

impl Entry {
    /// The entry of an event; `None` when it tells of none of the connections that are watched.
    pub(super) fn read(event: &Event) -> Option<Self> {
        let by_source = ConnectionType::parse(&event.source);
        if by_source.is_none() && !mentions(event, "connection_type") {
            return None;
        }
        let parts = Parts::of(event)?;
        let data = parts.data();
        let kind = match member(&data, &["connection_type"]) {
            Some(named) => ConnectionType::parse(&text(named)?)?,
            None => by_source?,
        };
        let at = serde_json::from_str(parts.timestamp.get()).unwrap_or(event.created_at);
        let direction = member(&data, &["direction"]).and_then(text).unwrap_or_default();
        let error = member(&data, &["error"]).map_or("null", |error| error.get());
        Some(Self {
            seq: event.seq,
            at,
            kind,
            is_error: direction == "error" || !matches!(error, "null" | "false" | "\"\""),
            bytes: count(&data, "data_size_bytes").unwrap_or(0),
            response_ms: number(&data, "response_time_ms"),
            is_sent: direction == "send",
            is_received: direction == "receive",
            active_connections: count(&data, "active_connections"),
            json: stored(at, kind, &data, &parts).into(),
        })
    }
}

/// Whether an event's JSON has that word anywhere: most have not, and need not be taken apart.
fn mentions(event: &Event, word: &str) -> bool {
    std::str::from_utf8(&event.json).is_ok_and(|json| json.contains(word))
}

fn text(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}

fn number(data: &Members<'_>, name: &str) -> Option<f64> {
    member(data, &[name]).and_then(|raw| serde_json::from_str(raw.get()).ok())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is not negative, and a large one saturates"
)]
fn count(data: &Members<'_>, name: &str) -> Option<u64> {
    number(data, name).filter(|n| *n >= 0.0).map(|n| n as u64)
}

/// The event in the shape in which the original system stored it.
fn stored(
    at: DateTime<Utc>,
    kind: ConnectionType,
    data: &Members<'_>,
    parts: &Parts<'_>,
) -> String {
    let value = |names: &[&str]| {
        let value = member(data, names).map(RawValue::get);
        value.filter(|value| value.len() <= MAX_VALUE).unwrap_or("null")
    };
    let metadata = match value(&["metadata"]) {
        "null" if parts.metadata.get().len() <= MAX_VALUE => parts.metadata.get(),
        other => other,
    };
    format!(
        r#"{{"timestamp":{},"datetime":"{}","connection_type":"{}","direction":{},"script":{},"function":{},"data_size_bytes":{},"response_time_ms":{},"error":{},"metadata":{metadata}}}"#,
        unix(at),
        event::rfc3339(at),
        kind.as_str(),
        value(&["direction"]),
        value(&["script_name", "script"]),
        value(&["function_name", "function"]),
        value(&["data_size_bytes"]),
        value(&["response_time_ms"]),
        value(&["error"]),
    )
}

#[expect(clippy::cast_precision_loss, reason = "seconds with their microseconds fit a double")]
fn unix(at: DateTime<Utc>) -> Value {
    Value::from(at.timestamp_micros() as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{
        ConnectionType::{Glm, Redis, Supabase},
        *,
    };
    use crate::core::legacy::history::tests::history;

    #[test]
    fn the_connection_is_named_by_the_data_or_else_by_the_source() {
        let history = history(&[
            ("script", json!({ "connection_type": "redis" })),
            ("kimi", json!({ "connection_type": "glm" })),
            ("supabase", json!({})),
            ("script", json!({})),
            ("redis", json!({ "connection_type": "kafka" })),
            ("redis", json!({ "connection_type": 7 })),
            ("script", json!({ "x": "connection_type" })),
        ]);
        let kinds: Vec<_> = history.entries().map(|entry| (entry.seq, entry.kind)).collect();
        assert_eq!(kinds, [(3, Supabase), (2, Glm), (1, Redis)]);
    }

    #[test]
    fn a_stored_event_has_the_names_it_had() {
        let long = "x".repeat(MAX_VALUE);
        let history = history(&[(
            "script",
            json!({
                "connection_type": "redis", "direction": "send", "script_name": "a.py",
                "function_name": "get", "data_size_bytes": 7, "error": long,
            }),
        )]);
        let stored: Value = serde_json::from_str(&history.oldest().unwrap().json).unwrap();
        let expected = json!({
            "timestamp": 1.0, "datetime": "1970-01-01T00:00:01.000000Z",
            "connection_type": "redis", "direction": "send", "script": "a.py", "function": "get",
            "data_size_bytes": 7, "response_time_ms": null, "error": null, "metadata": {},
        });
        assert_eq!(stored, expected);
    }
}
