//! The original system's questions about flags, and the cases of its suites on flags and on writing
//! to both paths.

use serde_json::{Value, json};

use super::{mode, put, set};
use crate::support::{
    destination::{Destination, KEY},
    router::{Router, until},
};

/// Every flag is told under the name it had, with the value in force.
#[tokio::test]
async fn test_flags_status() {
    let environment = ["env", "MONITORING_DUAL_MODE=1", "DUAL_WRITE_SYSTEM_PERCENTAGE=30"];
    let router = Router::under(&environment, &[]);
    let status = router.get("/flags/status").await;
    assert_eq!((&status["status"], &status["generation"]), (&json!("ok"), &json!(1)));
    assert_eq!(
        status["flags"],
        json!({
            "MONITORING_USE_ADAPTER": false, "MONITORING_ADAPTER_TYPE": "auto",
            "MONITORING_DUAL_MODE": true, "MONITORING_ENABLE_VALIDATION": true,
            "MONITORING_VALIDATION_STRICT": false, "MONITORING_METRICS_FLUSH_INTERVAL": 300,
            "MONITORING_METRICS_PERSISTENCE": true, "MONITORING_BATCH_SIZE": 100,
            "MONITORING_TIMEOUT_MS": 5000, "DUAL_WRITE_GLOBAL_OVERRIDE": "none",
            "DUAL_WRITE_CRITICAL_PERCENTAGE": 100, "DUAL_WRITE_PERFORMANCE_PERCENTAGE": 100,
            "DUAL_WRITE_USER_ACTIVITY_PERCENTAGE": 100, "DUAL_WRITE_SYSTEM_PERCENTAGE": 30,
            "DUAL_WRITE_DEBUG_PERCENTAGE": 100,
        })
    );
}

