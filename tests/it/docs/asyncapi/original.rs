//! The same for the sockets of the original system.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use signalbox::core::legacy::KNOWN;

use super::{asyncapi, texts, validate};
use crate::support::{
    legacy_client::{OldDashboard, OldProducer},
    router::Router,
};

/// The values that a member of a message's payload may have.
fn values(message: &str, member: &str) -> BTreeSet<String> {
    let asyncapi = asyncapi();
    let schema = &asyncapi["components"]["messages"][message]["payload"]["properties"][member];
    texts(&schema["enum"]).into_iter().map(str::to_owned).collect()
}

fn said(frames: &[Value], member: &str) -> BTreeSet<String> {
    frames.iter().map(|frame| frame[member].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_old_dashboards_hear_fits_the_contract() {
    assert_eq!(values("command", "command"), KNOWN.map(str::to_owned).into());
    let router = Router::start();
    let mut dashboard = OldDashboard::connect(&router).await;
    let mut answers = Vec::new();
    for (command, answer) in [
        (json!({ "command": "get_stats" }), "stats"),
        (json!({ "command": "get_recent_events", "limit": 1 }), "recent_events"),
        (json!({ "command": "get_historical_data" }), "historical_data"),
        (json!({ "command": "get_time_series", "connection_type": "redis" }), "time_series_data"),
        (json!({ "command": "export" }), "export_complete"),
        (json!({ "command": "drop" }), "error"),
    ] {
        answers.push(dashboard.ask(command, answer).await);
    }
    assert_eq!(said(&answers, "type"), values("answer", "type"));
    router.publish("a").await;
    let push = dashboard.of_type("a").await;
    validate(&json!({ "frames": {
        "greeting": [dashboard.initial], "answer": answers, "push": [push],
    } }));
}

#[tokio::test]
async fn what_old_producers_hear_fits_the_contract() {
    let router = Router::start();
    let mut producer = OldProducer::connect(&router).await;
    let answers = [
        producer.publish(json!({ "anything": true })).await,
        producer.send(json!({ "event_type": 7 })).await,
    ];
    assert_eq!(said(&answers, "status"), values("received", "status"));
    validate(&json!({ "frames": { "received": answers } }));
}
