//! What an event is: a [`Draft`] until the journal gives it its place, an [`Event`] from then on.
//!
//! An event is immutable once committed, so its JSON is made here, once, and every reader shares
//! the same bytes. Nothing in this file knows where an event came from or where it goes.

use std::{fmt, str::FromStr};

use bytes::Bytes;
use chrono::{DateTime, DurationRound, SecondsFormat, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::flags::Mode;

/// A place in the journal: contiguous from 1, in commit order. 0 means "before the first".
pub type Seq = u64;

/// Longest `event_type`, in characters.
pub const MAX_EVENT_TYPE: usize = 50;
/// Longest `source`, in characters.
pub const MAX_SOURCE: usize = 100;

/// A place that means the same for ever: a `seq` counts only within its `epoch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Position {
    /// Made when the journal is created, or when it cannot be proved to be the same one.
    pub epoch: Uuid,
    /// The place within the epoch.
    #[schema(value_type = u64)]
    pub seq: Seq,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch, self.seq)
    }
}

/// A text that is no position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a position is EPOCH.SEQ, a UUID and a number")]
pub struct NoPosition;

impl FromStr for Position {
    type Err = NoPosition;

    fn from_str(text: &str) -> Result<Self, NoPosition> {
        let (epoch, seq) = text.split_once('.').ok_or(NoPosition)?;
        match (epoch.parse(), seq.parse()) {
            (Ok(epoch), Ok(seq)) => Ok(Self { epoch, seq }),
            _ => Err(NoPosition),
        }
    }
}

/// What an event is about; decides its checksum and, per category, where it is sent.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Failures somebody must act on.
    Critical,
    /// Measurements.
    Performance,
    /// What people do.
    UserActivity,
    /// Everything about the machinery itself.
    System,
    /// For developers.
    Debug,
}

impl Category {
    /// All of them, in the order of the documentation.
    pub const ALL: [Category; 5] =
        [Self::Critical, Self::Performance, Self::UserActivity, Self::System, Self::Debug];

    /// The name on the wire and in storage.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Performance => "performance",
            Self::UserActivity => "user_activity",
            Self::System => "system",
            Self::Debug => "debug",
        }
    }

    /// The category of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|category| category.as_str() == name)
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An event that passed ingest and waits for its place in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The idempotency key.
    pub id: Uuid,
    /// 1 to [`MAX_EVENT_TYPE`] characters.
    pub event_type: Box<str>,
    /// Event time, to the microsecond.
    pub timestamp: DateTime<Utc>,
    /// 1 to [`MAX_SOURCE`] characters.
    pub source: Box<str>,
    /// Given by the producer, or by the classifier.
    pub category: Category,
    /// A JSON object, without white space between tokens.
    pub data: Box<str>,
    /// A JSON object, without white space between tokens; `broadcast_mode` is in it.
    pub metadata: Box<str>,
    /// Lower-case hexadecimal, over canonical `data`.
    pub checksum: Box<str>,
}

impl Draft {
    /// Bytes this draft takes while it waits, near enough to bound a queue by.
    #[must_use]
    pub fn size(&self) -> usize {
        size_of::<Self>()
            + self.event_type.len()
            + self.source.len()
            + self.data.len()
            + self.metadata.len()
            + self.checksum.len()
    }
}

/// A committed event, as every reader shares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its place within the journal's epoch.
    pub seq: Seq,
    /// The idempotency key.
    pub id: Uuid,
    /// What filters look at.
    pub event_type: Box<str>,
    /// What filters look at.
    pub source: Box<str>,
    /// What filters look at.
    pub category: Category,
    /// How it is delivered, as its metadata says.
    pub mode: Mode,
    /// When the journal committed it.
    pub created_at: DateTime<Utc>,
    /// The whole event as JSON, the same bytes for everybody.
    pub json: Bytes,
}

