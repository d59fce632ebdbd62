//! Values: what was posted is what is seen live, and what is read back, on both databases.

use serde_json::{Value, json};

use crate::support::{dashboard::Dashboard, postgres, router::Router};

/// Data that something between two programs often changes.
const AWKWARD: &[&str] = &[
    "{}",
    r#"{"":{"":""}}"#,
    r#"{"big":9007199254740993,"bigger":18446744073709551615,"less":-9223372036854775808}"#,
    r#"{"huge":123456789012345678901234567890,"tiny":1e-300,"large":1.7976931348623157e308}"#,
    r#"{"n":[0,-0,0.1,1.0,1e2,1.50,-1.5E-7,3.141592653589793]}"#,
    r#"{"s":"é e\u0301 \ud83d\ude00 \u2028 \\ \" \/ \t \u007f \ufeff \uffff"}"#,
    r#"{"b":1,"a":2,"é":3,"\ud83d\ude00":4,"\uffff":5,"a b":6,"A":7}"#,
    r#"{"deep":[[[[[[[[{"x":[null,true,false,[],{}]}]]]]]]]]}"#,
    r#"{"like":"%_*?","sql":"'; DROP TABLE monitoring_events; --"}"#,
];

/// JSON by value, numbers exactly: as the canonical form compares them.
fn value(json: &str) -> String {
    signalbox::core::canonical::canonical(json).unwrap()
}

/// The text of a member of an object.
fn member(json: &str, name: &str) -> String {
    let members: std::collections::HashMap<String, Box<serde_json::value::RawValue>> =
        serde_json::from_str(json).unwrap();
    members[name].get().to_owned()
}

async fn values_survive(router: &Router) {
    let mut dashboard = Dashboard::subscribed(router, json!({})).await;
    let events = AWKWARD.iter().map(|data| {
        format!(
            r#"{{"event_type":"é \ud83d\ude00","source":"s","data":{data},"metadata":{{"m":{data}}},
                "timestamp":"2025-11-01T23:59:59.123456789+14:00"}}"#
        )
    });
    let body = format!("[{}]", events.collect::<Vec<_>>().join(","));
    let answer = router.post_as("application/json", body).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    let mut live = Vec::new();
    for data in AWKWARD {
        let frame = dashboard.next_text().await;
        let event = member(&frame, "event");
        assert_eq!(value(&member(&event, "data")), value(data));
        assert_eq!(value(&member(&member(&event, "metadata"), "m")), value(data));
        live.push(event);
    }
    let event: Value = serde_json::from_str(&live[0]).unwrap();
    assert_eq!(event["event_type"], "\u{e9} \u{1f600}");
    assert_eq!(event["timestamp"], "2025-11-01T09:59:59.123456Z");
    assert_eq!(event["metadata"]["broadcast_mode"], "direct");

    let page = router.ask("GET", "/v1/events?after=0").await.text;
    let read: Vec<Box<serde_json::value::RawValue>> =
        serde_json::from_str(&member(&page, "events")).unwrap();
    assert_eq!(read.len(), live.len());
    for (read, live) in read.iter().zip(&live) {
        assert_eq!(value(read.get()), value(live));
        let id = member(live, "id");
        let one = router.ask("GET", &format!("/v1/events/{}", id.trim_matches('"'))).await.text;
        assert_eq!(value(&one), value(live));
    }
    // A dashboard that comes later reads storage.
    let mut later = Dashboard::subscribed(router, json!({ "from": { "last": 1000 } })).await;
    for live in &live {
        assert_eq!(value(&member(&later.next_text().await, "event")), value(live));
    }
}

#[tokio::test]
async fn values_survive_sqlite() {
    let mut router = Router::start();
    values_survive(&router).await;
    // What comes now comes from storage, not from memory.
    router.terminate();
    router.restart();
    let page = router.get("/v1/events?after=0&limit=1").await;
    assert_eq!(page["events"][0]["data"], json!({}));
}

#[tokio::test]
async fn values_survive_postgres() {
    let url = postgres::database();
    values_survive(&Router::with(&[("storage.url", &url)])).await;
    // One event in memory: the rest is read from storage.
    let url = postgres::database();
    values_survive(&Router::with(&[("storage.url", &url), ("journal.tail_events", "1")])).await;
}

#[tokio::test]
async fn what_a_producer_leaves_out_the_router_fills_in() {
    let router = Router::start();
    let events = json!([
        { "event_type": "db_error", "source": "s", "data": { "b": 1, "a": [] } },
        { "event_type": "cache_metrics", "source": "s", "data": { "a": [], "b": 1.0 } },
        { "event_type": "session_start", "source": "s", "data": {} },
        { "event_type": "device_online", "source": "s", "data": {} },
        { "event_type": "debug", "source": "s", "data": {} },
        { "event_type": "debug", "source": "s", "data": {}, "category": "system" },
    ]);
    router.post(&events).await;
    let page = router.get("/v1/events?after=0").await;
    let events = page["events"].as_array().unwrap();
    let categories: Vec<_> =
        events.iter().map(|event| event["category"].as_str().unwrap()).collect();
    let expected = ["critical", "performance", "user_activity", "system", "debug", "system"];
    assert_eq!(categories, expected);
    // Of the canonical `{"a":[],"b":1}`, as `sha256sum` and `crc32` tell.
    let sha256 = "1c8f8816506a8ccbc55140d8a7bb70214a8942c7030fc0fc2914cec675cd1c15";
    assert_eq!(
        (&events[0]["checksum"], &events[1]["checksum"]),
        (&json!(sha256), &json!("e199ecd5"))
    );
    for event in events {
        assert_eq!(event["metadata"], json!({ "broadcast_mode": "direct" }));
        let id: uuid::Uuid = event["id"].as_str().unwrap().parse().unwrap();
        assert_eq!(id.get_version_num(), 7);
        let time =
            |name: &str| event[name].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>();
        assert!(time("timestamp").unwrap() <= time("created_at").unwrap());
    }
    let mut keys: Vec<_> = events[0].as_object().unwrap().keys().collect();
    keys.sort();
    let fields = [
        "category",
        "checksum",
        "created_at",
        "data",
        "epoch",
        "event_type",
        "id",
        "metadata",
        "seq",
        "source",
        "timestamp",
    ];
    assert_eq!(keys, fields);
}
