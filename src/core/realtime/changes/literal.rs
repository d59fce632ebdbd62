//! Text as a value of a column's type, as `PostgreSQL` reads it.

use std::cmp::Ordering;

use serde_json::Value;
use uuid::Uuid;

use super::{table::Type, timestamp};

/// A value of a column's type.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    Uuid(Uuid),
    Int8(i64),
    Text(String),
    /// Microseconds since 1970; the ends of the range are before and after all times.
    Time(i64),
    Json(Value),
}

/// Why text is no value of a type, in the words of `PostgreSQL` as its driver gives them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum CastError {
    #[error(
        "ERROR 22P02 (invalid_text_representation) invalid input syntax for type {}: \"{value}\"",
        kind.sql_name()
    )]
    Syntax { kind: Type, value: String },
    #[error("ERROR 22P02 (invalid_text_representation) invalid input syntax for type json")]
    Json,
    #[error(
        "ERROR 22003 (numeric_value_out_of_range) value \"{0}\" is out of range for type bigint"
    )]
    Range(String),
    #[error(
        "ERROR 22007 (invalid_datetime_format) invalid input syntax for type timestamp with time \
         zone: \"{0}\""
    )]
    Time(String),
    #[error("ERROR 22008 (datetime_field_overflow) date/time field value out of range: \"{0}\"")]
    TimeRange(String),
    #[error("ERROR 22P02 (invalid_text_representation) malformed array literal: \"{0}\"")]
    Array(String),
}

/// Text as a value of that type.
pub(super) fn cast(value: &str, kind: Type) -> Result<Literal, CastError> {
    match kind {
        Type::Text | Type::Varchar => Ok(Literal::Text(value.to_owned())),
        Type::Uuid => uuid(value)
            .map(Literal::Uuid)
            .ok_or_else(|| CastError::Syntax { kind, value: value.to_owned() }),
        Type::Int8 => int8(value),
        Type::Timestamptz => timestamp::parse(value).map(Literal::Time),
        Type::Jsonb => serde_json::from_str(value).map(Literal::Json).or(Err(CastError::Json)),
    }
}

/// A UUID as `PostgreSQL` takes it: in braces or not, with a hyphen after any four digits or none.
fn uuid(value: &str) -> Option<Uuid> {
    let bare = match value.strip_prefix('{') {
        Some(rest) => rest.strip_suffix('}')?,
        None => value,
    };
    let mut digits = String::with_capacity(32);
    let mut after_hyphen = false;
    for char in bare.chars() {
        match char {
            '-' if !after_hyphen && !digits.is_empty() && digits.len().is_multiple_of(4) => {
                after_hyphen = true;
            }
            _ if char.is_ascii_hexdigit() && digits.len() < 32 => {
                digits.push(char);
                after_hyphen = false;
            }
            _ => return None,
        }
    }
    if digits.len() < 32 || after_hyphen { None } else { Uuid::try_parse(&digits).ok() }
}

fn int8(value: &str) -> Result<Literal, CastError> {
    let bare = value.trim_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}']);
    let digits = bare.strip_prefix(['-', '+']).unwrap_or(bare);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(CastError::Syntax { kind: Type::Int8, value: value.to_owned() });
    }
    let parsed = bare.parse().ok().map(Literal::Int8);
    parsed.ok_or_else(|| CastError::Range(value.to_owned()))
}

/// The elements of an array literal such as `{a,"b,c",NULL}`; `None` is the null.
pub(super) fn elements(array: &str) -> Result<Vec<Option<String>>, CastError> {
    let malformed = || CastError::Array(array.to_owned());
    let mut rest = array.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let mut found = Vec::new();
    if rest.is_some_and(|rest| rest.trim_ascii().is_empty()) {
        return Ok(found);
    }
    while let Some(list) = rest {
        let (element, after) = element(list).ok_or_else(malformed)?;
        found.push(element);
        match after.chars().next() {
            None => return Ok(found),
            Some(_) => rest = after.strip_prefix(','),
        }
    }
    Err(malformed())
}

/// The first element of a list, and what follows it.
fn element(list: &str) -> Option<(Option<String>, &str)> {
    let list = list.trim_ascii_start();
    let (text, quoted, rest) = if let Some(inner) = list.strip_prefix('"') {
        let (text, rest) = scan(inner, |char| char == '"')?;
        (text, true, rest.strip_prefix('"')?.trim_ascii_start())
    } else {
        let (text, rest) = scan(list, |char| matches!(char, ',' | '"' | '{' | '}'))?;
        (text.trim_ascii_end().to_owned(), false, rest)
    };
    if !quoted && text.is_empty() {
        return None;
    }
    let null = !quoted && text.eq_ignore_ascii_case("null");
    Some(((!null).then_some(text), rest))
}

