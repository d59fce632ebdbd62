//! The published vectors of RFC 8785, what is refused, and the laws.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

fn refused(json: &str) -> (String, Reason) {
    let Refusal { pointer, reason } = canonical(json).unwrap_err();
    (pointer, reason)
}

#[test]
fn numbers_are_written_as_the_rfc_writes_them() {
    let table = [
        (0x0000_0000_0000_0000, "0"),
        (0x8000_0000_0000_0000, "0"),
        (0x0000_0000_0000_0001, "5e-324"),
        (0x8000_0000_0000_0001, "-5e-324"),
        (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
        (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
        (0x4340_0000_0000_0000, "9007199254740992"),
        (0xc340_0000_0000_0000, "-9007199254740992"),
        (0x4430_0000_0000_0000, "295147905179352830000"),
        (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
        (0x44b5_2d02_c7e1_4af6, "1e+23"),
        (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
        (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
        (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
        (0x444b_1ae4_d6e2_ef50, "1e+21"),
        (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
        (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
        (0x41b3_de43_5555_5553, "333333333.3333332"),
        (0x41b3_de43_5555_5554, "333333333.33333325"),
        (0x41b3_de43_5555_5555, "333333333.3333333"),
        (0x41b3_de43_5555_5556, "333333333.3333334"),
        (0x41b3_de43_5555_5557, "333333333.33333343"),
        (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
        (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
    ];
    for (bits, expected) in table {
        let number = f64::from_bits(bits);
        assert_eq!(canonical(&format!("{number:e}")).unwrap(), expected);
        assert_eq!(canonical(&format!("{number}")).unwrap(), expected);
    }
}

#[test]
fn keys_are_sorted_as_the_rfc_sorts_them() {
    let shuffled = r#"{"\u20ac":5,"\r":1,"\ufb33":7,"1":2,"\ud83d\ude00":6,"\u0080":3,"\u00f6":4}"#;
    let sorted = "{\"\\r\":1,\"1\":2,\"\u{80}\":3,\"ö\":4,\"€\":5,\"😀\":6,\"\u{fb33}\":7}";
    assert_eq!(canonical(shuffled).unwrap(), sorted);
}

#[test]
fn the_example_of_the_rfc_comes_out_as_printed_there() {
    let json = r#"{
        "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
        "literals": [null, true, false]
    }"#;
    let expected = r#"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}"#;
    assert_eq!(canonical(json).unwrap(), expected);
}

#[test]
fn of_equal_keys_the_last_one_counts() {
    assert_eq!(
        canonical(r#"{"b":1,"a":2,"\u0062":3,"a":{"x":1,"x":4}}"#).unwrap(),
        r#"{"a":{"x":4},"b":3}"#
    );
}

#[test]
fn what_a_database_cannot_hold_is_refused_where_it_is() {
    let table = [
        (r#"{"a":[1,"x\u0000"]}"#, "/a/1", Reason::Nul),
        (r#"{"a":{"\u0000":1}}"#, "/a", Reason::Nul),
        (r#"{"a/b~c":"\ud800"}"#, "/a~1b~0c", Reason::LoneSurrogate),
        (r#"["\udc00\ud800"]"#, "/0", Reason::LoneSurrogate),
        (r#"["\ud800\ud800"]"#, "/0", Reason::LoneSurrogate),
        (r#"["\ud800\u0041"]"#, "/0", Reason::LoneSurrogate),
        ("[0,1e400]", "/1", Reason::NumberTooLarge),
        ("-1e309", "", Reason::NumberTooLarge),
        ("1e-401", "", Reason::NumberTooLong),
        ("0e99999999999999999999", "", Reason::NumberTooLong),
    ];
    for (json, pointer, reason) in table {
        assert_eq!(refused(json), (pointer.to_owned(), reason), "{json}");
    }
    assert_eq!(canonical("1e-400").unwrap(), "0");
    let long = format!("0.{}1", "0".repeat(400));
    assert_eq!(refused(&long).1, Reason::NumberTooLong);
}

#[test]
fn nesting_is_limited() {
    let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(canonical(&nested(MAX_DEPTH)).unwrap(), nested(MAX_DEPTH));
    let beside = format!("[{}]", [&*nested(MAX_DEPTH - 1); 3].join(","));
    assert_eq!(canonical(&beside).unwrap(), beside);
    assert_eq!(refused(&nested(MAX_DEPTH + 1)).1, Reason::TooDeep);
    assert_eq!(refused(&"[".repeat(1_000_000)), ("/0".repeat(MAX_DEPTH), Reason::TooDeep));
}

#[test]
fn what_is_not_json_is_refused() {
    let table = [
        "",
        " ",
        "{",
        "[1",
        "[1,]",
        "[,1]",
        "{\"a\":1,}",
        "{\"a\" 1}",
        "{a:1}",
        "01",
        "1.",
        ".5",
        "-",
        "+1",
        "1e",
        "1e+",
        "tru",
        "nul",
        "truex",
        "\"a",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"\\u+123\"",
        "\"\u{1}\"",
        "1 2",
        "NaN",
        "[1}",
        "\"\\",
    ];
    for json in table {
        assert!(matches!(refused(json).1, Reason::Syntax(_)), "{json:?}");
        assert!(serde_json::from_str::<Value>(json).is_err(), "{json:?}");
    }
    assert_eq!(refused("[1,]").1, Reason::Syntax(3));
}

#[test]
fn a_string_alone_is_read_as_text() {
    assert_eq!(text(r#""a\n\u00e9\ud83d\ude00""#).unwrap().as_deref(), Some("a\né😀"));
    assert!(matches!(text(r#""plain""#), Ok(Some(Cow::Borrowed("plain")))));
    assert_eq!(text("17").unwrap(), None);
    assert_eq!(text(r#""\u0000""#).unwrap_err().reason, Reason::Nul);
}

/// Any JSON value that can be stored.
pub(in crate::core) fn any_json() -> impl Strategy<Value = Value> {
    let text = || {
        let char = any::<char>().prop_filter("cannot be stored", |c| *c != '\0');
        prop::collection::vec(
            prop_oneof![3 => "[a-f~/\"\\\\\n]", 1 => char.prop_map(String::from)],
            0..5,
        )
        .prop_map(|parts| parts.concat())
    };
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-1_000_i64..1_000).prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<u64>().prop_map(|bits| json!(f64::from_bits(bits))),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(text(), inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// One of the many spellings of a value, as `choices` decide (not empty).
pub(in crate::core) fn spell(value: &Value, choices: &[u8]) -> String {
    Speller { choices: choices.iter().cycle() }.value(value)
}

struct Speller<'a> {
    choices: std::iter::Cycle<std::slice::Iter<'a, u8>>,
}

impl Speller<'_> {
    fn choose(&mut self, among: u8) -> u8 {
        self.choices.next().unwrap() % among
    }

    fn space(&mut self) -> &'static str {
        ["", "", " ", "\n\t"][usize::from(self.choose(4))]
    }

    fn list(&mut self, items: &[String], [open, close]: [&str; 2]) -> String {
        let items: Vec<_> =
            items.iter().map(|i| format!("{}{i}{}", self.space(), self.space())).collect();
        format!("{open}{}{close}", items.join(","))
    }

    fn value(&mut self, value: &Value) -> String {
        match value {
            Value::Object(members) => {
                let mut written: Vec<_> = members
                    .iter()
                    .map(|(key, value)| {
                        format!(
                            "{}{}:{}{}",
                            self.text(key),
                            self.space(),
                            self.space(),
                            self.value(value)
                        )
                    })
                    .collect();
                if !written.is_empty() {
                    let turn = usize::from(self.choose(5)) % written.len();
                    written.rotate_left(turn);
                    // An earlier member of the same key does not count.
                    let overwritten = self.text(members.keys().next().unwrap());
                    written.insert(0, format!("{overwritten}:[\"old\"]"));
                }
                self.list(&written, ["{", "}"])
            }
            Value::Array(items) => {
                let written: Vec<_> = items.iter().map(|item| self.value(item)).collect();
                self.list(&written, ["[", "]"])
            }
            Value::String(text) => self.text(text),
            Value::Number(number) => self.number(number.as_f64().unwrap()),
            other => other.to_string(),
        }
    }

    fn text(&mut self, text: &str) -> String {
        let mut units = [0; 2];
        let mut out = String::from('"');
        for char in text.chars() {
            if char < ' ' || matches!(char, '"' | '\\') || self.choose(3) == 0 {
                for unit in char.encode_utf16(&mut units) {
                    write!(out, "\\u{unit:04X}").unwrap();
                }
            } else {
                out.push(char);
            }
        }
        out + "\""
    }

    fn number(&mut self, number: f64) -> String {
        let plain = number.to_string();
        match self.choose(4) {
            0 if !plain.contains('.') => format!("{plain}.000"),
            1 => format!("{number:e}"),
            2 if number != 0.0 && !plain.contains('.') => format!("{plain}0E-1"),
            _ => plain,
        }
    }
}

/// What a JSONB column gives back: keys by length, positional numbers, spaces, no duplicates.
pub(in crate::core) fn jsonb(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut keys: Vec<_> = members.keys().collect();
            keys.sort_by_key(|key| (key.len(), *key));
            let written = keys
                .into_iter()
                .map(|k| format!("{}: {}", Value::from(k.as_str()), jsonb(&members[k])));
            format!("{{{}}}", written.collect::<Vec<_>>().join(", "))
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(jsonb).collect::<Vec<_>>().join(", "))
        }
        Value::Number(number) => number.as_f64().unwrap().to_string(),
        other => other.to_string(),
    }
}

proptest! {
    #[test]
    fn one_value_has_one_canonical_form(value in any_json(), choices in prop::collection::vec(any::<u8>(), 1..64)) {
        let form = canonical(&value.to_string()).unwrap();
        prop_assert_eq!(&canonical(&form).unwrap(), &form);
        prop_assert_eq!(&canonical(&jsonb(&value)).unwrap(), &form);
        let spelled = spell(&value, &choices);
        prop_assert_eq!(&canonical(&spelled).unwrap(), &form, "{}", spelled);
        prop_assert_eq!(&canonical(&compact(&spelled)).unwrap(), &form);
        prop_assert!(compact(&form) == form, "a canonical form is compact");
    }

    #[test]
    fn different_values_have_different_forms(a in any_json(), b in any_json()) {
        let bits = |v: &Value| serde_json::from_str::<Value>(&jsonb(v)).unwrap();
        let same = canonical(&a.to_string()).unwrap() == canonical(&b.to_string()).unwrap();
        prop_assert_eq!(same, bits(&a) == bits(&b));
    }

    #[test]
    fn any_text_is_either_taken_or_refused(text in "[\\[\\]{}\",:0-9eE.\\-+\\\\u tfn]{0,24}") {
        let ours = canonical(&text);
        let theirs = serde_json::from_str::<Value>(&text);
        match ours {
            Ok(form) => prop_assert_eq!(canonical(&theirs.unwrap().to_string()).unwrap(), form),
            Err(Refusal { reason: Reason::Syntax(at), .. }) => {
                prop_assert!(theirs.is_err() && at <= text.len());
            }
            Err(_) => {}
        }
    }
}
