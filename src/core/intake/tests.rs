//! Bad inputs and their exact faults; and that what is accepted is what every reader sees.

mod batches;
mod cloudevents;
mod traceparents;

use chrono::{FixedOffset, SecondsFormat};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::core::{
    canonical::{
        canonical,
        tests::{any_json, spell},
        verify,
    },
    event::{Category, Event, Position, rfc3339},
    flags::Routing,
};

const RECEIVED: DateTime<Utc> = DateTime::from_timestamp_micros(1_500_000).unwrap();

const CONTEXT: Context<'_> = Context {
    received: RECEIVED,
    limits: Limits { batch_events: 3, event_bytes: 400 },
    secret: None,
    routing: &Routing::DIRECT,
    traceparent: None,
};

/// Ids 1, 2, 3, …
fn ids() -> impl FnMut(usize) -> Uuid {
    |index| Uuid::from_u128(index as u128 + 1)
}

fn one(json: &str) -> Result<Draft, Faults> {
    let parsed = parse_json(json.as_bytes(), &CONTEXT, &mut ids())?;
    assert!(!parsed.many);
    Ok(parsed.drafts.into_iter().next().unwrap())
}

fn told(faults: &Faults) -> Vec<Told<'_>> {
    faults.list.iter().map(|f| (&*f.pointer, f.code.as_str(), &*f.detail)).collect()
}

/// A good event with some fields set otherwise.
fn with(fields: &str) -> String {
    format!(
        r#"{{"event_type":"t","source":"s","data":{{}}{}{fields}}}"#,
        if fields.is_empty() { "" } else { "," }
    )
}

