//! Broadcasts between sockets of both versions.

use serde_json::json;

use crate::support::{
    channel::{Socket, push},
    router::Router,
};

#[tokio::test]
async fn a_broadcast_is_heard_by_all_others_in_their_own_version() {
    let router = Router::start();
    let mut one = Socket::connect(&router).await;
    let mut two = Socket::connect_v1(&router).await;
    assert_eq!(one.join("room", json!({})).await, json!({ "postgres_changes": [] }));
    two.join("room", json!({ "broadcast": { "self": true, "ack": true } })).await;
    one.broadcast("room", "greeting", json!({ "n": "\u{e9}" })).await;
    let whole = json!({ "type": "broadcast", "event": "greeting", "payload": { "n": "\u{e9}" } });
    assert_eq!(two.expect("broadcast").await, whole);
    one.binary(&push("room", "greeting", 1, "{\"n\":\"\u{e9}\"}".as_bytes())).await;
    assert_eq!(two.expect("broadcast").await, whole);
    // What is raw has no form in version 1.
    one.binary(&push("room", "raw", 0, &[0, 255])).await;
    one.assert_nothing_came().await;
    let reference = two.broadcast("room", "answer", json!({})).await;
    let mut said = [two.next().await, two.next().await];
    said.sort_by_key(|said| said.event.clone());
    assert_eq!(said[0].payload["event"], "answer", "its own");
    assert_eq!(said[1].reference, json!(reference.to_string()));
    let heard = one.next().await;
    assert_eq!((heard.join_ref, heard.reference), (json!(null), json!(null)));
    assert_eq!(heard.payload["event"], "answer");
    two.assert_nothing_came().await;
}
