//! Bodies that are no events: syntax, types, values, encodings, sizes.

use serde_json::json;

use super::{Answer, Case, JSON, post};
use crate::support::router::event;

/// An event with this data.
fn with_data(data: &[u8]) -> Vec<u8> {
    [br#"{"event_type":"a","source":"s","data":"#, data, b"}"].concat()
}

/// An event with these members beside the required ones.
fn with(members: &str) -> Vec<u8> {
    format!(r#"{{"event_type":"a","source":"s","data":{{}},{members}}}"#).into_bytes()
}

/// A body that is refused for this reason, at this place.
fn fault(body: impl Into<Vec<u8>>, pointer: &str, code: &str) -> Case {
    fault_as(JSON, body, pointer, code)
}

fn fault_as(headers: &str, body: impl Into<Vec<u8>>, pointer: &str, code: &str) -> Case {
    let body = body.into();
    let name = format!("{:.80} for {code}", body.escape_ascii().to_string());
    let fault = Some((pointer.to_owned(), code.to_owned()));
    let answer = Answer { status: 422, code: "invalid_events".into(), fault };
    Case { name, bytes: post(headers, &body), answers: vec![answer], ends: false }
}

pub(super) fn cases() -> Vec<Case> {
    [syntax(), types(), values(), encodings(), sizes()].into_iter().flatten().collect()
}

fn syntax() -> Vec<Case> {
    let event = with_data(b"{}");
    let followed_by = |more: &[u8]| [&*event, more].concat();
    let at_root = [
        b"{".to_vec(),
        b"{'a':1}".to_vec(),
        b"nul".to_vec(),
        b"/* */{}".to_vec(),
        br#"{"event_type":"a","source":"s","data":{},}"#.to_vec(),
        followed_by(b"x"),
        followed_by(b"\0"),
        followed_by(&event),
        with_data(b"{\"a\":\"x\ny\"}"),
        with_data(b"{\"a\":\"x\0y\"}"),
        with_data(br#"{"a":"\x"}"#),
        with_data(br#"{"a":"\u12"}"#),
    ];
    let numbers =
        ["NaN", "Infinity", "-Infinity", "0x10", "01", "+1", "1.", ".5", "-", "1e", "1_0"];
    let numbers = numbers.map(|number| with_data(format!("{{\"n\":{number}}}").as_bytes()));
    let mut cases: Vec<_> =
        at_root.into_iter().chain(numbers).map(|body| fault(body, "", "syntax")).collect();
    cases.extend([
        fault("", "", "empty"),
        fault(" \r\n\t", "", "empty"),
        fault("[]", "", "empty"),
        fault("[".repeat(100_000), "/0", "syntax"),
        fault("[{},", "/1", "syntax"),
        fault_as("Content-Type: application/x-ndjson\r\n", "\n\n \r\n", "", "empty"),
        fault_as("Content-Type: application/x-ndjson\r\n", "x\n".repeat(9000), "/0", "syntax"),
    ]);
    cases
}

fn types() -> Vec<Case> {
    let mut cases: Vec<_> = ["7", "true", "null", "\"event\""]
        .into_iter()
        .map(|body| fault(body, "", "wrong_type"))
        .collect();
    cases.extend([
        fault("[[]]", "/0", "wrong_type"),
        fault("[null]", "/0", "wrong_type"),
        fault("[{}, 7]", "/0/event_type", "required"),
        fault(with_data(b"[]"), "/data", "wrong_type"),
        fault(with_data(b"null"), "/data", "required"),
        fault(with(r#""metadata":[]"#), "/metadata", "wrong_type"),
        fault(with(r#""timestamp":1700000000"#), "/timestamp", "wrong_type"),
        fault(with(r#""timestamp":"2025-11-01T12:30:00""#), "/timestamp", "invalid_timestamp"),
        fault(with(r#""id":"7""#), "/id", "invalid_id"),
        fault(with(r#""id":"00000000-0000-0000-0000-000000000000""#), "/id", "invalid_id"),
        fault(with(r#""category":"Critical""#), "/category", "unknown_category"),
        fault(with(r#""seq":1,"typ":1"#), "/typ", "unknown_field"),
        fault(with(r#""source":"t""#), "/source", "duplicate_key"),
        fault(with(r#""sourc\u0065":"t""#), "/source", "duplicate_key"),
    ]);
    cases
}

fn values() -> Vec<Case> {
    let data = |data: &str| with_data(data.as_bytes());
    vec![
        fault(data(r#"{"a/b":{"~":"\u0000"}}"#), "/data/a~1b/~0", "nul_character"),
        fault(data(r#"{"a\u0000":1}"#), "/data", "nul_character"),
        fault(with(r#""metadata":{"a":["\u0000"]}"#), "/metadata/a/0", "nul_character"),
        fault(r#"{"event_type":"\u0000","source":"s","data":{}}"#, "/event_type", "nul_character"),
        fault(data(r#"{"a":"\ud800"}"#), "/data/a", "lone_surrogate"),
        fault(data(r#"{"a":"\udc00\ud800"}"#), "/data/a", "lone_surrogate"),
        fault(data(r#"{"\ud800":1}"#), "/data", "lone_surrogate"),
        fault(data(r#"{"a":[0,1e400]}"#), "/data/a/1", "number_out_of_range"),
        fault(data(r#"{"a":[0,-1e400]}"#), "/data/a/1", "number_out_of_range"),
        fault(data(r#"{"a":1e99999999999}"#), "/data/a", "number_out_of_range"),
        fault(data(&format!("{{\"a\":{}}}", "9".repeat(60_000))), "/data/a", "number_out_of_range"),
        fault(data(&format!("{{\"a\":0.{}}}", "1".repeat(500))), "/data/a", "number_out_of_range"),
    ]
}

fn encodings() -> Vec<Case> {
    // Overlong, a surrogate, cut short, beyond the last character, five bytes, none at all.
    let bad: [&[u8]; 6] = [
        b"\xc0\x80",
        b"\xed\xa0\x80",
        b"\xe2\x82",
        b"\xf4\x90\x80\x80",
        b"\xf8\x88\x80\x80\x80",
        b"\xff",
    ];
    let mut cases = Vec::new();
    for bytes in bad {
        cases.push(fault(with_data(&[b"{\"a\":\"", bytes, b"\"}"].concat()), "", "not_utf8"));
        cases.push(fault(with_data(&[b"{\"", bytes, b"\":1}"].concat()), "", "not_utf8"));
    }
    let utf16: Vec<_> = "\u{feff}{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    cases.extend([
        fault(utf16, "", "not_utf8"),
        fault("\u{feff}", "", "empty"),
        fault("\u{feff}\u{feff}{}", "", "syntax"),
        fault_as(
            "Content-Type: application/x-ndjson\r\n",
            &b"{}\n{\"a\":\"\xff\"}"[..],
            "/0/event_type",
            "required",
        ),
    ]);
    cases
}

fn sizes() -> Vec<Case> {
    let nested = |open: &str, close: &str, n| format!("{}1{}", open.repeat(n), close.repeat(n));
    let deep = format!("/data{}", "/0".repeat(120));
    let many = json!(vec![event("a"); 10_001]);
    let lines = format!("{}\n", event("a")).repeat(10_001);
    let text = |event_type: &str, source: &str| {
        json!({ "event_type": event_type, "source": source, "data": {} }).to_string()
    };
    let long = json!({ "event_type": "a", "source": "s", "data": { "x".repeat(64 << 10): 1 } });
    let strange: Vec<_> = (0..5000).map(|n| format!("\"k{n}\":1")).collect();
    vec![
        fault(with_data(nested("{\"0\":", "}", 200).as_bytes()), &deep, "too_deep"),
        fault(with_data(nested("{\"0\":", "}", 10_000).as_bytes()), &deep, "too_deep"),
        fault(many.to_string(), "", "too_many_events"),
        fault(format!("[{}{{}}]", "{},".repeat(1_000_000)), "", "too_many_events"),
        fault_as("Content-Type: application/x-ndjson\r\n", lines, "", "too_many_events"),
        fault(long.to_string(), "", "event_too_large"),
        fault(json!([event("a"), long]).to_string(), "/1", "event_too_large"),
        fault(text(&"x".repeat(51), "s"), "/event_type", "length"),
        fault(text("a", &"\u{e9}".repeat(101)), "/source", "length"),
        fault(text("", "s"), "/event_type", "length"),
        fault(text("a", ""), "/source", "length"),
        fault(format!("{{{}}}", strange.join(",")), "/k0", "unknown_field"),
        super::refused("5 MiB", post(JSON, &vec![b' '; 5 << 20]), 413, "body_too_large"),
        super::refused("30 MB", post(JSON, &vec![b' '; 30 << 20]), 413, "body_too_large"),
    ]
}
