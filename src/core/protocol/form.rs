//! How a session hears things: the same events and frames, in the bytes of its own protocol.
//!
//! A form is chosen once, when a session joins its shard. Sessions of one form and filter share
//! their bytes, so whatever depends on the form must depend on nothing else of the session.

use std::time::Duration;

use super::{
    CloseReason, Opcode, ServerFrame, close_frame, close_frame_of, control_frame, legacy, session,
    sse,
};
use crate::core::{millis, realtime::phoenix::Vsn};

/// The protocol that a session hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// `signalbox.v1.json`, over a WebSocket.
    Session,
    /// Server-sent events, as the body of a response.
    Sse,
    /// Frames as the original system's dashboards know them, over a WebSocket.
    Legacy,
    /// The protocol of Realtime, over a WebSocket: its channels are told apart from events.
    Realtime(Vsn),
}

impl Form {
    /// The protocol's name, for operators.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Session => super::SUBPROTOCOL,
            Self::Sse => "sse",
            Self::Legacy => "legacy",
            Self::Realtime(Vsn::V1) => "realtime/1.0.0",
            Self::Realtime(Vsn::V2) => "realtime/2.0.0",
        }
    }

    /// The delivery path, for operators.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::Session | Self::Sse | Self::Legacy => "direct",
            Self::Realtime(_) => "realtime",
        }
    }

    /// Whether clients answer a heartbeat: those that cannot are only known to be alive by taking
    /// what is written, or by what they say.
    #[must_use]
    pub fn answers_heartbeats(self) -> bool {
        matches!(self, Self::Session | Self::Legacy)
    }

    /// Appends a frame, or nothing where this form has none of the kind.
    pub fn frame(self, out: &mut Vec<u8>, frame: &ServerFrame) {
        match self {
            Self::Session => session::frame(out, frame),
            Self::Sse => sse::frame(out, frame),
            Self::Legacy => legacy::frame(out, frame),
            Self::Realtime(_) => {}
        }
    }

    /// Appends what is said now and then when there is nothing else to say.
    pub fn heartbeat(self, out: &mut Vec<u8>) {
        match self {
            Self::Session | Self::Legacy => control_frame(out, Opcode::Ping, b""),
            Self::Sse => sse::heartbeat(out),
            // Here it is the client that must say something.
            Self::Realtime(_) => {}
        }
    }

    /// Appends the last that a session hears: why it ends, and when to come back, if it should.
    pub fn end(self, out: &mut Vec<u8>, reason: CloseReason, reconnect_after: Option<Duration>) {
        let reconnect_after_ms = reconnect_after.map(millis::whole);
        match self {
            Self::Session => session::end(out, reason, reconnect_after_ms),
            Self::Sse => sse::end(out, reason, reconnect_after_ms),
            Self::Legacy => close_frame(out, reason),
            Self::Realtime(_) => match reason {
                // What clients of Realtime know a restart by.
                CloseReason::ShuttingDown | CloseReason::Restarting | CloseReason::Closed => {
                    close_frame_of(out, 1012, reason.as_str());
                }
                _ => close_frame(out, reason),
            },
        }
    }
}
