//! The shared queries on PostgreSQL, and those that only it has.

use std::collections::HashMap;

use chrono::{DateTime, SubsecRound as _, Utc};
use diesel::{
    pg::Pg,
    prelude::{
        ExpressionMethods as _, OptionalExtension as _, QueryDsl as _, QueryableByName,
        SelectableHelper as _,
    },
    query_builder::{AstPass, QueryFragment, QueryId},
    result::QueryResult,
    sql_query,
    sql_types::{Array, BigInt, Bool, Text},
};
use diesel_async::{
    AnsiTransactionManager as Transactions, AsyncPgConnection, RunQueryDsl, TransactionManager as _,
};
use uuid::Uuid;

use crate::{
    core::{
        cursor::durable::{Cursor, CursorStep},
        event::{Draft, Event, MAX_EVENT_TYPE, MAX_SOURCE, Seq},
        matching::Unscored,
        numbering::{Head, Known, Numbered, Proof, number},
    },
    storage::{
        AuditEntry, AuditQuery, Commit, DeadLetter, DeadLetterChange, DeadLetterCount,
        DeadLetterQuery, DeadLetterStatus, From, NewAudit, NewDeadLetter, Note, Noted, Page,
        PageQuery, Records, StorageError, StoredOverride, StoredVerdict,
        fault::{Cause, Fault, cause},
        page, queries,
        record_queries::record_queries,
        record_rows::{AuditRow, CursorRow, LetterRow, OverrideRow},
        records,
        rows::{Claim, EventRow, JournalRow, NewEvent},
        schema::{
            audit_log, cursors, dead_letters, flag_overrides, journal, monitoring_events as events,
            sql, verdicts,
        },
        values::{Id, JsonRef, Time, from_column, to_column},
        verdicts::{VerdictRow, verdict_queries},
    },
};

/// One snapshot for all statements.
const READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
const WRITE: &str = "BEGIN";

queries::queries!(AsyncPgConnection, Pg, awaited, async);
record_queries!(AsyncPgConnection, Pg, awaited, async);
verdict_queries!(AsyncPgConnection, awaited, async);

use queries::{awaited, transaction};

async fn insert(connection: &mut AsyncPgConnection, rows: &[NewEvent<'_>]) -> Result<usize, Fault> {
    Ok(Append::of(rows).execute(connection).await?)
}

/// Rows as one array a column: the statement is the same for any number of them, so that it is
/// prepared once.
struct Append<'a> {
    seq: Vec<i64>,
    id: Vec<Id>,
    event_type: Vec<&'a str>,
    timestamp: Vec<Time>,
    source: Vec<&'a str>,
    category: Vec<&'a str>,
    data: Vec<JsonRef<'a>>,
    metadata: Vec<JsonRef<'a>>,
    checksum: Vec<&'a str>,
    created_at: Vec<Time>,
}

impl<'a> Append<'a> {
    fn of(rows: &[NewEvent<'a>]) -> Self {
        fn column<'a, T>(rows: &[NewEvent<'a>], value: impl Fn(&NewEvent<'a>) -> T) -> Vec<T> {
            rows.iter().map(value).collect()
        }
        Self {
            seq: column(rows, |row| row.seq),
            id: column(rows, |row| row.id),
            event_type: column(rows, |row| row.event_type),
            timestamp: column(rows, |row| row.timestamp),
            source: column(rows, |row| row.source),
            category: column(rows, |row| row.category),
            data: column(rows, |row| row.data),
            metadata: column(rows, |row| row.metadata),
            checksum: column(rows, |row| row.checksum),
            created_at: column(rows, |row| row.created_at),
        }
    }
}

impl QueryId for Append<'_> {
    type QueryId = Append<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl QueryFragment<Pg> for Append<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "INSERT INTO monitoring_events (seq, id, timestamp, created_at, data, metadata, \
             event_type, source, category, checksum) SELECT * FROM unnest(",
        );
        out.push_bind_param::<Array<BigInt>, _>(&self.seq)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<sql::Uuid>, _>(&self.id)?;
        for times in [&self.timestamp, &self.created_at] {
            out.push_sql(", ");
            out.push_bind_param::<Array<sql::Moment>, _>(times)?;
        }
        for objects in [&self.data, &self.metadata] {
            out.push_sql(", ");
            out.push_bind_param::<Array<sql::Json>, _>(objects)?;
        }
        for texts in [&self.event_type, &self.source, &self.category, &self.checksum] {
            out.push_sql(", ");
            out.push_bind_param::<Array<Text>, _>(texts)?;
        }
        out.push_sql(")");
        Ok(())
    }
}

