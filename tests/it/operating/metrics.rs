//! `/metrics`: what Prometheus reads, and that it moves with what happens.

use std::collections::HashMap;

use serde_json::json;
use signalbox::telemetry::{Kind, METRICS};

use crate::support::{
    dashboard::Dashboard,
    router::{Router, event, until},
    wire::{Wire, upgrade},
};

/// Every sample by its name with labels, and every family by its type.
struct Scrape {
    samples: HashMap<String, f64>,
    families: HashMap<String, String>,
}

impl Scrape {
    async fn of(router: &Router) -> Self {
        let answer = router.ask("GET", "/metrics").await;
        assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
        let mut scrape = Self { samples: HashMap::new(), families: HashMap::new() };
        for line in answer.text.lines().filter(|line| !line.is_empty()) {
            if let Some(family) = line.strip_prefix("# TYPE ") {
                let (name, kind) = family.split_once(' ').unwrap();
                let old = scrape.families.insert(name.into(), kind.into());
                assert!(old.is_none(), "{name} stands twice");
            } else if !line.starts_with("# HELP ") {
                let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
                let value = value.parse().unwrap_or_else(|_| panic!("{line}"));
                assert!(scrape.samples.insert(name.into(), value).is_none(), "{line} stands twice");
            }
        }
        scrape
    }

    fn get(&self, name: &str) -> f64 {
        self.samples.get(&format!("signalbox_{name}")).copied().unwrap_or_default()
    }

    /// The value of a sample by its integer.
    fn count(&self, name: &str) -> i64 {
        let value = self.get(name);
        assert!(value.fract() == 0.0, "{name} {value}");
        format!("{value:.0}").parse().unwrap()
    }
}

#[tokio::test]
async fn every_metric_is_of_the_table() {
    let router = Router::start();
    let dashboard = Dashboard::subscribed(&router, json!({})).await;
    router.publish("a").await;
    router.ask("POST", "/v1/events").await;
    let scrape = Scrape::of(&router).await;
    let kind = |kind: Kind| match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    };
    let table: HashMap<_, _> =
        METRICS.iter().map(|m| (m.name.to_owned(), kind(m.kind).to_owned())).collect();
    for (name, kind) in &scrape.families {
        assert_eq!(table.get(name), Some(kind), "{name} is not of the table");
    }
    for metric in METRICS.iter().filter(|metric| metric.labels.is_empty()) {
        assert!(scrape.families.contains_key(metric.name), "{} is not told", metric.name);
    }
    for name in scrape.samples.keys() {
        let base = name.split('{').next().unwrap();
        let of_histogram =
            ["_bucket", "_sum", "_count"].iter().find_map(|end| base.strip_suffix(end));
        let known = |name: &str| scrape.families.contains_key(name);
        assert!(known(base) || of_histogram.is_some_and(known), "{name} has no family");
    }
    drop(dashboard);
}

#[test]
fn every_metric_is_written_by_somebody() {
    let mut sources = String::new();
    let mut folders = vec![std::path::PathBuf::from("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if !entry.ends_with("telemetry/metrics.rs") {
                sources += &std::fs::read_to_string(entry).unwrap();
            }
        }
    }
    let written = |name: &str| name == "build_info" || sources.contains(&format!(".{name}"));
    let names = METRICS.iter().map(|metric| metric.name.strip_prefix("signalbox_").unwrap());
    assert_eq!(names.filter(|name| !written(name)).collect::<Vec<_>>(), [""; 0]);
}

