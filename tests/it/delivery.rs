//! Whole routers that deliver: to a scripted destination by `broadcast` and by `channel`, to another
//! database by `postgres`, and to their own Realtime. Whatever the destination does, order is kept
//! and nothing lost, and who watches the direct path does not notice.

mod builtin;
mod crashes;
mod faults;
mod holding;
mod matrix;
mod postgres;
mod stopping;
pub(crate) mod wall;

use serde_json::{Value, json};

use crate::support::{
    dashboard::Dashboard,
    destination::{Destination, KEY},
    router::{Router, event, http, until},
};

/// What makes every wait short. Only failures in a row open the breaker, so that each case says by
/// itself whether it does.
const SOON: [(&str, &str); 8] = [
    ("flags.dual_mode", "true"),
    ("realtime.head_interval", "1h"),
    ("retry.initial", "5ms"),
    ("retry.max", "20ms"),
    ("breaker.open_for", "20ms"),
    ("breaker.open_max", "40ms"),
    ("breaker.attempts", "10000"),
    ("breaker.min_attempts", "10000"),
];

/// A router that delivers soon, with more settings.
pub(crate) fn router_with(more: &[(&str, &str)]) -> Router {
    Router::with(&[&SOON, more].concat())
}

/// The same to a scripted destination.
pub(crate) fn router_to(
    destination: &Destination,
    transport: &str,
    more: &[(&str, &str)],
) -> Router {
    let url = destination.url();
    // A probe would use up what the destination is told to answer.
    let there = [
        ("realtime.url", &*url),
        ("realtime.key", KEY),
        ("realtime.transport", transport),
        ("flags.enable_validation", "false"),
    ];
    router_with(&[&there, more].concat())
}

/// Who watches the direct path.
pub(crate) async fn watch(router: &Router) -> Dashboard {
    Dashboard::subscribed(router, json!({})).await
}

/// Posts so many events at once; their seqs, in order.
pub(crate) async fn post(router: &Router, count: usize) -> Vec<u64> {
    let events: Vec<_> = (0..count).map(|n| event(&format!("e{n}"))).collect();
    let (status, answer) = router.post(&json!(events)).await;
    assert_eq!((status, &answer["accepted"]), (202, &json!(count)), "{answer}");
    let first = answer["first_seq"].as_u64().unwrap();
    (first..).take(count).collect()
}

/// The ids of all events of the journal, in order.
pub(crate) async fn committed(router: &Router) -> Vec<String> {
    let (mut ids, mut after) = (Vec::new(), json!(0));
    while let Some(place) = after.as_u64() {
        let page = router.get(&format!("/v1/events?limit=1000&after={place}")).await;
        let events = page["events"].as_array().unwrap().iter();
        ids.extend(events.map(|event| event["id"].as_str().unwrap().to_owned()));
        after = page["next"].clone();
    }
    ids
}

/// The row of a path in `GET /v1/adapters`.
pub(crate) async fn row(router: &Router, name: &str) -> Value {
    let adapters = router.get("/v1/adapters").await["adapters"].take();
    let mut rows = adapters.as_array().unwrap().iter();
    rows.find(|row| row["name"] == name).unwrap_or_else(|| panic!("{name}: {adapters}")).clone()
}

/// How the realtime path delivers.
pub(crate) async fn path(router: &Router) -> Value {
    row(router, "realtime").await["delivery"].take()
}

/// One sample of `/metrics`; nothing counts as 0. Unlike `/v1/adapters`, it asks the destination
/// nothing.
pub(crate) async fn metric(router: &Router, sample: &str) -> u64 {
    let text = router.ask("GET", "/metrics").await.text;
    let line = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count")]
    line.map_or(0, |value| value.parse::<f64>().unwrap() as u64)
}

/// Requests so far that ended in this way.
pub(crate) async fn attempts(router: &Router, outcome: &str) -> u64 {
    let labels = format!("{{adapter=\"realtime\",outcome=\"{outcome}\"}}");
    metric(router, &format!("signalbox_adapter_attempts_total{labels}")).await
}

/// Waits until the destination has so many events, or they are set aside: all that there are.
pub(crate) async fn until_settled(router: &Router, events: u64) {
    until(|| async {
        let of = async |outcome: &str| {
            let labels = format!("{{adapter=\"realtime\",outcome=\"{outcome}\"}}");
            metric(router, &format!("signalbox_adapter_events_total{labels}")).await
        };
        let settled = of("delivered").await + of("known").await + of("dead").await;
        assert!(settled <= events, "{settled} of {events}");
        (settled == events).then_some(())
    })
    .await;
    // Dead letters are counted, and then they are stored.
    until(|| async {
        let stats = router.get("/v1/stats").await["adapters"].take();
        let mut paths = stats.as_array().unwrap().iter();
        let path = paths.find(|path| path["name"] == "realtime").unwrap();
        (path["delivery"]["phase"] != "storing").then_some(())
    })
    .await;
}

/// Waits until the breaker is so; the path then.
pub(crate) async fn until_breaker(router: &Router, state: &str) -> Value {
    let labels = format!("{{adapter=\"realtime\",state=\"{state}\"}} 1");
    let line = format!("\nsignalbox_adapter_breaker_state{labels}\n");
    until(|| async { router.ask("GET", "/metrics").await.text.contains(&line).then_some(()) })
        .await;
    path(router).await
}

/// Forces the breaker, or lets it go.
pub(crate) async fn force(router: &Router, state: &str) {
    let request = http().post(router.url("/v1/adapters/realtime/breaker"));
    let answer = request.json(&json!({ "state": state })).send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

/// The ids of the events that were set aside, oldest first.
pub(crate) async fn dead_letters(router: &Router) -> Vec<String> {
    let page = router.get("/v1/dead-letters?after=0&limit=1000").await;
    let letters = page["dead_letters"].as_array().unwrap().iter();
    letters.map(|letter| letter["event"]["id"].as_str().unwrap().to_owned()).collect()
}

/// Waits until the audit log has as many lines of an action as there were transitions into a state.
pub(crate) async fn until_audited(router: &Router, state: &str, times: u64) {
    let labels = format!("{{adapter=\"realtime\",to=\"{state}\"}}");
    let sample = format!("signalbox_adapter_breaker_transitions_total{labels}");
    assert_eq!(metric(router, &sample).await, times, "transitions to {state}");
    until(|| async {
        let page = router.get(&format!("/v1/audit?action=breaker.{state}")).await;
        let entries = page["entries"].as_array().unwrap();
        let right = |it: &Value| it["subject"] == "adapter:realtime" && it["detail"]["to"] == state;
        assert!(entries.iter().all(right), "{page}");
        (entries.len() as u64 == times).then_some(())
    })
    .await;
}
