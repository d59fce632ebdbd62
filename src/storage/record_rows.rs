//! Rows of the tables beside the events, and what they mean.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{
    StorageError,
    records::{
        AuditEntry, DeadLetter, DeadLetterChange, DeadLetterStatus, Noted, StoredOverride, reason,
    },
    schema,
    values::{Id, Json, Time, from_column},
};
use crate::core::{
    cursor::durable::Cursor,
    event::{Category, Draft, Event, Position},
};

/// A row of `cursors`.
#[derive(Queryable, Selectable)]
#[diesel(table_name = schema::cursors)]
pub(super) struct CursorRow {
    name: String,
    epoch: Id,
    seq: i64,
    through: i64,
    updated_at: Time,
}

impl CursorRow {
    pub(super) fn cursor(self) -> (String, Cursor) {
        let position = Position { epoch: self.epoch.0, seq: from_column(self.seq) };
        let (through, updated_at) = (from_column(self.through), self.updated_at.0);
        (self.name, Cursor { position, through, updated_at })
    }
}

/// A row of `dead_letters` on its way out.
#[derive(Queryable, Selectable)]
#[diesel(table_name = schema::dead_letters)]
pub(super) struct LetterRow {
    id: i64,
    adapter: String,
    epoch: Id,
    seq: i64,
    event: Json,
    reason: String,
    attempts: i32,
    status: String,
    created_at: Time,
    replayed_at: Option<Time>,
    recovered_at: Option<Time>,
}

impl LetterRow {
    /// The part that changes.
    pub(super) fn standing(self) -> Result<Standing, StorageError> {
        Ok(Standing {
            status: status(self.id, &self.status)?,
            reason: self.reason,
            attempts: self.attempts,
            replayed_at: self.replayed_at.map(|time| time.0),
            recovered_at: self.recovered_at.map(|time| time.0),
        })
    }

    /// The dead letter.
    pub(super) fn letter(self) -> Result<DeadLetter, StorageError> {
        let position = Position { epoch: self.epoch.0, seq: from_column(self.seq) };
        let event = event(&self.event.0, position)
            .map_err(|error| unreadable(self.id, &format!("its event is none: {error}")))?;
        Ok(DeadLetter {
            id: from_column(self.id),
            adapter: self.adapter,
            position,
            event,
            reason: self.reason,
            attempts: u32::try_from(self.attempts).unwrap_or(0),
            status: status(self.id, &self.status)?,
            created_at: self.created_at.0,
            replayed_at: self.replayed_at.map(|time| time.0),
            recovered_at: self.recovered_at.map(|time| time.0),
        })
    }
}

/// The status that stands in a row.
fn status(id: i64, name: &str) -> Result<DeadLetterStatus, StorageError> {
    DeadLetterStatus::parse(name).ok_or_else(|| unreadable(id, "it has no known status"))
}

fn unreadable(id: i64, why: &str) -> StorageError {
    StorageError::Refused(format!("dead letter {id} cannot be read: {why}"))
}

/// An event as its JSON holds it; numbers stay as they are written.
#[derive(Deserialize)]
struct Whole {
    id: Uuid,
    event_type: Box<str>,
    timestamp: DateTime<Utc>,
    source: Box<str>,
    category: Category,
    data: Box<RawValue>,
    metadata: Box<RawValue>,
    checksum: Box<str>,
    created_at: DateTime<Utc>,
}

/// The event with its members in their usual order, which JSONB does not keep.
fn event(json: &str, at: Position) -> serde_json::Result<Event> {
    let whole: Whole = serde_json::from_str(json)?;
    let created_at = whole.created_at;
    let draft = Draft {
        id: whole.id,
        event_type: whole.event_type,
        timestamp: whole.timestamp,
        source: whole.source,
        category: whole.category,
        data: whole.data.into(),
        metadata: whole.metadata.into(),
        checksum: whole.checksum,
    };
    Ok(Event::commit(draft, at, created_at))
}

/// The part of a dead letter that changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) status: DeadLetterStatus,
    pub(super) reason: String,
    pub(super) attempts: i32,
    pub(super) replayed_at: Option<DateTime<Utc>>,
    pub(super) recovered_at: Option<DateTime<Utc>>,
}

