//! Flags: from which layer a value comes, how one is set at run time, and which events go where by
//! them.

mod changing;
mod expiring;
mod original;
mod routing;

use serde_json::{Value, json};

use crate::support::router::{Answer, Router, http};

/// Sets a flag at run time.
async fn put(router: &Router, name: &str, body: &Value) -> Answer {
    let request = http().put(router.url(&format!("/v1/flags/{name}"))).body(body.to_string());
    Answer::of(request.send().await.unwrap()).await
}

/// Sets a flag, which must work.
async fn set(router: &Router, name: &str, value: Value) -> Value {
    let answer = put(router, name, &json!({ "value": value })).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json
}

/// What is told of one flag.
async fn flag(router: &Router, name: &str) -> Value {
    let all = router.get("/v1/flags").await;
    let flags = all["flags"].as_array().unwrap();
    flags.iter().find(|flag| flag["name"] == name).unwrap_or_else(|| panic!("{name}")).clone()
}

/// Posts an event; how it is delivered.
async fn mode(router: &Router, category: &str) -> String {
    let event = json!({ "event_type": "t", "source": "s", "category": category, "data": {} });
    let (status, posted) = router.post(&event).await;
    assert_eq!(status, 202, "{posted}");
    let event = router.get(&format!("/v1/events/{}", posted["id"].as_str().unwrap())).await;
    event["metadata"]["broadcast_mode"].as_str().unwrap().to_owned()
}
