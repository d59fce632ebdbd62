//! An event as the row that `PostgreSQL` would tell of: its values for filters, and the `data` of
//! the message, rendered from the event's bytes.

use std::{
    borrow::Cow,
    cell::OnceCell,
    cmp::Ordering,
    fmt::{self, Write as _},
    io,
};

use bytes::Bytes;
use serde_json::{Value, ser::Formatter, value::RawValue};
use uuid::Uuid;

use super::{
    literal::{Literal, jsonb_order},
    table::{Column, Schema, TABLE},
};
use crate::core::{
    canonical::members,
    event::{Category, Event, Seq},
};

/// A change over this many bytes is told with its small values only.
const MAX_CHANGE: usize = 1024 * 1024;

/// Largest value, in bytes of JSON, that is told of a change that is too large.
const SMALL_VALUE: usize = 64;

/// Bytes of a change beside its values, as `wal2json` writes it.
const CHANGE_FRAME: usize = 875;

/// What a client is told of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct View {
    /// The schema it looks in.
    pub(super) schema: Schema,
    /// A bit for each column, in table order.
    pub(super) columns: u16,
}

impl View {
    /// All columns.
    pub(super) const ALL: u16 = (1 << Column::ALL.len()) - 1;

    /// The set of some columns; the primary key is always among them.
    pub(super) fn columns(columns: impl IntoIterator<Item = Column>) -> u16 {
        columns.into_iter().fold(bit(Column::Id), |set, column| set | bit(column))
    }

    fn shown(self) -> impl Iterator<Item = Column> {
        Column::ALL.into_iter().filter(move |column| self.columns & bit(*column) != 0)
    }
}

fn bit(column: Column) -> u16 {
    1 << column as u16
}

/// An event, looked at as a row. Its JSON is parsed when first needed, and at most once.
#[derive(Debug)]
pub struct Row<'a> {
    event: &'a Event,
    values: OnceCell<[&'a str; 10]>,
    parsed: [OnceCell<Value>; 10],
}

impl<'a> Row<'a> {
    /// The row of an event.
    #[must_use]
    pub fn new(event: &'a Event) -> Self {
        Self { event, values: OnceCell::new(), parsed: Default::default() }
    }

