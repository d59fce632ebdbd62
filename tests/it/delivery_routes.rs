//! What an operator sees of delivery to a Realtime, and does about it, before a destination that
//! misbehaves as it is told: replays, the path of an event, the ledger and the numbers.

mod numbers;
mod replay;
mod trace;

use serde_json::{Value, json};

use crate::support::{
    destination::{Behaviour, Destination, KEY},
    router::{Answer, Router, until},
};

/// Stands in what the destination will not take.
const POISON: &str = "poisonous";

/// A router that delivers there too.
fn router_before(destination: &Destination) -> Router {
    router_with(destination, &[])
}

/// The same, with further settings.
fn router_with(destination: &Destination, further: &[(&str, &str)]) -> Router {
    let url = destination.url();
    let settings = [
        ("realtime.url", url.as_str()),
        // A probe would use up what the destination is told to answer.
        ("flags.enable_validation", "false"),
        ("realtime.key", KEY),
        ("flags.dual_mode", "true"),
        ("flags.timeout_ms", "2000"),
        ("retry.initial", "10ms"),
        ("retry.max", "50ms"),
        // Only what a test says opens the breaker.
        ("breaker.failures", "1000"),
        ("breaker.min_attempts", "10000"),
        ("breaker.attempts", "10000"),
    ];
    Router::with(&[&settings, further].concat())
}

/// Publishes an event that the destination refuses for good.
async fn publish_poison(router: &Router, destination: &Destination) -> (u64, Value) {
    destination.poison(POISON, Behaviour::Status(413)).await;
    let event = json!({ "event_type": "a", "source": "test", "data": { "is": POISON } });
    let (status, answer) = router.post(&event).await;
    assert_eq!(status, 202, "{answer}");
    let id = answer["id"].as_str().unwrap();
    let found = async || {
        let page = router.get("/v1/dead-letters").await;
        let letters = page["dead_letters"].as_array().unwrap().iter();
        letters.clone().find(|letter| letter["event"]["id"] == id).cloned()
    };
    let letter = until(found).await;
    assert_eq!((&letter["status"], &letter["attempts"]), (&json!("pending"), &json!(1)));
    (letter["id"].as_u64().unwrap(), answer)
}

async fn letter(router: &Router, id: u64) -> Value {
    router.get(&format!("/v1/dead-letters/{id}")).await
}

async fn replay(router: &Router, id: u64) -> Answer {
    router.ask("POST", &format!("/v1/dead-letters/{id}/replay")).await
}

/// The status of an answer that is a problem, and its code.
fn problem(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.problem())
}
