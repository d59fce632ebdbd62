//! The realtime path goes on and off, and changes, under load: who listens there hears every event
//! that was routed there, in order, each once.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::{apply, settings, value};
use crate::support::{
    channel::Socket,
    router::{Router, event, http, until},
};

/// What the topic may hold is no limit here.
const ENVIRONMENT: [(&str, &str); 3] = [
    ("realtime.topic_events", "100000"),
    ("realtime.head_interval", "1h"),
    ("storage.durability", "process"),
];

/// Somebody who listens on the topic all the time; the ids and what each says came before it.
pub(super) fn listen(mut socket: Socket) -> (Arc<Mutex<Vec<Value>>>, JoinHandle<()>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let list = heard.clone();
    let task = tokio::spawn(async move {
        loop {
            let said = socket.next().await;
            if said.event == "broadcast" && said.payload["event"] != "signalbox:head" {
                list.lock().unwrap().push(said.payload["payload"].clone());
            }
        }
    });
    (heard, task)
}

/// Producers who do not stop.
fn publish(router: &Router, stop: &Arc<AtomicBool>) -> JoinHandle<u64> {
    let (url, stop) = (router.url("/v1/events"), stop.clone());
    tokio::spawn(async move {
        let (http, mut posted) = (http(), 0);
        while !stop.load(Ordering::Relaxed) {
            let events: Vec<_> = (0..5).map(|n| event(&format!("e{n}"))).collect();
            let answer = http.post(&url).json(&events).send().await.unwrap();
            assert_eq!(answer.status(), 202);
            posted += 5;
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        posted
    })
}

/// The ids of the events of the journal that were meant for a Realtime.
pub(super) async fn routed(router: &Router) -> Vec<Value> {
    let (mut found, mut after) = (Vec::new(), json!(0));
    while let Some(place) = after.as_u64() {
        let page = router.get(&format!("/v1/events?limit=1000&after={place}")).await;
        let events = page["events"].as_array().unwrap().iter();
        let meant = events.filter(|event| event["metadata"]["broadcast_mode"] != "direct");
        found.extend(meant.map(|event| event["id"].clone()));
        after = page["next"].clone();
    }
    found
}

async fn head(router: &Router) -> u64 {
    router.get("/v1/stats").await["journal"]["head_seq"].as_u64().unwrap()
}

/// Lets so many more events be committed.
async fn let_pass(router: &Router, events: u64) {
    let enough = head(router).await + events;
    until(|| async { (head(router).await >= enough).then_some(()) }).await;
}

async fn hears_what_was_routed(texts: &[&str]) {
    let router = Router::with(&ENVIRONMENT);
    let mut socket = Socket::connect(&router).await;
    socket.join("monitoring", json!({})).await;
    let (heard, listening) = listen(socket);
    let stop = Arc::new(AtomicBool::new(false));
    let publishing = publish(&router, &stop);
    let_pass(&router, 50).await;
    for text in texts {
        apply(&router, text).await;
        let_pass(&router, 100).await;
    }
    stop.store(true, Ordering::Relaxed);
    let posted = publishing.await.unwrap();
    assert_eq!(head(&router).await, posted);
    // The last word is that the path is on: what waited while it was off is delivered too.
    let now = settings(&router).await;
    assert_eq!(value(&now, "flags.dual_mode"), true);
    let expected = routed(&router).await;
    assert!(expected.len() > 200 && expected.len() < usize::try_from(posted).unwrap());
    until(|| async { (heard.lock().unwrap().len() >= expected.len()).then_some(()) }).await;
    let heard = heard.lock().unwrap().clone();
    assert_eq!(heard.len(), expected.len());
    let mut prev: Option<&Value> = None;
    for (n, (heard, expected)) in heard.iter().zip(&expected).enumerate() {
        assert_eq!(&heard["id"], expected, "the {n}th, each once and in order");
        // The first follows whatever the journal held when the path came on.
        assert!(prev.is_none_or(|prev| heard["prev"] == *prev), "{n}: {heard} after {prev:?}");
        prev = Some(&heard["seq"]);
    }
    assert!(!listening.is_finished(), "it was never cut");
    let ledger = router.get("/v1/ledger").await;
    assert_eq!(
        (&ledger["direct"]["imbalance"], &ledger["realtime"]["imbalance"]),
        (&json!(0), &json!(0)),
        "{ledger}"
    );
    listening.abort();
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_when_the_path_goes_on_and_off() {
    let (on, off) = ("[flags]\ndual_mode = true\n", "[flags]\ndual_mode = false\n");
    hears_what_was_routed(&[on, off, on, off, on, off, on]).await;
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_when_the_path_changes_while_it_is_on() {
    let on = "[flags]\ndual_mode = true\n";
    hears_what_was_routed(&[
        on,
        &format!("{on}batch_size = 7\n"),
        &format!("{on}batch_size = 7\n[realtime]\ntransport = \"channel\"\n"),
        &format!("{on}timeout_ms = 900\n[realtime]\ntransport = \"channel\"\n"),
        &format!("{on}[retry]\ninitial = \"20ms\"\n[breaker]\nfailures = 3\n"),
        &format!("{on}[realtime]\nrequest_bytes = \"8KiB\"\n"),
        on,
    ])
    .await;
}

/// A topic of the router's own is open to all while it delivers elsewhere, and is not while it
/// delivers there: also to a socket that was there before.
#[tokio::test]
async fn on_the_topic_nobody_else_speaks_from_when_the_path_is_on() {
    let router = Router::start();
    let mut socket = Socket::connect(&router).await;
    let speaks = json!({ "broadcast": { "ack": true, "self": false } });
    socket.join("monitoring", speaks).await;
    for (text, status) in
        [("[flags]\ndual_mode = true\n", "error"), ("[flags]\ndual_mode = false\n", "ok")]
    {
        apply(&router, text).await;
        let reference = socket.broadcast("monitoring", "x", json!({})).await;
        assert_eq!(socket.answer_among(reference).await["status"], status, "{text}");
    }
}
