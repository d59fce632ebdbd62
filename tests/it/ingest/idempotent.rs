//! `Idempotency-Key`: a repeated request is answered as before and stores nothing twice, also when
//! nobody remembers it but the journal.

use serde_json::{Value, json};
use tokio_postgres::NoTls;

use crate::support::{
    postgres,
    router::{Answer, Router, event, http, until},
};

const KEY: &str = "\"8e03978e-40d5-43e8-bc93-6894a57f9324\"";

/// Posts with these headers, and JSON unless they say otherwise.
async fn post(router: &Router, headers: &[(&str, &str)], body: impl Into<reqwest::Body>) -> Answer {
    let mut request = http().post(router.url("/v1/events")).body(body);
    let json = [("content-type", "application/json")];
    let is_json = headers.iter().all(|(name, _)| *name != "content-type");
    for (name, value) in headers.iter().chain(json.iter().filter(|_| is_json)) {
        request = request.header(*name, *value);
    }
    Answer::of(request.send().await.unwrap()).await
}

async fn keyed(router: &Router, key: &str, body: &Value) -> Answer {
    post(router, &[("idempotency-key", key)], body.to_string()).await
}

fn is_replay(answer: &Answer) -> bool {
    answer.header("idempotency-replayed") == "true"
}

async fn head(router: &Router) -> Value {
    router.get("/v1/stats").await["journal"]["head_seq"].clone()
}

async fn metric(router: &Router, line: &str) -> bool {
    router.ask("GET", "/metrics").await.text.contains(&format!("signalbox_{line}\n"))
}

#[tokio::test]
async fn a_repeated_request_gets_the_very_same_answer() {
    let router = Router::start();
    let packed = zstd::encode_all(event("a").to_string().as_bytes(), 1).unwrap();
    let cloud = [
        ("ce-specversion", "1.0"),
        ("ce-id", "1"),
        ("ce-source", "/s"),
        ("ce-type", "t"),
        ("ce-b", "2"),
        ("ce-a", "1"),
    ];
    for (n, (headers, body)) in [
        (&[][..], event("a").to_string().into_bytes()),
        (&[], json!([event("a"), event("b")]).to_string().into_bytes()),
        (&[("content-type", "application/x-ndjson")], event("a").to_string().into_bytes()),
        (&[("content-encoding", "zstd")], packed),
        (&cloud, b"{\"n\":1}".to_vec()),
        (&[], json!([event("a"), {}]).to_string().into_bytes()),
        (&[("content-encoding", "gzip")], b"no gzip".to_vec()),
    ]
    .into_iter()
    .enumerate()
    {
        let key = format!("\"key {n}\"");
        let headers = [&[("idempotency-key", &*key)], headers].concat();
        let first = post(&router, &headers, body.clone()).await;
        assert!(!is_replay(&first));
        let stored = head(&router).await;
        for _ in 0..2 {
            let again = post(&router, &headers, body.clone()).await;
            assert!(is_replay(&again), "{again:?}");
            assert_eq!((again.status, &again.text), (first.status, &first.text));
            assert_eq!(again.header("content-type"), first.header("content-type"));
        }
        assert_eq!(head(&router).await, stored);
    }
    assert_eq!(head(&router).await, 6);
    assert!(metric(&router, "idempotent_requests_total{outcome=\"first\"} 7").await);
    assert!(metric(&router, "idempotent_requests_total{outcome=\"replayed\"} 14").await);
}

#[tokio::test]
async fn a_key_is_for_one_request_only() {
    let router = Router::start();
    let first = keyed(&router, KEY, &event("a")).await;
    assert_eq!(first.status, 202);
    let body = event("a").to_string();
    for (headers, body) in [
        (&[][..], event("b").to_string()),
        (&[("content-type", "application/x-ndjson")], body.clone()),
        (&[("content-encoding", "identity")], body.clone()),
    ] {
        let headers = [&[("idempotency-key", KEY)], headers].concat();
        let other = post(&router, &headers, body).await;
        assert_eq!((other.status, other.problem()), (422, "idempotency_key_reused"));
        assert_eq!(other.json["outcome"], "not_stored");
    }
    // Without its quotes it is the same key.
    assert!(is_replay(&keyed(&router, KEY.trim_matches('"'), &event("a")).await));
    assert_eq!(keyed(&router, "another", &event("a")).await.json["seq"], 2);
    assert!(metric(&router, "idempotent_requests_total{outcome=\"reused\"} 3").await);
}

#[tokio::test]
async fn what_is_no_key_is_refused() {
    let router = Router::start();
    let body = event("a").to_string();
    for key in ["", "\"", "a b", "a, b", "\"a\";n=1", &*"x".repeat(256)] {
        let answer = post(&router, &[("idempotency-key", key)], body.clone()).await;
        assert_eq!((answer.status, answer.problem()), (400, "bad_idempotency_key"), "{key}");
    }
    let twice = [("idempotency-key", "a"), ("idempotency-key", "a")];
    let answer = post(&router, &twice, body).await;
    assert_eq!((answer.status, answer.problem()), (400, "bad_idempotency_key"));
    assert_eq!(head(&router).await, 0);
}

