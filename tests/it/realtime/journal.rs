//! The journal, as channels hear it: rows of a table, and broadcasts that are told again.

use serde_json::{Value, json};

use crate::support::{
    channel::Socket,
    router::{Answer, Router, event, http},
};

fn changes(bindings: &Value) -> Value {
    json!({ "postgres_changes": bindings })
}

#[tokio::test]
async fn inserted_rows_are_told_to_the_bindings_that_match() {
    let router = Router::start();
    let mut socket = Socket::connect(&router).await;
    let asked = json!([
        { "event": "*", "schema": "monitoring", "table": "monitoring_events" },
        { "event": "INSERT", "schema": "public", "table": "monitoring_events",
          "filter": "event_type=in.(b,c)", "select": ["event_type"] },
        { "event": "DELETE", "schema": "public", "table": "monitoring_events" },
    ]);
    let response = socket.join("db", changes(&asked)).await;
    let bound = response["postgres_changes"].as_array().unwrap();
    for (bound, asked) in bound.iter().zip(asked.as_array().unwrap()) {
        let mut echo = bound.clone();
        let id = echo.as_object_mut().unwrap().remove("id").unwrap();
        assert!(id.as_u64().unwrap() > 0 && echo == *asked, "{bound}");
    }
    let system = socket.next().await;
    assert_eq!((&*system.event, &system.join_ref), ("system", &json!("1")));
    assert_eq!(system.payload["message"], "Subscribed to PostgreSQL");
    assert_eq!(
        (&system.payload["status"], &system.payload["channel"]),
        (&json!("ok"), &json!("db"))
    );
    // Who has heard that misses nothing.
    for name in ["a", "b"] {
        router.publish(name).await;
    }
    let first = socket.next().await;
    assert_eq!((&*first.event, &first.join_ref), ("postgres_changes", &json!(null)));
    assert_eq!(first.payload["ids"], json!([bound[0]["id"]]));
    let data = &first.payload["data"];
    assert_eq!((&data["type"], &data["errors"]), (&json!("INSERT"), &json!(null)));
    assert_eq!((&data["record"]["event_type"], &data["record"]["seq"]), (&json!("a"), &json!(1)));
    let whole = socket.expect("postgres_changes").await;
    let chosen = socket.expect("postgres_changes").await;
    assert_eq!(whole["data"]["record"]["event_type"], "b");
    assert_eq!(
        (&chosen["ids"], &chosen["data"]["schema"]),
        (&json!([bound[1]["id"]]), &json!("public"))
    );
    socket.assert_nothing_came().await;
}

#[tokio::test]
async fn a_filter_that_makes_no_sense_is_told_and_the_channel_stays_open() {
    let router = Router::start();
    let mut socket = Socket::connect_v1(&router).await;
    let binding = json!({ "schema": "public", "table": "monitoring_events", "filter": "x=foo.1" });
    socket.join("db", changes(&json!([binding]))).await;
    let system = socket.expect("system").await;
    assert_eq!(
        (&system["status"], &system["extension"]),
        (&json!("error"), &json!("postgres_changes"))
    );
    router.publish("a").await;
    let payload = json!({ "event": "e", "payload": {} });
    http().post(router.url("/api/broadcast/db/events/e")).json(&payload).send().await.unwrap();
    assert_eq!(socket.expect("broadcast").await["event"], "e");
}

/// Broadcasts an event as the realtime path does.
async fn tell(router: &Router, event: &Value) {
    let message = json!({ "topic": "monitoring", "event": event["event_type"], "payload": event });
    let body = json!({ "messages": [message] });
    let request = http().post(router.url("/realtime/v1/api/broadcast")).json(&body);
    assert_eq!(Answer::of(request.send().await.unwrap()).await.status, 202);
}

async fn events(router: &Router) -> Vec<Value> {
    router.get("/v1/events?limit=1000&after=0").await["events"].as_array().unwrap().clone()
}

fn seqs(n: std::ops::RangeInclusive<u64>) -> Vec<u64> {
    n.collect()
}

/// The places of the next broadcasts.
async fn heard(socket: &mut Socket, count: usize) -> Vec<u64> {
    let mut heard = Vec::new();
    for _ in 0..count {
        let payload = socket.expect("broadcast").await;
        heard.push(payload["payload"]["seq"].as_u64().unwrap());
    }
    heard
}

