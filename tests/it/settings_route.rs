//! `GET /v1/settings`: every setting, where it comes from, and no secret.

use serde_json::{Value, json};
use signalbox::settings::KEYS;
use std::fs;
use tempfile::TempDir;

use crate::support::router::{Router, http};

fn setting<'a>(snapshot: &'a Value, key: &str) -> &'a Value {
    let settings = snapshot["settings"].as_array().unwrap();
    settings.iter().find(|setting| setting["key"] == key).unwrap_or_else(|| panic!("{key}"))
}

#[tokio::test]
async fn every_setting_is_told_with_where_it_comes_from() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("My.toml");
    fs::write(&file, "[session]\n\nheartbeat = \"1m\"\nmax_sessions = 77\n").unwrap();
    let named = format!("SIGNALBOX_CONFIG={}", file.display());
    let router = Router::under(&["env", &named], &[("limits.event_bytes", "128KiB")]);
    let snapshot = router.get("/v1/settings").await;
    let keys: Vec<_> =
        snapshot["settings"].as_array().unwrap().iter().map(|setting| &setting["key"]).collect();
    assert_eq!(keys, KEYS.iter().map(|key| key.path).collect::<Vec<_>>());
    let path = file.display().to_string();
    assert_eq!((&snapshot["generation"], &snapshot["last_reload"]), (&json!(1), &json!(null)));
    assert_eq!(snapshot["file"], path);
    assert!(snapshot["loaded_at"].as_str().unwrap().ends_with('Z'), "{snapshot}");
    assert_eq!(
        setting(&snapshot, "session.heartbeat"),
        &json!({
            "key": "session.heartbeat",
            "description": "Time between two pings.",
            "value": "1m",
            "origin": { "kind": "file", "path": path, "line": 3, "column": 13 },
            "default": "25s",
            "allowed": "a duration from 1s to 1h",
            "unit": "duration",
            "needs_restart": false,
            "secret": false,
        })
    );
    let sessions = setting(&snapshot, "session.max_sessions");
    assert_eq!((&sessions["value"], &sessions["unit"]), (&json!(77), &json!(null)));
    let bytes = setting(&snapshot, "limits.event_bytes");
    let variable = json!({ "kind": "variable", "name": "SIGNALBOX__LIMITS__EVENT_BYTES" });
    assert_eq!((&bytes["value"], &bytes["origin"]), (&json!("128KiB"), &variable));
    assert_eq!((&bytes["default"], &bytes["unit"]), (&json!("256KiB"), &json!("bytes")));
    let durability = setting(&snapshot, "storage.durability");
    assert_eq!(durability["origin"], json!({ "kind": "default" }));
    assert_eq!(durability["needs_restart"], true);
}

#[tokio::test]
async fn no_secret_is_told() {
    let token = "planted-0123456789-planted-0123456789";
    let tokens = format!("operator read {token}");
    let router = Router::with(&[("auth.mode", "token"), ("auth.tokens", &tokens)]);
    let request = http().get(router.url("/v1/settings")).bearer_auth(token);
    let text = request.send().await.unwrap().text().await.unwrap();
    let snapshot: Value = serde_json::from_str(&text).unwrap();
    let told = setting(&snapshot, "auth.tokens");
    assert_eq!((&told["value"], &told["secret"]), (&json!("***"), &json!(true)));
    assert!(!text.contains("planted"), "{text}");
    for key in KEYS.iter().filter(|key| key.is_secret()) {
        let value = &setting(&snapshot, key.path)["value"];
        assert!(["", "***"].contains(&value.as_str().unwrap()), "{}: {value}", key.path);
    }
}