#[tokio::test]
async fn the_journal_knows_a_request_after_a_crash() {
    let mut router = Router::start();
    let one = keyed(&router, "one", &event("a")).await;
    let mut own = event("b");
    own["id"] = json!("0190b5c4-6a2e-7cc3-98c4-dc0c0c07398f");
    let many = json!([event("a"), own, event("b")]);
    keyed(&router, "many", &many).await;
    router.kill();
    router.restart();

    let again = keyed(&router, "one", &event("a")).await;
    let mut expected = one.json.clone();
    expected["duplicate"] = json!(true);
    assert_eq!((again.status, &again.json, is_replay(&again)), (202, &expected, false));
    assert!(is_replay(&keyed(&router, "one", &event("a")).await), "from now on it is remembered");
    let again = keyed(&router, "many", &many).await;
    assert_eq!((&again.json["accepted"], &again.json["duplicates"]), (&json!(0), &json!(3)));
    assert_eq!(head(&router).await, 4);

    router.kill();
    router.restart();
    let mut changed = many.clone();
    changed[2]["data"] = json!({ "n": 2 });
    changed.as_array_mut().unwrap().push(event("c"));
    for replayed in [false, true] {
        let reused = keyed(&router, "many", &changed).await;
        assert_eq!((reused.status, reused.problem()), (422, "idempotency_key_reused"));
        // What is new under a key that was used is stored: nothing that says so is hidden.
        assert_eq!((&reused.json["accepted"], &reused.json["differs"]), (&json!(1), &json!(1)));
        assert_eq!((&reused.json["first_seq"], is_replay(&reused)), (&json!(5), replayed));
    }
    let mut one = event("a");
    one["data"] = json!({});
    let reused = keyed(&router, "one", &one).await;
    assert_eq!((reused.problem(), &reused.json["seq"]), ("idempotency_key_reused", &json!(1)));
    assert_eq!(reused.json["outcome"], "not_stored", "{reused:?}");
    assert_eq!(
        router.get("/v1/events?after=3&limit=1").await["events"][0]["data"],
        json!({ "n": 1 })
    );
}

#[tokio::test]
async fn an_event_keeps_its_place_whatever_is_skipped() {
    let mut router = Router::start();
    let post = async |router: &Router, body: Value| {
        let request = http().post(router.url("/v1/events?on_invalid=skip")).body(body.to_string());
        let request = request.header("content-type", "application/json");
        Answer::of(request.header("idempotency-key", KEY).send().await.unwrap()).await
    };
    let first = post(&router, json!([{}, event("b")])).await;
    assert_eq!(first.json["accepted"], 1);
    router.kill();
    router.restart();
    let again = post(&router, json!([event("a"), event("b")])).await;
    assert_eq!((&again.json["accepted"], &again.json["duplicates"]), (&json!(1), &json!(1)));
    assert_eq!(again.json["differs"], Value::Null, "{again:?}");
}

#[tokio::test]
async fn what_is_remembered_is_bounded() {
    let router = Router::with(&[("limits.idempotency_keys", "1")]);
    for key in ["a", "b"] {
        assert_eq!(keyed(&router, key, &event("a")).await.json["duplicate"], false);
    }
    assert!(metric(&router, "idempotent_answers_evicted_total 1").await);
    assert!(is_replay(&keyed(&router, "b", &event("a")).await));
    let forgotten = keyed(&router, "a", &event("a")).await;
    assert_eq!((&forgotten.json["seq"], &forgotten.json["duplicate"]), (&json!(1), &json!(true)));

    let router = Router::with(&[("limits.idempotency_keys", "0")]);
    for duplicate in [false, true, true] {
        let answer = keyed(&router, "a", &event("a")).await;
        assert_eq!((&answer.json["duplicate"], is_replay(&answer)), (&json!(duplicate), false));
    }
}

#[tokio::test]
async fn a_request_that_is_not_answered_yet_is_asked_to_wait() {
    let url = postgres::database();
    let router = Router::with(&[("storage.url", &url), ("journal.answer_timeout", "2s")]);
    router.publish("a").await;
    // Somebody keeps the journal's row: the commit waits.
    let (mut client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    let lock = client.transaction().await.unwrap();
    lock.batch_execute("LOCK TABLE monitoring.journal IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let body = event("a");
    let first = keyed(&router, KEY, &body);
    let second = until(|| async {
        let first = "idempotent_requests_total{outcome=\"first\"} 1";
        if !metric(&router, first).await {
            return None;
        }
        let other = keyed(&router, KEY, &event("b")).await;
        assert_eq!((other.status, other.problem()), (422, "idempotency_key_reused"));
        Some(keyed(&router, KEY, &event("a")).await)
    });
    let (first, second) = tokio::join!(first, second);
    assert_eq!((second.status, second.problem()), (409, "request_in_flight"), "{second:?}");
    // That its outcome is unknown is no answer to keep.
    assert_eq!((first.status, first.problem()), (503, "outcome_unknown"), "{first:?}");
    lock.batch_execute("ROLLBACK").await.unwrap();
    let again = until(|| async {
        let answer = keyed(&router, KEY, &event("a")).await;
        (answer.status == 202).then_some(answer)
    });
    let again = again.await;
    assert_eq!((&again.json["seq"], &again.json["id"]), (&json!(2), &first.json["ids"][0]));
    assert_eq!(head(&router).await, 2);
    connection.abort();
}
