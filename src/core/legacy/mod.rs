//! The original system's sockets, `/ws` and `/events`: what their clients say, and what they hear.
//!
//! All of it is a view of the journal. [`History`] is a reader that counts, not a second store;
//! what producers send over `/events` is [`read`] into drafts like any other; how events are pushed is
//! [`event`](super::protocol::legacy::event). Times and measurements are arguments.

mod answers;
mod commands;
mod entry;
mod health;
mod history;
mod inbound;
mod parts;
mod selection;
mod series;
mod times;
mod totals;

use serde::Serialize;

pub use self::{
    answers::{Moment, answer, answer_error, greeting, metrics_pushes},
    commands::{Command, KNOWN, MAX_HOURS, MAX_LIMIT, Refusal, parse},
    health::{Health, PING_TIMEOUT},
    history::{History, MAX_BEHIND},
    inbound::{Unreadable, read},
};
pub(in crate::core) use self::{
    inbound::{INGEST, Ingest},
    parts::{Members, Parts, member},
};

/// What the original system watched the connections of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionType {
    /// Its own sockets.
    Websocket,
    /// Redis.
    Redis,
    /// Supabase.
    Supabase,
    /// A model provider.
    Kimi,
    /// A model provider.
    Glm,
}

impl ConnectionType {
    /// All of them, in the order of `initial_stats`.
    pub const ALL: [Self; 5] =
        [Self::Websocket, Self::Redis, Self::Supabase, Self::Kimi, Self::Glm];

    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Websocket => "websocket",
            Self::Redis => "redis",
            Self::Supabase => "supabase",
            Self::Kimi => "kimi",
            Self::Glm => "glm",
        }
    }

    /// The type of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}