/// Text up to a character that ends it, backslashes taken away.
fn scan(list: &str, is_end: impl Fn(char) -> bool) -> Option<(String, &str)> {
    let mut text = String::new();
    let mut chars = list.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '\\' => text.push(chars.next()?.1),
            _ if is_end(char) => return Some((text, list.get(at..)?)),
            _ => text.push(char),
        }
    }
    Some((text, ""))
}

/// The order of two values of `jsonb`, inside or outside of others.
pub(super) fn jsonb_order(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (Value::Number(a), Value::Number(b)) => match (a.as_i128(), b.as_i128()) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => a.as_f64().partial_cmp(&b.as_f64()).unwrap_or(Ordering::Equal),
        },
        (Value::Array(a), Value::Array(b)) => a.len().cmp(&b.len()).then_with(|| {
            let pairs = a.iter().zip(b);
            pairs
                .map(|(a, b)| jsonb_order(a, b))
                .find(|order| order.is_ne())
                .unwrap_or(Ordering::Equal)
        }),
        (Value::Object(a), Value::Object(b)) => a.len().cmp(&b.len()).then_with(|| {
            let pairs = members(a).into_iter().zip(members(b));
            pairs
                .map(|((a_key, a), (b_key, b))| a_key.cmp(b_key).then_with(|| jsonb_order(a, b)))
                .find(|order| order.is_ne())
                .unwrap_or(Ordering::Equal)
        }),
        _ => rank(a).cmp(&rank(b)),
    }
}

/// Members in the order in which `jsonb` keeps them: shorter keys first.
fn members(object: &serde_json::Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut members: Vec<_> = object.iter().collect();
    members.sort_by_key(|(key, _)| (key.len(), *key));
    members
}

fn rank(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::String(_) => 1,
        Value::Number(_) => 2,
        Value::Bool(_) => 3,
        Value::Array(_) => 4,
        Value::Object(_) => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_and_integers_are_read_as_postgresql_does() {
        let id = "00000000-0000-0000-0000-00000000000a";
        for good in [
            id,
            "0000000000000000000000000000000A",
            "{00000000-0000-0000-0000-00000000000a}",
            "0000-0000-0000-0000-0000-0000-0000-000a",
        ] {
            assert_eq!(cast(good, Type::Uuid), Ok(Literal::Uuid(Uuid::from_u128(10))), "{good}");
        }
        for bad in ["", "x", "{}", &id[1..], "{00000000-0000-0000-0000-00000000000a", "000-0"] {
            let fault = CastError::Syntax { kind: Type::Uuid, value: bad.to_owned() };
            assert_eq!(cast(bad, Type::Uuid), Err(fault));
        }
        assert_eq!(cast(" -12 ", Type::Int8), Ok(Literal::Int8(-12)));
        assert_eq!(cast("+7", Type::Int8), Ok(Literal::Int8(7)));
        assert_eq!(
            cast("1.5", Type::Int8).unwrap_err().to_string(),
            "ERROR 22P02 (invalid_text_representation) invalid input syntax for type bigint: \"1.5\""
        );
        assert_eq!(
            cast("9223372036854775808", Type::Int8),
            Err(CastError::Range("9223372036854775808".to_owned()))
        );
    }

    #[test]
    fn array_literals_are_read_as_postgresql_does() {
        for (array, expected) in [
            ("{}", vec![]),
            ("{ }", vec![]),
            ("{a, b c ,d}", vec![Some("a"), Some("b c"), Some("d")]),
            (r#"{"a,b","\"","" }"#, vec![Some("a,b"), Some("\""), Some("")]),
            (r#"{null,"null",a\,b}"#, vec![None, Some("null"), Some("a,b")]),
        ] {
            let expected = expected.into_iter().map(|element| element.map(str::to_owned));
            assert_eq!(elements(array), Ok(expected.collect()), "{array}");
        }
        for bad in ["{a,}", "{,a}", "{a}b}", "{\"a}", "{{a}}", "{a\"b}", "{\"a\"b}", "a"] {
            assert_eq!(elements(bad), Err(CastError::Array(bad.to_owned())), "{bad}");
        }
    }
}
