//! A router that delivers, and where it delivers to.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::sleep;

use super::place::{Kind, Place};
use crate::{
    crash::soaking,
    support::router::{PATIENCE, Router, http},
};

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

    /// How the realtime path is.
    pub(super) async fn delivery(&self) -> Value {
        let url = self.router.url("/v1/adapters");
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
        let mut left = usize::try_from(events).unwrap();
        while left > 0 {
            let batch = vec![&event; left.min(500)];
            let said = self.http.post(&url).json(&batch).send().await.unwrap();
            assert_eq!(said.status(), 202);
            left -= batch.len();
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
        loop {
            let delivery = self.delivery().await;
            if is_met(&delivery) {
                return delivery;
            }
            assert!(began.elapsed() < patience, "it does not become so: {delivery}");
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// The ids of all events, in the journal's order.
    pub(super) async fn committed(&self) -> Vec<String> {
        let (mut ids, mut after) = (Vec::new(), json!(0));
        loop {
            let url = self.router.url(&format!("/v1/events?limit=1000&after={after}"));
            let page: Value = self.http.get(url).send().await.unwrap().json().await.unwrap();
            let events = page["events"].as_array().unwrap();
            let Some(last) = events.last() else { return ids };
            after = last["seq"].clone();
            ids.extend(events.iter().map(|event| event["id"].as_str().unwrap().to_owned()));
        }
    }
}
