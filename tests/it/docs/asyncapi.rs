//! The contract of the sockets has every frame, code and reason of the code, and no others; what the
//! router really says fits it, and what it says that clients may say is understood.

mod original;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use signalbox::{
    core::protocol::{CLIENT_FRAMES, CloseReason, ErrorCode, GapReason, ServerFrame, parse},
    http::contract::{ASYNCAPI, openapi},
};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{dashboard::Dashboard, router::Router};

fn asyncapi() -> Value {
    yaml_serde::from_str(ASYNCAPI).expect("docs/asyncapi.yaml is YAML")
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

/// The messages of an operation.
fn messages(asyncapi: &Value, operation: &str) -> BTreeSet<String> {
    let list = asyncapi["operations"][operation]["messages"].as_array().unwrap();
    let name = |message: &Value| message["$ref"].as_str()?.rsplit('/').next().map(str::to_owned);
    list.iter().map(|message| name(message).unwrap()).collect()
}

#[test]
fn every_socket_has_a_channel() {
    let openapi = serde_json::to_value(openapi()).unwrap();
    let paths = openapi["paths"].as_object().unwrap().iter();
    let sockets: BTreeSet<_> = paths
        .filter(|(_, item)| item["get"]["responses"]["101"].is_object())
        .map(|(path, _)| path.as_str())
        .collect();
    let asyncapi = asyncapi();
    let channels: BTreeSet<_> = asyncapi["channels"]
        .as_object()
        .unwrap()
        .values()
        .map(|channel| channel["address"].as_str().unwrap())
        .collect();
    assert_eq!(channels, sockets, "a route that answers 101 has a channel in docs/asyncapi.yaml");
    assert_eq!(asyncapi["info"]["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn the_codes_and_reasons_are_those_of_the_code() {
    let asyncapi = asyncapi();
    let names = |schema: &str| texts(&asyncapi["components"]["schemas"][schema]["enum"]).join(" ");
    assert_eq!(names("ErrorCode"), ErrorCode::ALL.map(ErrorCode::as_str).join(" "));
    assert_eq!(names("GapReason"), GapReason::ALL.map(GapReason::as_str).join(" "));
    let reasons: Vec<_> = of_sessions().map(CloseReason::as_str).collect();
    assert_eq!(names("CloseReason"), reasons.join(" "));
    let mut codes: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for reason in of_sessions() {
        if let Some(code) = reason.code() {
            codes.entry(code.to_string()).or_default().push(reason.as_str());
        }
    }
    let told = asyncapi["channels"]["session"]["x-close-codes"].as_object().unwrap();
    assert_eq!(told.keys().collect::<Vec<_>>(), codes.keys().collect::<Vec<_>>());
    for reason in of_sessions() {
        let Some(code) = reason.code() else { continue };
        let told = &told[&code.to_string()];
        assert_eq!(texts(&told["reasons"]), codes[&code.to_string()]);
        assert_eq!(told["do"], reason.advice(), "{reason}");
    }
    for channel in ["realtime", "realtime_socket"] {
        let told = &asyncapi["channels"][channel]["x-close-codes"];
        for reason in CloseReason::REALTIME {
            let told = &told[reason.code().unwrap().to_string()];
            assert!(texts(&told["reasons"]).contains(&reason.as_str()), "{channel} {reason}");
        }
    }
}

fn of_sessions() -> impl Iterator<Item = CloseReason> {
    CloseReason::ALL.into_iter().filter(|reason| !CloseReason::REALTIME.contains(reason))
}

#[test]
fn what_clients_may_say_is_understood_and_nothing_else() {
    let asyncapi = asyncapi();
    let told = messages(&asyncapi, "say");
    assert_eq!(told, CLIENT_FRAMES.map(str::to_owned).into());
    for name in told {
        let examples = asyncapi["components"]["messages"][&name]["examples"].as_array().unwrap();
        for example in examples {
            parse(&example["payload"].to_string()).unwrap();
        }
    }
}

/// The `type` of a frame; to be completed here, below, and in docs/asyncapi.yaml for a new one.
fn type_of(frame: &ServerFrame) -> &'static str {
    match frame {
        ServerFrame::Welcome { .. } => "welcome",
        ServerFrame::Subscribed { .. } => "subscribed",
        ServerFrame::Gap { .. } => "gap",
        ServerFrame::Error { .. } => "error",
        ServerFrame::Pong => "pong",
        ServerFrame::Switch(_) => "switch",
    }
}

#[tokio::test]
async fn what_the_router_says_fits_the_contract() {
    let mut router = Router::start();
    router.publish("a").await;
    let mut dashboard = Dashboard::connect(&router).await;
    let elsewhere = json!({ "epoch": uuid::Uuid::nil(), "seq": 7 });
    let mut heard = BTreeMap::new();
    keep(&mut heard, dashboard.welcome.clone());
    for (frame, answer) in [
        (r#"{"type":"subscribe","from":{"last":1}}"#, "event"),
        (r#"{"type":"ping"}"#, type_of(&ServerFrame::Pong)),
        (r#"{"type":"x"}"#, "error"),
        (r#"{"type":"subscribe","filter":7}"#, "error"),
        ("{", "error"),
        (&json!({ "type": "subscribe", "from": elsewhere }).to_string(), "gap"),
    ] {
        dashboard.send(Message::Text(frame.into())).await;
        while keep(&mut heard, dashboard.next().await) != answer {}
    }
    router.signal("TERM");
    while let Some(frame) = dashboard.try_next().await {
        keep(&mut heard, frame);
    }
    router.wait();
    assert_eq!(heard.keys().cloned().collect::<BTreeSet<_>>(), messages(&asyncapi(), "hear"));
    validate(&json!({ "frames": heard }));
}

/// Keeps a frame under its type, which it returns.
fn keep(heard: &mut BTreeMap<String, Vec<Value>>, frame: Value) -> String {
    let name = frame["type"].as_str().unwrap().to_owned();
    heard.entry(name.clone()).or_default().push(frame);
    name
}

/// Also that both contracts are what their standards want.
fn validate(input: &Value) {
    let mut python = Command::new("tests/python/.venv/bin/python")
        .args(["-B", "tests/python/validate_contracts.py"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("tests/setup.sh installs it");
    python.stdin.take().unwrap().write_all(input.to_string().as_bytes()).unwrap();
    let out = python.wait_with_output().unwrap();
    let said = [out.stdout, out.stderr].concat();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&said));
}
