//! The shared queries on SQLite, and the two that only it has.

use std::collections::HashMap;

use chrono::{DateTime, SubsecRound as _, Utc};
use diesel::{
    connection::{AnsiTransactionManager as Transactions, TransactionManager as _},
    prelude::*,
    sql_query,
    sql_types::BigInt,
    sqlite::Sqlite,
};
use uuid::Uuid;

use crate::{
    core::{
        cursor::durable::{Cursor, CursorStep},
        event::{Draft, Event, Seq},
        matching::Unscored,
        numbering::{Head, Known, Numbered, Proof, number},
    },
    storage::{
        AuditEntry, AuditQuery, Commit, DeadLetter, DeadLetterChange, DeadLetterCount,
        DeadLetterQuery, DeadLetterStatus, From, NewAudit, NewDeadLetter, Note, Noted, Page,
        PageQuery, Records, StorageError, StoredOverride, StoredVerdict,
        fault::Fault,
        page, queries,
        record_queries::record_queries,
        record_rows::{AuditRow, CursorRow, LetterRow, OverrideRow},
        records,
        rows::{Claim, EventRow, JournalRow, NewEvent},
        schema::{
            audit_log, cursors, dead_letters, flag_overrides, journal, monitoring_events as events,
            verdicts,
        },
        values::{Id, JsonRef, Time, from_column, to_column},
        verdicts::{VerdictRow, verdict_queries},
    },
};

/// A snapshot that begins with the first read.
const READ: &str = "BEGIN DEFERRED";
/// The write lock at once, so that a transaction never has to give up half way.
const WRITE: &str = "BEGIN IMMEDIATE";

queries::queries!(SqliteConnection, Sqlite, at_once);
record_queries!(SqliteConnection, Sqlite, at_once);
verdict_queries!(SqliteConnection, at_once);

use queries::{at_once, transaction};

fn insert(connection: &mut SqliteConnection, rows: &[NewEvent<'_>]) -> Result<usize, Fault> {
    Ok(diesel::insert_into(events::table).values(rows).execute(connection)?)
}

#[derive(QueryableByName)]
struct Bytes {
    #[diesel(sql_type = BigInt)]
    bytes: i64,
}

/// Bytes of the pages in use; free pages wait for new events.
pub(super) fn size_bytes(connection: &mut SqliteConnection) -> Result<u64, Fault> {
    let used = "SELECT (page_count - freelist_count) * page_size AS bytes \
                FROM pragma_page_count, pragma_freelist_count, pragma_page_size";
    Ok(from_column(sql_query(used).get_result::<Bytes>(connection)?.bytes))
}
