//! Dead letters and the audit log as an operator sees them. What is in them is put there as the
//! adapters do it, in the database of a router that is stopped.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use signalbox::{
    core::{cursor::durable::CursorStep, event::Position},
    storage::{
        DeadLetterChange, Durability, NewAudit, NewDeadLetter, Note, OpenWriter, StorageOptions,
        open,
    },
};
use uuid::Uuid;

use crate::support::router::{Answer, PATIENCE, Router, http};

const WALL: &str = "sbx_wall_1a2b3c4d5e6f708192a3b4c5d6e7f809aabbcc";
const OPERATOR: &str = "sbx_operator_0f1e2d3c4b5a69788796a5b4c3d2e1f0";

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap()
}

/// A router with the events 1 to `count`, all of them set aside: odd ones by `realtime`, even ones
/// by `other`. The first was recovered.
async fn router_with(count: u64) -> Router {
    let tokens = format!("wall read {WALL}; operator admin {OPERATOR}");
    let mut router = Router::with(&[
        ("storage.url", "sqlite:./journal.db"),
        ("auth.mode", "token"),
        ("auth.tokens", &tokens),
        // The one that recovered did so years ago.
        ("retry.dead_letters_keep", "3650d"),
    ]);
    for _ in 0..count {
        let body = r#"{"event_type":"a","source":"test","data":{"n":12345678901234567890.50}}"#;
        let request = http().post(router.url("/v1/events")).bearer_auth(OPERATOR);
        let request = request.header("content-type", "application/json").body(body);
        assert_eq!(request.send().await.unwrap().status(), 202);
    }
    router.terminate();
    bury(&router, count).await;
    router.restart();
    router
}

async fn bury(router: &Router, count: u64) {
    let options = StorageOptions {
        url: format!("sqlite:{}/journal.db", router.folder.path().display()),
        durability: Durability::Process,
        pool_size: 1,
    };
    let storage = open(&options).await.unwrap();
    let wanted = OpenWriter { wait: PATIENCE, fresh: Uuid::new_v4(), last_seen: None };
    let opened = storage.open_writer(wanted).await.unwrap();
    let page = signalbox::storage::PageQuery { limit: 99, ..Default::default() };
    let mut notes = Vec::new();
    for event in storage.page(&page).await.unwrap().events {
        let adapter = if event.seq % 2 == 1 { "realtime" } else { "other" };
        let step = CursorStep::new(adapter, Position { epoch: opened.head.epoch, seq: event.seq });
        let (reason, epoch) = ("too large".into(), opened.head.epoch);
        let letter = NewDeadLetter {
            adapter: adapter.into(),
            epoch,
            event: event.into(),
            reason,
            attempts: 1,
        };
        notes.push(Note::Bury { letters: vec![letter], step });
    }
    assert_eq!(notes.len() as u64, count);
    let recovered = DeadLetterChange::Recovered;
    notes.push(Note::DeadLetter { id: 1, change: recovered, at: at(60) });
    notes.push(Note::Audit(NewAudit {
        at: at(0),
        actor: "rollout".into(),
        action: "rollout.advanced".into(),
        subject: "percent".into(),
        detail: json!({"from": 0, "to": 25}),
    }));
    let mut writer = opened.writer;
    writer.note(&notes, at(50)).await.unwrap();
}

async fn ask(router: &Router, method: &str, path: &str, token: &str) -> Answer {
    let request = http().request(method.parse().unwrap(), router.url(path)).bearer_auth(token);
    Answer::of(request.send().await.unwrap()).await
}

/// A page of dead letters: which, and where it goes on.
async fn page(router: &Router, query: &str) -> (Vec<u64>, Value) {
    let answer = ask(router, "GET", &format!("/v1/dead-letters{query}"), WALL).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let letters = answer.json["dead_letters"].as_array().unwrap();
    (
        letters.iter().map(|letter| letter["id"].as_u64().unwrap()).collect(),
        answer.json["next"].clone(),
    )
}

#[tokio::test]
async fn a_dead_letter_is_shown_whole() {
    let router = router_with(3).await;
    let shown = ask(&router, "GET", "/v1/dead-letters/1", WALL).await;
    assert!(shown.text.contains("12345678901234567890.50"), "{}", shown.text);
    let mut expected = json!({
        "id": 1, "adapter": "realtime", "status": "recovered", "reason": "too large",
        "attempts": 1, "created_at": "2023-11-14T22:14:10.000000Z", "replayed_at": null,
        "recovered_at": "2023-11-14T22:14:20.000000Z",
    });
    let id = shown.json["event"]["id"].as_str().unwrap();
    expected["event"] = ask(&router, "GET", &format!("/v1/events/{id}"), WALL).await.json;
    assert_eq!(shown.json, expected);
    let listed = ask(&router, "GET", "/v1/dead-letters?after=0&limit=1", WALL).await.json;
    assert_eq!(listed, json!({"dead_letters": [expected], "next": 1}));
}

