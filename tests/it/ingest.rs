//! `POST /v1/events`: what is taken, what is refused, and what is then in the journal.

mod cloudevents;
mod idempotent;
mod packed;
mod refusals;
mod skipping;
mod values;

use serde_json::{Value, json};
use tokio_postgres::NoTls;

use crate::support::{
    dashboard::Dashboard,
    postgres,
    router::{Router, event, until},
};

const ID: &str = "0190b5c4-6a2e-7cc3-98c4-dc0c0c07398f";

fn with_id(id: &str, n: u64) -> Value {
    json!({ "id": id, "event_type": "a", "source": "test", "data": { "n": n } })
}

#[tokio::test]
async fn one_event_many_and_lines_are_answered_with_their_positions() {
    let router = Router::start();
    let (status, one) = router.post(&event("a")).await;
    assert_eq!(status, 202);
    let epoch = one["epoch"].clone();
    let stored = router.get(&format!("/v1/events/{}", one["id"].as_str().unwrap())).await;
    assert_eq!((&stored["seq"], &stored["epoch"]), (&json!(1), &epoch));
    let expected = json!({ "id": stored["id"], "epoch": epoch, "seq": 1, "duplicate": false });
    assert_eq!(one, expected);

    let (status, many) = router.post(&json!([event("a"), event("b")])).await;
    let answer = |accepted: u64, first: u64, last: u64| {
        json!({
            "accepted": accepted, "duplicates": 0, "rejected": [],
            "epoch": epoch, "first_seq": first, "last_seq": last,
        })
    };
    assert_eq!((status, many), (202, answer(2, 2, 3)));
    let lines = format!("{}\n\n{}\r\n{}", event("a"), event("b"), event("c"));
    let many = router.post_as("application/x-ndjson; charset=utf-8", lines).await;
    assert_eq!((many.status, many.json), (202, answer(3, 4, 6)));
    let one_line = router.post_as("application/x-ndjson", event("a").to_string()).await;
    assert_eq!(one_line.json, answer(1, 7, 7), "a list of one is a list");
}

#[tokio::test]
async fn an_id_is_taken_once() {
    let router = Router::start();
    let mut dashboard = Dashboard::subscribed(&router, json!({})).await;
    let (_, first) = router.post(&with_id(ID, 1)).await;
    assert_eq!((&first["seq"], &first["duplicate"]), (&json!(1), &json!(false)));
    // Spelled otherwise, the same id.
    let (status, again) = router.post(&with_id(&ID.to_uppercase().replace('-', ""), 1)).await;
    let mut expected = first.clone();
    expected["duplicate"] = json!(true);
    assert_eq!((status, &again), (202, &expected));
    let (status, other) = router.post(&with_id(ID, 2)).await;
    expected["differs"] = json!(true);
    assert_eq!((status, other), (202, expected));

    let new = "0190b5c4-6a2e-7cc3-98c4-000000000000";
    let batch =
        json!([with_id(new, 1), with_id(ID, 1), with_id(new, 1), with_id(new, 3), event("b")]);
    let (status, answer) = router.post(&batch).await;
    let expected = json!({
        "accepted": 2, "duplicates": 3, "differs": 1, "rejected": [],
        "epoch": first["epoch"], "first_seq": 2, "last_seq": 3,
    });
    assert_eq!((status, answer), (202, expected));
    let (_, answer) = router.post(&json!([with_id(ID, 1)])).await;
    assert_eq!((&answer["accepted"], &answer["first_seq"]), (&json!(0), &json!(null)));
    assert_eq!(dashboard.seqs(3).await, [1, 2, 3], "each is shown once");
    assert_eq!(router.get(&format!("/v1/events/{ID}")).await["data"], json!({ "n": 1 }));
}

#[tokio::test]
async fn an_event_that_was_read_can_be_posted_again() {
    let router = Router::start();
    router.publish("error").await;
    let read = router.get("/v1/events").await["events"][0].clone();
    let (status, answer) = router.post(&read).await;
    assert_eq!(
        (status, &answer["duplicate"], &answer["differs"]),
        (202, &json!(true), &json!(null))
    );
}

#[tokio::test]
async fn racing_producers_of_the_same_ids_store_each_once() {
    let router = Router::start();
    let ids: Vec<_> = (0..40).map(|n| format!("0190b5c4-6a2e-7cc3-98c4-{n:012}")).collect();
    let batch: Vec<_> = ids.iter().map(|id| with_id(id, 1)).collect();
    let body = json!(batch);
    let posts = (0..8).map(|_| router.post(&body));
    let answers = futures_util::future::join_all(posts).await;
    let accepted: u64 =
        answers.iter().map(|(_, answer)| answer["accepted"].as_u64().unwrap()).sum();
    assert_eq!(accepted, 40, "{answers:?}");
    assert_eq!(router.get("/v1/stats").await["journal"]["head_seq"], 40);
}

#[tokio::test]
async fn a_full_queue_says_when_to_come_back() {
    let url = postgres::database();
    let limits = [
        ("storage.url", &*url),
        ("journal.queue_events", "3"),
        ("journal.batch_events", "3"),
        ("limits.batch_events", "3"),
        ("journal.answer_timeout", "5m"),
    ];
    let router = Router::with(&limits);
    router.publish("a").await;
    // Somebody keeps the journal's row: the next commit waits, and what comes after it queues.
    let (mut client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    let lock = client.transaction().await.unwrap();
    lock.batch_execute("LOCK TABLE monitoring.journal IN ACCESS EXCLUSIVE MODE").await.unwrap();

    let three = json!([event("a"), event("a"), event("a")]);
    let waiting =
        "SELECT FROM pg_locks WHERE relation = 'monitoring.journal'::regclass AND NOT granted";
    let commits = async || !lock.query(waiting, &[]).await.unwrap().is_empty();
    let queue = async || router.get("/v1/stats").await["journal"]["queue_events"].clone();
    let first = router.post(&three);
    let second = async {
        until(|| async { commits().await.then_some(()) }).await;
        router.post(&three).await
    };
    let refused = async {
        until(|| async { (queue().await == 3).then_some(()) }).await;
        let answer = router.post_as("application/json", event("a").to_string()).await;
        assert_eq!((answer.status, answer.problem()), (503, "queue_full"), "{answer:?}");
        assert_eq!(answer.header("retry-after"), "1");
        assert_eq!(answer.json["outcome"], "not_stored");
        lock.batch_execute("ROLLBACK").await.unwrap();
    };
    let ((one, _), (other, _), ()) = tokio::join!(first, second, refused);
    assert_eq!((one, other), (202, 202));
    assert_eq!(router.get("/v1/stats").await["journal"]["head_seq"], 7);
    connection.abort();
}