#[test]
fn the_least_event_is_completed_by_the_router() {
    let draft =
        one(r#" {"event_type":"db_error","source":"redis","data":{ "n": 1.50 }} "#).unwrap();
    let expected = Draft {
        id: Uuid::from_u128(1),
        event_type: "db_error".into(),
        timestamp: RECEIVED,
        source: "redis".into(),
        category: Category::Critical,
        data: r#"{"n":1.50}"#.into(),
        metadata: r#"{"broadcast_mode":"direct"}"#.into(),
        checksum: draft.checksum.clone(),
    };
    assert_eq!(draft, expected);
    assert!(verify(Category::Critical, r#"{"n":1.5}"#, None, &draft.checksum));
}

#[test]
fn what_the_producer_says_is_kept() {
    let draft = one(&with(
        r#""id":"0190B5C46A2E7CC398C4DC0C0C07398F","timestamp":"2025-11-01T13:30:00.1234567+01:00",
           "category":"debug","metadata":{"a":[1, 2],"broadcast_mode":"mine","b\n":null}"#,
    ))
    .unwrap();
    assert_eq!(draft.id.to_string(), "0190b5c4-6a2e-7cc3-98c4-dc0c0c07398f");
    assert_eq!(rfc3339(draft.timestamp), "2025-11-01T12:30:00.123456Z");
    assert_eq!(draft.category, Category::Debug);
    assert_eq!(&*draft.metadata, r#"{"a":[1,2],"b\n":null,"broadcast_mode":"direct"}"#);
}

#[test]
fn a_null_is_as_good_as_nothing() {
    let nulls = r#""id":null,"timestamp":null,"category":null,"metadata":null"#;
    assert_eq!(one(&with(nulls)), one(&with("")));
    assert_eq!(
        told(&one(r#"{"event_type":null,"source":"s","data":{}}"#).unwrap_err())[0].1,
        "required"
    );
}

#[test]
fn times_at_the_edges_are_told_apart() {
    let table = [
        ("0001-01-01T00:00:00Z", Some("0001-01-01T00:00:00.000000Z")),
        ("0001-01-01T00:00:00+00:01", None),
        ("9999-12-31T23:59:59.9999999Z", Some("9999-12-31T23:59:59.999999Z")),
        ("9999-12-31T23:59:59-00:01", None),
        ("1969-12-31T23:59:59.9999999Z", Some("1969-12-31T23:59:59.999999Z")),
        ("2016-12-31T23:59:60.5Z", Some("2017-01-01T00:00:00.500000Z")),
        ("2025-02-29T00:00:00Z", None),
        ("2025-11-01T12:30:00", None),
        ("1762000000", None),
    ];
    for (sent, expected) in table {
        let read = one(&with(&format!(r#""timestamp":"{sent}""#)));
        assert_eq!(read.ok().map(|draft| rfc3339(draft.timestamp)).as_deref(), expected, "{sent}");
    }
}

/// Pointer, code and detail of a fault.
type Told<'a> = (&'a str, &'a str, &'a str);

fn assert_faults(table: &[(&str, &[Told<'_>])]) {
    for (json, expected) in table {
        let faults = one(json).unwrap_err();
        assert_eq!(told(&faults), *expected, "{json}");
        assert_eq!(faults.more, 0);
    }
}

#[test]
fn every_fault_of_every_field_is_named() {
    const ID: &str = "must be a UUID such as 0190b5c4-6a2e-7cc3-98c4-dc0c0c07398f";
    let long_names = format!(
        r#"{{"event_type":"{}","source":"{}","data":{{}}}}"#,
        "é".repeat(51),
        "é".repeat(101)
    );
    #[rustfmt::skip]
    assert_faults(&[
        ("{}", &[
            ("/event_type", "required", "is required"),
            ("/source", "required", "is required"),
            ("/data", "required", "is required"),
        ]),
        (r#"{"event_type":"","source":7,"data":[],"id":"x","timestamp":"now","category":"Critical","metadata":"m"}"#, &[
            ("/event_type", "length", "must not be empty"),
            ("/source", "wrong_type", "must be a string"),
            ("/id", "invalid_id", ID),
            ("/timestamp", "invalid_timestamp", "must be an RFC 3339 time with a zone, of the years 0001 to 9999, such as 2025-11-01T12:30:00.25Z"),
            ("/category", "unknown_category", "no such category: did you mean `critical`?"),
            ("/data", "wrong_type", "must be an object"),
            ("/metadata", "wrong_type", "must be an object"),
        ]),
        (&long_names, &[
            ("/event_type", "length", "has 51 characters: at most 50 are allowed"),
            ("/source", "length", "has 101 characters: at most 100 are allowed"),
        ]),
        (&with(r#""category":"x""#), &[("/category", "unknown_category",
            "no such category: use critical, performance, user_activity, system, debug, or none")]),
        (&with(r#""id":"{0190b5c4-6a2e-7cc3-98c4-dc0c0c07398f}""#), &[("/id", "invalid_id", ID)]),
        (&with(r#""id":"00000000-0000-0000-0000-000000000000""#), &[("/id", "invalid_id",
            "the nil UUID would make all events one: send a unique one, or none")]),
    ]);
}

#[test]
fn what_cannot_be_stored_is_named_where_it_is() {
    const NUL: &str =
        "the character U+0000 cannot be stored: leave it out, or send the bytes as base64";
    let deep = with(&format!(r#""metadata":{{"k":{}{}}}"#, "[".repeat(120), "]".repeat(120)));
    let deepest = format!("/metadata/k{}", "/0".repeat(119));
    #[rustfmt::skip]
    assert_faults(&[
        (r#"{"event_type":"\u0000","source":"\ud800","data":{"a":["\u0000"]},"metadata":{"n":1e400}}"#, &[
            ("/event_type", "nul_character", NUL),
            ("/source", "lone_surrogate", "half of a surrogate pair is no character: send the character whole"),
            ("/data/a/0", "nul_character", NUL),
            ("/metadata/n", "number_out_of_range", "the number is larger than a double can hold: send it as a string"),
        ]),
        (&deep, &[(&deepest, "too_deep", "nested deeper than 120 levels: flatten it")]),
    ]);
}

#[test]
fn what_is_no_event_is_named_as_such() {
    const OWN: &str = "what is the event's own belongs in `data`";
    let long = with(&format!(r#""metadata":{{"k":"{}"}}"#, "x".repeat(400)));
    let like = |field: &str| format!("no such field: did you mean `{field}`? {OWN}");
    #[rustfmt::skip]
    assert_faults(&[
        ("", &[("", "empty", "there is no event in the body: send one event, or a list of events")]),
        ("17", &[("", "wrong_type", "an event must be a JSON object")]),
        (&with(r#""type":1,"Meta_Data":1,"a/b":1"#), &[
            ("/type", "unknown_field", &like("event_type")),
            ("/Meta_Data", "unknown_field", &like("metadata")),
            ("/a~1b", "unknown_field", &format!("no such field: {OWN}")),
        ]),
        (&with(r#""data":{"x":1}"#), &[("/data", "duplicate_key", "is given twice")]),
        (&with(r#""id":null,"id":null"#), &[("/id", "duplicate_key", "is given twice")]),
        (&long, &[("", "event_too_large", &format!("has {} bytes: at most 400 are allowed", long.len()))]),
        ("{\n\"event_type\": t}", &[("", "syntax", "not valid JSON at line 2, column 16: expected ident")]),
        ("{\"event_type\":\"t\"", &[("", "syntax", "not valid JSON at line 1, column 17: EOF while parsing an object")]),
        (&format!("{}\n{}", with(""), with("")), &[("", "syntax",
            "not valid JSON at line 2, column 1: something follows the event: send many as a list, or as application/x-ndjson")]),
    ]);
}

#[test]
fn faults_in_an_array_name_the_event() {
    let faults = |body: &str| {
        let faults = parse_json(body.as_bytes(), &CONTEXT, &mut ids()).unwrap_err();
        told(&faults).into_iter().map(|(p, c, d)| format!("{p} {c} {d}")).collect::<Vec<_>>()
    };
    let good = with("");
    assert_eq!(
        faults(&format!(r#"[{good},{{"source":"s","data":{{}}}},[]]"#)),
        ["/1/event_type required is required", "/2 wrong_type an event must be a JSON object"]
    );
    assert_eq!(
        faults(&format!("[{good},\n{{\"a\" 1}}]")),
        ["/1 syntax not valid JSON at line 2, column 6: expected `:`"]
    );
    assert_eq!(faults("[1] x").len(), 1);
    assert_eq!(faults(" [ ] ")[0].split(' ').nth(1), Some("empty"));
    let four = [&*good; 4].join(",");
    let too_many = " too_many_events more than 3 events: send them in parts";
    assert_eq!(faults(&format!("[{four}]")), [too_many]);
    assert_eq!(faults(&format!("[{four} and so on")), [too_many]);
    assert_eq!(
        faults(&format!(r"[{good},{}]", with(r#""\ud800":1"#))),
        ["/1 syntax not valid JSON: unexpected end of hex escape"]
    );
    let bad = parse_json(b"{\"a\":\"\xff\"}", &CONTEXT, &mut ids()).unwrap_err();
    assert_eq!(
        told(&bad),
        [("", "not_utf8", "byte 6 of the body is not UTF-8: send JSON as UTF-8")]
    );
    assert_eq!(
        bad.to_string(),
        "fault 1 of 1, at ``: byte 6 of the body is not UTF-8: send JSON as UTF-8"
    );
}

#[test]
fn lines_are_read_each_for_itself() {
    let good = with("");
    let body = [format!("\u{feff}{good}\r\n\n  \n{{\"a\n").as_bytes(), b"\xff\n"].concat();
    let batch = read_ndjson(&body, &CONTEXT, &mut ids()).unwrap();
    assert!(batch.many && batch.events[0].is_ok());
    let faults = batch.all_or_nothing().unwrap_err();
    let place = good.len() + 13;
    assert_eq!(
        told(&faults),
        [
            ("/1", "syntax", "not valid JSON at line 4, column 3: EOF while parsing a string"),
            (
                "/2",
                "not_utf8",
                &*format!("byte {place} of the body is not UTF-8: send JSON as UTF-8")
            ),
        ]
    );
    let code = |body: &str| {
        parse_ndjson(body.as_bytes(), &CONTEXT, &mut ids()).unwrap_err().list[0].code.as_str()
    };
    assert_eq!(code("\n \r\n"), "empty");
    assert_eq!(code(&[&*good; 4].join("\n")), "too_many_events");
}

#[test]
fn a_list_of_one_is_a_list() {
    let good = with("");
    let list = parse_json(format!("[{good}]").as_bytes(), &CONTEXT, &mut ids()).unwrap();
    assert!(list.many && list.drafts.len() == 1);
    assert_eq!(parse_ndjson(good.as_bytes(), &CONTEXT, &mut ids()).unwrap(), list);
}

#[test]
fn the_list_of_faults_is_capped_and_the_others_are_counted() {
    let limits = Limits { batch_events: 1_000, event_bytes: 10_000 };
    let ctx = Context { limits, ..CONTEXT };
    let parse = |body: String| parse_json(body.as_bytes(), &ctx, &mut ids()).unwrap_err();
    let faults = parse(format!("[{}]", ["{}"; 50].join(",")));
    assert_eq!((faults.list.len(), faults.more, faults.count()), (100, 50, 150));
    assert_eq!(faults.list[99].pointer, "/33/event_type");
    let strange: Vec<_> = (0..30).map(|n| format!(r#""x{n}":1"#)).collect();
    let faults = parse(with(&strange.join(",")));
    assert_eq!((faults.list.len(), faults.more), (20, 10));
}

#[test]
fn an_id_is_made_only_for_an_event_that_is_taken() {
    let mut made = Vec::new();
    let mut new_id = |index| {
        made.push(index);
        Uuid::from_u128(9)
    };
    let body =
        format!("[{{}},{},{}]", with(r#""id":"0190b5c46a2e7cc398c4dc0c0c07398f""#), with(""));
    let batch = read_json(body.as_bytes(), &CONTEXT, &mut new_id).unwrap();
    assert_eq!(batch.events[2].as_ref().unwrap().id, Uuid::from_u128(9));
    assert_eq!(made, [2], "and knows its place");
}

fn object() -> impl Strategy<Value = Value> {
    prop::collection::btree_map("[a-zé\n\"/]{0,6}|broadcast_mode|error", any_json(), 0..4)
        .prop_map(|members| members.into_iter().collect())
}

prop_compose! {
    /// The fields of an event: what they mean, and how they are written.
    fn any_event()(
        id in prop::option::of(1..u128::MAX),
        event_type in "[a-zA-Zé_\"\\\\\n]{1,50}",
        source in "[a-zé/😀]{1,100}",
        micros in prop::option::of(-62_135_510_400_000_000..253_402_210_800_000_000_i64),
        hours in -12..=12_i32,
        category in prop::option::of(prop::sample::select(&Category::ALL)),
        data in object(),
        metadata in prop::option::of(object()),
    ) -> (Value, Option<String>) {
        let zone = FixedOffset::east_opt(hours * 3600).unwrap();
        let time = micros.map(|m| DateTime::from_timestamp_micros(m).unwrap());
        let event = json!({
            "id": id.map(|id| Uuid::from_u128(id).to_string()),
            "event_type": event_type,
            "timestamp": time.map(rfc3339),
            "source": source,
            "category": category.map(Category::as_str),
            "data": data,
            "metadata": metadata,
        });
        (event, time.map(|t| t.with_timezone(&zone).to_rfc3339_opts(SecondsFormat::Nanos, false)))
    }
}

/// An event's JSON: fields in some order, each in one of its spellings.
fn written(event: &Value, timestamp: Option<&str>, choices: &[u8]) -> String {
    let fields = event.as_object().unwrap().iter().filter(|(_, value)| !value.is_null());
    let mut fields: Vec<_> = fields
        .map(|(key, value)| match (key.as_str(), timestamp) {
            ("timestamp", Some(time)) => format!(r#""timestamp" : "{time}""#),
            _ => format!("{}: {}", spell(&json!(key), choices), spell(value, choices)),
        })
        .collect();
    let turn = usize::from(choices[0]) % fields.len();
    fields.rotate_left(turn);
    format!("{{\n{} }}", fields.join(",\r\n\t"))
}

proptest! {
    #[test]
    fn what_is_accepted_is_what_readers_see(
        (event, timestamp) in any_event(),
        choices in prop::collection::vec(any::<u8>(), 1..32),
        secret in prop::option::of("[a-z]{0,80}"),
    ) {
        let limits = Limits { batch_events: 1, event_bytes: 1_000_000 };
        let secret = secret.as_deref().map(str::as_bytes);
        let ctx = Context { limits, secret, ..CONTEXT };
        let body = written(&event, timestamp.as_deref(), &choices);
        let draft = parse_json(body.as_bytes(), &ctx, &mut ids()).unwrap().drafts.remove(0);
        let at = Position { epoch: Uuid::nil(), seq: 1 };
        let seen = Event::commit(draft.clone(), at, DateTime::UNIX_EPOCH).json;
        prop_assert!(!seen.contains(&b'\n'));
        let seen: Value = serde_json::from_slice(&seen).unwrap();

        for field in ["id", "event_type", "timestamp", "source", "category"] {
            prop_assert!(event[field].is_null() || event[field] == seen[field], "{}", field);
        }
        let form = |value: &Value| canonical(&value.to_string()).unwrap();
        prop_assert_eq!(canonical(&draft.data).unwrap(), form(&event["data"]));
        let mut metadata = event["metadata"].as_object().cloned().unwrap_or_default();
        metadata.insert("broadcast_mode".to_owned(), json!("direct"));
        prop_assert_eq!(canonical(&draft.metadata).unwrap(), form(&metadata.into()));
        prop_assert!(verify(draft.category, &form(&event["data"]), secret, &draft.checksum));

        // What was read can be posted again, and is the same event.
        let again = parse_json(&Event::commit(draft.clone(), at, DateTime::UNIX_EPOCH).json, &ctx, &mut ids());
        prop_assert_eq!(again.unwrap().drafts, [draft]);
    }

    #[test]
    fn no_body_is_too_strange_to_answer(body in prop::collection::vec(any::<u8>(), 0..64), near in "[\\[{}\\]\",:a\\\\ud8\n]{0,32}") {
        for body in [&*body, near.as_bytes()] {
            for parsed in [parse_json(body, &CONTEXT, &mut ids()), parse_ndjson(body, &CONTEXT, &mut ids())] {
                prop_assert!(parsed.is_ok() || !parsed.unwrap_err().is_empty());
            }
        }
    }
}
