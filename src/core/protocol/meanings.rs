//! What the codes of the session protocol mean, and what a client should do: sentences, for the
//! documentation.

use super::{CloseReason, ErrorCode, GapReason};

impl ErrorCode {
    /// What it means.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::BadJson => "The frame is not JSON.",
            Self::BadRequest => "It is JSON, but no frame of this protocol.",
            Self::UnknownType => "There is no such `type`.",
            Self::BadFilter => "The filter cannot be used.",
            Self::TooManyFilters => "The router has as many different filters as it takes.",
            Self::TooLarge => "The frame is longer than `session.max_frame`.",
            Self::Binary => "The frame is binary.",
            Self::Unavailable => "The storage is down: what was asked for cannot be read now.",
        }
    }
}

impl GapReason {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Retention, Self::Epoch, Self::Ahead, Self::Lag];

    /// What it means.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Retention => "They were deleted (`storage.retain`, `storage.max_bytes`).",
            Self::Epoch => {
                "The position is of another journal. The range is what this one holds: read it \
                 again where that matters."
            }
            Self::Ahead => "The position is beyond the journal's end.",
            Self::Lag => "The place is further behind than `session.max_lag`.",
        }
    }
}

impl CloseReason {
    /// What it means.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::ClientGone => "The client went away.",
            Self::ClientClosed(_) => "The client closed; it hears its own code back.",
            Self::ShuttingDown => "The router shuts down.",
            Self::ProtocolError => "The bytes are no WebSocket frames.",
            Self::Binary => "Binary frames, after `session.max_errors` errors.",
            Self::BadUtf8 => "Text that is not UTF-8.",
            Self::TooLarge => "A frame too large to be skipped.",
            Self::BadRequests => "More than `session.max_errors` errors.",
            Self::Closed => "An operator closed it.",
            Self::Unauthenticated => "What let the client in is good no longer.",
            Self::NoPong => "No pong in time.",
            Self::Stalled => {
                "The client took nothing for `session.stall_timeout`: the socket is cut."
            }
            Self::TooFarBehind => "Further behind than `session.max_lag`.",
            Self::TooMany => "More sessions, or unread answers, than the router takes.",
            Self::Restarting => "The journal is another one now, or the router is overloaded.",
            Self::PathEnded => {
                "Everybody belongs on the realtime path (`flags.global_override`), and \
                 `rollout.grace` is over: `GET /v1/connect` says where to go."
            }
            Self::Idle => "The client said nothing for `realtime.idle_timeout`.",
            Self::NoChannels => "The client had no channel for `realtime.channel_timeout`.",
            Self::TooManyJoins => "The client joined more often than `realtime.joins_per_second`.",
        }
    }

    /// What a client should do.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::ClientGone | Self::ClientClosed(_) | Self::Closed => "As you like.",
            Self::ShuttingDown => "Reconnect after `reconnect_after_ms`, and resume.",
            Self::ProtocolError
            | Self::Binary
            | Self::BadUtf8
            | Self::TooLarge
            | Self::BadRequests => "Mend the client.",
            Self::Unauthenticated => "Reconnect with a new ticket or token, and resume.",
            Self::NoPong | Self::Stalled => "Reconnect, and resume.",
            Self::Idle | Self::NoChannels => "Connect again, and send heartbeats.",
            Self::TooManyJoins => "Connect again, and join less often.",
            Self::TooFarBehind => "Reconnect, and resume: a `gap` names what is missing.",
            Self::TooMany => "Back off.",
            Self::Restarting | Self::PathEnded => "Reconnect after a random time, and resume.",
        }
    }
}