/// Contradictions degrade health, and never make the router unready.
#[tokio::test]
async fn test_flags_health_and_validation_logic() {
    let router = Router::start();
    let health = router.get("/health/flags").await;
    assert_eq!((&health["status"], &health["issues"]), (&json!("healthy"), &json!([])));
    assert_eq!(router.get("/health").await["components"]["flags"], "healthy");

    set(&router, "validation_strict", json!(true)).await;
    let changed = set(&router, "enable_validation", json!(false)).await;
    assert_eq!(changed["issues"][0]["flag"], "flags.validation_strict");
    set(&router, "use_adapter", json!(true)).await;
    set(&router, "adapter_type", json!("websocket")).await;
    set(&router, "rollout.percent", json!(25)).await;
    let health = router.get("/health/flags").await;
    let issues: Vec<_> =
        health["issues"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    assert_eq!((&health["status"], issues.len()), (&json!("degraded"), 3));
    assert!(issues[0].starts_with("validation_strict is on while enable_validation is off"));
    assert!(issues[1].contains("nothing goes to a Realtime"), "{issues:?}");
    assert!(issues[2].starts_with("a rollout is on while no event"), "{issues:?}");
    let whole = router.ask("GET", "/health").await;
    assert_eq!((whole.status, &whole.json["status"]), (200, &json!("degraded")));
    assert_eq!(whole.json["components"]["flags"], "degraded");
    assert_eq!(router.ask("GET", "/readyz").await.status, 200);

    for name in ["validation_strict", "enable_validation", "adapter_type", "rollout.percent"] {
        assert_eq!(router.ask("DELETE", &format!("/v1/flags/{name}")).await.status, 200);
    }
    assert_eq!(router.get("/health").await["status"], "healthy");
}

/// `dual_mode` alone meant nothing there. Here it means both paths, and is only noted.
#[tokio::test]
async fn test_dual_mode_without_use_adapter() {
    let router = Router::with(&[("flags.dual_mode", "true")]);
    assert_eq!(mode(&router, "critical").await, "dual");
    assert_eq!(router.get("/v1/flags").await["coverage"]["covered"], true);
    let health = router.get("/health/flags").await;
    assert_eq!((&health["status"], &health["issues"]), (&json!("healthy"), &json!([])));
    assert!(health["notes"][0].as_str().unwrap().starts_with("dual_mode is on without"));
}

#[tokio::test]
async fn test_metrics_collection() {
    let destination = Destination::start();
    let router = Router::with(&[
        ("flags.dual_mode", "true"),
        ("flags.debug_percentage", "0"),
        ("realtime.url", &destination.url()),
        ("realtime.key", KEY),
    ]);
    for category in ["critical", "debug", "system"] {
        mode(&router, category).await;
    }
    assert_eq!(router.post(&json!({ "event_type": "t", "source": "s" })).await.0, 422);
    let told = |metrics: Value| (metrics["metrics"]["adapter_broadcasts"] == 2).then_some(metrics);
    let adapter = until(|| async { told(router.get("/metrics/adapter").await) }).await;
    assert_eq!((&adapter["status"], &adapter["adapter_type"]), (&json!("ok"), &json!("dual")));
    assert_eq!(adapter["metrics"]["total_broadcasts"], 3);
    assert_eq!(adapter["metrics"]["direct_broadcasts"], 3);
    assert_eq!(adapter["metrics"]["failed_broadcasts"], 0);
    assert_eq!(adapter["adapters"][1]["delivery"]["settled"]["delivered"], 2);
    let validation = router.get("/metrics/validation").await;
    let row = &validation["metrics"]["types"]["t"];
    assert_eq!((&row["passed_events"], &row["failed_events"]), (&json!(3), &json!(1)));
}

/// What is said to be written is; what waits for nothing is not said to be.
#[tokio::test]
async fn test_metrics_flush() {
    let router = Router::start();
    let flush = router.ask("POST", "/metrics/flush").await;
    assert_eq!((flush.status, &flush.json["flushed"]), (200, &json!(true)));
    let (cursors, verdicts) = (&flush.json["cursors"], &flush.json["verdicts"]);
    assert_eq!((cursors, verdicts), (&json!([]), &json!(0)), "there is nothing to write");

    let mut router = Router::with(&[("flags.dual_mode", "true")]);
    let seq = router.publish("t").await;
    let delivered = |ledger: Value| (ledger["realtime"]["delivered"] == 1).then_some(());
    until(|| async { delivered(router.get("/v1/ledger").await) }).await;
    let flush = router.ask("POST", "/metrics/flush").await;
    assert_eq!(flush.status, 200, "{flush:?}");
    // It may have been written by itself since.
    for cursor in flush.json["cursors"].as_array().unwrap() {
        assert_eq!((&cursor["adapter"], &cursor["through"]), (&json!("realtime"), &json!(seq)));
    }
    router.kill();
    router.restart();
    let ledger = router.get("/v1/ledger").await;
    assert_eq!(ledger["realtime"]["matched"], 0, "nothing is sent again: {ledger}");
}

/// `update_category_percentage` and `update_global_override`, with their answers.
#[tokio::test]
async fn test_dual_write_runtime_updates() {
    let router = Router::with(&[("flags.dual_mode", "true")]);
    for (name, value, works) in [
        ("critical_percentage", json!(75), true),
        ("critical_percentage", json!(-1), false),
        ("critical_percentage", json!(101), false),
        ("unknown_percentage", json!(50), false),
        ("global_override", json!("websocket_only"), true),
        ("global_override", json!("redis_only"), false),
        ("debug_enabled", json!(false), true),
    ] {
        let status = put(&router, name, &json!({ "value": value })).await.status;
        assert_eq!(status == 200, works, "{name} {value}");
    }
    let flags = router.get("/flags/status").await["flags"].clone();
    assert_eq!(flags["DUAL_WRITE_CRITICAL_PERCENTAGE"], 75);
    assert_eq!(flags["DUAL_WRITE_GLOBAL_OVERRIDE"], "websocket_only");
    assert_eq!(mode(&router, "critical").await, "direct");
}

/// The table that it shipped with, as docs/flags.md has it.
#[tokio::test]
async fn test_dual_write_default_table() {
    let docs = include_str!("../../../docs/flags.md");
    let (_, table) = docs.split_once("```toml\n").unwrap();
    let (table, _) = table.split_once("```").unwrap();
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("Settings.toml");
    std::fs::write(&file, table).unwrap();
    let named = format!("SIGNALBOX_CONFIG={}", file.display());
    let router = Router::under(&["env", &named], &[]);
    let flags = router.get("/v1/flags").await;
    assert_eq!(flags["coverage"]["covered"], false);
    let lacking: Vec<_> = flags["coverage"]["lacking"].as_array().unwrap().clone();
    let told: Vec<_> = lacking.iter().map(|it| (&it["category"], &it["reason"])).collect();
    let (unlisted, disabled) = (json!("unlisted"), json!("disabled"));
    assert_eq!(
        told,
        [
            (&json!("performance"), &unlisted),
            (&json!("user_activity"), &disabled),
            (&json!("debug"), &disabled),
        ]
    );
    assert_eq!(mode(&router, "critical").await, "dual");
    assert_eq!(mode(&router, "system").await, "dual");
    assert_eq!(mode(&router, "performance").await, "direct");
}
