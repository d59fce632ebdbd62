//! A batch as the rows of a table: one array a column, so that the statement is the same for any
//! number of rows and never has too many parameters.

use std::{borrow::Cow, error::Error};

use bytes::{BufMut as _, BytesMut};
use chrono::DateTime;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use uuid::Uuid;

use crate::core::event::Event;

/// From 1970 to PostgreSQL's first second, in microseconds.
const EPOCH: i64 = 946_684_800_000_000;
/// The one version of `jsonb` on the wire.
const JSONB_VERSION: u8 = 1;

/// A column that we fill.
pub(super) struct Column {
    pub(super) name: &'static str,
    /// Whether the table must have it.
    pub(super) needed: bool,
    /// The type of the array.
    pub(super) array: Type,
    value: for<'r> fn(&'r Rows<'_>) -> &'r (dyn ToSql + Sync),
}

const fn column(
    name: &'static str,
    needed: bool,
    array: Type,
    value: for<'r> fn(&'r Rows<'_>) -> &'r (dyn ToSql + Sync),
) -> Column {
    Column { name, needed, array, value }
}

/// All of them.
pub(super) static COLUMNS: [Column; 10] = [
    column("id", true, Type::UUID_ARRAY, |rows| &rows.id),
    column("event_type", true, Type::TEXT_ARRAY, |rows| &rows.event_type),
    column("timestamp", true, Type::TIMESTAMPTZ_ARRAY, |rows| &rows.timestamp),
    column("source", true, Type::TEXT_ARRAY, |rows| &rows.source),
    column("data", true, Type::JSONB_ARRAY, |rows| &rows.data),
    column("metadata", true, Type::JSONB_ARRAY, |rows| &rows.metadata),
    column("created_at", true, Type::TIMESTAMPTZ_ARRAY, |rows| &rows.created_at),
    column("seq", false, Type::INT8_ARRAY, |rows| &rows.seq),
    column("category", false, Type::TEXT_ARRAY, |rows| &rows.category),
    column("checksum", false, Type::TEXT_ARRAY, |rows| &rows.checksum),
];

impl Column {
    /// The values of this column.
    pub(super) fn values<'r>(&self, rows: &'r Rows<'_>) -> &'r (dyn ToSql + Sync) {
        (self.value)(rows)
    }
}

/// The statement that puts rows into those columns, in the order of the batch; `array` writes the
/// one of a column, by its number.
pub(super) fn insert(columns: &[&Column], array: impl Fn(usize) -> String) -> String {
    let names = columns.iter().map(|column| format!("\"{}\"", column.name)).collect::<Vec<_>>();
    let names = names.join(", ");
    let arrays = columns.iter().enumerate();
    let arrays = arrays.map(|(at, column)| {
        let element = column.array.name().trim_start_matches('_');
        format!("{}::{element}[]", array(at + 1))
    });
    format!(
        "INSERT INTO monitoring.monitoring_events ({names}) SELECT {names} \
         FROM unnest({}) WITH ORDINALITY AS new ({names}, place) ORDER BY place \
         ON CONFLICT (id) DO NOTHING",
        arrays.collect::<Vec<_>>().join(", ")
    )
}

/// Events as columns.
#[derive(Default)]
pub(super) struct Rows<'a> {
    pub(super) id: Vec<Id>,
    pub(super) seq: Vec<i64>,
    event_type: Vec<&'a str>,
    timestamp: Vec<Time>,
    source: Vec<&'a str>,
    category: Vec<&'static str>,
    data: Vec<Json<'a>>,
    metadata: Vec<Json<'a>>,
    checksum: Vec<Cow<'a, str>>,
    created_at: Vec<Time>,
}

/// What only the event's JSON has.
#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow)]
    timestamp: Cow<'a, str>,
    #[serde(borrow)]
    data: &'a RawValue,
    #[serde(borrow)]
    metadata: &'a RawValue,
    #[serde(borrow)]
    checksum: Cow<'a, str>,
}

impl<'a> Rows<'a> {
    pub(super) fn with_capacity(rows: usize) -> Self {
        Self {
            id: Vec::with_capacity(rows),
            seq: Vec::with_capacity(rows),
            data: Vec::with_capacity(rows),
            metadata: Vec::with_capacity(rows),
            ..Self::default()
        }
    }

    pub(super) fn len(&self) -> usize {
        self.id.len()
    }

    /// Adds an event; or says why it can be no row.
    pub(super) fn push(&mut self, event: &'a Event) -> Result<(), String> {
        let members: Members<'a> =
            serde_json::from_slice(&event.json).map_err(|error| error.to_string())?;
        let timestamp = DateTime::parse_from_rfc3339(&members.timestamp);
        let timestamp = timestamp.map_err(|error| format!("its timestamp is none: {error}"))?;
        let seq = i64::try_from(event.seq).map_err(|error| format!("its seq: {error}"))?;
        self.id.push(Id(event.id));
        self.seq.push(seq);
        self.event_type.push(&event.event_type);
        self.timestamp.push(Time(timestamp.timestamp_micros()));
        self.source.push(&event.source);
        self.category.push(event.category.as_str());
        self.data.push(Json(members.data.get()));
        self.metadata.push(Json(members.metadata.get()));
        self.checksum.push(members.checksum);
        self.created_at.push(Time(event.created_at.timestamp_micros()));
        Ok(())
    }
}

type Written = Result<IsNull, Box<dyn Error + Sync + Send>>;

/// A `uuid`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Id(pub(super) Uuid);

impl ToSql for Id {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Written {
        out.put_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::UUID
    }

    to_sql_checked!();
}

/// A `timestamptz`, in microseconds since 1970.
#[derive(Clone, Copy, Debug)]
struct Time(i64);

impl ToSql for Time {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Written {
        out.put_i64(self.0.saturating_sub(EPOCH));
        Ok(IsNull::No)
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::TIMESTAMPTZ
    }

    to_sql_checked!();
}

/// A `jsonb`.
#[derive(Clone, Copy, Debug)]
struct Json<'a>(&'a str);

impl ToSql for Json<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Written {
        out.put_u8(JSONB_VERSION);
        out.put_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::JSONB
    }

    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_columns_that_are_there_are_filled() {
        let (id, seq) = (&COLUMNS[0], &COLUMNS[7]);
        assert_eq!(
            insert(&[id, seq], |at| format!("${at}")),
            "INSERT INTO monitoring.monitoring_events (\"id\", \"seq\") SELECT \"id\", \"seq\" \
             FROM unnest($1::uuid[], $2::int8[]) WITH ORDINALITY AS new (\"id\", \"seq\", place) \
             ORDER BY place ON CONFLICT (id) DO NOTHING"
        );
    }
}
