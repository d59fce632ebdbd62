use chrono::DateTime;
use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::core::{
    event::{Category, Draft, Event, Position},
    realtime::phoenix::tests::unframed,
};

fn event(data: &str) -> Event {
    let draft = Draft {
        id: Uuid::from_u128(10),
        event_type: "cache_metrics".into(),
        timestamp: DateTime::from_timestamp_micros(1_500_000).unwrap(),
        source: "redis-\u{e9}".into(),
        category: Category::Performance,
        data: data.into(),
        metadata: r#"{"broadcast_mode":"direct"}"#.into(),
        checksum: "0a1b2c3d".into(),
    };
    let at = Position { epoch: Uuid::from_u128(1), seq: 12 };
    Event::commit(draft, at, DateTime::from_timestamp_micros(1_762_162_375_123_456).unwrap())
}

fn params(value: Value) -> Params {
    match value {
        Value::Object(members) => members,
        other => panic!("no object: {other}"),
    }
}

fn bindings(values: &[Value]) -> Result<Bindings, String> {
    Bindings::try_new(&values.iter().cloned().map(params).collect::<Vec<_>>())
}

fn filtered(filter: &str) -> Result<bool, String> {
    let binding = json!({
        "event": "*", "schema": "monitoring", "table": "monitoring_events", "filter": filter,
    });
    let event = event(r#"{"n":1.50,"list":[1,"x"]}"#);
    Ok(!bindings(&[binding])?.matching(&Row::new(&event)).is_empty())
}

/// What the only binding of a channel is told of an event.
fn told(binding: Value, event: &Event) -> Option<Value> {
    let row = Row::new(event);
    let messages = bindings(&[binding]).unwrap().matching(&row);
    let (view, ids) = messages.first()?;
    let mut message = Vec::new();
    frame(&mut message, Vsn::V1, "realtime:a", ids, &row.data(*view));
    let message: Value = serde_json::from_slice(unframed(&message).1).unwrap();
    assert_eq!(message["topic"], "realtime:a");
    assert_eq!(message["event"], "postgres_changes");
    Some(message["payload"].clone())
}

#[test]
fn an_event_is_told_as_the_inserted_row() {
    let binding = json!({ "event": "INSERT", "schema": "public", "table": "monitoring_events" });
    let id = ids(&[params(binding.clone())])[0];
    let column = |name: &str, kind: &str| json!({ "name": name, "type": kind });
    let expected = json!({
        "ids": [id],
        "data": {
            "type": "INSERT",
            "schema": "public",
            "table": "monitoring_events",
            "commit_timestamp": "2025-11-03T09:32:55.123Z",
            "columns": [
                column("id", "uuid"), column("event_type", "varchar"),
                column("timestamp", "timestamptz"), column("source", "varchar"),
                column("data", "jsonb"), column("metadata", "jsonb"),
                column("created_at", "timestamptz"), column("seq", "int8"),
                column("category", "text"), column("checksum", "text"),
            ],
            "record": {
                "id": "00000000-0000-0000-0000-00000000000a",
                "event_type": "cache_metrics",
                "timestamp": "1970-01-01T00:00:01.5+00:00",
                "source": "redis-\u{e9}",
                "data": { "n": 1.5 },
                "metadata": { "broadcast_mode": "direct" },
                "created_at": "2025-11-03T09:32:55.123456+00:00",
                "seq": 12,
                "category": "performance",
                "checksum": "0a1b2c3d",
            },
            "errors": null,
        },
    });
    assert_eq!(told(binding, &event(r#"{"n":1.50}"#)), Some(expected));
}

#[test]
fn selected_columns_come_with_the_primary_key_in_table_order() {
    let binding = json!({
        "event": "*", "schema": "public", "table": "monitoring_events",
        "select": ["seq", "category", 7],
    });
    let data = &told(binding, &event("{}")).unwrap()["data"];
    let names: Vec<_> = data["columns"].as_array().unwrap().iter().map(|c| &c["name"]).collect();
    assert_eq!(names, ["id", "seq", "category"]);
    let record = data["record"].as_object().unwrap();
    assert_eq!(record.len(), 3);
    assert_eq!(record["seq"], 12);
}

#[test]
fn a_change_that_is_too_large_is_told_with_its_small_values() {
    let binding = json!({ "event": "*", "schema": "monitoring", "table": "*" });
    let data = |length: usize| format!(r#"{{"text":"{}"}}"#, "x".repeat(length));
    let fits = told(binding.clone(), &event(&data(1_000_000))).unwrap();
    assert_eq!(fits["data"]["errors"], Value::Null);
    let cut = told(binding, &event(&data(1_048_000))).unwrap();
    assert_eq!(cut["data"]["errors"], json!(["Error 413: Payload Too Large"]));
    assert_eq!(cut["data"]["columns"].as_array().unwrap().len(), 10);
    let record = cut["data"]["record"].as_object().unwrap();
    assert!(!record.contains_key("data"));
    assert_eq!(record.len(), 9, "all others are small: {record:?}");
}

#[test]
fn names_may_be_wildcards_or_left_out() {
    const PUBLIC: Option<&str> = Some("public");
    const MONITORING: Option<&str> = Some("monitoring");
    for (binding, schema) in [
        (json!({ "schema": "monitoring", "table": "monitoring_events" }), MONITORING),
        (json!({ "schema": "public", "table": "monitoring_events" }), PUBLIC),
        (json!({ "schema": "*", "table": "*" }), MONITORING),
        (json!({ "schema": "public", "table": "*" }), PUBLIC),
        (json!({ "schema": "pub%", "table": "%_events" }), PUBLIC),
        (json!({ "schema": "public" }), PUBLIC),
        (json!({ "table": "monitoring_events" }), PUBLIC),
        (json!({ "event": "insert", "table": "monitoring_events" }), PUBLIC),
        (json!({ "event": "anything", "table": "monitoring_events" }), PUBLIC),
        (json!({ "event": 7, "table": "monitoring_events" }), PUBLIC),
        (json!({ "event": "UPDATE", "table": "monitoring_events" }), None),
        (json!({ "event": "Delete", "table": "monitoring_events" }), None),
    ] {
        let told = told(binding.clone(), &event("{}"));
        let seen = told.as_ref().map(|told| told["data"]["schema"].as_str().unwrap());
        assert_eq!(seen, schema, "{binding}");
    }
}

#[test]
fn what_cannot_be_served_is_refused_in_the_words_of_the_real_server() {
    const NONE: &str = "No subscription params provided. Please provide at least a `schema` or \
                        `table` to subscribe to: ";
    let unpublished = |parameters: &str| {
        format!(
            "Unable to subscribe to changes with given parameters. Please check Realtime is \
             enabled for the given connect parameters: [{parameters}]"
        )
    };
    for (binding, fault) in [
        (
            json!({ "event": "INSERT", "schema": "public", "table": "nope" }),
            unpublished(
                "event: INSERT, schema: public, table: nope, filters: [], select: nil",
            ),
        ),
        (
            json!({ "schema": r"p\ublic", "table": "monitoring_events" }),
            unpublished(
                r"event: *, schema: p\ublic, table: monitoring_events, filters: [], select: nil",
            ),
        ),
        (json!({}), format!("{NONE}%{{}}")),
        (
            json!({ "schema": "public", "table": "t", "filter": null }),
            format!(r#"{NONE}%{{"filter" => nil, "schema" => "public", "table" => "t"}}"#),
        ),
        (json!({ "user_token": "secret" }), format!("{NONE}<redacted>")),
        (
            json!({ "table": "monitoring_events", "schema": "public", "filter": "undefined" }),
            r#"Error parsing `filter` params: ["undefined"]"#.to_owned(),
        ),
        (
            json!({ "table": "*", "schema": "public", "select": ["id"] }),
            "Column selection is not supported for wildcard subscriptions. Provide an explicit \
             schema and table name."
                .to_owned(),
        ),
        (
            json!({ "table": "monitoring_events", "select": "id" }),
            r#"Error parsing `select` params: expected a list of column name strings, e.g. select: ["col1", "col2"]"#.to_owned(),
        ),
    ] {
        assert_eq!(bindings(&[binding]).err(), Some(fault));
    }
}

#[test]
fn what_the_database_would_refuse_says_what_was_asked_for() {
    for (binding, fault) in [
        (
            json!({ "table": "monitoring_events", "select": ["nope", "id"] }),
            "Unable to subscribe to changes with given parameters. An exception happened so \
             please check your connect parameters: [event: *, schema: public, table: \
             monitoring_events, filters: [], select: [\"id\", \"nope\"]]. Exception: ERROR P0001 \
             (raise_exception) invalid column for select nope"
                .to_owned(),
        ),
        (
            json!({ "schema": "public", "table": "monitoring_events", "filter": "seq=eq.hey" }),
            "Unable to subscribe to changes with given parameters. An exception happened so \
             please check your connect parameters: [event: *, schema: public, table: \
             monitoring_events, filters: [{\"seq\", \"eq\", \"hey\", false}], select: nil]. \
             Exception: ERROR 22P02 (invalid_text_representation) invalid input syntax for type \
             bigint: \"hey\""
                .to_owned(),
        ),
    ] {
        assert_eq!(bindings(&[binding]).err(), Some(fault));
    }
}

#[test]
fn every_operator_asks_what_it_says() {
    for (filter, expected) in [
        ("", true),
        ("event_type=eq.cache_metrics", true),
        ("event_type=eq.Cache_metrics", false),
        ("event_type=neq.cache_metrics", false),
        ("event_type=not.neq.cache_metrics", true),
        ("seq=lt.12", false),
        ("seq=lte.12", true),
        ("seq=gt.11", true),
        ("seq=gte.13", false),
        ("seq=gt.-1", true),
        ("source=gt.redis-e", true),
        ("category=in.(debug,performance)", true),
        ("category=not.in.(debug,performance)", false),
        ("category=in.(debug,null)", false),
        ("category=not.in.(debug,null)", false),
        ("category=not.in.(debug)", true),
        ("seq=in.()", false),
        ("seq=not.in.()", true),
        (r#"category=in.("performance")"#, true),
        ("category=like.perf%", true),
        ("category=like.perf", false),
        ("category=like.p_rformanc_", true),
        (r"category=like.perf\%", false),
        ("category=like.PERF%", false),
        ("category=ilike.PERF%", true),
        ("source=ilike.%\u{c9}", true),
        ("event_type=match.^cache", true),
        ("event_type=match.^CACHE", false),
        ("event_type=imatch.^CACHE", true),
        ("event_type=not.match.metrics$", false),
        ("event_type=is.null", false),
        ("event_type=not.is.null", true),
        ("id=isdistinct.00000000-0000-0000-0000-00000000000A", false),
        ("id=not.isdistinct.{0000000000000000000000000000000a}", true),
        ("timestamp=eq.1970-01-01 00:00:01.5+00", true),
        ("timestamp=lt.infinity", true),
        ("created_at=gte.2025-11-03", true),
        ("created_at=lt.2025-11-03", false),
        (r#"data=eq."{\"list\":[1,\"x\"],\"n\":1.5}""#, true),
        (r#"data=neq."{\"list\":[1,\"x\"]}""#, true),
        ("data=gt.[1]", true),
        ("seq=eq.12,category=eq.performance", true),
        ("seq=eq.12,category=eq.debug", false),
    ] {
        assert_eq!(filtered(filter), Ok(expected), "{filter}");
    }
}

/// Filters, and what the database says to them.
const REFUSED: [(&str, &str); 13] = [
    ("nope=eq.1", "P0001 (raise_exception) invalid column for filter nope"),
    ("id=eq.1", "22P02 (invalid_text_representation) invalid input syntax for type uuid: \"1\""),
    ("data=eq.{", "22P02 (invalid_text_representation) invalid input syntax for type json"),
    (
        "seq=eq.99999999999999999999",
        "22003 (numeric_value_out_of_range) value \"99999999999999999999\" is out of range for type bigint",
    ),
    (
        "timestamp=eq.soon",
        "22007 (invalid_datetime_format) invalid input syntax for type timestamp with time zone: \"soon\"",
    ),
    (
        "timestamp=eq.2025-13-01",
        "22008 (datetime_field_overflow) date/time field value out of range: \"2025-13-01\"",
    ),
    ("seq=in.(1,,2)", "22P02 (invalid_text_representation) malformed array literal: \"{1,,2}\""),
    (
        "seq=in.(x)",
        "22P02 (invalid_text_representation) invalid input syntax for type bigint: \"x\"",
    ),
    (
        "seq=is.maybe",
        "P0001 (raise_exception) invalid value for is filter: must be null, true, false, or unknown",
    ),
    ("seq=is.true", "P0001 (raise_exception) is true filter requires a boolean column, got bigint"),
    (
        "id=like.a%",
        "P0001 (raise_exception) operator like requires a text-compatible column type, got uuid",
    ),
    (
        "data=imatch.a",
        "P0001 (raise_exception) operator imatch requires a text-compatible column type, got jsonb",
    ),
    (
        r"category=like.a\",
        "22025 (invalid_escape_sequence) LIKE pattern must not end with escape character",
    ),
];

#[test]
fn filters_that_the_database_would_refuse_are_refused() {
    for (filter, fault) in REFUSED {
        let refusal = filtered(filter).unwrap_err();
        assert!(refusal.ends_with(&format!("Exception: ERROR {fault}")), "{refusal}");
    }
    let many = format!("seq=in.({})", vec!["1"; 101].join(","));
    let refusal = filtered(&many).unwrap_err();
    assert!(refusal.ends_with("too many values for `in` filter. Maximum 100"), "{refusal}");
    let refusal = filtered("category=match.(a").unwrap_err();
    assert!(refusal.contains("invalid regular expression for match filter: "), "{refusal}");
    assert!(filtered("category=match.(a{1000}){1000}").is_err(), "it would take much memory");
}

#[test]
fn what_a_channel_may_ask_of_every_event_is_bounded() {
    let filter = |term: &str, times| vec![term; times].join(",");
    assert_eq!(filtered(&filter("seq=eq.12", 100)), Ok(true));
    let refusal = filtered(&filter("seq=eq.12", 101)).unwrap_err();
    assert!(refusal.ends_with("filter must not contain more than 100 conditions"), "{refusal}");
    assert_eq!(filtered(&filter("category=like.p%", 20)), Ok(true));
    let refusal = filtered(&filter("category=like.p%", 21)).unwrap_err();
    assert!(refusal.starts_with("Too many patterns: at most 20"), "{refusal}");
}

#[test]
fn patterns_take_time_in_proportion_to_the_text() {
    let filter = format!("category=like.{}x", "%%a".repeat(40));
    assert_eq!(filtered(&filter), Ok(false));
    let table = "%".repeat(5000);
    let binding = json!({ "schema": "public", "table": format!("{table}x") });
    assert!(bindings(&[binding]).is_err());
}

#[test]
fn a_channel_gets_one_message_for_each_view_with_all_ids_that_match() {
    let all = json!({ "event": "*", "schema": "public", "table": "monitoring_events" });
    let some = json!({
        "event": "*", "schema": "public", "table": "monitoring_events", "select": ["seq"],
    });
    let other = json!({
        "event": "*", "schema": "public", "table": "monitoring_events", "filter": "seq=eq.1",
    });
    let asked = [all.clone(), some, other, all];
    let ids = ids(&asked.clone().map(params));
    assert_eq!(ids[3], ids[0] + 1, "an id that is taken gives the next");
    assert!(ids.iter().all(|id| (1..=MAX_ID).contains(id)));
    let event = event("{}");
    let messages = bindings(&asked).unwrap().matching(&Row::new(&event));
    let messages: Vec<_> = messages.into_iter().map(|(_, ids)| ids).collect();
    assert_eq!(messages, [vec![ids[0], ids[3]], vec![ids[1]]]);
}

#[test]
fn ids_do_not_depend_on_the_order_of_members() {
    let id = |text: &str| ids(&[params(serde_json::from_str(text).unwrap())]);
    assert_eq!(id(r#"{"schema":"public","table":"t"}"#), id(r#"{"table":"t","schema":"public"}"#));
    assert_ne!(id(r#"{"schema":"public","table":"t"}"#), id(r#"{"schema":"public"}"#));
}

proptest! {
    #[test]
    fn no_filter_breaks_anything(filter in ".{0,40}", value in ".{0,20}", at in 0..10usize) {
        drop(filtered(&filter));
        let column = Column::ALL[at].name();
        for op in ["eq", "in", "like", "imatch", "not.is"] {
            drop(filtered(&format!("{column}={op}.{value}")));
            drop(filtered(&format!("{column}={op}.({value})")));
        }
    }

    #[test]
    fn a_value_in_quotes_is_itself(value in ".{0,20}") {
        let escaped = value.replace('\\', r"\\").replace('"', r#"\""#);
        let filter = format!("checksum=neq.\"{escaped}\",checksum=not.in.(\"{escaped}\")");
        prop_assert_eq!(filtered(&filter), Ok(value != "0a1b2c3d"));
    }
}
