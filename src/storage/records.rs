//! What is kept beside the events: the adapters' cursors, dead letters and the audit log.
//!
//! A [`Note`] may be written again when nobody knows whether it was: the second time changes
//! nothing. Texts of strangers are made such that both databases take them.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::{From, StoredVerdict};
use crate::core::{
    cursor::durable::CursorStep,
    event::{Event, Position},
};

/// Most records in an answer.
pub const MAX_RECORDS: usize = 1_000;
/// Longest reason, in characters: a destination may answer with a whole page.
const MAX_REASON: usize = 2_000;

/// Something to be written that is no event.
#[derive(Clone, Debug, PartialEq)]
pub enum Note {
    /// An adapter has come further.
    Cursor(CursorStep),
    /// Events are set aside, and the adapter goes on behind them.
    Bury {
        /// The events. One that was set aside before is pending again, with the new reason.
        letters: Vec<NewDeadLetter>,
        /// How far the adapter has come with them.
        step: CursorStep,
    },
    /// A dead letter changes.
    DeadLetter {
        /// Which.
        id: u64,
        /// How.
        change: DeadLetterChange,
        /// When.
        at: DateTime<Utc>,
    },
    /// Somebody, or a rule, changed how the router works.
    Audit(NewAudit),
    /// A setting is set at run time, or no longer, and the audit log says so.
    Override {
        /// The key's path.
        key: Box<str>,
        /// What it is set to; `None`: what was set is forgotten.
        set: Option<StoredOverride>,
        /// Who did it, and why.
        entry: NewAudit,
    },
    /// Verdicts fell that are to be looked at later.
    Verdicts(Vec<StoredVerdict>),
    /// Verdicts that fell before this time are forgotten.
    ForgetVerdicts(DateTime<Utc>),
}

/// A value that was set at run time, as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredOverride {
    /// The key's path, such as `flags.dual_mode`.
    pub key: String,
    /// Its value, as JSON says what Settings.toml says.
    pub value: Value,
    /// Who set it.
    pub set_by: String,
    /// When, to the microsecond.
    pub set_at: DateTime<Utc>,
    /// Until when, to the microsecond; `None` means until it is cleared.
    pub expires_at: Option<DateTime<Utc>>,
}

/// What became of a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noted {
    /// It is written.
    Done,
    /// There is no such dead letter.
    Absent,
    /// The dead letter was recovered already: it can only be deleted.
    Settled,
}

/// An event that a destination refuses for good.
#[derive(Clone, Debug, PartialEq)]
pub struct NewDeadLetter {
    /// Whose destination.
    pub adapter: Box<str>,
    /// The epoch of the event's `seq`.
    pub epoch: Uuid,
    /// The event.
    pub event: Arc<Event>,
    /// What the destination says.
    pub reason: Box<str>,
    /// How often it was sent.
    pub attempts: u32,
}

/// How a dead letter changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeadLetterChange {
    /// It is sent again: one more attempt, and pending until its outcome is known.
    Replayed,
    /// The destination has taken it.
    Recovered,
    /// The destination has refused it again. It can still be replayed.
    Failed {
        /// What the destination says.
        reason: Box<str>,
    },
    /// Nobody wants it any more.
    Deleted,
}

/// Where a dead letter stands. Whatever is not recovered can be replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeadLetterStatus {
    /// It waits for somebody, or is being replayed.
    Pending,
    /// A replay delivered it.
    Recovered,
    /// A replay was refused again.
    Failed,
}

impl DeadLetterStatus {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Recovered, Self::Failed];

    /// The name on the wire and in storage.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Recovered => "recovered",
            Self::Failed => "failed",
        }
    }

    /// The status of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

/// A dead letter as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadLetter {
    /// Its number: later ones have greater ones.
    pub id: u64,
    /// Whose destination.
    pub adapter: String,
    /// Where the event stood in the journal; retention may have taken it since.
    pub position: Position,
    /// The event, whole.
    pub event: Event,
    /// What the destination said last.
    pub reason: String,
    /// How often it was sent, replays included.
    pub attempts: u32,
    /// Where it stands.
    pub status: DeadLetterStatus,
    /// When it was first set aside.
    pub created_at: DateTime<Utc>,
    /// When it was last replayed.
    pub replayed_at: Option<DateTime<Utc>>,
    /// When a replay delivered it.
    pub recovered_at: Option<DateTime<Utc>>,
}

/// Which dead letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetterQuery {
    /// From which number, and in which direction: `After` is oldest first.
    pub from: From,
    /// At most so many, and never more than [`MAX_RECORDS`].
    pub limit: usize,
    /// Only of this adapter.
    pub adapter: Option<String>,
    /// Only of this status.
    pub status: Option<DeadLetterStatus>,
}