impl Event {
    /// Gives a draft its place, and makes the JSON that every reader will see.
    #[must_use]
    pub fn commit(draft: Draft, at: Position, created_at: DateTime<Utc>) -> Self {
        let json = json(&draft, at, created_at);
        let mode = Mode::of_metadata(&draft.metadata);
        let Draft { id, event_type, source, category, .. } = draft;
        Self { seq: at.seq, id, event_type, source, category, mode, created_at, json }
    }

    /// Whether it is meant for a Realtime: then it is on that path, and only then.
    #[must_use]
    pub fn is_routed(&self) -> bool {
        self.mode.is_routed()
    }

    /// Bytes this event takes in the tail, near enough to bound it by.
    #[must_use]
    pub fn size(&self) -> usize {
        size_of::<Self>() + self.event_type.len() + self.source.len() + self.json.len()
    }
}

/// The time without what is finer than a microsecond, which is as fine as both databases keep it.
#[must_use]
pub fn to_micros(time: DateTime<Utc>) -> DateTime<Utc> {
    time.duration_trunc(TimeDelta::microseconds(1)).unwrap_or(time)
}

/// RFC 3339 in UTC, to the microsecond: the one form of a time on the wire.
#[must_use]
pub fn rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

fn json(draft: &Draft, at: Position, created_at: DateTime<Utc>) -> Bytes {
    let mut out = Vec::with_capacity(draft.data.len() + draft.metadata.len() + 384);
    let mut put = |part: &str| out.extend_from_slice(part.as_bytes());
    put("{\"id\":\"");
    put(draft.id.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
    put("\",\"seq\":");
    put(&at.seq.to_string());
    put(",\"epoch\":\"");
    put(at.epoch.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
    put("\",\"event_type\":");
    put(&quoted(&draft.event_type));
    put(",\"timestamp\":\"");
    put(&rfc3339(draft.timestamp));
    put("\",\"source\":");
    put(&quoted(&draft.source));
    put(",\"category\":\"");
    put(draft.category.as_str());
    put("\",\"data\":");
    put(&draft.data);
    put(",\"metadata\":");
    put(&draft.metadata);
    put(",\"checksum\":\"");
    put(&draft.checksum);
    put("\",\"created_at\":\"");
    put(&rfc3339(created_at));
    put("\"}");
    out.into()
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A draft for tests: small, and told from others by its id and its checksum.
    pub(crate) fn draft(id: u128, checksum: &str) -> Draft {
        Draft {
            id: Uuid::from_u128(id),
            event_type: "t".into(),
            timestamp: DateTime::UNIX_EPOCH,
            source: "s".into(),
            category: Category::System,
            data: "{}".into(),
            metadata: "{}".into(),
            checksum: checksum.into(),
        }
    }

    #[test]
    fn a_committed_event_reads_as_the_json_of_the_contract() {
        let draft = Draft {
            id: Uuid::from_u128(7),
            event_type: "cache \"x\"".into(),
            timestamp: DateTime::from_timestamp_micros(1_000_001).unwrap(),
            source: "redis".into(),
            category: Category::UserActivity,
            data: r#"{"n":1.50}"#.into(),
            metadata: "{}".into(),
            checksum: "00000000".into(),
        };
        let at = Position { epoch: Uuid::from_u128(9), seq: 12 };
        let event = Event::commit(draft, at, DateTime::from_timestamp_micros(2_000_000).unwrap());
        assert_eq!(
            std::str::from_utf8(&event.json).unwrap(),
            r#"{"id":"00000000-0000-0000-0000-000000000007","seq":12,"epoch":"00000000-0000-0000-0000-000000000009","event_type":"cache \"x\"","timestamp":"1970-01-01T00:00:01.000001Z","source":"redis","category":"user_activity","data":{"n":1.50},"metadata":{},"checksum":"00000000","created_at":"1970-01-01T00:00:02.000000Z"}"#
        );
    }

    #[test]
    fn every_category_is_found_by_its_name() {
        for category in Category::ALL {
            assert_eq!(Category::parse(category.as_str()), Some(category));
        }
        assert_eq!(Category::parse("Critical"), None);
    }
}
