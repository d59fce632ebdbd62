//! `postgres_changes` over the journal: which bindings of a channel an event matches, and what the
//! client is told of it.
//!
//! The journal stands in for the table `monitoring_events`, as `PostgreSQL` and the real server
//! would show it, whatever database it is in. Only INSERTs happen. Filters are read once, when a
//! client joins; text is ordered by its bytes.

mod binding;
mod condition;
mod filter;
mod literal;
mod row;
mod table;
#[cfg(test)]
mod tests;
mod timestamp;

use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

use serde_json::{Map, Value};
use uuid::Uuid;

use self::binding::Binding;
pub use self::{
    row::{Row, View},
    table::{Column, Schema, TABLE, Type},
};
use super::phoenix::{Head, Vsn, text_frame};
use crate::core::event::Event;

/// The largest id, as on the real server.
const MAX_ID: u32 = 0x07ff_ffff;

/// Most bindings of a channel; the real server has no limit.
pub const MAX_BINDINGS: usize = 100;

/// Most patterns in the filters of a channel: each takes memory, and time for each event.
const MAX_PATTERNS: usize = 20;

/// What a client asks for: the members of one element of `postgres_changes`.
pub type Params = Map<String, Value>;

/// The ids of bindings, in their order: never 0, and none twice within the channel. Equal
/// bindings on different channels mostly share one.
#[must_use]
pub fn ids(params: &[Params]) -> Vec<u32> {
    let mut ids = Vec::with_capacity(params.len());
    for params in params {
        let mut text = Params::clone(params);
        text.sort_keys();
        let mut id = crc32fast::hash(Value::from(text).to_string().as_bytes()) & MAX_ID;
        while id == 0 || ids.contains(&id) {
            id = (id + 1) & MAX_ID;
        }
        ids.push(id);
    }
    ids
}

/// The bindings of a channel. Equal ones get the same messages, so these can be shared.
#[derive(Clone, Debug)]
pub struct Bindings {
    bindings: Vec<(u32, Binding)>,
    /// What makes them equal to others: what was asked for, in order.
    params: Vec<Params>,
}

impl Bindings {
    /// The bindings, or why none of them will be served.
    ///
    /// # Errors
    /// What the client is told, of the first that cannot be served.
    pub fn try_new(params: &[Params]) -> Result<Self, String> {
        let bindings = ids(params).into_iter().zip(params);
        let bindings = bindings.map(|(id, params)| Ok((id, Binding::try_new(params)?)));
        let bindings = bindings.collect::<Result<Vec<_>, String>>()?;
        if bindings.iter().map(|(_, binding)| binding.patterns()).sum::<usize>() > MAX_PATTERNS {
            return Err(format!(
                "Too many patterns: at most {MAX_PATTERNS} of like, ilike, match and imatch on one \
                 channel"
            ));
        }
        Ok(Self { bindings, params: params.to_vec() })
    }

    /// Whether nothing was asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bindings.is_empty()
    }

    /// Who is to be told of the row: one message for each view, with the ids of the bindings that
    /// match. None matches: no message.
    #[must_use]
    pub fn matching(&self, row: &Row<'_>) -> Vec<(View, Vec<u32>)> {
        let mut messages: Vec<(View, Vec<u32>)> = Vec::new();
        for (id, binding) in &self.bindings {
            if !binding.matches(row) {
                continue;
            }
            match messages.iter_mut().find(|(view, _)| *view == binding.view) {
                Some((_, ids)) => ids.push(*id),
                None => messages.push((binding.view, vec![*id])),
            }
        }
        messages
    }
}

impl PartialEq for Bindings {
    fn eq(&self, other: &Self) -> bool {
        self.params == other.params
    }
}

impl Eq for Bindings {}

impl Hash for Bindings {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.params.hash(state);
    }
}

/// What a channel wants to hear of the journal's rows. Equal ones share their bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Changes {
    /// Of which journal.
    pub epoch: Uuid,
    /// The protocol's version.
    pub vsn: Vsn,
    /// The topic on the wire.
    pub topic: Box<str>,
    /// Which rows, and what of them.
    pub bindings: Arc<Bindings>,
}

impl Changes {
    /// Whether the channel is told of the event.
    #[must_use]
    pub fn wants(&self, event: &Event) -> bool {
        !self.bindings.matching(&Row::new(event)).is_empty()
    }

    /// Appends the frames of an event, one for each view that is told, and says whether there were.
    pub fn write(&self, out: &mut Vec<u8>, event: &Event) -> bool {
        let row = Row::new(event);
        let messages = self.bindings.matching(&row);
        for (view, ids) in &messages {
            frame(out, self.vsn, &self.topic, ids, &row.data(*view));
        }
        !messages.is_empty()
    }
}

/// Appends the whole frame that tells bindings of a row; `data` is [`Row::data`] of their view.
pub fn frame(out: &mut Vec<u8>, vsn: Vsn, topic: &str, ids: &[u32], data: &[u8]) {
    let ids: Vec<_> = ids.iter().map(u32::to_string).collect();
    let before = format!("{{\"ids\":[{}],\"data\":", ids.join(","));
    let head = Head::delivery(topic, "postgres_changes");
    text_frame(out, vsn, &head, &[before.as_bytes(), data, b"}"]);
}
