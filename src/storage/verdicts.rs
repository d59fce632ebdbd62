//! Verdicts that are kept: those of events that were anything but matched.
//!
//! The queries are written once and instantiated for each database, as
//! [`record_queries`](super::record_queries) are, and beside them.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use super::{
    StorageError, schema,
    values::{Id, Time, from_column},
};
use crate::core::{
    event::{Category, Position},
    matching::{Path, PayloadHash, Verdict},
};

/// A verdict as it is kept: one for each event and path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredVerdict {
    /// The event.
    pub event_id: Uuid,
    /// Where it was looked for.
    pub path: Path,
    /// Its place in the journal.
    pub position: Position,
    /// What it is about.
    pub category: Category,
    /// What became of it.
    pub verdict: Verdict,
    /// What a client was to see.
    pub expected: PayloadHash,
    /// What was seen, if anything was.
    pub seen: Option<PayloadHash>,
    /// Number of the settings then.
    pub generation: u64,
    /// When the verdict fell.
    pub decided_at: DateTime<Utc>,
}

/// A row of `verdicts` on its way out.
#[derive(Queryable, Selectable)]
#[diesel(table_name = schema::verdicts)]
pub(super) struct VerdictRow {
    event_id: Id,
    path: String,
    epoch: Id,
    seq: i64,
    category: String,
    verdict: String,
    reason: Option<String>,
    expected_hash: String,
    seen_hash: Option<String>,
    generation: i64,
    decided_at: Time,
}

impl VerdictRow {
    pub(super) fn stored(self) -> Result<StoredVerdict, StorageError> {
        let id = self.event_id.0;
        let unreadable = |what| {
            move || {
                StorageError::Refused(format!(
                    "the verdict on {id} cannot be read: its {what} is none"
                ))
            }
        };
        let hash = |text: &str| text.parse().map_err(|_no_hash| unreadable("hash")());
        let verdict = Verdict::parse(&self.verdict, self.reason.as_deref());
        Ok(StoredVerdict {
            event_id: id,
            path: Path::parse(&self.path).ok_or_else(unreadable("path"))?,
            position: Position { epoch: self.epoch.0, seq: from_column(self.seq) },
            category: Category::parse(&self.category).ok_or_else(unreadable("category"))?,
            verdict: verdict.ok_or_else(unreadable("name"))?,
            expected: hash(&self.expected_hash)?,
            seen: self.seen_hash.as_deref().map(hash).transpose()?,
            generation: from_column(self.generation),
            decided_at: self.decided_at.0,
        })
    }
}

/// The queries for one kind of connection.
macro_rules! verdict_queries {
    ($Connection:ty, $wait:ident $(, $async:ident)?) => {
        /// Keeps verdicts. One of the same event and path is kept already: the first counts.
        $($async)? fn keep_verdicts(
            c: &mut $Connection,
            found: &[StoredVerdict],
        ) -> Result<(), Fault> {
            for one in found {
                let row = (
                    verdicts::event_id.eq(Id(one.event_id)),
                    verdicts::path.eq(one.path.name()),
                    verdicts::epoch.eq(Id(one.position.epoch)),
                    verdicts::seq.eq(to_column(one.position.seq)),
                    verdicts::category.eq(one.category.as_str()),
                    verdicts::verdict.eq(one.verdict.name()),
                    verdicts::reason.eq(one.verdict.reason().map(Unscored::name)),
                    verdicts::expected_hash.eq(one.expected.to_string()),
                    verdicts::seen_hash.eq(one.seen.map(|hash| hash.to_string())),
                    verdicts::generation.eq(to_column(one.generation)),
                    verdicts::decided_at.eq(Time(one.decided_at.trunc_subsecs(6))),
                );
                let insert =
                    diesel::insert_into(verdicts::table).values(row).on_conflict_do_nothing();
                $wait!(insert.execute(c))?;
            }
            Ok(())
        }

        /// Forgets verdicts that fell before a time.
        $($async)? fn forget_verdicts(
            c: &mut $Connection,
            before: DateTime<Utc>,
        ) -> Result<(), Fault> {
            let old = verdicts::table.filter(verdicts::decided_at.lt(Time(before.trunc_subsecs(6))));
            $wait!(diesel::delete(old).execute(c))?;
            Ok(())
        }

        /// The verdicts on an event that are kept, in the order of the paths' names.
        pub(super) $($async)? fn verdicts_on(
            c: &mut $Connection,
            event: Uuid,
        ) -> Result<Vec<StoredVerdict>, Fault> {
            let query = verdicts::table
                .select(VerdictRow::as_select())
                .filter(verdicts::event_id.eq(Id(event)))
                .order(verdicts::path);
            let rows: Vec<VerdictRow> = $wait!(query.load(c))?;
            Ok(rows.into_iter().map(VerdictRow::stored).collect::<Result<_, _>>()?)
        }
    };
}

pub(super) use verdict_queries;
