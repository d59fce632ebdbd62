//! The bytes of what the router says: whole WebSocket frames (RFC 6455, never masked), because they
//! are shared: the same bytes go to every session that wants the event.

use serde_json::json;
use uuid::Uuid;

use super::{CloseReason, ErrorCode};
use crate::core::event::{Event, Position, Seq};

/// Events that a subscription will not get, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The first that is missing.
    pub from_seq: Seq,
    /// The last that is missing.
    pub to_seq: Seq,
    /// Why.
    pub reason: GapReason,
}

/// Why events are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GapReason {
    /// They were deleted: the place is past `storage.retain`.
    Retention,
    /// The position is of another epoch: what was missed cannot be told. The range is what the
    /// journal holds now, to be read again where that matters.
    Epoch,
    /// The position is beyond the journal's head.
    Ahead,
    /// The place is further behind than `session.max_lag`.
    Lag,
}

impl GapReason {
    /// The reason on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retention => "retention",
            Self::Epoch => "epoch",
            Self::Ahead => "ahead",
            Self::Lag => "lag",
        }
    }
}

/// What the router says, but for events.
#[derive(Clone, Debug, PartialEq)]
pub enum ServerFrame {
    /// At once, before anything is asked.
    Welcome {
        /// The session's id.
        session: Uuid,
        /// The newest position.
        head: Position,
        /// Time between protocol pings, in milliseconds.
        heartbeat_ms: u64,
        /// Number of the settings in force.
        generation: u64,
    },
    /// The answer to `subscribe`: events follow after `position`.
    Subscribed {
        /// The place the events follow.
        position: Position,
        /// Whether everything after the place asked for will come.
        recovered: bool,
    },
    /// Events that will not come.
    Gap(Gap),
    /// Something the client said was wrong.
    Error {
        /// What kind of wrong.
        code: ErrorCode,
        /// What to do about it.
        detail: String,
    },
    /// The session ends.
    Bye {
        /// Why.
        reason: CloseReason,
        /// When to come back, in milliseconds.
        reconnect_after_ms: u64,
    },
    /// The answer to `ping`.
    Pong,
}

impl ServerFrame {
    /// Appends the whole WebSocket frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let value = match self {
            Self::Welcome { session, head, heartbeat_ms, generation } => json!({
                "type": "welcome", "session": session, "epoch": head.epoch, "head_seq": head.seq,
                "heartbeat_ms": heartbeat_ms, "generation": generation,
            }),
            Self::Subscribed { position, recovered } => json!({
                "type": "subscribed", "epoch": position.epoch, "seq": position.seq,
                "recovered": recovered,
            }),
            Self::Gap(Gap { from_seq, to_seq, reason }) => json!({
                "type": "gap", "from_seq": from_seq, "to_seq": to_seq, "reason": reason.as_str(),
            }),
            Self::Error { code, detail } => json!({
                "type": "error", "code": code.as_str(), "detail": detail,
            }),
            Self::Bye { reason, reconnect_after_ms } => json!({
                "type": "bye", "reason": reason.as_str(), "reconnect_after_ms": reconnect_after_ms,
            }),
            Self::Pong => json!({ "type": "pong" }),
        };
        let text = value.to_string();
        frame_head(out, Opcode::Text, text.len());
        out.extend_from_slice(text.as_bytes());
    }
}

/// Kinds of WebSocket frames that the router sends (RFC 6455 §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// Text.
    Text = 1,
    /// Binary.
    Binary = 2,
    /// Close.
    Close = 8,
    /// Ping.
    Ping = 9,
    /// Pong.
    Pong = 10,
}

/// Appends the head of an unmasked, final frame.
#[expect(clippy::cast_possible_truncation, reason = "each arm has checked the length")]
pub fn frame_head(out: &mut Vec<u8>, opcode: Opcode, length: usize) {
    out.push(0x80 | opcode as u8);
    match length {
        0..=125 => out.push(length as u8),
        126..=0xffff => {
            out.push(126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

/// Appends a control frame; a payload over the 125 bytes that the RFC allows is cut.
pub fn control_frame(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8]) {
    let payload = payload.get(..125).unwrap_or(payload);
    frame_head(out, opcode, payload.len());
    out.extend_from_slice(payload);
}

/// Appends the close frame of `reason`, if it has one.
pub fn close_frame(out: &mut Vec<u8>, reason: CloseReason) {
    if let Some(code) = reason.code() {
        let mut payload = code.to_be_bytes().to_vec();
        payload.extend_from_slice(reason.as_str().as_bytes());
        control_frame(out, Opcode::Close, &payload);
    }
}

const EVENT: &[u8] = br#"{"type":"event","event":"#;

/// Appends the frame of an event.
pub fn event_frame(out: &mut Vec<u8>, event: &Event) {
    let length = EVENT.len() + event.json.len() + 1;
    out.reserve(length + 10);
    frame_head(out, Opcode::Text, length);
    out.extend_from_slice(EVENT);
    out.extend_from_slice(&event.json);
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_have_the_head_that_their_length_needs() {
        for (length, head) in [
            (0, vec![0x81, 0]),
            (125, vec![0x81, 125]),
            (126, vec![0x81, 126, 0, 126]),
            (0xffff, vec![0x81, 126, 0xff, 0xff]),
            (0x1_0000, vec![0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let mut out = Vec::new();
            frame_head(&mut out, Opcode::Text, length);
            assert_eq!(out, head);
        }
    }
}
