//! Settings.toml is edited under a router at work, well and badly, in every way that it is done.

mod candidates;
mod edits;
mod keys;
mod outages;
mod paths;

use std::{fs, path::PathBuf};

use serde_json::{Value, json};

use crate::support::{
    dashboard::Dashboard,
    router::{Answer, Router, event, http, until},
};

/// The file that a router reads, which is not there yet.
pub fn file(router: &Router) -> PathBuf {
    router.folder.path().join("Settings.toml")
}

/// Asks for the settings to be read again.
pub async fn reload(router: &Router) -> Answer {
    router.ask("POST", "/v1/settings/reload").await
}

/// Writes the file, and has it read, which must go well; the answer.
pub async fn apply(router: &Router, text: &str) -> Value {
    fs::write(file(router), text).unwrap();
    let answer = reload(router).await;
    assert_eq!(answer.status, 200, "{text}{}", answer.text);
    answer.json
}

pub async fn settings(router: &Router) -> Value {
    router.get("/v1/settings").await
}

pub fn generation(settings: &Value) -> u64 {
    settings["generation"].as_u64().unwrap()
}

/// The value in force.
pub fn value<'a>(settings: &'a Value, key: &str) -> &'a Value {
    let rows = settings["settings"].as_array().unwrap();
    &rows.iter().find(|row| row["key"] == key).unwrap_or_else(|| panic!("{key}"))["value"]
}

#[tokio::test]
async fn a_file_that_appears_changes_and_goes_is_noticed_without_a_word() {
    let router = Router::start();
    assert_eq!(settings(&router).await["file"], json!(null));
    let mut last = 1;
    for heartbeat in ["40s", "50s"] {
        fs::write(file(&router), format!("[session]\nheartbeat = \"{heartbeat}\"\n")).unwrap();
        let now = until(|| async {
            let now = settings(&router).await;
            // The attempt is told when all have followed, a moment after the settings are others.
            let is_told = now["last_reload"]["outcome"] == "applied";
            (generation(&now) > last && is_told).then_some(now)
        })
        .await;
        assert_eq!(
            (generation(&now), value(&now, "session.heartbeat")),
            (last + 1, &json!(heartbeat))
        );
        assert_eq!(now["last_reload"]["outcome"], "applied");
        assert_eq!(now["last_reload"]["changed"], json!(["session.heartbeat"]));
        last += 1;
    }
    fs::remove_file(file(&router)).unwrap();
    let now = until(|| async {
        let now = settings(&router).await;
        (now["last_reload"]["outcome"] == "refused").then_some(now)
    })
    .await;
    let error = &now["last_reload"]["errors"][0];
    assert!(error["message"].as_str().unwrap().contains("is gone"), "{error}");
    assert_eq!((generation(&now), value(&now, "session.heartbeat")), (last, &json!("50s")));
    let metrics = router.ask("GET", "/metrics").await.text;
    for line in [
        "signalbox_settings_generation 3",
        "signalbox_reload_refused 1",
        "signalbox_reload_total{outcome=\"applied\"} 2",
        "signalbox_reload_total{outcome=\"refused\"} 1",
    ] {
        assert!(metrics.contains(&format!("\n{line}\n")), "{line}");
    }
    assert!(router.log().contains("is gone"));
}