    /// The value as it stands in the event's JSON.
    fn raw(&self, column: Column) -> &'a str {
        let values = self.values.get_or_init(|| values(self.event));
        values.get(column as usize).copied().unwrap_or("null")
    }

    fn value(&self, column: Column) -> &Value {
        const NULL: &Value = &Value::Null;
        let cell = self.parsed.get(column as usize);
        // The event was made by us: its JSON parses.
        let parse = || serde_json::from_str(self.raw(column)).unwrap_or_default();
        cell.map_or(NULL, |cell| cell.get_or_init(parse))
    }

    /// The value of a column that holds text.
    pub(super) fn text(&self, column: Column) -> Cow<'_, str> {
        match column {
            Column::EventType => (*self.event.event_type).into(),
            Column::Source => (*self.event.source).into(),
            Column::Category => Category::as_str(self.event.category).into(),
            _ => self.value(column).as_str().unwrap_or_default().into(),
        }
    }

    /// How the value compares with one of the column's type.
    pub(super) fn compare(&self, column: Column, with: &Literal) -> Ordering {
        match with {
            Literal::Uuid(with) => Uuid::cmp(&self.event.id, with),
            Literal::Int8(with) => {
                Seq::try_from(*with).map_or(Ordering::Greater, |with| self.event.seq.cmp(&with))
            }
            Literal::Text(with) => (*self.text(column)).cmp(with.as_str()),
            Literal::Time(with) => self.micros(column).cmp(with),
            Literal::Json(with) => jsonb_order(self.value(column), with),
        }
    }

    fn micros(&self, column: Column) -> i64 {
        match column {
            Column::CreatedAt => self.event.created_at.timestamp_micros(),
            _ => super::timestamp::parse(&self.text(column)).unwrap_or_default(),
        }
    }

    /// The `data` of the message: the row as that view shows it.
    #[must_use]
    pub fn data(&self, view: View) -> Bytes {
        let mut out = String::with_capacity(self.event.json.len() + 1024);
        // Writing to a String cannot fail.
        self.write(view, &mut out).unwrap_or_default();
        out.into()
    }

    fn write(&self, view: View, out: &mut String) -> fmt::Result {
        let too_large = self.is_too_large();
        let schema = view.schema.as_str();
        let commit = self.event.created_at.format("%Y-%m-%dT%H:%M:%S%.3fZ");
        write!(out, r#"{{"type":"INSERT","schema":"{schema}","table":"{TABLE}","#)?;
        write!(out, r#""commit_timestamp":"{commit}","columns":["#)?;
        for (index, column) in view.shown().enumerate() {
            let (name, kind) = (column.name(), column.kind().typname());
            write!(out, r#"{}{{"name":"{name}","type":"{kind}"}}"#, comma(index))?;
        }
        out.write_str(r#"],"record":{"#)?;
        let is_told = |column: &Column| !too_large || self.jsonb(*column).len() <= SMALL_VALUE;
        for (index, column) in view.shown().filter(is_told).enumerate() {
            write!(out, r#"{}"{}":{}"#, comma(index), column.name(), self.rendered(column))?;
        }
        let errors = if too_large { r#"["Error 413: Payload Too Large"]"# } else { "null" };
        write!(out, r#"}},"errors":{errors}}}"#)
    }

    /// The value as `to_jsonb` gives it: the event's own bytes, but for times.
    fn rendered(&self, column: Column) -> Cow<'a, str> {
        let raw = self.raw(column);
        match column {
            Column::Timestamp | Column::CreatedAt => {
                let bare = raw.trim_matches('"').trim_end_matches('Z');
                let short = match bare.split_once('.') {
                    Some(_) => bare.trim_end_matches('0').trim_end_matches('.'),
                    None => bare,
                };
                format!("\"{short}+00:00\"").into()
            }
            _ => raw.into(),
        }
    }

    /// The value as the text of a `jsonb`.
    fn jsonb(&self, column: Column) -> String {
        match column {
            Column::Data | Column::Metadata => spaced(self.value(column)),
            _ => self.rendered(column).into_owned(),
        }
    }

    /// Whether the change, as `wal2json` writes it, is over the limit of the real server.
    fn is_too_large(&self) -> bool {
        // Spaces and backslashes at most double it; exponents are not written out here.
        if self.event.json.len() * 2 + CHANGE_FRAME <= MAX_CHANGE {
            return false;
        }
        let sizes = Column::ALL.into_iter().map(|column| match column {
            Column::Data | Column::Metadata => Value::from(self.jsonb(column)).to_string().len(),
            // Three characters less for a shorter zone; and once more, as the time of the commit.
            Column::CreatedAt => (self.jsonb(column).len() - 3) * 2,
            Column::Timestamp => self.jsonb(column).len() - 3,
            _ => self.jsonb(column).len(),
        });
        CHANGE_FRAME + sizes.sum::<usize>() > MAX_CHANGE
    }
}

/// The event's values in table order.
fn values(event: &Event) -> [&str; 10] {
    let text = std::str::from_utf8(&event.json).unwrap_or_default();
    let found = members(text).unwrap_or_default();
    Column::ALL.map(|column| {
        let member = found.iter().find(|(key, _)| key == column.name());
        member.map_or("null", |(_, value)| RawValue::get(value))
    })
}

fn comma(index: usize) -> &'static str {
    if index == 0 { "" } else { "," }
}

/// JSON with the spaces that the text of a `jsonb` has.
fn spaced(value: &Value) -> String {
    let mut out = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, Spaced);
    match serde::Serialize::serialize(value, &mut serializer) {
        Ok(()) => String::from_utf8(out).unwrap_or_default(),
        Err(_) => value.to_string(),
    }
}

struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        out: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        out: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }
}