#[tokio::test]
async fn ingest_and_the_journal_are_counted() {
    let router = Router::start();
    let before = Scrape::of(&router).await;
    assert_eq!((before.count("journal_state"), before.count("journal_head_seq")), (1, 0));
    let id = "0190b5c4-6a2e-7cc3-98c4-dc0c0c07398f";
    let with_id =
        |n: u64| json!({ "id": id, "event_type": "a", "source": "s", "data": { "n": n } });
    router.post(&json!([event("error"), event("a"), with_id(1), with_id(1), with_id(2)])).await;
    router.post(&json!({})).await;
    router.post_as("text/plain", "x").await;
    router.ask("GET", "/v1/events/7").await;
    let after = Scrape::of(&router).await;
    for (name, count) in [
        ("events_accepted_total{category=\"critical\"}", 1),
        ("events_accepted_total{category=\"system\"}", 2),
        ("events_duplicate_total", 2),
        ("events_differs_total", 1),
        ("ingest_rejected_total{reason=\"invalid_events\"}", 1),
        ("ingest_rejected_total{reason=\"unsupported_media_type\"}", 1),
        ("journal_commits_total", 1),
        ("journal_commit_seconds_count", 1),
        ("journal_batch_events_sum", 5),
        ("journal_head_seq", 3),
        ("journal_first_seq", 1),
        ("journal_queue_events", 0),
        ("journal_queue_bytes", 0),
        ("http_requests_total{route=\"/v1/events\",method=\"POST\",status=\"202\"}", 1),
        ("http_requests_total{route=\"/v1/events\",method=\"POST\",status=\"422\"}", 1),
        ("http_requests_total{route=\"/v1/events/{id}\",method=\"GET\",status=\"400\"}", 1),
        ("http_request_seconds_count{route=\"/v1/events\"}", 3),
    ] {
        assert_eq!(after.count(name), count, "{name}\n{:#?}", after.samples);
    }
}

#[tokio::test]
async fn a_client_cannot_make_up_labels() {
    let router = Router::start();
    for path in ["/v1/ws", "/v1/x"] {
        let mut wire = Wire::connect(&router).await;
        wire.send(upgrade(&router, path, "Origin: null\r\n").as_bytes()).await;
        wire.head().await;
    }
    for (method, path) in
        [("BREW", "/livez"), ("GET", "/a"), ("GET", "/b"), ("GET", "/v1/events/x")]
    {
        router.ask(method, path).await;
    }
    let scrape = Scrape::of(&router).await;
    let requests = |labels: &str| scrape.count(&format!("http_requests_total{{{labels}}}"));
    assert_eq!(requests("route=\"/livez\",method=\"other\",status=\"405\""), 1);
    assert_eq!(requests("route=\"none\",method=\"GET\",status=\"404\""), 2);
    assert_eq!(requests("route=\"/v1/ws\",method=\"GET\",status=\"403\""), 1);
    assert_eq!(requests("route=\"none\",method=\"GET\",status=\"403\""), 1);
}

#[tokio::test]
async fn sessions_are_counted() {
    let router = Router::with(&[("server.workers", "1")]);
    let mut one = Dashboard::subscribed(&router, json!({})).await;
    let two = Dashboard::subscribed(&router, json!({ "filter": { "source": ["x"] } })).await;
    router.post(&json!([event("a"), event("b")])).await;
    one.seqs(2).await;
    one.say(&json!({ "type": "x" })).await;
    one.next().await;
    // What sockets took is summed up once a second.
    let deliveries = async || Scrape::of(&router).await.count("session_deliveries_total");
    until(|| async { (deliveries().await == 2).then_some(()) }).await;
    let open = Scrape::of(&router).await;
    for (name, count) in [
        ("sessions", 2),
        ("session_opened_total", 2),
        ("session_errors_total{code=\"unknown_type\"}", 1),
        ("ledger_imbalance", 0),
    ] {
        assert_eq!(open.count(name), count, "{name}\n{:#?}", open.samples);
    }
    assert!(open.count("session_delivered_bytes_total") > 500);
    drop((one, two));
    let closed =
        async || Scrape::of(&router).await.count("session_closed_total{reason=\"client_gone\"}");
    until(|| async { (closed().await == 2).then_some(()) }).await;
    assert_eq!(Scrape::of(&router).await.count("sessions"), 0);
}
