//! What the router says to a session, but for events, whatever the form it is said in.

use uuid::Uuid;

use super::ErrorCode;
use crate::core::event::{Position, Seq};

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

/// What the router says, but for events and the end.
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
        /// What will not come, said at once after it.
        gap: Option<Gap>,
    },
    /// Events that will not come.
    Gap {
        /// Which.
        gap: Gap,
        /// The place that the events after it follow.
        position: Position,
    },
    /// Something the client said was wrong.
    Error {
        /// What kind of wrong.
        code: ErrorCode,
        /// What to do about it.
        detail: String,
    },
    /// The answer to `ping`.
    Pong,
    /// The client belongs on another path: only to sessions that can be moved.
    Switch(Switch),
}

/// Where a client is to go, when, and why. It asks `GET /v1/connect` when its time has come, and goes
/// only if that still says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switch {
    /// The name of the path.
    pub to: &'static str,
    /// Where it is reached; relative to the router when it is the router's own.
    pub url: String,
    /// The topic there.
    pub topic: String,
    /// Why, in a sentence.
    pub reason: String,
    /// Milliseconds from now, before which it must not go.
    pub not_before_ms: u64,
}
