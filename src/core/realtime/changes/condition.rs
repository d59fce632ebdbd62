//! A part of a filter with its value read as the column's type: refused when the real server's
//! database would refuse it, asked of each row otherwise.

use std::cmp::Ordering;

use regex::{Regex, RegexBuilder};

use super::{
    filter::{Op, Term},
    literal::{CastError, Literal, cast, elements},
    row::Row,
    table::{Column, Type},
};

/// Most values of an `in`.
const MAX_VALUES: usize = 100;

/// Most bytes that a compiled pattern may take, and its cache again.
const MAX_PATTERN_BYTES: usize = 64 * 1024;

/// What a row must hold to be told of.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    column: Column,
    test: Test,
    negate: bool,
}

#[derive(Clone, Debug)]
enum Test {
    /// The value compared with the literal has one of these orders.
    Order(Literal, &'static [Ordering]),
    /// The value is one of these. A null among them makes "no" unknown.
    In {
        values: Vec<Literal>,
        has_null: bool,
    },
    Pattern(Regex),
    /// No column here is ever null.
    IsNull,
}

/// Why the database would refuse a filter, in its words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error(transparent)]
    Cast(#[from] CastError),
    #[error("ERROR P0001 (raise_exception) invalid column for filter {0}")]
    Column(String),
    #[error("ERROR P0001 (raise_exception) invalid column for select {0}")]
    Select(String),
    #[error("ERROR P0001 (raise_exception) too many values for `in` filter. Maximum {MAX_VALUES}")]
    TooMany,
    #[error(
        "ERROR P0001 (raise_exception) invalid value for is filter: must be null, true, false, or \
         unknown"
    )]
    Is,
    #[error(
        "ERROR P0001 (raise_exception) is {value} filter requires a boolean column, got {}",
        kind.sql_name()
    )]
    NotBoolean { value: String, kind: Type },
    #[error(
        "ERROR P0001 (raise_exception) operator {} requires a text-compatible column type, got {}",
        op.as_str(), kind.sql_name()
    )]
    NotText { op: Op, kind: Type },
    #[error(
        "ERROR P0001 (raise_exception) invalid regular expression for {} filter: {reason}",
        op.as_str()
    )]
    Regex { op: Op, reason: String },
    #[error(
        "ERROR 22025 (invalid_escape_sequence) LIKE pattern must not end with escape character"
    )]
    LikeEscape,
}

impl Condition {
    pub(super) fn try_new(term: Term) -> Result<Self, Refused> {
        let Term { column, op, value, negate } = term;
        let column = Column::parse(&column).ok_or(Refused::Column(column))?;
        let test = match op {
            Op::Eq => order(column, &value, &[Ordering::Equal])?,
            Op::Neq | Op::IsDistinct => {
                order(column, &value, &[Ordering::Less, Ordering::Greater])?
            }
            Op::Lt => order(column, &value, &[Ordering::Less])?,
            Op::Lte => order(column, &value, &[Ordering::Less, Ordering::Equal])?,
            Op::Gt => order(column, &value, &[Ordering::Greater])?,
            Op::Gte => order(column, &value, &[Ordering::Greater, Ordering::Equal])?,
            Op::In => one_of(column.kind(), &value)?,
            Op::Is => is(column.kind(), value)?,
            Op::Like | Op::Ilike | Op::Match | Op::Imatch => pattern(column.kind(), op, &value)?,
        };
        Ok(Self { column, test, negate })
    }

    pub(super) fn is_pattern(&self) -> bool {
        matches!(self.test, Test::Pattern(_))
    }

    /// Whether the row holds it. What is unknown does not hold, negated or not.
    pub(super) fn holds(&self, row: &Row<'_>) -> bool {
        let holds = match &self.test {
            Test::Order(literal, orders) => orders.contains(&row.compare(self.column, literal)),
            Test::In { values, has_null } => {
                let found = values.iter().any(|value| row.compare(self.column, value).is_eq());
                if !found && *has_null {
                    return false;
                }
                found
            }
            Test::Pattern(pattern) => pattern.is_match(&row.text(self.column)),
            Test::IsNull => false,
        };
        holds != self.negate
    }
}

fn order(column: Column, value: &str, orders: &'static [Ordering]) -> Result<Test, Refused> {
    Ok(Test::Order(cast(value, column.kind())?, orders))
}

fn one_of(kind: Type, array: &str) -> Result<Test, Refused> {
    let elements = elements(array)?;
    let has_null = elements.contains(&None);
    let count = elements.len();
    let values =
        elements.iter().flatten().map(|element| cast(element, kind)).collect::<Result<_, _>>()?;
    if count > MAX_VALUES { Err(Refused::TooMany) } else { Ok(Test::In { values, has_null }) }
}

fn is(kind: Type, value: String) -> Result<Test, Refused> {
    match value.as_str() {
        "null" => Ok(Test::IsNull),
        "true" | "false" | "unknown" => Err(Refused::NotBoolean { value, kind }),
        _ => Err(Refused::Is),
    }
}

fn pattern(kind: Type, op: Op, value: &str) -> Result<Test, Refused> {
    if !kind.is_text() {
        return Err(Refused::NotText { op, kind });
    }
    let pattern = match op {
        Op::Like | Op::Ilike => like(value).ok_or(Refused::LikeEscape)?,
        _ => value.to_owned(),
    };
    let pattern = compile(&pattern, matches!(op, Op::Ilike | Op::Imatch));
    pattern.map(Test::Pattern).map_err(|error| Refused::Regex { op, reason: reason(&error) })
}

/// What is wrong with a pattern: the last line, for the others draw where.
fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().next_back().unwrap_or_default();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

/// A pattern of `LIKE` as a regular expression; `None` when its last character escapes nothing.
fn like(pattern: &str) -> Option<String> {
    let mut regex = String::from("^");
    let mut chars = pattern.chars();
    while let Some(char) = chars.next() {
        let literal = match char {
            '%' if regex.ends_with(".*") => continue,
            '%' | '_' => {
                regex.push_str(if char == '%' { ".*" } else { "." });
                continue;
            }
            '\\' => chars.next()?,
            _ => char,
        };
        regex.push_str(&regex::escape(literal.encode_utf8(&mut [0; 4])));
    }
    regex.push('$');
    Some(regex)
}

/// Whether a name fits a pattern of `LIKE` in which nothing is escaped.
pub(super) fn is_like(pattern: &str, name: &str) -> bool {
    let pattern = like(&pattern.replace('\\', "\\\\"));
    pattern.and_then(|pattern| compile(&pattern, false).ok()).is_some_and(|it| it.is_match(name))
}

fn compile(pattern: &str, any_case: bool) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern)
        .case_insensitive(any_case)
        .dot_matches_new_line(true)
        .size_limit(MAX_PATTERN_BYTES)
        .dfa_size_limit(MAX_PATTERN_BYTES)
        .build()
}
