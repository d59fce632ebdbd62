//! What the rules of a socket decide, as values: whoever holds the socket does it, in order.

use std::sync::Arc;

use super::super::{
    changes::Bindings,
    join::{Join, Topic},
    phoenix::{Broadcast, ServerMessage},
};
use crate::core::protocol::CloseReason;

/// What to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Send this to the client.
    Send(ServerMessage),
    /// Take the channel up into the fan-out, and say [`Channels::joined`](super::Channels::joined);
    /// or say [`Channels::refuse`](super::Channels::refuse).
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
    /// From here on the client hears who comes and goes: do that in the fan-out, then say
    /// [`Channels::watching`](super::Channels::watching).
    Watch {
        /// Where.
        topic: Topic,
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
    /// Close the socket. Stock clients come back after it.
    Close(CloseReason),
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
    /// A broadcast where only the router speaks.
    Reserved,
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
            Self::Reserved => "reserved",
            Self::NotAnObject => "not_an_object",
            Self::UnknownEvent => "unknown_event",
        }
    }
}
