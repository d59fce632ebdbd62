//! `postgres_changes` compared with what a real PostgreSQL, its publication and wal2json tell of the
//! same rows, and its filters with what the database finds.

use bytes::Bytes;
use chrono::DateTime;
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use signalbox::core::{
    canonical::canonical,
    event::{Category, Event},
    flags::Mode,
    realtime::changes::{Bindings, Params, Row},
};
use tokio_postgres::{Client, NoTls};

use crate::support::{dashboard::Dashboard, postgres::database, router::Router};

const SLOT: &str = "SELECT pg_create_logical_replication_slot(\
     'told_' || current_database(), 'wal2json', true)::text";

/// A value read as its type, as JSON.
const AS_JSON: &str = "CREATE FUNCTION pg_temp.as_json(value text, kind text) RETURNS jsonb \
     LANGUAGE plpgsql AS $$ DECLARE found jsonb; BEGIN \
     EXECUTE format('SELECT to_jsonb(%L::%s)', value, kind) INTO found; RETURN found; END $$";

/// Each inserted row as the database tells of it: its size, its columns, its values.
const CHANGES: &str = "
    SELECT octet_length(change::text),
        (SELECT jsonb_agg(jsonb_build_object('name', attname, 'type', typname) ORDER BY attnum)
         FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid
         WHERE attrelid = 'monitoring.monitoring_events'::regclass
             AND attnum > 0 AND NOT attisdropped)::text,
        (SELECT jsonb_object_agg(cell ->> 'name',
             pg_temp.as_json(cell -> 'value' #>> '{}', cell ->> 'type'))
         FROM jsonb_array_elements(change -> 'columns') cell)::text,
        (SELECT coalesce(jsonb_agg(cell ->> 'name'), '[]')
         FROM jsonb_array_elements(change -> 'columns') cell
         WHERE octet_length(pg_temp.as_json(cell -> 'value' #>> '{}', cell ->> 'type')::text)
             <= 64)::text
    FROM (SELECT data::jsonb AS change
          FROM pg_logical_slot_get_changes('told_' || current_database(), NULL, NULL,
              'format-version', '2', 'include-pk', 'true', 'include-transaction', 'false',
              'include-timestamp', 'true', 'include-type-oids', 'true', 'actions', 'insert',
              'add-tables', 'monitoring.monitoring_events')) changes";

/// A router on a new database, and a connection of our own to it.
async fn router_on_postgres() -> (Router, Client) {
    let url = database();
    let router = Router::with(&[("storage.url", &url), ("limits.event_bytes", "8MiB")]);
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    // It ends with the client.
    tokio::spawn(async move { drop(connection.await) });
    (router, client)
}

#[derive(Deserialize)]
struct Frame {
    event: Box<RawValue>,
}

/// The next events, as those who watch get them: in the producer's own spelling.
async fn events(dashboard: &mut Dashboard, count: usize) -> Vec<Event> {
    let mut events = Vec::new();
    for _ in 0..count {
        let frame: Frame = serde_json::from_str(&dashboard.next_text().await).unwrap();
        events.push(committed(frame.event.get()));
    }
    events
}

fn committed(json: &str) -> Event {
    let value: Value = serde_json::from_str(json).unwrap();
    let text = |name: &str| value[name].as_str().unwrap();
    Event {
        seq: value["seq"].as_u64().unwrap(),
        id: text("id").parse().unwrap(),
        event_type: text("event_type").into(),
        source: text("source").into(),
        category: Category::parse(text("category")).unwrap(),
        mode: Mode::of_metadata(&value["metadata"].to_string()),
        created_at: DateTime::parse_from_rfc3339(text("created_at")).unwrap().to_utc(),
        json: Bytes::copy_from_slice(json.as_bytes()),
    }
}

fn bindings(filter: &str) -> Bindings {
    let asked = json!({
        "event": "INSERT", "schema": "monitoring", "table": "monitoring_events", "filter": filter,
    });
    let params: Params = serde_json::from_value(asked).unwrap();
    Bindings::try_new(&[params]).unwrap()
}

/// What we tell of an event.
fn told(event: &Event) -> Value {
    let row = Row::new(event);
    let messages = bindings("").matching(&row);
    serde_json::from_slice(&row.data(messages[0].0)).unwrap()
}

/// Text of a length, with what JSON escapes in it.
fn long(length: usize) -> String {
    "\"\\\u{e9}\n \u{1}x,:".chars().cycle().take(length).collect()
}

fn posts() -> Vec<Value> {
    let mut posts: Vec<Value> = [
        ("2025-11-03T09:32:55.123456Z", json!({ "n": 1.50, "big": 9_007_199_254_740_993_u64 })),
        ("2025-11-03T09:32:55.120000Z", json!({ "text": long(40), "list": [1, null, true, {}] })),
        (
            "2025-11-03T10:32:55+01:00",
            json!({ "e": 1e2, "small": 1e-7, "z": -0.0, "deep": [[[]]] }),
        ),
        ("0001-01-01T00:00:00Z", json!({ "": "\u{1f600}" })),
        ("9999-12-31T23:59:59.999999Z", json!({})),
    ]
    .into_iter()
    .map(|(timestamp, data)| {
        json!({
            "event_type": "cache \"metrics\"", "source": "redis-\u{e9}", "category": "critical",
            "timestamp": timestamp, "data": data, "metadata": { "adapter_type": "auto" },
        })
    })
    .collect();
    // Around the largest change that is told whole.
    posts.extend([1_040_000, 1_047_450, 1_047_550, 1_060_000].map(|length| {
        json!({ "event_type": "t", "source": "s", "data": { "text": "x".repeat(length) } })
    }));
    posts.push(json!({ "event_type": "t", "source": "s", "data": { "text": long(600_000) } }));
    posts
}

#[tokio::test]
async fn rows_are_told_as_the_database_tells_them() {
    let (router, client) = router_on_postgres().await;
    client.batch_execute(AS_JSON).await.unwrap();
    client.query(SLOT, &[]).await.unwrap();
    let mut dashboard = Dashboard::subscribed(&router, json!({})).await;
    for post in posts() {
        let (status, answer) = router.post(&post).await;
        assert_eq!(status, 202, "{answer}");
    }
    let events = events(&mut dashboard, posts().len()).await;
    let rows = client.query(CHANGES, &[]).await.unwrap();
    assert_eq!(rows.len(), events.len());
    let mut cut = 0;
    for (row, event) in rows.iter().zip(&events) {
        let told = told(event);
        let [columns, values, small] =
            [1, 2, 3].map(|at| serde_json::from_str::<Value>(row.get::<_, &str>(at)).unwrap());
        assert_eq!(told["columns"], columns);
        let size: i32 = row.get(0);
        let too_large = size > 1_048_576;
        let errors = if too_large { json!(["Error 413: Payload Too Large"]) } else { Value::Null };
        assert_eq!(told["errors"], errors, "a change of {size} bytes");
        let mut expected = values.as_object().unwrap().clone();
        expected.retain(|name, _| !too_large || small.as_array().unwrap().contains(&json!(name)));
        // Compared by value: numbers have many spellings.
        let [ours, theirs] =
            [&told["record"], &json!(expected)].map(|it| canonical(&it.to_string()).unwrap());
        assert_eq!(ours, theirs);
        cut += usize::from(too_large);
    }
    assert!(cut == 3, "{cut} of them are too large");
}

/// Filters that must find what a condition of SQL finds.
const FILTERS: [(&str, &str); 50] = [
    ("seq=eq.2", "seq = 2"),
    ("seq=neq.2", "seq <> 2"),
    ("seq=lt. 2", "seq < 2"),
    ("seq=lte.+2", "seq <= 2"),
    ("seq=gt.2", "seq > 2"),
    ("seq=gte.2", "seq >= 2"),
    ("seq=not.gt.2", "NOT seq > 2"),
    ("seq=in.(1,3)", "seq = ANY ('{1,3}')"),
    ("seq=not.in.(1,null)", "NOT seq = ANY ('{1,null}')"),
    ("seq=not.in.()", "NOT seq = ANY ('{}')"),
    ("seq=is.null", "seq IS NULL"),
    ("seq=not.is.null", "seq IS NOT NULL"),
    ("seq=isdistinct.2", "seq IS DISTINCT FROM 2"),
    ("seq=not.isdistinct.2", "seq IS NOT DISTINCT FROM 2"),
    ("seq=gt.1,seq=lt.4", "seq > 1 AND seq < 4"),
    ("event_type=eq.a_b", "event_type = 'a_b'"),
    ("event_type=gt.a", "event_type COLLATE \"C\" > 'a'"),
    ("event_type=gte.\u{e9}", "event_type COLLATE \"C\" >= '\u{e9}'"),
    (r#"event_type=eq."a,b""#, "event_type = 'a,b'"),
    (r#"event_type=in.("a,b",A_B)"#, r#"event_type = ANY ('{"a,b",A_B}')"#),
    (r#"event_type=in.("50%","q\"q")"#, r#"event_type = ANY ('{"50%","q\"q"}')"#),
    ("event_type=like.a_b", "event_type LIKE 'a_b'"),
    (r"event_type=like.a\_b", r"event_type LIKE 'a\_b'"),
    ("event_type=ilike.A%", "event_type ILIKE 'A%'"),
    ("event_type=not.ilike.A%", "event_type NOT ILIKE 'A%'"),
    (r"event_type=like.50\%", r"event_type LIKE '50\%'"),
    ("event_type=like.%", "event_type LIKE '%'"),
    ("event_type=like.%%b%", "event_type LIKE '%%b%'"),
    ("event_type=like._", "event_type LIKE '_'"),
    ("event_type=ilike.\u{c9}", "event_type ILIKE '\u{c9}'"),
    ("event_type=match.^a.b$", "event_type ~ '^a.b$'"),
    (r#"event_type=imatch."^a[_,]b$""#, "event_type ~* '^a[_,]b$'"),
    ("event_type=not.match.[[:digit:]]", "event_type !~ '[[:digit:]]'"),
    (r"event_type=match.\d+%", r"event_type ~ '\d+%'"),
    ("category=eq.critical", "category = 'critical'"),
    ("id=eq.{0000000000000000000000000000000A}", "id = '00000000-0000-0000-0000-00000000000a'"),
    (
        "id=gt.0000-0000-0000-0000-0000-0000-0000-000b",
        "id > '00000000-0000-0000-0000-00000000000b'",
    ),
    ("timestamp=lt.2025-11-03", "timestamp < '2025-11-03'"),
    ("timestamp=eq.2025-11-03 10:00:00.5+01", "timestamp = '2025-11-03 10:00:00.5+01'"),
    ("timestamp=gte.2025-11-03T09:00:00.4999999Z", "timestamp >= '2025-11-03T09:00:00.4999999Z'"),
    ("timestamp=lt.infinity", "timestamp < 'infinity'"),
    ("timestamp=gt.2025-1-1 24:00:00 -0330", "timestamp > '2025-1-1 24:00:00 -0330'"),
    (r#"data=eq."{\"a\": 1.0, \"b\": [1, 2]}""#, r#"data = '{"a": 1.0, "b": [1, 2]}'"#),
    (r#"data=neq."{\"a\": 1}""#, r#"data <> '{"a": 1}'"#),
    (r#"data=gt."{\"a\": 1}""#, r#"data > '{"a": 1}'"#),
    (r#"data=lt."{\"b\": 1, \"aa\": 0}""#, r#"data < '{"b": 1, "aa": 0}'"#),
    (r#"data=lte."{\"a\": [2]}""#, r#"data <= '{"a": [2]}'"#),
    ("data=gt.[1]", "data > '[1]'"),
    ("data=lt.null", "data < 'null'"),
    (r#"data=in.("{}","{\"a\":\"x\"}")"#, r#"data = ANY ('{"{}","{\"a\":\"x\"}"}')"#),
];

#[tokio::test]
async fn filters_find_what_the_database_finds() {
    let (router, client) = router_on_postgres().await;
    let mut dashboard = Dashboard::subscribed(&router, json!({})).await;
    let data = [
        json!({}),
        json!({ "a": 1, "b": [1, 2] }),
        json!({ "aa": 1, "b": null }),
        json!({ "a": "x" }),
        json!({ "a": [] }),
        json!({ "a": { "b": true } }),
        json!({ "a": false }),
        json!({ "a": 1 }),
    ];
    let types = ["a_b", "A_B", "a,b", "axb", "50%", "\u{e9}", "q\"q", "b"];
    for (at, (event_type, data)) in types.iter().zip(data).enumerate() {
        let (status, answer) = router
            .post(&json!({
                "id": format!("00000000-0000-0000-0000-0000000000{:02x}", at + 9),
                "event_type": event_type, "source": "s", "data": data,
                "category": if at % 2 == 0 { "critical" } else { "debug" },
                "timestamp": format!("2025-11-0{}T09:00:00.{at}Z", at % 5 + 1),
            }))
            .await;
        assert_eq!(status, 202, "{answer}");
    }
    let post = json!({
        "event_type": "last", "source": "s", "data": {}, "timestamp": "2025-11-03T09:00:00.5Z",
    });
    assert_eq!(router.post(&post).await.0, 202);
    let events = events(&mut dashboard, types.len() + 1).await;
    for (filter, condition) in FILTERS {
        let bindings = bindings(filter);
        let ours: Vec<_> = events
            .iter()
            .filter(|event| !bindings.matching(&Row::new(event)).is_empty())
            .map(|event| i64::try_from(event.seq).unwrap())
            .collect();
        let sql = format!(
            "SELECT coalesce(array_agg(seq ORDER BY seq), '{{}}') \
             FROM monitoring.monitoring_events WHERE {condition}"
        );
        let theirs: Vec<i64> = client.query_one(&sql, &[]).await.unwrap().get(0);
        assert_eq!(ours, theirs, "{filter}");
    }
}
