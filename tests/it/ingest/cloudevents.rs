//! CloudEvents: all three modes by the official SDK of another language, and by hand what an SDK
//! does not let through.

use std::{path::Path, process::Command};

use serde_json::{Value, json};

use super::refusals::{faults, nothing_was_stored};
use crate::support::router::{Answer, Router, http};

/// The events as they are stored, oldest first.
async fn stored(router: &Router) -> Vec<Value> {
    let page = router.get("/v1/events?after=0").await;
    page["events"].as_array().unwrap().clone()
}

/// Posts `{"n":1}` in binary mode, with the required attributes but for those given.
async fn binary(router: &Router, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut request = http().post(router.url("/v1/events")).body(body.to_owned());
    let required = [
        ("ce-specversion", "1.0"),
        ("ce-id", "1"),
        ("ce-source", "/s"),
        ("ce-type", "t"),
        ("content-type", "application/json"),
    ];
    let given = |name: &str| headers.iter().any(|header| header.0 == name);
    for (name, value) in required.iter().filter(|header| !given(header.0)).chain(headers) {
        request = request.header(*name, *value);
    }
    Answer::of(request.send().await.unwrap()).await
}

#[tokio::test]
async fn the_official_sdk_is_understood_in_all_modes() {
    let router = Router::start();
    let python = Path::new("tests/python/.venv/bin/python");
    let mut sdk = Command::new(python);
    let out = sdk.arg("tests/python/send_cloudevents.py").arg(router.url("")).output();
    let out = out.expect("the SDK's Python runs; tests/setup.sh installs it");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let answers: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!((&answers[0]["seq"], &answers[1]["seq"]), (&json!(1), &json!(2)));
    let batch = &answers[2];
    assert_eq!((&batch["accepted"], &batch["duplicates"]), (&json!(1), &json!(1)), "{batch}");
    assert_eq!(batch["differs"], Value::Null, "the same event, whatever the mode");

    let events = stored(&router).await;
    assert_eq!(events.len(), 3);
    for (event, ce_id) in events.iter().zip(["1", "2", "3"]) {
        assert_eq!(event["event_type"], "com.example.order");
        assert_eq!(event["source"], "/sdk/caf\u{e9} \u{20ac}");
        assert_eq!(event["timestamp"], "2026-01-02T03:04:05.678901Z");
        assert_eq!(event["data"], json!({ "order": 7, "text": "caf\u{e9}" }));
        let metadata = json!({
            "ce_id": ce_id,
            "ce_datacontenttype": "application/json",
            "ce_dataschema": "https://example.com/order.json",
            "ce_subject": "100% \"new\"",
            "ce_tenant": "t1",
            "broadcast_mode": "direct",
        });
        assert_eq!(event["metadata"], metadata);
    }
    // As `uuid.uuid5(uuid.uuid5(NAMESPACE, source), id)` of Python says.
    assert_eq!(events[0]["id"], "b2985386-43d1-5b14-8154-d696e2cf18f8");
}

#[tokio::test]
async fn an_id_is_unique_within_its_source() {
    let router = Router::start();
    let id = "0190b5c4-6a2e-7cc3-98c4-dc0c0c07398f";
    let data = r#"{"n":1}"#;
    let first = binary(&router, &[("ce-id", id)], data).await;
    assert_eq!((first.status, &first.json["duplicate"]), (202, &json!(false)), "{first:?}");
    assert_ne!(first.json["id"], id);
    let other = binary(&router, &[("ce-id", id), ("ce-source", "/other")], data).await;
    assert_eq!((other.status, &other.json["duplicate"]), (202, &json!(false)));
    let again = binary(&router, &[("ce-id", id)], data).await;
    assert_eq!((&again.json["id"], &again.json["duplicate"]), (&first.json["id"], &json!(true)));
}

#[tokio::test]
async fn faults_are_named_in_every_mode() {
    let router = Router::start();
    let data = r#"{"n":1}"#;
    for (headers, body, fault) in [
        (("ce-specversion", "0.3"), data, ("/specversion", "unsupported_version")),
        (("ce-source", ""), data, ("/source", "length")),
        (("ce-time", "yesterday"), data, ("/time", "invalid_timestamp")),
        (("ce-subject", "%ff"), data, ("/subject", "not_utf8")),
        (("ce-subject", "%00"), data, ("/subject", "nul_character")),
        (("ce-my-own", "1"), data, ("/my-own", "unknown_field")),
        (("ce-data_base64", "AA=="), data, ("/data_base64", "binary_data")),
        (("ce-tenant", "t"), "", ("/data", "required")),
        (("ce-tenant", "t"), "[1]", ("/data", "wrong_type")),
        (("ce-tenant", "t"), "{", ("/data", "syntax")),
        (("ce-tenant", "t"), r#"{},"subject":"x""#, ("/data", "syntax")),
    ] {
        let answer = binary(&router, &[headers], body).await;
        assert_eq!((answer.status, answer.problem()), (422, "invalid_events"), "{headers:?}");
        assert_eq!(faults(&answer), [fault], "{answer:?}");
    }
    let answer = binary(&router, &[("content-type", "text/xml")], "<a/>").await;
    assert_eq!((answer.status, answer.problem()), (415, "unsupported_media_type"));

    let one = json!({ "specversion": "1.0", "id": "1", "source": "/s", "type": "t", "data": {} });
    let bytes = json!({ "specversion": "1.0", "id": "1", "source": "/s", "type": "t", "data_base64": "AA==" });
    let (single, batch) = ("application/cloudevents+json", "application/cloudevents-batch+json");
    for (content_type, body, fault) in [
        (single, json!([one]), ("", "wrong_type")),
        (single, bytes.clone(), ("/data_base64", "binary_data")),
        (batch, one.clone(), ("", "wrong_type")),
        (batch, json!([]), ("", "empty")),
        (batch, json!([one, bytes]), ("/1/data_base64", "binary_data")),
    ] {
        let answer = router.post_as(content_type, body.to_string()).await;
        assert_eq!((answer.status, answer.problem()), (422, "invalid_events"), "{body}");
        assert_eq!(faults(&answer), [fault], "{answer:?}");
    }
    let answer = router.post_as("application/cloudevents+xml", "<event/>").await;
    assert_eq!((answer.status, answer.problem()), (415, "unsupported_media_type"));
    nothing_was_stored(&router).await;
}

#[tokio::test]
async fn a_batch_may_be_packed_and_its_invalid_events_skipped() {
    let router = Router::start();
    let event = json!({ "specversion": "1.0", "id": "1", "source": "/s", "type": "t", "data": {} });
    let batch = json!([event, { "specversion": "1.0" }]).to_string();
    let request = http().post(router.url("/v1/events?on_invalid=skip"));
    let request = request.header("content-type", "application/cloudevents-batch+json");
    let request = request.header("content-encoding", "zstd");
    let packed = zstd::encode_all(batch.as_bytes(), 1).unwrap();
    let answer = Answer::of(request.body(packed).send().await.unwrap()).await;
    assert_eq!((answer.status, &answer.json["accepted"]), (202, &json!(1)), "{answer:?}");
    assert_eq!(answer.json["rejected"][0]["errors"][0]["pointer"], "/1/id");
}
