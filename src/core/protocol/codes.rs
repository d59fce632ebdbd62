//! The codes of the session protocol: of `error` frames, and of closing.

use std::fmt;

/// The `code` of an `error` frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// Not JSON.
    BadJson,
    /// JSON, but not a frame of this protocol.
    BadRequest,
    /// An unknown `type`.
    UnknownType,
    /// A filter that cannot be used.
    BadFilter,
    /// More different filters than this router takes.
    TooManyFilters,
    /// A frame longer than `session.max_frame`.
    TooLarge,
    /// A binary frame.
    Binary,
    /// Storage is down: what was asked for cannot be read now.
    Unavailable,
}

impl ErrorCode {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::BadJson,
        Self::BadRequest,
        Self::UnknownType,
        Self::BadFilter,
        Self::TooManyFilters,
        Self::TooLarge,
        Self::Binary,
        Self::Unavailable,
    ];

    /// The code on the wire and in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadJson => "bad_json",
            Self::BadRequest => "bad_request",
            Self::UnknownType => "unknown_type",
            Self::BadFilter => "bad_filter",
            Self::TooManyFilters => "too_many_filters",
            Self::TooLarge => "too_large",
            Self::Binary => "binary",
            Self::Unavailable => "unavailable",
        }
    }
}

/// Why a session ends; each has a WebSocket close code, or cuts the socket without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// The client went away.
    ClientGone,
    /// The client closed, with this code: it is what it hears back.
    ClientClosed(u16),
    /// The router shuts down.
    ShuttingDown,
    /// Bytes that are not WebSocket frames.
    ProtocolError,
    /// Nothing but binary frames, after `session.max_errors` errors.
    Binary,
    /// Text that is not UTF-8.
    BadUtf8,
    /// A frame too large to be skipped.
    TooLarge,
    /// Too many errors.
    BadRequests,
    /// What the client was known by has expired.
    Unauthenticated,
    /// An operator closed it.
    Closed,
    /// No pong in time.
    NoPong,
    /// The client took nothing for `session.stall_timeout`: its socket is cut.
    Stalled,
    /// Further behind than `session.max_lag`.
    TooFarBehind,
    /// More sessions or unread answers than the router takes.
    TooMany,
    /// The journal is another one now, or the router is overloaded.
    Restarting,
    /// `flags.global_override` has ended the direct path, and the client did not move in time.
    PathEnded,
    /// A Realtime client said nothing for `realtime.idle_timeout`.
    Idle,
    /// A Realtime client had no channel for `realtime.channel_timeout`.
    NoChannels,
    /// A Realtime client joined more often than `realtime.joins_per_second`.
    TooManyJoins,
}

impl CloseReason {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::ClientGone,
        Self::ClientClosed(1000),
        Self::ShuttingDown,
        Self::ProtocolError,
        Self::Binary,
        Self::BadUtf8,
        Self::TooLarge,
        Self::BadRequests,
        Self::Unauthenticated,
        Self::Closed,
        Self::NoPong,
        Self::Stalled,
        Self::TooFarBehind,
        Self::TooMany,
        Self::Restarting,
        Self::PathEnded,
        Self::Idle,
        Self::NoChannels,
        Self::TooManyJoins,
    ];

    /// Those that only clients of Realtime hear.
    pub const REALTIME: [Self; 3] = [Self::Idle, Self::NoChannels, Self::TooManyJoins];

    /// The WebSocket close code; `None` when the socket is cut instead.
    #[must_use]
    pub fn code(self) -> Option<u16> {
        match self {
            Self::ClientGone | Self::Closed | Self::Idle | Self::NoChannels => Some(1000),
            Self::ClientClosed(code) => Some(code),
            Self::ShuttingDown | Self::TooManyJoins => Some(1001),
            Self::ProtocolError => Some(1002),
            Self::Binary => Some(1003),
            Self::BadUtf8 => Some(1007),
            Self::TooLarge => Some(1009),
            Self::BadRequests => Some(4400),
            Self::Unauthenticated => Some(4401),
            Self::NoPong => Some(4408),
            Self::Stalled => None,
            Self::TooFarBehind => Some(4410),
            Self::TooMany => Some(4429),
            Self::Restarting | Self::PathEnded => Some(4503),
        }
    }

    /// The reason in the close frame, in logs and in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClientGone => "client_gone",
            Self::ClientClosed(_) => "client_closed",
            Self::ShuttingDown => "shutting_down",
            Self::ProtocolError => "protocol_error",
            Self::Binary => "binary",
            Self::BadUtf8 => "bad_utf8",
            Self::TooLarge => "too_large",
            Self::BadRequests => "bad_requests",
            Self::Unauthenticated => "unauthenticated",
            Self::Closed => "closed",
            Self::NoPong => "no_pong",
            Self::Stalled => "stalled",
            Self::TooFarBehind => "too_far_behind",
            Self::TooMany => "too_many",
            Self::Restarting => "restarting",
            Self::PathEnded => "path_ended",
            Self::Idle => "idle",
            Self::NoChannels => "no_channels",
            Self::TooManyJoins => "too_many_joins",
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_reasons_are_distinct() {
        let mut names: Vec<_> = CloseReason::ALL.map(CloseReason::as_str).to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), CloseReason::ALL.len());
    }
}
