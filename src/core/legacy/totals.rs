//! Sums over the events of one connection type, as `stats` shows them.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{ConnectionType, entry::Entry};
use crate::core::event::rfc3339;

/// Sums over the events of one connection type.
#[derive(Debug, Default)]
pub(super) struct Totals {
    events: u64,
    sent_bytes: u64,
    received_bytes: u64,
    errors: u64,
    responses: u64,
    response_ms: f64,
    last: Option<DateTime<Utc>>,
    active_connections: u64,
}

impl Totals {
    pub(super) fn add(&mut self, entry: &Entry) {
        self.events += 1;
        self.errors += u64::from(entry.is_error);
        if entry.is_sent {
            self.sent_bytes = self.sent_bytes.saturating_add(entry.bytes);
        }
        if entry.is_received {
            self.received_bytes = self.received_bytes.saturating_add(entry.bytes);
        }
        if let Some(ms) = entry.response_ms {
            self.responses += 1;
            self.response_ms += ms;
        }
        self.last = self.last.max(Some(entry.at));
        self.active_connections = entry.active_connections.unwrap_or(self.active_connections);
    }

    /// The entry of `stats`; `websockets` is how many are open now.
    pub(super) fn stats(&self, kind: ConnectionType, websockets: usize) -> Value {
        let active_connections = match kind {
            ConnectionType::Websocket => websockets as u64,
            _ => self.active_connections,
        };
        json!({
            "connection_type": kind,
            "total_events": self.events,
            "total_sent_bytes": self.sent_bytes,
            "total_received_bytes": self.received_bytes,
            "total_bytes": self.sent_bytes.saturating_add(self.received_bytes),
            "total_errors": self.errors,
            "avg_response_time_ms": average(self.response_ms, self.responses),
            "last_event_timestamp": self.last.map(rfc3339),
            "active_connections": active_connections,
        })
    }
}

/// The average, 0 of nothing.
#[expect(clippy::cast_precision_loss, reason = "an average is a float")]
pub(super) fn average(sum: f64, count: u64) -> f64 {
    if count == 0 { 0.0 } else { sum / count as f64 }
}
