//! What a client asks for when it joins, read as leniently as the real server does: what cannot be
//! read has its default, with a note for the log. And the answer.

use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::changes::{MAX_BINDINGS, Params, ids};
use crate::core::{
    canonical::{Members, members},
    event::Position,
};

/// What begins every topic on the wire.
const PREFIX: &str = "realtime:";

/// Longest name of a topic, in bytes: names are kept as long as their topics.
pub const MAX_NAME: usize = 1024;

/// Most messages that are replayed at a join.
const MAX_REPLAY: i64 = 25;

/// A topic. A public and a private one of the same name have nothing in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Topic {
    /// The name, without what begins it on the wire.
    pub name: Box<str>,
    /// Whether a token must allow it.
    pub private: bool,
}

impl Topic {
    /// The name on the wire.
    #[must_use]
    pub fn wire(&self) -> String {
        format!("{PREFIX}{}", self.name)
    }
}

/// Why a join is refused; clients get the text as the reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinFault {
    /// The topic is not ours.
    #[error("unmatched topic")]
    Unmatched,
    /// The topic has no name.
    #[error("TopicNameRequired: You must provide a topic name")]
    NameRequired,
    /// The topic has a name that is too long.
    #[error("TopicNameTooLong: A topic name has at most {MAX_NAME} bytes")]
    NameTooLong,
    /// A binding is no object.
    #[error("UnknownErrorOnChannel: expected a map, got: {0}")]
    NotAMap(String),
    /// More bindings than a channel may have.
    #[error("TooManyBindings: At most {MAX_BINDINGS} `postgres_changes` on one channel")]
    TooManyBindings,
    /// Replay asked for with something else than numbers.
    #[error("UnableToReplayMessages: Replay params are not valid")]
    Replay,
    /// Replay of what everybody may write.
    #[error("UnableToReplayMessages: Replay is not allowed for public channels")]
    PublicReplay,
    /// A place to resume from that is none.
    #[error(
        "InvalidResume: `config.signalbox.from` must be {{\"epoch\": a UUID, \"seq\": a number}}"
    )]
    Resume,
}

/// The name of a topic on the wire.
///
/// # Errors
/// When it is no topic that can be joined.
pub fn topic_name(wire: &str) -> Result<&str, JoinFault> {
    match wire.strip_prefix(PREFIX) {
        Some("") => Err(JoinFault::NameRequired),
        Some(name) if name.len() > MAX_NAME => Err(JoinFault::NameTooLong),
        Some(name) => Ok(name),
        None => Err(JoinFault::Unmatched),
    }
}

/// What a client asks for.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "as many as the protocol has")]
pub struct Join {
    /// Whether broadcasts are answered.
    pub ack: bool,
    /// Whether the sender gets its own broadcasts.
    pub to_self: bool,
    /// Whether the client wants to hear that broadcasts of the database arrive.
    pub replication_ready: bool,
    /// What it missed and wants again.
    pub replay: Option<Replay>,
    /// Whether it wants to know who is present.
    pub presence: bool,
    /// Who it is; without one it gets a name.
    pub presence_key: Option<Box<str>>,
    /// Its bindings to the table.
    pub changes: Vec<Params>,
    /// Whether the topic is the private one of that name.
    pub private: bool,
    /// Its own token, instead of the socket's.
    pub token: Option<Box<str>>,
    /// The position after which the journal is to be replayed: ours, not the real server's.
    pub from: Option<Position>,
    /// What could not be read, and has its default.
    pub notes: Vec<String>,
    /// The bindings as they were sent.
    echoes: Vec<Box<str>>,
}

/// What a client missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replay {
    /// Milliseconds since 1970.
    pub since: i64,
    /// At most so many, 1 to 25.
    pub limit: u8,
}

/// How a resume went, for the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resumed {
    /// The place that what comes follows.
    pub position: Position,
    /// Whether everything after the place asked for will come.
    pub recovered: bool,
}

impl Join {
    /// Reads the payload of a `phx_join`.
    ///
    /// # Errors
    /// When no default could stand for what is wrong.
    pub fn parse(payload: &str) -> Result<Self, JoinFault> {
        let mut read = Reader::default();
        let top = read.object("", members(payload).ok());
        let config = read.part("config", &top);
        let broadcast = read.part("config.broadcast", &config);
        let presence = read.part("config.presence", &config);
        // Stock clients pass on no part of a configuration that they do not know, but all of the
        // parts they do.
        let signalbox = match get(&config, "signalbox") {
            Some(_) => read.part("config.signalbox", &config),
            None => read.part("config.broadcast.signalbox", &broadcast),
        };
        let (changes, echoes) = bindings(read.list("config.postgres_changes", &config))?;
        let join = Self {
            ack: read.boolean("config.broadcast.ack", &broadcast),
            to_self: read.boolean("config.broadcast.self", &broadcast),
            replication_ready: read.boolean("config.broadcast.replication_ready", &broadcast),
            replay: replay(get(&broadcast, "replay"))?,
            presence: read.boolean("config.presence.enabled", &presence),
            presence_key: get(&presence, "key").and_then(key),
            changes,
            private: read.boolean("config.private", &config),
            token: token_of(&top),
            from: get(&signalbox, "from").map(position).transpose()?,
            notes: read.notes,
            echoes,
        };
        match join.replay {
            Some(_) if !join.private => Err(JoinFault::PublicReplay),
            _ => Ok(join),
        }
    }

