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
async fn who_tracks_without_having_asked_is_told_who_is_there_and_then_who_comes_and_goes() {
    let router = Router::start();
    let mut one = Socket::connect(&router).await;
    one.join("room", presence()).await;
    one.expect("presence_state").await;
    one.say("room", "presence", &track(1)).await;
    let mut two = Socket::connect(&router).await;
    two.join("room", json!({ "presence": { "key": "you" } })).await;
    two.broadcast("room", "e", json!({})).await;
    two.assert_nothing_came().await;
    let reference = two.say("room", "presence", &track(2)).await;
    let state = two.next().await;
    assert_eq!((&*state.event, &state.join_ref), ("presence_state", &json!("1")));
    assert_eq!(state.payload["me"]["metas"][0]["n"], 1);
    let mut said = [two.next().await, two.next().await];
    said.sort_by_key(|said| said.event.clone());
    assert_eq!(said[0].reference, json!(reference.to_string()));
    assert_eq!(said[1].payload["joins"]["you"]["metas"][0]["n"], 2);
    // Its own broadcasts are still not for itself.
    two.broadcast("room", "e", json!({})).await;
    two.assert_nothing_came().await;
    drop(one);
    assert_eq!(two.expect("presence_diff").await["leaves"]["me"]["metas"][0]["n"], 1);
}

#[tokio::test]
async fn who_is_closed_for_silence_is_present_no_more() {
    let router = Router::with(&[("realtime.idle_timeout", "1s")]);
    let mut silent = Socket::connect(&router).await;
    silent.join("room", presence()).await;
    silent.expect("presence_state").await;
    let reference = silent.say("room", "presence", &track(1)).await;
    assert_eq!(silent.answer_among(reference).await["status"], "ok");
    let mut other = Socket::connect(&router).await;
    other.join("room", json!({ "presence": { "enabled": true } })).await;
    assert_eq!(other.expect("presence_state").await["me"]["metas"][0]["n"], 1);
    loop {
        // It is not silent itself.
        let reference = other.say_on("phoenix", "heartbeat", &json!({})).await;
        let said = other.next().await;
        if said.event == "presence_diff" {
            assert_eq!(said.payload["leaves"]["me"]["metas"][0]["n"], 1);
            break;
        }
        assert_eq!(said.reference, json!(reference.to_string()));
    }
    assert_eq!(silent.wire.close_code().await, Some(1000));
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
        one.join(&name, presence()).await;
        one.expect("presence_state").await;
        let payload = json!({ "event": "track", "payload": { "x": "x".repeat(120_000) } });
        one.say(&name, "presence", &payload).await;
        for _ in ["the answer", "the difference"] {
            one.next().await;
        }
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