#[tokio::test]
async fn a_channel_goes_on_where_it_was_without_hole_or_double_also_over_a_restart() {
    let mut router = Router::start();
    let batch: Vec<_> = (0..10).map(|_| event("t")).collect();
    router.post(&json!(batch)).await;
    let all = events(&router).await;
    let epoch = all[0]["epoch"].clone();
    let from = |seq: u64| json!({ "signalbox": { "from": { "epoch": epoch, "seq": seq } } });
    for event in &all[..6] {
        tell(&router, event).await;
    }
    let mut socket = Socket::connect(&router).await;
    let response = socket.join("monitoring", from(2)).await;
    let expected = json!({ "epoch": epoch, "seq": 2, "recovered": true });
    assert_eq!(response["signalbox"], expected);
    // What is said again it has heard already.
    for event in &all[5..8] {
        tell(&router, event).await;
    }
    assert_eq!(heard(&mut socket, 6).await, seqs(3..=8));
    socket.assert_nothing_came().await;
    // The topic does not know any more what was said there: all of the journal was.
    router.terminate();
    router.restart();
    let mut socket = Socket::connect_v1(&router).await;
    socket.join("monitoring", from(4)).await;
    for event in &all[8..] {
        tell(&router, event).await;
    }
    assert_eq!(heard(&mut socket, 6).await, seqs(5..=10));
    let seq = router.publish("later").await;
    let later = events(&router).await.pop().unwrap();
    tell(&router, &later).await;
    assert_eq!(heard(&mut socket, 1).await, [seq]);
    // A place of another journal.
    let other = json!({ "epoch": "00000000-0000-4000-8000-000000000000", "seq": 1 });
    let response = socket.join_again("monitoring", json!({ "signalbox": { "from": other } })).await;
    assert_eq!(
        (&response["signalbox"]["recovered"], &response["signalbox"]["seq"]),
        (&json!(false), &json!(seq))
    );
    socket.assert_nothing_came().await;
    // Who does not ask sees nothing of it.
    let mut plain = Socket::connect(&router).await;
    assert_eq!(plain.join("monitoring", json!({})).await, json!({ "postgres_changes": [] }));
    plain.assert_nothing_came().await;
}

#[tokio::test]
async fn the_journal_is_told_again_on_the_topic_of_events_alone() {
    let router = Router::start();
    router.publish("a").await;
    let epoch = events(&router).await[0]["epoch"].clone();
    let mut socket = Socket::connect(&router).await;
    let config = json!({ "signalbox": { "from": { "epoch": epoch, "seq": 0 } } });
    assert_eq!(socket.join("room", config.clone()).await, json!({ "postgres_changes": [] }));
    socket.assert_nothing_came().await;
    socket.join("monitoring", config).await;
    assert_eq!(heard(&mut socket, 1).await, [1]);
}

#[tokio::test]
async fn who_asks_for_broadcasts_and_events_again_hears_none_twice() {
    let router = Router::start();
    let batch: Vec<_> = (0..6).map(|_| event("t")).collect();
    router.post(&json!(batch)).await;
    let all = events(&router).await;
    let messages = all[..4].iter().map(
        |event| json!({ "topic": "monitoring", "event": "t", "payload": event, "private": true }),
    );
    let body = json!({ "messages": messages.collect::<Vec<_>>() });
    let request = http().post(router.url("/api/broadcast")).json(&body);
    assert_eq!(Answer::of(request.send().await.unwrap()).await.status, 202);
    let mut socket = Socket::connect(&router).await;
    let from = json!({ "epoch": all[0]["epoch"], "seq": 2 });
    let broadcast = json!({ "replay": { "since": 0 }, "signalbox": { "from": from } });
    socket.join("monitoring", json!({ "private": true, "broadcast": broadcast })).await;
    assert_eq!(heard(&mut socket, 2).await, [3, 4]);
    socket.assert_nothing_came().await;
}

#[tokio::test]
async fn a_private_channel_hears_again_what_was_said_before_it_came() {
    let router = Router::start();
    for n in 0..30 {
        let url = router.url("/api/broadcast/room/events/e?private=true");
        http().post(url).json(&json!({ "n": n })).send().await.unwrap();
    }
    let config = json!({ "private": true, "broadcast": { "replay": { "since": 0, "limit": 3 } } });
    let mut ids = Vec::new();
    for _ in 0..2 {
        let mut socket = Socket::connect(&router).await;
        socket.join("room", config.clone()).await;
        for n in 27..30 {
            let payload = socket.expect("broadcast").await;
            assert_eq!(
                (&payload["payload"]["n"], &payload["meta"]["replayed"]),
                (&json!(n), &json!(true))
            );
            ids.push(payload["meta"]["id"].clone());
        }
        socket.assert_nothing_came().await;
    }
    assert_eq!(ids[..3], ids[3..], "each is told by the same id");
    assert_ne!(ids[0], ids[1]);
}
