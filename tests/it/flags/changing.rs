//! Flags that are set, refused and cleared at run time.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{flag, mode, put, set};
use crate::support::router::{Router, http};

#[tokio::test]
async fn each_layer_wins_over_the_one_below_and_is_told() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("My.toml");
    fs::write(&file, "[flags]\nbatch_size = 7\ntimeout_ms = 700\nuse_adapter = true\n").unwrap();
    let named = format!("SIGNALBOX_CONFIG={}", file.display());
    let environment = ["env", &named, "MONITORING_TIMEOUT_MS=800", "MONITORING_USE_ADAPTER=no"];
    let router = Router::under(&environment, &[]);
    set(&router, "use_adapter", json!(true)).await;
    let all = router.get("/v1/flags").await;
    let listed: Vec<_> = all["flags"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    assert_eq!(listed[..3], ["use_adapter", "adapter_type", "dual_mode"]);
    assert_eq!(listed[listed.len() - 2..], ["rollout.percent", "rollout.auto"]);

    let strict = flag(&router, "validation_strict").await;
    assert_eq!(
        strict,
        json!({
            "name": "validation_strict", "key": "flags.validation_strict",
            "variable": "SIGNALBOX__FLAGS__VALIDATION_STRICT",
            "other_name": "MONITORING_VALIDATION_STRICT",
            "type": "boolean", "value": false, "default": false, "origin": { "kind": "default" },
            "description": strict["description"], "allowed": "true or false",
        })
    );
    let origin = async |name: &str| flag(&router, name).await["origin"].clone();
    let path = file.display().to_string();
    let from_file = json!({ "kind": "file", "path": path, "line": 2, "column": 14 });
    assert_eq!(origin("batch_size").await, from_file);
    let variable = json!({ "kind": "variable", "name": "MONITORING_TIMEOUT_MS" });
    assert_eq!(origin("timeout_ms").await, variable);
    assert_eq!(flag(&router, "timeout_ms").await["value"], 800);
    let set = origin("use_adapter").await;
    assert_eq!((&set["kind"], &set["by"]), (&json!("override"), &json!("anybody")));
    assert_eq!((&set["until"], mode(&router, "debug").await.as_str()), (&Value::Null, "adapter"));

    let cleared = router.ask("DELETE", "/v1/flags/use_adapter").await;
    assert_eq!((cleared.status, &cleared.json["flag"]["value"]), (200, &json!(false)));
    let variable = json!({ "kind": "variable", "name": "MONITORING_USE_ADAPTER" });
    assert_eq!(origin("use_adapter").await, variable);
    assert_eq!(mode(&router, "debug").await, "direct");
}

#[tokio::test]
async fn a_flag_can_be_set_by_any_of_its_names_and_for_a_time() {
    let router = Router::start();
    let hour = json!({ "value": 25.0, "expires_in": "1h", "reason": "a try" });
    let answer = put(&router, "DUAL_WRITE_DEBUG_PERCENTAGE", &hour).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let (flag, at) =
        (&answer.json["flag"], |name: &str| answer.json["flag"]["origin"][name].clone());
    assert_eq!((&flag["name"], &flag["value"]), (&json!("debug_percentage"), &json!(25)));
    assert_eq!(answer.json["changed"], json!(["flags.debug_percentage"]));
    assert_eq!(answer.json["generation"], 2);
    let time = |name| at(name).as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    assert_eq!(time("until") - time("at"), chrono::TimeDelta::hours(1));
    let paths = set(&router, "flags.debug_paths", json!(["websocket"])).await;
    assert_eq!(paths["flag"]["value"], json!(["websocket"]));
}

#[tokio::test]
async fn what_cannot_be_is_refused_and_changes_nothing() {
    let router = Router::with(&[
        ("realtime.url", "https://project.example"),
        ("realtime.transport", "broadcast"),
    ]);
    let value = |value: Value| json!({ "value": value });
    for (name, body, status, code, detail) in [
        ("dual_mod", value(json!(true)), 404, "not_found", "did you mean dual_mode?"),
        ("server.bind", value(json!(true)), 404, "not_found", "there is no flag"),
        ("dual_mode", value(json!("yes")), 422, "invalid_flag", "must be true or false"),
        ("dual_mode", value(Value::Null), 422, "invalid_flag", "must be true or false, not null"),
        ("batch_size", value(json!(0)), 422, "invalid_flag", "from 1 to 10000, not 0"),
        ("critical_percentage", value(json!(101)), 422, "invalid_flag", "from 0 to 100"),
        ("adapter_type", value(json!("both")), 422, "invalid_flag", "\"auto\" or \"websocket\""),
        ("debug_paths", value(json!(["redis"])), 422, "invalid_flag", "\"websocket\" and"),
        ("dual_mode", value(json!({})), 422, "invalid_flag", "must be true or false"),
        // A law between keys: what is to be mended is the other one.
        ("dual_mode", value(json!(true)), 409, "settings_invalid", "realtime.key"),
        (
            "dual_mode",
            json!({ "value": true, "reason": "ü".repeat(501) }),
            400,
            "bad_flag_request",
            "500",
        ),
        ("dual_mode", json!({}), 400, "bad_flag_request", "missing field `value`"),
        ("dual_mode", json!([true]), 400, "bad_flag_request", "the body must be"),
        ("dual_mode", json!({ "value": true, "untill": 1 }), 400, "bad_flag_request", "untill"),
        (
            "dual_mode",
            json!({ "value": true, "expires_in": "soon" }),
            400,
            "bad_flag_request",
            "1s",
        ),
    ] {
        let answer = put(&router, name, &body).await;
        assert_eq!((answer.status, answer.problem()), (status, code), "{name} {body}");
        assert!(answer.json["detail"].as_str().unwrap().contains(detail), "{body}: {answer:?}");
    }
    let answer = router.ask("DELETE", "/v1/flags/dual_mode").await;
    assert_eq!((answer.status, answer.problem()), (404, "not_found"), "nobody has set it");
    assert_eq!(router.get("/v1/flags").await["generation"], 1);
    assert_eq!(mode(&router, "critical").await, "direct");
}