#[tokio::test]
async fn dead_letters_are_paged_and_narrowed_also_over_deletions() {
    let router = router_with(6).await;
    assert_eq!(page(&router, "").await, (vec![6, 5, 4, 3, 2, 1], Value::Null));
    assert_eq!(page(&router, "?limit=4").await, (vec![6, 5, 4, 3], json!(3)));
    assert_eq!(page(&router, "?limit=4&before=3").await, (vec![2, 1], Value::Null));
    assert_eq!(page(&router, "?adapter=other").await.0, [6, 4, 2]);
    assert_eq!(page(&router, "?adapter=realtime&status=pending&after=0").await.0, [3, 5]);
    assert_eq!(page(&router, "?status=recovered").await.0, [1]);
    assert_eq!(page(&router, "?status=failed").await.0, Vec::<u64>::new());

    let (_, next) = page(&router, "?after=0&limit=2").await;
    for gone in 1..=3 {
        let path = format!("/v1/dead-letters/{gone}");
        assert_eq!(ask(&router, "DELETE", &path, OPERATOR).await.status, 204);
    }
    assert_eq!(page(&router, &format!("?after={next}&limit=2")).await, (vec![4, 5], json!(5)));
}

#[tokio::test]
async fn what_cannot_be_is_refused_by_name() {
    let router = router_with(1).await;
    for (path, status, code) in [
        ("/v1/dead-letters?limit=0", 400, "bad_parameter"),
        ("/v1/dead-letters?limit=1001", 400, "bad_parameter"),
        ("/v1/dead-letters?after=x", 400, "bad_parameter"),
        ("/v1/dead-letters?before=9223372036854775808", 400, "bad_parameter"),
        ("/v1/dead-letters?after=1&before=2", 400, "bad_parameter"),
        ("/v1/dead-letters?status=retrying", 400, "bad_parameter"),
        ("/v1/dead-letters?states=failed", 400, "unknown_parameter"),
        ("/v1/audit?limit=-1", 400, "bad_parameter"),
        ("/v1/audit?actions=a", 400, "unknown_parameter"),
        ("/v1/dead-letters/x", 400, "bad_id"),
        ("/v1/dead-letters/-1", 400, "bad_id"),
        ("/v1/dead-letters/99999999999999999999", 400, "bad_id"),
        ("/v1/dead-letters/18446744073709551615", 404, "not_found"),
        ("/v1/dead-letters/2", 404, "not_found"),
    ] {
        let answer = ask(&router, "GET", path, OPERATOR).await;
        assert_eq!((answer.status, answer.problem()), (status, code), "{path}");
        if path.contains("letters/") {
            let answer = ask(&router, "DELETE", path, OPERATOR).await;
            assert_eq!((answer.status, answer.problem()), (status, code), "DELETE {path}");
        }
    }
}

#[tokio::test]
async fn where_no_adapter_is_on_nothing_is_replayed() {
    let router = router_with(3).await;
    let replay = async |id: u64, token| {
        ask(&router, "POST", &format!("/v1/dead-letters/{id}/replay"), token).await
    };
    for (id, status, code) in [
        (1, 409, "dead_letter_recovered"),
        (2, 503, "destination_unavailable"),
        (3, 503, "destination_unavailable"),
        (4, 404, "not_found"),
    ] {
        let answer = replay(id, OPERATOR).await;
        assert_eq!((answer.status, answer.problem()), (status, code), "{id}");
    }
    let kept = ask(&router, "GET", "/v1/dead-letters/3", WALL).await.json;
    assert_eq!((&kept["status"], &kept["attempts"]), (&json!("pending"), &json!(1)));
    assert_eq!(replay(3, WALL).await.status, 403);
}

#[tokio::test]
async fn who_deletes_one_stands_in_the_audit_log() {
    let router = router_with(2).await;
    let path = "/v1/dead-letters/2";
    let event_id = ask(&router, "GET", path, WALL).await.json["event"]["id"].clone();
    assert_eq!(ask(&router, "DELETE", path, WALL).await.status, 403);
    assert_eq!(ask(&router, "GET", path, WALL).await.status, 200);
    assert_eq!(ask(&router, "DELETE", path, OPERATOR).await.status, 204);
    assert_eq!(ask(&router, "GET", path, WALL).await.status, 404);
    assert_eq!(ask(&router, "DELETE", path, OPERATOR).await.status, 404);

    assert_eq!(ask(&router, "GET", "/v1/audit", WALL).await.status, 403);
    let log = ask(&router, "GET", "/v1/audit?limit=1", OPERATOR).await.json;
    let entry = &log["entries"][0];
    assert_eq!(entry["actor"], "operator");
    assert_eq!((&entry["action"], &entry["subject"]), (&json!("dead_letter.deleted"), &json!("2")));
    let detail = json!({
        "adapter": "other", "event_id": event_id, "status": "pending", "reason": "too large",
    });
    assert_eq!(entry["detail"], detail);
    let path = format!("/v1/audit?before={}&action=rollout.advanced", log["next"]);
    let older = ask(&router, "GET", &path, OPERATOR).await.json;
    assert_eq!(older["entries"].as_array().unwrap().len(), 1, "{older}");
    assert_eq!(older["entries"][0]["detail"], json!({"from": 0, "to": 25}));
    assert_eq!(
        (&older["entries"][0]["at"], &older["next"]),
        (&json!("2023-11-14T22:13:20.000000Z"), &Value::Null)
    );
}