/// How many dead letters an adapter has of one status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetterCount {
    /// The adapter.
    pub adapter: String,
    /// The status.
    pub status: DeadLetterStatus,
    /// How many, at least 1.
    pub count: u64,
    /// When the oldest of them was set aside.
    pub oldest: DateTime<Utc>,
}

/// The time at which the oldest dead letter was set aside that still waits, of all adapters.
#[must_use]
pub fn oldest_pending(counts: &[DeadLetterCount]) -> Option<DateTime<Utc>> {
    let pending = counts.iter().filter(|count| count.status == DeadLetterStatus::Pending);
    pending.map(|count| count.oldest).min()
}

/// Something that the audit log is told.
#[derive(Clone, Debug, PartialEq)]
pub struct NewAudit {
    /// When it happened. The same deed of the same one at the same time is written once.
    pub at: DateTime<Utc>,
    /// Who did it: a client's identity, or the part of the router.
    pub actor: Box<str>,
    /// What was done, such as `breaker.opened`.
    pub action: Box<str>,
    /// To what.
    pub subject: Box<str>,
    /// A JSON object: the values before and after, the reason.
    pub detail: Value,
}

/// A line of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its number: later ones have greater ones.
    pub id: u64,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// Who did it.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub subject: String,
    /// A JSON object.
    pub detail: Box<str>,
}

/// Which lines of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditQuery {
    /// From which number, and in which direction: `After` is oldest first.
    pub from: From,
    /// At most so many, and never more than [`MAX_RECORDS`].
    pub limit: usize,
    /// Only of this action.
    pub action: Option<String>,
}

/// Some records, in the query's direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Records<T> {
    /// The records.
    pub records: Vec<T>,
    /// What to go on from, in the same direction; `None` at the end.
    pub next: Option<u64>,
}

impl<T> Records<T> {
    /// Of `found`, one more than was asked for says that there are more.
    pub(super) fn of(mut found: Vec<T>, limit: usize, id: impl Fn(&T) -> u64) -> Self {
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(id);
        Self { records: found, next }
    }
}

/// How many records a query may answer with.
pub(super) fn limit(asked: usize) -> usize {
    asked.min(MAX_RECORDS)
}

/// A text without the one character that PostgreSQL cannot hold.
pub(super) fn text(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// A destination's words, of bounded length.
pub(super) fn reason(words: &str) -> String {
    let mut reason: String = text(words).chars().take(MAX_REASON).collect();
    if reason.len() < words.len() && reason.chars().count() == MAX_REASON {
        reason.push('…');
    }
    reason
}

/// JSON that both databases take.
pub(super) fn json(value: &Value) -> String {
    fn clean(value: &Value) -> Value {
        match value {
            Value::String(string) => Value::String(text(string)),
            Value::Array(values) => values.iter().map(clean).collect(),
            Value::Object(members) => {
                members.iter().map(|(name, value)| (text(name), clean(value))).collect()
            }
            other => other.clone(),
        }
    }
    clean(value).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_where_to_go_on_only_when_there_is_more() {
        let page = |found: &[u64], limit| Records::of(found.to_vec(), limit, |id| *id);
        assert_eq!(page(&[9, 8, 7], 2), Records { records: vec![9, 8], next: Some(8) });
        assert_eq!(page(&[9, 8], 2), Records { records: vec![9, 8], next: None });
        assert_eq!(page(&[], 2), Records { records: vec![], next: None });
        assert_eq!(page(&[1], 0), Records { records: vec![], next: None });
    }

    #[test]
    fn what_strangers_say_is_cut_and_cleaned() {
        assert_eq!(reason("no\0pe"), "no\u{fffd}pe");
        assert_eq!(reason(&"ü".repeat(2_000)), "ü".repeat(2_000));
        assert_eq!(reason(&"ü".repeat(2_001)).chars().count(), 2_001);
        assert!(reason(&"ü".repeat(9_000)).ends_with('…'));
        let dirty = serde_json::json!({"a\0": ["b\0", {"c": "\\u0000"}], "n": 1});
        assert_eq!(json(&dirty), r#"{"a�":["b�",{"c":"\\u0000"}],"n":1}"#);
    }

    #[test]
    fn only_what_waits_has_an_age() {
        let count = |status, seconds| DeadLetterCount {
            adapter: "realtime".into(),
            status,
            count: 1,
            oldest: DateTime::from_timestamp(seconds, 0).unwrap(),
        };
        let counts = [
            count(DeadLetterStatus::Recovered, 1),
            count(DeadLetterStatus::Pending, 5),
            count(DeadLetterStatus::Pending, 3),
        ];
        assert_eq!(oldest_pending(&counts), DateTime::from_timestamp(3, 0));
        assert_eq!(oldest_pending(&counts[..1]), None);
    }
}
