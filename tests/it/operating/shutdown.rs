//! The end: what was acknowledged is kept, nothing new is taken, and nobody is left hanging.

use serde_json::json;
use tokio_postgres::NoTls;

use crate::support::{
    postgres,
    router::{Answer, Router, event, http, until},
    wire::{Wire, handshake},
};

#[tokio::test]
async fn a_stop_under_load_loses_nothing_that_was_acknowledged() {
    let mut router = Router::start();
    let url = router.url("/v1/events");
    let (started, mut some) = tokio::sync::mpsc::channel(1000);
    let producers: Vec<_> = (0..8).map(|producer| {
        let (url, started) = (url.clone(), started.clone());
        tokio::spawn(async move {
            let (client, mut acknowledged) = (http(), Vec::new());
            // Until it is refused, in words or by the end of the listener.
            loop {
                let id = uuid::Uuid::now_v7().to_string();
                let event = json!({ "id": id, "event_type": "a", "source": "s", "data": { "n": producer } });
                let Ok(response) = client.post(&url).json(&event).send().await else { break };
                let answer = Answer::of(response).await;
                if answer.status != 202 {
                    assert_eq!((answer.status, answer.problem()), (503, "shutting_down"));
                    break;
                }
                acknowledged.push(id);
                started.try_send(()).ok();
            }
            acknowledged
        })
    }).collect();
    for _ in 0..50 {
        some.recv().await.unwrap();
    }
    router.signal("TERM");
    let mut acknowledged = Vec::new();
    for producer in producers {
        acknowledged.extend(producer.await.unwrap());
    }
    assert_eq!(router.wait().code(), Some(0));
    router.restart();
    let mut stored = std::collections::HashSet::new();
    let mut after = json!(0);
    while let Some(place) = after.as_u64() {
        let page = router.get(&format!("/v1/events?limit=1000&after={place}")).await;
        let events = page["events"].as_array().unwrap().iter();
        stored.extend(events.map(|event| event["id"].as_str().unwrap().to_owned()));
        after = page["next"].clone();
    }
    assert!(acknowledged.len() >= 50);
    assert!(acknowledged.iter().all(|id| stored.contains(id)));
}

#[tokio::test]
async fn while_it_drains_nothing_new_is_taken_and_what_was_taken_is_committed() {
    let url = postgres::database();
    let mut router = Router::with(&[("storage.url", &url)]);
    let (mut client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    let lock = client.transaction().await.unwrap();
    lock.batch_execute("LOCK TABLE monitoring.journal IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let waiting =
        "SELECT FROM pg_locks WHERE relation = 'monitoring.journal'::regclass AND NOT granted";
    let commits = async || !lock.query(waiting, &[]).await.unwrap().is_empty();
    let body = event("a");
    let taken = router.post(&body);
    let rest = async {
        until(|| async { commits().await.then_some(()) }).await;
        router.signal("TERM");
        until(|| async { router.log().contains("shutting down").then_some(()) }).await;
        let unready = router.ask("GET", "/readyz").await;
        assert_eq!((unready.status, unready.problem()), (503, "not_ready"));
        assert!(unready.json["detail"].as_str().unwrap().contains("draining"), "{unready:?}");
        assert_eq!(router.ask("GET", "/livez").await.status, 200);
        let refused = router.post_as("application/json", event("b").to_string()).await;
        assert_eq!((refused.status, refused.problem()), (503, "shutting_down"));
        assert_eq!(refused.json["outcome"], "not_stored");
        let mut wire = Wire::connect(&router).await;
        wire.send(handshake(&router).as_bytes()).await;
        assert!(wire.head().await.starts_with("HTTP/1.1 503 "));
        lock.batch_execute("ROLLBACK").await.unwrap();
    };
    let ((status, answer), ()) = tokio::join!(taken, rest);
    assert_eq!((status, &answer["seq"]), (202, &json!(1)), "{answer}");
    assert_eq!(router.wait().code(), Some(0));
    connection.abort();
}

#[tokio::test]
async fn idle_connections_do_not_hold_up_the_end() {
    // As long as tests are patient: who waits for the connections to end by themselves is late.
    let mut router = Router::with(&[("server.shutdown_timeout", "10m")]);
    let client = http();
    client.get(router.url("/livez")).send().await.unwrap().bytes().await.unwrap();
    router.signal("TERM");
    router.wait_patiently().await;
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    let mut router = Router::with(&[("server.shutdown_timeout", "10m")]);
    // A request that never ends holds up the first.
    let mut wire = Wire::connect(&router).await;
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{{",
        router.address
    );
    wire.send(head.as_bytes()).await;
    until(|| async { (router.ask("GET", "/livez").await.status == 200).then_some(()) }).await;
    router.signal("TERM");
    until(|| async { router.log().contains("shutting down").then_some(()) }).await;
    assert!(router.is_running());
    router.signal("INT");
    assert_eq!(router.wait_patiently().await.code(), Some(130));
}
