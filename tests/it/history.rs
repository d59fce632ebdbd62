//! `GET /v1/history`: what was measured, for whoever comes later, and what changed meanwhile.

use std::{collections::BTreeSet, fs};

use serde_json::{Value, json};

use crate::support::router::{Answer, Router, event, http, until};

const READER: &str = "sbx_reader_1a2b3c4d5e6f708192a3b4c5d6e7f809aabbcc";
const OPERATOR: &str = "sbx_operator_0f1e2d3c4b5a69788796a5b4c3d2e1f0";
const REASON: &str = "a reason that is nobody's business";

async fn send(router: &Router, method: &str, path: &str, body: &Value) {
    let request = http().request(method.parse().unwrap(), router.url(path)).bearer_auth(OPERATOR);
    let request = request.header("content-type", "application/json").body(body.to_string());
    let answer = Answer::of(request.send().await.unwrap()).await;
    assert!(matches!(answer.status, 200 | 202), "{answer:?}");
}

async fn read(router: &Router, path: &str) -> Answer {
    Answer::of(http().get(router.url(path)).bearer_auth(READER).send().await.unwrap()).await
}

fn greatest(history: &Value, series: &str) -> f64 {
    let values = history["series"][series].as_array().unwrap_or_else(|| panic!("no {series}"));
    values.iter().filter_map(Value::as_f64).fold(0.0, f64::max)
}

#[tokio::test]
async fn what_was_measured_and_changed_is_there_for_every_reader() {
    let tokens = format!("reader read {READER}; operator admin {OPERATOR}");
    let settings = [("auth.mode", "token"), ("auth.tokens", &*tokens), ("flags.dual_mode", "true")];
    let router = Router::with(&settings);
    let flag = json!({ "value": 77, "reason": REASON });
    send(&router, "PUT", "/v1/flags/batch_size", &flag).await;
    let quarter = json!({ "action": "set", "percent": 25, "reason": REASON });
    send(&router, "POST", "/v1/rollout", &quarter).await;
    let open = json!({ "state": "open" });
    send(&router, "POST", "/v1/adapters/realtime/breaker", &open).await;
    let history = until(|| async {
        send(&router, "POST", "/v1/events", &json!([event("a"), event("b")])).await;
        let history = read(&router, "/v1/history").await.json;
        let is_told = greatest(&history, "taken") > 0.0
            && greatest(&history, "breaker") > 1.5
            && greatest(&history, "lag_events") > 0.0
            && greatest(&history, "memory") > 1e6
            && history["marks"].as_array().is_some_and(|marks| marks.len() >= 3);
        is_told.then_some(history)
    })
    .await;
    let kinds: BTreeSet<_> =
        history["marks"].as_array().unwrap().iter().map(|it| it["kind"].as_str()).collect();
    assert_eq!(kinds.len(), 3, "{kinds:?}");
    let marks = history["marks"].to_string();
    for told in ["flags.batch_size: 100 → 77", "0 % → 25 %", "realtime: open"] {
        assert!(marks.contains(told), "{told}: {marks}");
    }
    let whole = history.to_string();
    assert!(!whole.contains("operator") && !whole.contains(REASON), "{whole}");
    assert_eq!(read(&router, "/v1/audit").await.status, 403, "which is why there are marks");
}

#[tokio::test]
async fn columns_are_as_long_as_times_and_those_that_the_page_draws() {
    let router = Router::start();
    let history = until(|| async {
        let history = router.get("/v1/history").await;
        (history["at"].as_array()?.len() >= 3).then_some(history)
    })
    .await;
    let at: Vec<_> =
        history["at"].as_array().unwrap().iter().map(|at| at.as_u64().unwrap()).collect();
    let step = history["step_ms"].as_u64().unwrap() / 1_000;
    assert!(at.iter().all(|at| at % step == 0), "{history}");
    assert!(at.is_sorted_by(|one, next| one < next), "{at:?}");
    let series = history["series"].as_object().unwrap();
    assert!(series.values().all(|it| it.as_array().unwrap().len() == at.len()), "{history}");
    let page = fs::read_to_string("dashboard/src/model/samples.ts").unwrap();
    let (_, drawn) = page.split_once("SERIES: readonly Series[] = [").unwrap();
    let drawn = drawn.split_once("];").unwrap().0.split(',').map(|it| it.trim().trim_matches('"'));
    let drawn: BTreeSet<_> = drawn.filter(|name| !name.is_empty()).collect();
    assert_eq!(series.keys().map(String::as_str).collect::<BTreeSet<_>>(), drawn);
}
