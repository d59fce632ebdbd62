//! An event with another value in its `data`, of the same length where that can be, so that it fits
//! wherever it did.

use std::ops::Range;

use crate::core::canonical::{canonical, members, quote};

/// Values that are tried, from the first on.
const TRIED: usize = 32;

/// The JSON of an event with a value of its `data` changed, and all else as it was, the checksum too.
/// Nothing when it is no event, or none of its first values can be changed.
#[must_use]
pub fn altered(event: &str) -> Option<String> {
    let members = members(event).ok()?;
    let mut changed = false;
    let mut out = String::with_capacity(event.len() + 16);
    for (place, (key, value)) in members.iter().enumerate() {
        out.push(if place == 0 { '{' } else { ',' });
        quote(key, &mut out);
        out.push(':');
        if *key == "data" {
            out.push_str(&data(value.get())?);
            changed = true;
        } else {
            out.push_str(value.get());
        }
    }
    out.push('}');
    changed.then_some(out)
}

/// Another object than this, by its canonical form.
fn data(data: &str) -> Option<String> {
    let before = canonical(data).ok()?;
    if before == "{}" {
        return Some(r#"{"altered":true}"#.to_owned());
    }
    let candidates = leaves(data).take(TRIED).filter_map(|leaf| {
        let (start, value) = (data.get(..leaf.start)?, data.get(leaf.clone())?);
        Some([start, &other(value)?, data.get(leaf.end..)?].concat())
    });
    let differs = |after: &String| canonical(after).is_ok_and(|after| after != before);
    { candidates }.find(differs)
}

/// Another value, in as many bytes.
fn other(value: &str) -> Option<String> {
    Some(match value {
        "true" => "null".to_owned(),
        "null" => "true".to_owned(),
        "false" => "true ".to_owned(),
        "\"\"" | "{}" => "[]".to_owned(),
        "[]" => "{}".to_owned(),
        text if text.starts_with('"') => {
            let (before, rest) = text.split_at_checked(plain(text)?)?;
            let x = if rest.starts_with('x') { "y" } else { "x" };
            [before, x, rest.get(1..)?].concat()
        }
        number => {
            let at = number.find(|char: char| char.is_ascii_digit())?;
            let (sign, digits) = number.split_at_checked(at)?;
            let is_alone = !digits.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
            let digit = match digits.bytes().next()? {
                b'0' => '1',
                b'1' if is_alone => '0',
                b'1' => '2',
                digit => char::from(digit - 1),
            };
            format!("{sign}{digit}{}", digits.get(1..)?)
        }
    })
}

/// Where the first letter or digit of a JSON string stands that is no part of an escape.
fn plain(text: &str) -> Option<usize> {
    let mut bytes = text.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' => {
                let is_code = bytes.next().is_some_and(|(_, byte)| byte == b'u');
                bytes.by_ref().take(if is_code { 4 } else { 0 }).for_each(drop);
            }
            byte if byte.is_ascii_alphanumeric() => return Some(at),
            _ => {}
        }
    }
    None
}

/// Where the values of a JSON text stand that have no others in them, in their order.
fn leaves(json: &str) -> impl Iterator<Item = Range<usize>> {
    let bytes = json.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let start = at;
            let rest = bytes.get(start..).filter(|rest| !rest.is_empty())?;
            at = start + token(rest);
            let after = bytes.get(at..).unwrap_or_default();
            let is_key = after.trim_ascii_start().starts_with(b":");
            let is_leaf = match rest {
                [b'"', ..] => !is_key,
                [b'{', b'}', ..] | [b'[', b']', ..] => true,
                [first, ..] => first.is_ascii_alphanumeric() || *first == b'-',
                [] => false,
            };
            if is_leaf {
                return Some(start..at);
            }
        }
    })
}

/// Bytes of what begins here: a string, a number or a word, an empty object or list, or one byte.
fn token(rest: &[u8]) -> usize {
    match rest {
        [b'"', inner @ ..] => {
            let mut is_escaped = false;
            let is_end = |byte: &u8| {
                let ends = *byte == b'"' && !is_escaped;
                is_escaped = *byte == b'\\' && !is_escaped;
                ends
            };
            inner.iter().position(is_end).map_or(rest.len(), |end| end + 2)
        }
        [b'{', b'}', ..] | [b'[', b']', ..] => 2,
        [first, ..] if first.is_ascii_alphanumeric() || *first == b'-' => {
            let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
            rest.iter().take_while(is_part).count()
        }
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event(data: &str) -> String {
        format!(r#"{{"id":"x","data":{data},"checksum":"00"}}"#)
    }

    #[test]
    fn one_value_is_another_in_as_many_bytes() {
        let table = [
            (r#"{"n":1}"#, r#"{"n":0}"#),
            (r#"{"n":10.5}"#, r#"{"n":20.5}"#),
            (r#"{"n":-0.5,"m":2}"#, r#"{"n":-1.5,"m":2}"#),
            (r#"{"n":0,"m":2}"#, r#"{"n":1,"m":2}"#),
            (r#"{"n":1e308}"#, r#"{"n":0e308}"#),
            (r#"{"n":1.7e308,"m":2}"#, r#"{"n":0.7e308,"m":2}"#),
            (r#"{"b":true}"#, r#"{"b":null}"#),
            (r#"{"b":false}"#, r#"{"b":true }"#),
            (r#"{"b":null}"#, r#"{"b":true}"#),
            (r#"{"a:":"\"\u0041x","b":1}"#, r#"{"a:":"\"\u0041y","b":1}"#),
            (r#"{"a":"\\b"}"#, r#"{"a":"\\x"}"#),
            (r#"{"a":"é","b":"c"}"#, r#"{"a":"é","b":"x"}"#),
            (r#"{"a":""}"#, r#"{"a":[]}"#),
            (r#"{"a":{"b":[[]]}}"#, r#"{"a":{"b":[{}]}}"#),
            (r#"{"a":{"b":{}}}"#, r#"{"a":{"b":[]}}"#),
            ("{}", r#"{"altered":true}"#),
            (r#"{"a":0e1,"a":5}"#, r#"{"a":0e1,"a":4}"#),
        ];
        for (before, after) in table {
            assert_eq!(altered(&event(before)), Some(event(after)), "{before}");
        }
    }

    #[test]
    fn what_is_no_event_stays_as_it_is() {
        for text in ["", "[]", "{}", r#"{"data":1}"#, r#"{"data":}"#, r#"{"data":{"a":"é"}}"#] {
            let is_same = altered(text).is_none() || text == r#"{"data":1}"#;
            assert!(is_same, "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_the_data_is_it_is_another_then(value in json(), key in "[a-z:é{\"\\\\ ]*") {
            let before = serde_json::json!({ key: value, "n": 7 }).to_string();
            let after = altered(&event(&before)).unwrap();
            let after: serde_json::Value = serde_json::from_str(&after).unwrap();
            prop_assert_eq!((&after["id"], &after["checksum"]), (&"x".into(), &"00".into()));
            let canonical_of = |data: &str| canonical(data).unwrap();
            prop_assert_ne!(canonical_of(&before), canonical_of(&after["data"].to_string()));
            prop_assert!(after["data"].is_object());
        }

        #[test]
        fn no_text_makes_it_fail(text in "[\\[\\]{}:,\"\\\\a1 -]*") {
            drop(altered(&event(&text)));
        }
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i32>().prop_map(Into::into),
            (-1e9..1e9).prop_map(|n: f64| n.into()),
            "[a-z0-9:é{\"\\\\ ]*".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                prop::collection::hash_map("[a-z\"\\\\]*", inner, 0..4)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }
}
