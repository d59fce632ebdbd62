//! One binding of a channel to the table: what a client asks for in `postgres_changes`, checked by
//! the real server's rules and refused in its words.

use serde_json::{Map, Value};

use super::{
    condition::{Condition, Refused, is_like},
    filter,
    row::{Row, View},
    table::{Column, Schema, TABLE},
};

/// A binding that can be served.
#[derive(Clone, Debug)]
pub(super) struct Binding {
    pub(super) view: View,
    /// Whether it is about INSERTs: nothing else ever happens to events.
    inserts: bool,
    conditions: Vec<Condition>,
}

impl Binding {
    /// From what a client sent.
    ///
    /// # Errors
    /// What the client is told.
    pub(super) fn try_new(params: &Map<String, Value>) -> Result<Self, String> {
        let event = event(params.get("event"));
        let select = select(params.get("select"))?;
        let (schema, table, filter) = place(params)?;
        let terms = filter::parse(filter)
            .map_err(|reason| format!("Error parsing `filter` params: {reason}"))?;
        if select.is_some() && (schema == "*" || table == "*") {
            return Err(
                "Column selection is not supported for wildcard subscriptions. Provide an \
                        explicit schema and table name."
                    .to_owned(),
            );
        }
        let asked = Asked { event, schema, table, terms: &terms, select: select.as_deref() };
        // Names are patterns on the real server, without an escape character.
        let matches = |pattern: &str, name: &str| pattern == "*" || is_like(pattern, name);
        let schema = Schema::ALL.into_iter().find(|known| matches(schema, known.as_str()));
        let Some(schema) = schema.filter(|_| matches(table, TABLE)) else {
            return Err(asked.not_published());
        };
        let conditions = terms.iter().cloned().map(Condition::try_new).collect::<Result<_, _>>();
        let conditions = conditions.map_err(|refused| asked.refused(&refused))?;
        let columns = columns(select.as_deref()).map_err(|refused| asked.refused(&refused))?;
        let inserts = matches!(event, "*" | "INSERT");
        Ok(Self { view: View { schema, columns }, inserts, conditions })
    }

    /// How many of its conditions are patterns.
    pub(super) fn patterns(&self) -> usize {
        self.conditions.iter().filter(|condition| condition.is_pattern()).count()
    }

    pub(super) fn matches(&self, row: &Row<'_>) -> bool {
        self.inserts && self.conditions.iter().all(|condition| condition.holds(row))
    }
}

fn event(event: Option<&Value>) -> &'static str {
    let event = event.and_then(Value::as_str).unwrap_or_default();
    let known = ["INSERT", "UPDATE", "DELETE"];
    known.into_iter().find(|known| event.eq_ignore_ascii_case(known)).unwrap_or("*")
}

fn select(select: Option<&Value>) -> Result<Option<Vec<String>>, String> {
    match select {
        Some(Value::Array(names)) => {
            let mut names: Vec<_> =
                names.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            names.sort();
            Ok((!names.is_empty()).then_some(names))
        }
        Some(Value::String(_)) => Err("Error parsing `select` params: expected a list of column \
                                       name strings, e.g. select: [\"col1\", \"col2\"]"
            .to_owned()),
        _ => Ok(None),
    }
}

/// Schema, table and filter, as far as they are given.
fn place(params: &Map<String, Value>) -> Result<(&str, &str, &str), String> {
    match ["schema", "table", "filter"].map(|name| params.get(name)) {
        [Some(Value::String(schema)), Some(Value::String(table)), Some(Value::String(filter))] => {
            Ok((schema, table, filter))
        }
        [Some(Value::String(schema)), Some(Value::String(table)), None] => Ok((schema, table, "")),
        [Some(Value::String(schema)), None, None] => Ok((schema, "*", "")),
        [None, Some(Value::String(table)), None] => Ok(("public", table, "")),
        _ => {
            let has_token = params.contains_key("user_token") || params.contains_key("auth_token");
            let params = if has_token { "<redacted>".to_owned() } else { inspect_map(params) };
            Err(format!(
                "No subscription params provided. Please provide at least a `schema` or `table` to \
                 subscribe to: {params}"
            ))
        }
    }
}

fn columns(select: Option<&[String]>) -> Result<u16, Refused> {
    let Some(names) = select else { return Ok(View::ALL) };
    let columns =
        names.iter().map(|name| Column::parse(name).ok_or_else(|| Refused::Select(name.clone())));
    columns.collect::<Result<Vec<_>, _>>().map(View::columns)
}

/// What was asked for, to be said back in errors.
struct Asked<'a> {
    event: &'a str,
    schema: &'a str,
    table: &'a str,
    terms: &'a [filter::Term],
    select: Option<&'a [String]>,
}

impl Asked<'_> {
    fn not_published(&self) -> String {
        format!(
            "Unable to subscribe to changes with given parameters. Please check Realtime is \
             enabled for the given connect parameters: [{}]",
            self.parameters()
        )
    }

    fn refused(&self, reason: &Refused) -> String {
        format!(
            "Unable to subscribe to changes with given parameters. An exception happened so \
             please check your connect parameters: [{}]. Exception: {reason}",
            self.parameters()
        )
    }

    fn parameters(&self) -> String {
        let Self { event, schema, table, .. } = self;
        let filters: Vec<_> = self
            .terms
            .iter()
            .map(|term| {
                let (column, op, value) = (&term.column, term.op.as_str(), &term.value);
                format!("{{{column:?}, {op:?}, {value:?}, {}}}", term.negate)
            })
            .collect();
        let select = self.select.map_or("nil".to_owned(), |names| format!("{names:?}"));
        format!(
            "event: {event}, schema: {schema}, table: {table}, filters: [{}], select: {select}",
            filters.join(", ")
        )
    }
}

/// A value as the real server's language shows it.
fn inspect(value: &Value) -> String {
    match value {
        Value::Null => "nil".to_owned(),
        Value::String(text) => format!("{text:?}"),
        Value::Array(values) => {
            format!("[{}]", values.iter().map(inspect).collect::<Vec<_>>().join(", "))
        }
        Value::Object(members) => inspect_map(members),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

fn inspect_map(members: &Map<String, Value>) -> String {
    let members = members.iter().map(|(key, value)| format!("{key:?} => {}", inspect(value)));
    format!("%{{{}}}", members.collect::<Vec<_>>().join(", "))
}