/// Whether the values alone are refused, by the columns' lengths or by their types.
///
/// diesel hides the SQLSTATE that would tell it from the error; so the values are sent again, to
/// be read and not stored.
pub(super) async fn refuses(connection: &mut AsyncPgConnection, drafts: &[Draft]) -> bool {
    let long = |text: &str, most: usize| text.chars().count() > most;
    if drafts.iter().any(|d| long(&d.event_type, MAX_EVENT_TYPE) || long(&d.source, MAX_SOURCE)) {
        return true;
    }
    let objects = drafts.iter().flat_map(|d| [JsonRef(&d.data), JsonRef(&d.metadata)]);
    let texts = drafts.iter().flat_map(|d| [&*d.event_type, &*d.source, &*d.checksum]);
    let read = sql_query("SELECT cardinality($1) + cardinality($2)")
        .bind::<Array<sql::Json>, _>(objects.collect::<Vec<_>>())
        .bind::<Array<Text>, _>(texts.collect::<Vec<_>>())
        .execute(connection)
        .await;
    matches!(read, Err(error) if cause(&error) == Cause::Refused)
}

/// The name under which this database's lock and nothing else is known.
const LOCK: i64 = i64::from_be_bytes(*b"signalbx");

#[derive(QueryableByName)]
struct Answer {
    #[diesel(sql_type = Bool)]
    yes: bool,
}

async fn ask(connection: &mut AsyncPgConnection, question: &str) -> Result<bool, Fault> {
    let query = sql_query(question).bind::<BigInt, _>(LOCK);
    Ok(query.get_result::<Answer>(connection).await?.yes)
}

/// Takes the writer's lock, if nobody has it.
pub(super) async fn try_lock(connection: &mut AsyncPgConnection) -> Result<bool, Fault> {
    ask(connection, "SELECT pg_try_advisory_lock($1) AS yes").await
}

/// Whether this session has the lock; behind a transaction-mode pooler it may be another's.
pub(super) async fn holds_lock(connection: &mut AsyncPgConnection) -> Result<bool, Fault> {
    let mine = "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' \
                AND pid = pg_backend_pid() AND classid = ($1 >> 32)::oid \
                AND objid = ($1 & 4294967295)::oid AND objsubid = 1) AS yes";
    ask(connection, mine).await
}

#[derive(QueryableByName)]
struct Identity {
    #[diesel(sql_type = Text)]
    identity: String,
}

/// System identifier, timeline and database: a server promoted from a replica has another timeline.
pub(super) async fn identity(connection: &mut AsyncPgConnection) -> Result<String, Fault> {
    let query = "SELECT concat_ws('/', system_identifier, \
                 left(pg_walfile_name(pg_current_wal_lsn()), 8), oid) AS identity \
                 FROM pg_control_system(), pg_database WHERE datname = current_database()";
    Ok(sql_query(query).get_result::<Identity>(connection).await?.identity)
}

#[derive(QueryableByName)]
struct Bytes {
    #[diesel(sql_type = BigInt)]
    bytes: i64,
}

/// Bytes of the events that are kept, with their indexes: PostgreSQL gives deleted space back
/// late, so their number is multiplied by the mean size of some of them, evenly spread.
pub(super) async fn size_bytes(connection: &mut AsyncPgConnection) -> Result<u64, Fault> {
    let query = "
        WITH kept AS (SELECT first_seq, head_seq - first_seq + 1 AS events FROM journal),
        picked AS (
            SELECT DISTINCT first_seq + n * events / 256 AS seq FROM kept, generate_series(0, 255) n
        ),
        mean AS (
            SELECT coalesce(avg(pg_column_size(data) + pg_column_size(metadata)
                + 2 * octet_length(event_type) + 2 * octet_length(source)
                + octet_length(checksum)), 0) + 420 AS bytes
            FROM monitoring_events JOIN picked USING (seq)
        )
        SELECT least(pg_total_relation_size('monitoring_events'),
            ceil(events * bytes)::bigint) AS bytes
        FROM kept, mean";
    let size = sql_query(query).get_result::<Bytes>(connection).await.optional()?;
    Ok(size.map_or(0, |size| from_column(size.bytes)))
}
