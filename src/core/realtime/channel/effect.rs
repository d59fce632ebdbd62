//! What the rules of a socket decide, as values: whoever holds the socket does it, in order.

use std::sync::Arc;

use super::super::{
    changes::Bindings,
    join::{Join, Topic},
    phoenix::{Broadcast, Ref, ServerMessage},
};

/// What to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Send this to the client.
    Send(ServerMessage),
    /// Take the channel up into the fan-out; then say [`Channels::joined`](super::Channels::joined).
    Join(Box<Joining>),
    /// The channel is gone: take it out of the fan-out, and out of presence.
    Leave(Topic),
    /// Give this to all on the topic.
    Publish {
        /// Where to.
        topic: Topic,
        /// What.
        broadcast: Broadcast,
        /// Whether this channel gets it as well.
        to_self: bool,
    },
    /// Say who is present, with [`ServerMessage::presence_state`].
    PresenceState {
        /// Where.
        topic: Topic,
        /// The join it belongs to.
        join_ref: Option<Ref>,
    },
    /// The client is present, as this.
    Track {
        /// Where.
        topic: Topic,
        /// Who it is.
        key: Box<str>,
        /// A JSON object.
        payload: Box<str>,
    },
    /// The client is no longer present.
    Untrack {
        /// Where.
        topic: Topic,
    },
    /// Something is not done that the client may have wanted: count it.
    Drop(Dropped),
    /// Write this into the log.
    Note(String),
    /// Close the socket.
    Close(Closing),
}

/// A channel that is about to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Joining {
    /// Which of the socket's joins this is.
    pub number: u64,
    /// Where.
    pub topic: Topic,
    /// What the client asks for.
    pub join: Arc<Join>,
    /// Its bindings to the journal, or why there are none.
    pub bindings: Result<Bindings, String>,
}

/// Why something is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dropped {
    /// A broadcast over the limit.
    TooLarge,
    /// A broadcast on a private topic that the token may only read.
    NotAllowed,
    /// A broadcast that is no object.
    NotAnObject,
    /// A message of no known event.
    UnknownEvent,
}

impl Dropped {
    /// The reason as a label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::NotAllowed => "not_allowed",
            Self::NotAnObject => "not_an_object",
            Self::UnknownEvent => "unknown_event",
        }
    }
}

/// Why a socket is closed. Stock clients come back after any of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Closing {
    /// It said nothing for too long.
    Idle,
    /// It had no channel for too long.
    NoChannels,
    /// It joined too often.
    TooManyJoins,
    /// The router stops, or an operator wants the client elsewhere.
    Restarting,
}

impl Closing {
    /// The WebSocket close code.
    #[must_use]
    pub fn code(self) -> u16 {
        match self {
            Self::Idle | Self::NoChannels => 1000,
            Self::TooManyJoins => 1001,
            Self::Restarting => 1012,
        }
    }

    /// The reason as a label, and in the close frame.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::NoChannels => "no_channels",
            Self::TooManyJoins => "too_many_joins",
            Self::Restarting => "restarting",
        }
    }
}
