//! A router that delivers, and where it delivers to.

use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::place::{Kind, Place};
use crate::{
    crash::soaking,
    support::router::{PATIENCE, Router, http},
};

/// Events of a request that fills a journal.
const TOGETHER: usize = 500;

pub(super) struct Path {
    pub(super) there: Place,
    pub(super) router: Router,
    http: reqwest::Client,
}

impl Path {
    /// Whether a destination is back is looked at often, and what waits for it is in storage alone.
    pub(super) fn start(kind: Kind) -> Self {
        let there = Place::start(kind);
        let settings = there.settings();
        let mut settings: Vec<_> =
            settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
        settings.extend([
            ("flags.dual_mode", "true"),
            ("breaker.open_for", "200ms"),
            ("breaker.open_max", "1s"),
            ("retry.initial", "50ms"),
            ("journal.tail_events", "1000"),
            // What the disk takes for a commit is no matter of where events go.
            ("storage.durability", "process"),
        ]);
        let router = Router::with(&settings);
        Self { there, router, http: http() }
    }

    /// One event goes all the way.
    pub(super) async fn works(&self) {
        self.router.publish("first").await;
        self.drained().await;
    }

    pub(super) async fn head(&self) -> u64 {
        self.router.get("/v1/stats").await["journal"]["head_seq"].as_u64().unwrap()
    }

    /// How the realtime path is. The destination is not asked.
    pub(super) async fn delivery(&self) -> Value {
        let url = self.router.url("/v1/stats");
        let mut all: Value = self.http.get(url).send().await.unwrap().json().await.unwrap();
        let mut adapters = all["adapters"].as_array_mut().unwrap().iter_mut();
        adapters.find(|it| it["name"] == "realtime").unwrap()["delivery"].take()
    }

    /// Opens or closes the breaker.
    pub(super) async fn force(&self, state: &str) {
        let url = self.router.url("/v1/adapters/realtime/breaker");
        let said = self.http.post(url).json(&json!({ "state": state })).send().await.unwrap();
        assert_eq!(said.status(), 200);
    }

    /// Posts so many events, with so many bytes of data each.
    pub(super) async fn fill(&self, events: u64, bytes: usize) {
        let data = json!({ "x": "x".repeat(bytes) });
        let event = json!({ "event_type": "fill", "source": "test", "data": data });
        let url = self.router.url("/v1/events");
        let whole = Bytes::from(json!(vec![&event; TOGETHER]).to_string());
        let mut left = usize::try_from(events).unwrap();
        while left > 0 {
            let count = left.min(TOGETHER);
            let body = match count {
                TOGETHER => whole.clone(),
                _ => Bytes::from(json!(vec![&event; count]).to_string()),
            };
            let post = self.http.post(&url).header("content-type", "application/json");
            assert_eq!(post.body(body).send().await.unwrap().status(), 202);
            left -= count;
        }
    }

    /// Waits until everything is delivered.
    pub(super) async fn drained(&self) {
        self.until(|delivery| delivery["lag_events"] == 0).await;
    }

    /// Waits until everything is delivered; events a second, from the first that gets through.
    pub(super) async fn catch_up(&self) -> f64 {
        let delivered = |delivery: &Value| delivery["settled"]["delivered"].as_f64().unwrap();
        let lag = |delivery: &Value| delivery["lag_events"].as_f64().unwrap();
        let waiting = lag(&self.delivery().await);
        let first = self.until(|delivery| lag(delivery) < waiting).await;
        let began = Instant::now();
        let last = self.until(|delivery| lag(delivery) == 0.0).await;
        (delivered(&last) - delivered(&first)) / began.elapsed().as_secs_f64()
    }

    async fn until(&self, is_met: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        let patience = if soaking() { 20 * PATIENCE } else { 2 * PATIENCE };
        let mut told = 0;
        loop {
            let delivery = self.delivery().await;
            if is_met(&delivery) {
                return delivery;
            }
            let passed = began.elapsed();
            assert!(passed < patience, "it does not become so: {delivery}");
            if passed.as_secs() / 10 > told {
                told = passed.as_secs() / 10;
                eprintln!("  {} events wait, after {} s", delivery["lag_events"], passed.as_secs());
            }
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// The ids of all events, in the journal's order.
    pub(super) async fn committed(&self) -> Vec<String> {
        let (mut ids, mut after) = (Vec::new(), 0);
        loop {
            let url = self.router.url(&format!("/v1/events?limit=1000&after={after}"));
            let page: Page = self.http.get(url).send().await.unwrap().json().await.unwrap();
            let Some(last) = page.events.last() else { return ids };
            after = last.seq;
            ids.extend(page.events.into_iter().map(|event| event.id));
        }
    }
}

/// Of a page of the journal, what tells one event from another.
#[derive(Deserialize)]
struct Page {
    events: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    seq: u64,
    id: String,
}
