//! Who is present, as two sockets see it.

use serde_json::{Value, json};

use crate::support::{channel::Socket, router::Router};

fn presence() -> Value {
    json!({ "presence": { "enabled": true, "key": "me" } })
}

fn track(n: u64) -> Value {
    json!({ "type": "presence", "event": "track", "payload": { "n": n } })
}

#[tokio::test]
async fn who_comes_and_goes_is_told_to_all_and_who_joins_is_told_of_all() {
    let router = Router::start();
    let mut one = Socket::connect(&router).await;
    one.join("room", presence()).await;
    assert_eq!(one.expect("presence_state").await, json!({}));
    let reference = one.say("room", "presence", &track(1)).await;
    let mut said = [one.next().await, one.next().await];
    said.sort_by_key(|said| said.event.clone());
    assert_eq!(said[0].reference, json!(reference.to_string()));
    let joins = &said[1].payload["joins"]["me"]["metas"];
    assert_eq!((&joins[0]["n"], &said[1].payload["leaves"]), (&json!(1), &json!({})));

    let mut two = Socket::connect_v1(&router).await;
    two.join("room", json!({ "presence": { "enabled": true, "key": "you" } })).await;
    assert_eq!(two.expect("presence_state").await, json!({ "me": { "metas": joins } }));
    two.say("room", "presence", &track(2)).await;
    assert_eq!(one.expect("presence_diff").await["joins"]["you"]["metas"][0]["n"], 2);
    // A second join of the same channel is another one: the first is gone.
    one.join_again("room", presence()).await;
    drop(two);
    let is_over = |diff: &Value| diff["leaves"]["you"]["metas"][0]["n"] == 2;
    while !is_over(&one.next().await.payload) {}
}

#[tokio::test]
async fn a_topic_is_told_of_no_more_than_may_be_present() {
    let router = Router::with(&[("realtime.presence_bytes", "1KiB")]);
    let mut one = Socket::connect(&router).await;
    one.join("room", presence()).await;
    one.expect("presence_state").await;
    let payload = json!({ "event": "track", "payload": { "x": "x".repeat(2000) } });
    one.say("room", "presence", &payload).await;
    assert_eq!(one.expect("system").await["message"], "Track message size exceeded");
    assert_eq!(one.expect("phx_close").await, json!({}));
    one.assert_nothing_came().await;
}

#[tokio::test]
async fn a_long_presence_is_told_whole_to_a_slow_reader() {
    let router = Router::start();
    let mut one = Socket::connect(&router).await;
    let mut names = Vec::new();
    for n in 0..8 {
        let name = format!("room {n}");
        one.join(&name, json!({ "presence": { "key": "me" } })).await;
        let payload = json!({ "event": "track", "payload": { "x": "x".repeat(120_000) } });
        let reference = one.say(&name, "presence", &payload).await;
        assert_eq!(one.answer(reference).await["status"], "ok");
        names.push(name);
    }
    let mut two = Socket::connect(&router).await;
    for name in &names {
        two.say(name, "phx_join", &json!({ "config": presence() })).await;
    }
    for _ in &names {
        assert_eq!(two.expect("phx_reply").await["status"], "ok");
        let state = two.expect("presence_state").await;
        assert_eq!(state["me"]["metas"][0]["x"].as_str().unwrap().len(), 120_000);
    }
    two.assert_nothing_came().await;
}
