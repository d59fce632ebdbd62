//! A producer that posts every event until it is accepted, always under the same id.

use std::{sync::Arc, time::Duration};

use reqwest::{Client, Response, header::RETRY_AFTER};
use serde_json::{Value, json};
use tokio::sync::watch;
use uuid::Uuid;

use super::{Phase, World, id};
use crate::support::router::http;

/// A request that is posted until it is accepted.
struct Request {
    ids: Vec<Uuid>,
    body: String,
    content_type: &'static str,
    /// Whether an earlier answer was lost, or did not know.
    may_be_stored: bool,
}

pub(super) async fn run(world: Arc<World>, publisher: usize, phase: watch::Receiver<Phase>) {
    let (http, mut next) = (http(), 0);
    while *phase.borrow() == Phase::Running {
        let mut request = Request::make(&world, publisher, &mut next);
        while !request.post(&http, &world).await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Request {
    /// A single event, an array, or one event a line.
    fn make(world: &World, publisher: usize, next: &mut u64) -> Self {
        let many = fastrand::bool();
        let size = if many { fastrand::usize(1..=20) } else { 1 };
        let (mut ids, mut events) = (Vec::new(), Vec::new());
        for _ in 0..size {
            let id = Uuid::new_v4();
            world.posted.lock().unwrap().insert(id, (publisher, *next));
            let padding = "x".repeat(world.plan.padding);
            events.push(json!({
                "id": id,
                "event_type": format!("tick_{publisher}"),
                "source": "load",
                "data": { "publisher": publisher, "n": *next, "padding": padding },
            }));
            ids.push(id);
            *next += 1;
        }
        let (body, content_type) = match (many, fastrand::bool()) {
            (false, _) => (events[0].to_string(), "application/json"),
            (true, false) => (Value::from(events).to_string(), "application/json"),
            (true, true) => {
                let lines = events.iter().map(|event| format!("{event}\n"));
                (lines.collect(), "application/x-ndjson")
            }
        };
        Self { ids, body, content_type, may_be_stored: false }
    }

    /// Whether it was accepted.
    async fn post(&mut self, http: &Client, world: &World) -> bool {
        let url = format!("http://{}/v1/events", world.plan.address);
        let request = http.post(url).header("content-type", self.content_type);
        let Ok(response) = request.body(self.body.clone()).send().await else {
            return self.refused(world, "no_answer");
        };
        match response.status().as_u16() {
            202 => match response.json().await {
                Ok(answer) => self.accept(&answer, world),
                Err(_) => self.refused(world, "no_answer"),
            },
            503 => self.refuse(response, world).await,
            status => panic!("{status}: {:?}", response.text().await),
        }
    }

    fn accept(&self, answer: &Value, world: &World) -> bool {
        let mut accepted = world.accepted.lock().unwrap();
        if self.ids.len() == 1 && answer.get("id").is_some() {
            assert_eq!(id(&answer["id"]), self.ids[0]);
            assert!(self.may_be_stored || answer["duplicate"] == false, "{answer}");
            accepted.insert(self.ids[0], answer["seq"].as_u64());
            return true;
        }
        let (fresh, again) = (answer["accepted"].as_u64(), answer["duplicates"].as_u64());
        let size = self.ids.len() as u64;
        assert!(answer.get("differs").is_none(), "the same was posted: {answer}");
        // A request is one transaction: all of it was stored before, or nothing was.
        let stored_before = (fresh, again) == (Some(0), Some(size));
        let stored_now = (fresh, again) == (Some(size), Some(0));
        assert!(stored_now || self.may_be_stored && stored_before, "{answer}");
        let first = answer["first_seq"].as_u64();
        assert!(first.is_none_or(|first| answer["last_seq"] == first + size - 1), "{answer}");
        for (id, offset) in self.ids.iter().zip(0..) {
            accepted.insert(*id, first.map(|first| first + offset));
        }
        true
    }

    /// A refusal says when to come back, and which events may have been stored all the same.
    async fn refuse(&mut self, response: Response, world: &World) -> bool {
        assert!(response.headers().contains_key(RETRY_AFTER), "{response:?}");
        let Ok(problem) = response.json::<Value>().await else {
            return self.refused(world, "no_answer");
        };
        assert_eq!(problem["retryable"], true, "{problem}");
        let code = problem["code"].as_str().unwrap();
        if code == "outcome_unknown" {
            assert_eq!(
                (&problem["outcome"], &problem["ids"]),
                (&json!("unknown"), &json!(self.ids))
            );
        } else {
            assert_eq!(problem["outcome"], "not_stored", "{problem}");
        }
        self.refused(world, code)
    }

    fn refused(&mut self, world: &World, code: &str) -> bool {
        self.may_be_stored |= ["no_answer", "outcome_unknown"].contains(&code);
        *world.refused.lock().unwrap().entry(code.to_owned()).or_default() += 1;
        false
    }
}