impl Standing {
    /// After `change` at `at`; deletion is not one of these. The same change at the same time
    /// changes nothing more.
    pub(super) fn after(self, change: &DeadLetterChange, at: DateTime<Utc>) -> (Self, Noted) {
        use DeadLetterStatus::{Failed, Pending, Recovered};
        let standing = match change {
            DeadLetterChange::Recovered if self.status == Recovered => self,
            _ if self.status == Recovered => return (self, Noted::Settled),
            DeadLetterChange::Replayed if self.replayed_at == Some(at) => self,
            DeadLetterChange::Replayed => {
                let attempts = self.attempts.saturating_add(1);
                Self { status: Pending, attempts, replayed_at: Some(at), ..self }
            }
            DeadLetterChange::Recovered => {
                Self { status: Recovered, recovered_at: Some(at), ..self }
            }
            DeadLetterChange::Failed { reason: words } => {
                Self { status: Failed, reason: reason(words), ..self }
            }
            DeadLetterChange::Deleted => self,
        };
        (standing, Noted::Done)
    }
}

/// A row of `flag_overrides` on its way out.
#[derive(Queryable, Selectable)]
#[diesel(table_name = schema::flag_overrides)]
pub(super) struct OverrideRow {
    name: String,
    value: Json,
    set_by: String,
    set_at: Time,
    expires_at: Option<Time>,
}

impl OverrideRow {
    pub(super) fn stored(self) -> Result<StoredOverride, StorageError> {
        let value = serde_json::from_str(&self.value.0).map_err(|error| {
            StorageError::Refused(format!("the override of {} cannot be read: {error}", self.name))
        })?;
        Ok(StoredOverride {
            key: self.name,
            value,
            set_by: self.set_by,
            set_at: self.set_at.0,
            expires_at: self.expires_at.map(|time| time.0),
        })
    }
}

/// A row of `audit_log` on its way out.
#[derive(Queryable, Selectable)]
#[diesel(table_name = schema::audit_log)]
pub(super) struct AuditRow {
    id: i64,
    at: Time,
    actor: String,
    action: String,
    subject: String,
    detail: Json,
}

impl AuditRow {
    pub(super) fn entry(self) -> AuditEntry {
        AuditEntry {
            id: from_column(self.id),
            at: self.at.0,
            actor: self.actor,
            action: self.action,
            subject: self.subject,
            detail: self.detail.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn what_is_not_recovered_can_always_be_replayed() {
        let pending = Standing {
            status: DeadLetterStatus::Pending,
            reason: "first".into(),
            attempts: 1,
            replayed_at: None,
            recovered_at: None,
        };
        let after = |standing: &Standing, change: DeadLetterChange, seconds| {
            standing.clone().after(&change, at(seconds))
        };
        let (replayed, noted) = after(&pending, DeadLetterChange::Replayed, 1);
        assert_eq!(noted, Noted::Done);
        let expected = Standing { attempts: 2, replayed_at: Some(at(1)), ..pending.clone() };
        assert_eq!(replayed, expected, "pending until its outcome is known");
        assert_eq!(after(&replayed, DeadLetterChange::Replayed, 1).0, replayed, "the same again");

        let refused = DeadLetterChange::Failed { reason: "again".into() };
        let (failed, _) = after(&replayed, refused.clone(), 2);
        assert_eq!((failed.status, &*failed.reason), (DeadLetterStatus::Failed, "again"));
        let (replayed, _) = after(&failed, DeadLetterChange::Replayed, 3);
        assert_eq!((replayed.status, replayed.attempts), (DeadLetterStatus::Pending, 3));

        let (recovered, noted) = after(&replayed, DeadLetterChange::Recovered, 4);
        assert_eq!((recovered.recovered_at, noted), (Some(at(4)), Noted::Done));
        assert_eq!(after(&recovered, DeadLetterChange::Recovered, 5), (recovered.clone(), noted));
        for change in [DeadLetterChange::Replayed, refused] {
            assert_eq!(after(&recovered, change, 6), (recovered.clone(), Noted::Settled));
        }
    }
}
