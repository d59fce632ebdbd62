//! `signalbox.v1.json` as bytes: JSON objects with a `type`, in WebSocket text frames.

use serde_json::{Value, json};

use super::{CloseReason, Gap, Opcode, ServerFrame, Switch, close_frame, frame_head, text_frame};
use crate::core::event::Event;

const EVENT: &[u8] = br#"{"type":"event","event":"#;

/// Appends an event.
pub fn event(out: &mut Vec<u8>, event: &Event) {
    let length = EVENT.len() + event.json.len() + 1;
    out.reserve(length + 10);
    frame_head(out, Opcode::Text, length);
    out.extend_from_slice(EVENT);
    out.extend_from_slice(&event.json);
    out.push(b'}');
}

/// Appends a frame.
pub(super) fn frame(out: &mut Vec<u8>, frame: &ServerFrame) {
    let value = match frame {
        ServerFrame::Welcome { session, head, heartbeat_ms, generation } => json!({
            "type": "welcome", "session": session, "epoch": head.epoch, "head_seq": head.seq,
            "heartbeat_ms": heartbeat_ms, "generation": generation,
        }),
        ServerFrame::Subscribed { position, recovered, .. } => json!({
            "type": "subscribed", "epoch": position.epoch, "seq": position.seq,
            "recovered": recovered,
        }),
        ServerFrame::Gap { gap, .. } => gap_value(gap),
        ServerFrame::Error { code, detail } => json!({
            "type": "error", "code": code.as_str(), "detail": detail,
        }),
        ServerFrame::Pong => json!({ "type": "pong" }),
        ServerFrame::Switch(Switch { to, url, topic, reason, not_before_ms }) => json!({
            "type": "switch", "to": to, "url": url, "topic": topic, "reason": reason,
            "not_before_ms": not_before_ms,
        }),
    };
    text_frame(out, &value.to_string());
    if let ServerFrame::Subscribed { gap: Some(gap), .. } = frame {
        text_frame(out, &gap_value(gap).to_string());
    }
}

/// Appends `bye`, if there is a time to come back, and the close frame.
pub(super) fn end(out: &mut Vec<u8>, reason: CloseReason, reconnect_after_ms: Option<u64>) {
    if let Some(after) = reconnect_after_ms {
        let bye = json!({ "type": "bye", "reason": reason.as_str(), "reconnect_after_ms": after });
        text_frame(out, &bye.to_string());
    }
    close_frame(out, reason);
}

pub(super) fn gap_value(Gap { from_seq, to_seq, reason }: &Gap) -> Value {
    json!({ "type": "gap", "from_seq": from_seq, "to_seq": to_seq, "reason": reason.as_str() })
}