/// A file that is as it was when the router looked last is another all the same, when somebody else
/// had it read in between.
#[tokio::test]
async fn what_is_put_back_behind_the_routers_back_is_noticed() {
    let router = Router::start();
    let text = |n: u64| format!("[session]\nmax_errors = {n}\n");
    for n in 1..6 {
        fs::write(file(&router), text(n)).unwrap();
        until(|| async {
            (*value(&settings(&router).await, "session.max_errors") == json!(n)).then_some(())
        })
        .await;
        apply(&router, &text(n + 50)).await;
    }
    fs::write(file(&router), text(5)).unwrap();
    until(|| async {
        (*value(&settings(&router).await, "session.max_errors") == json!(5)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn sighup_reads_the_settings_again_and_does_not_end_the_router() {
    let mut router = Router::start();
    router.signal("HUP");
    until(|| async {
        let now = settings(&router).await;
        (now["last_reload"]["outcome"] == "unchanged").then_some(())
    })
    .await;
    assert!(router.is_running());
    assert_eq!(generation(&settings(&router).await), 1);
}

#[tokio::test]
async fn what_is_refused_is_answered_with_line_key_and_what_is_allowed() {
    let router = Router::start();
    apply(&router, "[session]\nheartbeat = \"40s\"\n").await;
    let before = settings(&router).await;
    fs::write(file(&router), "[session]\nheartbeat = 40\nheartbaet = 1\n").unwrap();
    let answer = reload(&router).await;
    assert_eq!((answer.status, answer.problem()), (422, "settings_refused"));
    let errors = answer.json["reload"]["errors"].as_array().unwrap().clone();
    assert_eq!(errors.len(), 2, "all of them at once: {errors:?}");
    let detail = answer.json["detail"].as_str().unwrap();
    assert!(detail.contains(":2:13: ") && detail.ends_with("(and 1 more)"), "{detail}");
    assert_eq!(
        (&errors[0]["key"], &errors[0]["origin"]["line"]),
        (&json!("session.heartbeat"), &json!(2))
    );
    let message = errors[0]["message"].as_str().unwrap();
    assert!(message.contains("must be a duration from 1s to 1h, not 40"), "{message}");
    let message = errors[1]["message"].as_str().unwrap();
    assert!(message.contains("did you mean session.heartbeat?"), "{message}");
    let after = settings(&router).await;
    assert_eq!(after["last_reload"]["errors"], json!(errors));
    assert_eq!(
        (&after["settings"], &after["generation"]),
        (&before["settings"], &before["generation"])
    );
    assert!(
        router.log().contains("Settings.toml:2:13: session.heartbeat: must be"),
        "{}",
        router.log()
    );
}

#[tokio::test]
async fn keys_that_need_a_restart_are_named_and_the_others_apply() {
    let mut router = Router::start();
    apply(&router, "[server]\nworkers = 3\n[session]\nmax_errors = 3\n").await;
    let line = until(|| async {
        let page = router.get("/v1/audit?action=settings.applied").await;
        page["entries"].as_array().unwrap().first().cloned()
    })
    .await;
    let expected = json!({
        "generation": 2, "changed": ["session.max_errors"], "needs_restart": ["server.workers"],
    });
    assert_eq!(line["detail"], expected);
    let now = settings(&router).await;
    assert_eq!(value(&now, "server.workers"), 0, "what runs");
    assert_eq!(now["needs_restart"], json!(["server.workers"]));
    router.terminate();
    router.restart();
    let now = settings(&router).await;
    assert_eq!((value(&now, "server.workers"), &now["needs_restart"]), (&json!(3), &json!([])));
}

#[tokio::test]
async fn what_a_client_may_do_changes_while_it_is_there() {
    let router = Router::start();
    let mut there = Dashboard::subscribed(&router, json!({})).await;
    assert_eq!(there.welcome["generation"], 1);
    let two = json!({ "filter": { "source": ["a", "b"] } });
    apply(&router, "[session]\nheartbeat = \"45s\"\nfilter_patterns = 1\nmax_errors = 0\n").await;
    let new = Dashboard::connect(&router).await;
    assert_eq!(
        (&new.welcome["generation"], &new.welcome["heartbeat_ms"]),
        (&json!(2), &json!(45_000))
    );
    router.publish("a").await;
    assert_eq!(there.seqs(1).await, [1], "it goes on");
    assert_eq!(there.try_subscribe(two).await["code"], "bad_filter");
    assert_eq!(there.close_code().await, Some(4400), "no error is one too many");

    apply(&router, "[limits]\nclient_requests = 1000\nclient_burst = 40\n").await;
    let policy = reload(&router).await;
    assert!(policy.header("ratelimit-policy").contains("\"client\";q=40"), "{policy:?}");
    let left = |answer: &Answer| -> u32 {
        let (_, left) = answer.header("ratelimit").split_once(";r=").unwrap();
        left.split_once(';').unwrap().0.parse().unwrap()
    };
    assert!(left(&policy) < 40);
    apply(&router, "[limits]\nclient_requests = 1\nclient_burst = 1\n").await;
    until(|| async { (router.ask("GET", "/v1/stats").await.status == 429).then_some(()) }).await;
    fs::write(file(&router), "[limits]\nevent_bytes = \"1KiB\"\n").unwrap();
    router.signal("HUP");
    let mut large = event("large");
    large["data"] = json!({ "text": "x".repeat(2_000) });
    until(|| async { (router.post(&large).await.0 == 422).then_some(()) }).await;
}

#[tokio::test]
async fn how_much_is_kept_changes_while_events_are_there() {
    let router = Router::start();
    for _ in 0..5 {
        router.publish("old").await;
    }
    // Older than a minute is nothing yet: the size is what demands it.
    apply(&router, "[storage]\nretention_interval = \"100ms\"\n").await;
    apply(&router, "[storage]\nmax_bytes = \"1MiB\"\nretention_interval = \"100ms\"\n").await;
    let http = http();
    let padding = "x".repeat(100_000);
    until(|| async {
        let mut event = event("large");
        event["data"] = json!({ "text": padding });
        assert!(
            http.post(router.url("/v1/events"))
                .json(&event)
                .send()
                .await
                .unwrap()
                .status()
                .is_success()
        );
        let first = router.get("/v1/stats").await["journal"]["first_seq"].as_u64().unwrap();
        (first > 5).then_some(())
    })
    .await;
}
