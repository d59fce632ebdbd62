//! Events as the original system's dashboards know them: `{type, data, timestamp}` in WebSocket
//! text frames. They hear nothing else of the fan-out: their session answers their commands itself.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Opcode, frame_head};
use crate::core::event::Event;

#[derive(Default, Deserialize)]
struct Parts<'a> {
    #[serde(borrow)]
    event_type: Option<&'a RawValue>,
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// Appends an event; what is cut from its JSON stays as it was.
pub fn event(out: &mut Vec<u8>, event: &Event) {
    // Committed events have all of these; there is a frame for any, or it would not be counted.
    let Parts { event_type, timestamp, data } =
        serde_json::from_slice(&event.json).unwrap_or_default();
    let [event_type, timestamp, data] =
        [event_type, timestamp, data].map(|part| part.map_or("null", RawValue::get));
    let parts =
        [r#"{"type":"#, event_type, r#","data":"#, data, r#","timestamp":"#, timestamp, "}"];
    let length = parts.iter().map(|part| part.len()).sum();
    out.reserve(length + 10);
    frame_head(out, Opcode::Text, length);
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
}