/// The file that was good last counts.
#[tokio::test]
async fn a_file_that_is_at_fault_by_now_does_not_stand_in_the_way() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("My.toml");
    fs::write(&file, "[flags]\nbatch_size = 7\n").unwrap();
    let named = format!("SIGNALBOX_CONFIG={}", file.display());
    let router = Router::under(&["env", &named], &[]);
    fs::write(&file, "[flags]\nbatch_size = 0\n").unwrap();
    set(&router, "dual_mode", json!(true)).await;
    assert_eq!(mode(&router, "critical").await, "dual");
    assert_eq!(flag(&router, "batch_size").await["value"], 7);
}

/// A restart forgets nothing that was set, and the audit log nothing that was done.
#[tokio::test]
async fn what_is_set_outlives_a_restart_and_is_in_the_audit_log() {
    let mut router = Router::start();
    let body = json!({ "value": true, "reason": "a try" });
    assert_eq!(put(&router, "dual_mode", &body).await.status, 200);
    router.kill();
    router.restart();
    assert_eq!(flag(&router, "dual_mode").await["origin"]["kind"], "override");
    assert_eq!(mode(&router, "critical").await, "dual");
    assert_eq!(router.ask("DELETE", "/v1/flags/dual_mode").await.status, 200);
    let audit = router.get("/v1/audit?after=0").await;
    let of_flag = audit["entries"].as_array().unwrap().iter();
    let of_flag = of_flag.filter(|entry| entry["subject"] == "setting:flags.dual_mode");
    let actions: Vec<_> =
        of_flag.map(|it| (it["action"].as_str().unwrap(), &it["actor"])).collect();
    let anybody = json!("anybody");
    assert_eq!(actions, [("override.set", &anybody), ("override.cleared", &anybody)]);
}

#[tokio::test]
async fn only_an_admin_sets_flags_and_is_named() {
    let tokens = "reader read reader-0123456789-reader-0123456789\n\
                  boss admin,read boss-0123456789-boss-0123456789-boss";
    let router = Router::with(&[("auth.mode", "token"), ("auth.tokens", tokens)]);
    let put = async |token: &str| {
        let request = http().put(router.url("/v1/flags/dual_mode")).bearer_auth(token);
        request.body(r#"{"value":true}"#).send().await.unwrap().status().as_u16()
    };
    assert_eq!(put("reader-0123456789-reader-0123456789").await, 403);
    assert_eq!(put("boss-0123456789-boss-0123456789-boss").await, 200);
    let request =
        http().get(router.url("/v1/flags")).bearer_auth("reader-0123456789-reader-0123456789");
    let all: Value = request.send().await.unwrap().json().await.unwrap();
    let dual = all["flags"].as_array().unwrap().iter().find(|flag| flag["name"] == "dual_mode");
    assert_eq!(dual.unwrap()["origin"]["by"], "boss");
    // Whoever moves the rollout or plants faults is named too.
    let boss = "boss-0123456789-boss-0123456789-boss";
    let pause = http().post(router.url("/v1/rollout")).bearer_auth(boss);
    let paused = pause.body(r#"{"action":"pause","reason":" lunch "}"#).send().await.unwrap();
    assert_eq!(paused.status().as_u16(), 200);
    let plant = http().put(router.url("/v1/validation/rehearsal")).bearer_auth(boss);
    let planted = plant.body(r#"{"path":"realtime","drop":0.5}"#).send().await.unwrap();
    assert_eq!(planted.status().as_u16(), 200);
    let request = http().get(router.url("/v1/audit?after=0")).bearer_auth(boss);
    let audit: Value = request.send().await.unwrap().json().await.unwrap();
    let lines = audit["entries"].as_array().unwrap().iter();
    let by_hand = lines.filter(|line| line["actor"] == "boss");
    let done: Vec<_> = by_hand.map(|line| line["action"].as_str().unwrap()).collect();
    assert_eq!(done, ["override.set", "rollout.paused", "rehearsal.began"], "{audit}");
    let flush = http().post(router.url("/metrics/flush")).send().await.unwrap();
    assert_eq!(flush.status().as_u16(), 401, "nobody who is not known writes anything");
}
