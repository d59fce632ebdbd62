//! An object's members in their order, values unparsed: for looking at one level without building
//! the rest.

use std::{borrow::Cow, fmt};

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Keys and unparsed values in their order, repeated keys included.
pub type Members<'a> = Vec<(Cow<'a, str>, &'a RawValue)>;

/// The members of a JSON object. The values are checked for syntax, not for what can be stored.
///
/// # Errors
/// `is_data()` when the text is JSON but not an object; otherwise where it is not JSON.
pub fn members(object: &str) -> Result<Members<'_>, serde_json::Error> {
    serde_json::from_str::<Object<'_>>(object).map(|object| object.0)
}

struct Object<'a>(Members<'a>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Members::with_capacity(8);
        while let Some((Key(key), value)) = map.next_entry()? {
            members.push((key, value));
        }
        Ok(Object(members))
    }
}

/// A key that borrows when nothing in it is escaped, which `Cow` does not do by itself.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(KeyVisitor)
    }
}

struct KeyVisitor;

impl<'de> Visitor<'de> for KeyVisitor {
    type Value = Key<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E: Error>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Key(Cow::Borrowed(key)))
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Key(Cow::Owned(key.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_come_in_their_order_with_values_as_written() {
        let members = members(r#"{"b": 1.50, "\u0061":{"x": []}, "b":null}"#).unwrap();
        let seen: Vec<_> = members.iter().map(|(key, value)| (&**key, value.get())).collect();
        assert_eq!(seen, [("b", "1.50"), ("a", r#"{"x": []}"#), ("b", "null")]);
        assert!(matches!(members.first(), Some((Cow::Borrowed("b"), _))));
    }

    #[test]
    fn what_is_no_object_is_told_from_what_is_no_json() {
        assert!(members("[1]").unwrap_err().is_data());
        assert!(members("{").unwrap_err().is_eof());
    }
}
