//! Rows of the tables, and what they mean to the core.

use diesel::prelude::*;
use uuid::Uuid;

use super::{
    StorageError, schema,
    values::{Id, Json, JsonRef, Time, from_column, to_column},
};
use crate::core::{
    event::{Category, Draft, Event, Position, Seq},
    numbering::{Head, Numbered, Proof, Witness, prove},
};

/// The `journal` row.
#[derive(Queryable, Selectable)]
#[diesel(table_name = schema::journal)]
pub(super) struct JournalRow {
    epoch: Id,
    head_seq: i64,
    first_seq: i64,
    last_created_at: Time,
    identity: String,
}

impl JournalRow {
    pub(super) fn head(&self) -> Head {
        Head {
            epoch: self.epoch.0,
            first_seq: from_column(self.first_seq),
            head_seq: from_column(self.head_seq),
            last_created_at: self.last_created_at.0,
        }
    }
}

/// What a writer knows when it takes the journal over.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    /// Identity of this database, where the journal can be expected to be known by it.
    pub(super) known: Option<String>,
    /// Identity to write into a journal that begins a new epoch.
    pub(super) identity: String,
    /// The epoch to begin when one must begin.
    pub(super) fresh: Uuid,
    /// Positions known to have been committed.
    pub(super) seen: Vec<Position>,
}

impl Claim {
    /// The head to go on from, and whether it is under the epoch seen before.
    pub(super) fn decide(&self, stored: Option<&JournalRow>) -> (Head, Proof) {
        let head = stored.map(JournalRow::head);
        let same_database = stored.is_some_and(|row| self.known.as_ref() == Some(&row.identity));
        let mut proof = prove(head.as_ref(), Witness { same_database, last_seen: None });
        for seen in &self.seen {
            if proof == Proof::Same {
                proof = prove(head.as_ref(), Witness { same_database, last_seen: Some(*seen) });
            }
        }
        match (head, proof) {
            (Some(head), Proof::Same) => (head, proof),
            (Some(head), _) => (Head { epoch: self.fresh, ..head }, proof),
            (None, _) => (Head::empty(self.fresh), proof),
        }
    }
}

/// A row of `monitoring_events` on its way out.
#[derive(Queryable, Selectable)]
#[diesel(table_name = schema::monitoring_events)]
pub(super) struct EventRow {
    seq: i64,
    id: Id,
    event_type: String,
    timestamp: Time,
    source: String,
    category: String,
    data: Json,
    metadata: Json,
    checksum: String,
    created_at: Time,
}

impl EventRow {
    pub(super) fn seq(&self) -> Seq {
        from_column(self.seq)
    }

    /// The event under the journal's epoch.
    pub(super) fn event(self, epoch: Uuid) -> Result<Event, StorageError> {
        let at = Position { epoch, seq: self.seq() };
        let category = Category::parse(&self.category).ok_or_else(|| {
            let category = &self.category;
            StorageError::Refused(format!("event {} has no known category: `{category}`", at.seq))
        })?;
        let draft = Draft {
            id: self.id.0,
            event_type: self.event_type.into(),
            timestamp: self.timestamp.0,
            source: self.source.into(),
            category,
            data: self.data.0,
            metadata: self.metadata.0,
            checksum: self.checksum.into(),
        };
        Ok(Event::commit(draft, at, self.created_at.0))
    }
}

/// A row of `monitoring_events` on its way in.
#[derive(Insertable)]
#[diesel(table_name = schema::monitoring_events)]
pub(super) struct NewEvent<'a> {
    pub(super) seq: i64,
    pub(super) id: Id,
    pub(super) event_type: &'a str,
    pub(super) timestamp: Time,
    pub(super) source: &'a str,
    pub(super) category: &'static str,
    pub(super) data: JsonRef<'a>,
    pub(super) metadata: JsonRef<'a>,
    pub(super) checksum: &'a str,
    pub(super) created_at: Time,
}

impl<'a> NewEvent<'a> {
    /// The rows to insert for a numbered batch, in `seq` order up to its head.
    pub(super) fn of(drafts: &'a [Draft], numbered: &Numbered) -> Vec<Self> {
        let created_at = Time(numbered.head.last_created_at);
        let fresh = numbered.fresh.iter().filter_map(|&index| {
            Some((drafts.get(index)?, to_column(numbered.outcomes.get(index)?.seq)))
        });
        fresh
            .map(|(draft, seq)| Self {
                seq,
                id: Id(draft.id),
                event_type: &draft.event_type,
                timestamp: Time(draft.timestamp),
                source: &draft.source,
                category: draft.category.as_str(),
                data: JsonRef(&draft.data),
                metadata: JsonRef(&draft.metadata),
                checksum: &draft.checksum,
                created_at,
            })
            .collect()
    }
}