    /// The response to a join that worked: each binding as it was sent, with its id.
    #[must_use]
    pub fn response(&self, resumed: Option<Resumed>) -> String {
        let mut out = String::from("{\"postgres_changes\":[");
        for (index, (id, echo)) in ids(&self.changes).iter().zip(&self.echoes).enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let rest = echo.strip_prefix('{').unwrap_or_default();
            let separator = if rest.trim_ascii_start().starts_with('}') { "" } else { "," };
            // Writing to a String cannot fail.
            write!(out, "{comma}{{\"id\":{id}{separator}{rest}").unwrap_or_default();
        }
        out.push(']');
        if let Some(Resumed { position: Position { epoch, seq }, recovered }) = resumed {
            let place = format!("\"epoch\":\"{epoch}\",\"seq\":{seq},\"recovered\":{recovered}");
            write!(out, ",\"signalbox\":{{{place}}}").unwrap_or_default();
        }
        out.push('}');
        out
    }
}

/// Reads parts, and remembers what it could not read.
#[derive(Default)]
struct Reader {
    notes: Vec<String>,
}

impl Reader {
    fn note(&mut self, path: &str, expected: &str) {
        let path = if path.is_empty() { "payload" } else { path };
        self.notes.push(format!("{path}: unable to parse, expected {expected}"));
    }

    fn object<'a>(&mut self, path: &str, object: Option<Members<'a>>) -> Members<'a> {
        object.unwrap_or_else(|| {
            self.note(path, "a map");
            Members::new()
        })
    }

    /// The object at the end of the path, which is a member of `of`.
    fn part<'a>(&mut self, path: &str, of: &Members<'a>) -> Members<'a> {
        match get(of, last(path)) {
            Some(raw) => self.object(path, members(raw).ok()),
            None => Members::new(),
        }
    }

    fn list<'a>(&mut self, path: &str, of: &Members<'a>) -> Vec<&'a RawValue> {
        let Some(raw) = get(of, last(path)) else { return Vec::new() };
        serde_json::from_str(raw).unwrap_or_else(|_| {
            self.note(path, "an array of maps");
            Vec::new()
        })
    }

    /// A boolean, or its name in any case.
    fn boolean(&mut self, path: &str, of: &Members<'_>) -> bool {
        let Some(raw) = get(of, last(path)) else { return false };
        match raw.trim_matches('"').to_ascii_lowercase().as_str() {
            "true" => true,
            "false" => false,
            _ => {
                self.note(path, "boolean");
                false
            }
        }
    }
}

fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

/// The value of a member, the last of that name; a null is none.
fn get<'a>(object: &Members<'a>, name: &str) -> Option<&'a str> {
    let member = object.iter().rev().find(|(key, _)| key == name);
    member.map(|(_, value)| RawValue::get(value)).filter(|value| *value != "null")
}

/// Bindings, parsed and as they were sent; nulls are none.
fn bindings(list: Vec<&RawValue>) -> Result<(Vec<Params>, Vec<Box<str>>), JoinFault> {
    if list.len() > MAX_BINDINGS {
        return Err(JoinFault::TooManyBindings);
    }
    let sent = list.into_iter().map(RawValue::get).filter(|raw| *raw != "null");
    let parsed = sent.map(|raw| {
        let params: Params =
            serde_json::from_str(raw).ok().ok_or_else(|| JoinFault::NotAMap(raw.to_owned()))?;
        let mut echo = params.clone();
        // Of two ids, clients would take theirs.
        let echo = match echo.remove("id") {
            Some(_) => serde_json::Value::from(echo).to_string().into(),
            None => raw.into(),
        };
        Ok((params, echo))
    });
    Ok(parsed.collect::<Result<Vec<_>, _>>()?.into_iter().unzip())
}

fn replay(raw: Option<&str>) -> Result<Option<Replay>, JoinFault> {
    #[derive(Deserialize)]
    struct Asked {
        since: i64,
        limit: Option<i64>,
    }
    let Some(raw) = raw else { return Ok(None) };
    let asked: Asked = serde_json::from_str(raw).or(Err(JoinFault::Replay))?;
    let limit = asked.limit.unwrap_or(MAX_REPLAY).clamp(1, MAX_REPLAY);
    Ok(Some(Replay { since: asked.since, limit: u8::try_from(limit).unwrap_or(1) }))
}

/// A key of any type, as text; an empty one is none.
fn key(raw: &str) -> Option<Box<str>> {
    let key = serde_json::from_str::<String>(raw).unwrap_or_else(|_| raw.to_owned());
    (!key.is_empty()).then(|| key.into())
}

/// The token in the payload of an `access_token`.
pub(super) fn token(payload: &str) -> Option<Box<str>> {
    token_of(&members(payload).ok()?)
}

/// The token by its newer or older name; a project's API key is none.
fn token_of(top: &Members<'_>) -> Option<Box<str>> {
    let [access, user] = ["access_token", "user_token"].map(|name| get(top, name).and_then(text));
    match access.as_ref().or(user.as_ref()) {
        Some(token) if token.starts_with("sb_") => None,
        _ => user.or(access),
    }
}

fn text(raw: &str) -> Option<Box<str>> {
    serde_json::from_str(raw).ok()
}

fn position(raw: &str) -> Result<Position, JoinFault> {
    serde_json::from_str(raw).or(Err(JoinFault::Resume))
}

#[cfg(test)]
mod tests;
