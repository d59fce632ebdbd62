//! How values travel to and from the two databases: ids, times and JSON.
//!
//! JSON is never parsed into numbers here: what a producer wrote beyond the range of `f64` comes
//! back as it is.

use std::io::Write as _;

use chrono::{DateTime, Utc};
use diesel::{
    backend::Backend,
    deserialize::{self, FromSql, FromSqlRow},
    expression::AsExpression,
    pg::{Pg, PgValue},
    serialize::{self, IsNull, Output, ToSql},
    sql_types::{Text, Timestamptz},
    sqlite::Sqlite,
};
use uuid::Uuid;

use super::schema::sql;
use crate::core::event::{Seq, rfc3339};

/// First byte of `jsonb` on the wire: the version of the form, which is text.
const JSONB_VERSION: u8 = 1;

/// A `seq` as a column holds it.
pub(super) fn to_column(seq: Seq) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

/// A `seq` from its column; the tables allow no negative ones.
pub(super) fn from_column(seq: i64) -> Seq {
    Seq::try_from(seq).unwrap_or(0)
}

/// An id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = sql::Uuid)]
pub(super) struct Id(pub(super) Uuid);

impl ToSql<sql::Uuid, Pg> for Id {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(self.0.as_bytes())?;
        Ok(IsNull::No)
    }
}

impl ToSql<sql::Uuid, Sqlite> for Id {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.hyphenated().to_string());
        Ok(IsNull::No)
    }
}

impl FromSql<sql::Uuid, Pg> for Id {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(Uuid::from_slice(value.as_bytes())?))
    }
}

impl FromSql<sql::Uuid, Sqlite> for Id {
    fn from_sql(value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(Uuid::parse_str(&text(value)?)?))
    }
}

/// A time, to the microsecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = sql::Moment)]
pub(super) struct Time(pub(super) DateTime<Utc>);

impl ToSql<sql::Moment, Pg> for Time {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        ToSql::<Timestamptz, Pg>::to_sql(&self.0, out)
    }
}

impl ToSql<sql::Moment, Sqlite> for Time {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        // Beyond year 9999 the text would get a sign and no longer sort.
        let last = DateTime::from_timestamp_micros(253_402_300_799_999_999).unwrap_or_default();
        out.set_value(rfc3339(self.0.min(last)));
        Ok(IsNull::No)
    }
}

impl FromSql<sql::Moment, Pg> for Time {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        FromSql::<Timestamptz, Pg>::from_sql(value).map(Self)
    }
}

impl FromSql<sql::Moment, Sqlite> for Time {
    fn from_sql(value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(DateTime::parse_from_rfc3339(&text(value)?)?.to_utc()))
    }
}

/// JSON on its way into the database.
#[derive(Clone, Copy, Debug, AsExpression)]
#[diesel(sql_type = sql::Json)]
pub(super) struct JsonRef<'a>(pub(super) &'a str);

impl ToSql<sql::Json, Pg> for JsonRef<'_> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(&[JSONB_VERSION])?;
        out.write_all(self.0.as_bytes())?;
        Ok(IsNull::No)
    }
}

impl ToSql<sql::Json, Sqlite> for JsonRef<'_> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0);
        Ok(IsNull::No)
    }
}

/// JSON as it comes back, without white space between tokens.
#[derive(Clone, Debug, PartialEq, Eq, FromSqlRow)]
pub(super) struct Json(pub(super) Box<str>);

impl FromSql<sql::Json, Pg> for Json {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        match value.as_bytes().split_first() {
            Some((&JSONB_VERSION, text)) => Ok(Self(compact(std::str::from_utf8(text)?))),
            _ => Err("an unknown version of jsonb".into()),
        }
    }
}

impl FromSql<sql::Json, Sqlite> for Json {
    fn from_sql(value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(text(value)?.into()))
    }
}

fn text(value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<String> {
    FromSql::<Text, Sqlite>::from_sql(value)
}

/// Takes out the white space that PostgreSQL writes between the tokens of valid JSON.
fn compact(json: &str) -> Box<str> {
    let mut out = String::with_capacity(json.len());
    let (mut quoted, mut escaped) = (false, false);
    for character in json.chars() {
        if quoted || !character.is_ascii_whitespace() {
            out.push(character);
        }
        quoted ^= character == '"' && !escaped;
        escaped = quoted && character == '\\' && !escaped;
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn white_space_goes_from_between_tokens_only() {
        assert_eq!(
            &*compact(r#"{"a b": [1, 2.0], "c\" d": "e \\", "ü": {}}"#),
            r#"{"a b":[1,2.0],"c\" d":"e \\","ü":{}}"#
        );
    }

    proptest! {
        #[test]
        fn compact_json_of_any_strings_is_what_serde_writes(texts: Vec<String>) {
            let pretty = serde_json::to_string_pretty(&texts).unwrap();
            prop_assert_eq!(&*compact(&pretty), serde_json::to_string(&texts).unwrap());
        }
    }
}
