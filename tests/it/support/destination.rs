//! A scripted destination: a Supabase Realtime, in a process of its own, that misbehaves as it is
//! told and keeps what it receives (`tests/python/destination.py`).
//!
//! `destination.next([Behaviour::Status(500), Behaviour::LoseAnswer]).await` scripts the next two
//! deliveries; all others go well.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde::{Deserialize, Serialize, Serializer, de::DeserializeOwned};
use serde_json::{Value, json};

use super::router::{PATIENCE, http_builder};

/// The key that it knows; any other is refused.
pub const KEY: &str = "the-key-of-the-destination";

/// A destination; killed when dropped. It ends with this process, however that ends.
pub struct Destination {
    process: Child,
    pub address: SocketAddr,
    control: SocketAddr,
    client: reqwest::Client,
}

/// What is done to one request: a POST, or one message of a channel. Where only one of both can do
/// it, the other does what is nearest: over HTTP, `Error` is 500 and `SystemError` 503; on a channel,
/// a status is a reply with an error, and 429 closes the channel, as the real one does.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Behaviour {
    /// Keeps the events, and says so.
    Ok,
    /// Refuses them.
    Status(u16),
    /// Refuses them with 429.
    RateLimited(RetryAfter),
    /// Takes the request and never says anything on this connection again; nothing is kept.
    Hang,
    /// Breaks the connection off with RST; nothing is kept.
    Reset,
    /// Nobody is there any more, for so long: no connection survives, none is taken; nothing is kept.
    #[serde(serialize_with = "milliseconds")]
    Refuse(Duration),
    /// Closes the connection in an orderly way: a WebSocket with this code; nothing is kept.
    Close(u16),
    /// Answers with what is no HTTP and no frame, then closes; nothing is kept.
    Garbage,
    /// The channel crashes (`phx_error`); nothing is kept.
    Error,
    /// The channel is closed with this text (`system`, then `phx_close`); nothing is kept.
    SystemError(&'static str),
    /// Keeps the events, and breaks off before the answer.
    LoseAnswer,
    /// Keeps the events, and breaks off in the middle of the answer.
    Half,
    /// Keeps the events and never answers; a channel goes on otherwise.
    NoAnswer,
    /// Keeps the events, and says so only after this long.
    #[serde(serialize_with = "milliseconds")]
    Slow(Duration),
    /// Keeps the events, and says so a few bytes at a time, on a channel also in fragments.
    Partial,
    /// Keeps the events, and says so with this many bytes more.
    Huge(usize),
    /// Keeps the events, says so, and closes the connection although it promised to keep it.
    AnswerThenClose,
}

/// The `Retry-After` of a 429; the real one sends none.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryAfter {
    Missing,
    Seconds(u64),
    /// The date that is so many seconds from now.
    Date(u64),
    Text(&'static str),
}

/// What can be scripted, each by itself.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Requests with events.
    Delivery,
    /// Requests with nothing but `signalbox:head`. While nothing else is said of them, they fare as
    /// deliveries do whenever those are scripted by `always`.
    Head,
    /// The handshake of a WebSocket.
    Connect,
    Join,
    Heartbeat,
    Token,
    /// `GET …/api/ping`, `GET …/api/tenants/{id}/health`, and `HEAD` of anything.
    Health,
}

/// What is counted.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Count {
    /// Connections of TCP that were taken.
    Connections,
    /// Requests with events or heads, whatever became of them.
    Requests,
    /// Events that are kept, each once.
    Events,
    /// Heads that are kept.
    Heads,
    Connect,
    Join,
    Heartbeat,
    Token,
    Health,
    /// Messages to channels that were not joined.
    Unmatched,
    /// Messages that could not be read.
    Malformed,
    /// Scripted behaviours that no request has met yet.
    Left,
}

/// What the destination takes.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Limits {
    /// Of one event.
    pub payload_bytes: usize,
    /// Of a request.
    pub body_bytes: usize,
    /// On the average of a minute.
    pub events_per_second: Option<u32>,
}

impl Limits {
    /// Those of the real one; a rate is not limited unless asked for.
    pub const REAL: Self =
        Self { payload_bytes: 3_000_500, body_bytes: 8_000_000, events_per_second: None };
}

/// A request that came, and what became of it.
#[derive(Clone, Debug, Deserialize)]
pub struct Received {
    /// From 1, in the order in which they came.
    pub request: u64,
    /// From 1.
    pub connection: u64,
    pub via: Via,
    pub events: Vec<Event>,
    /// What was done to it, as the script calls it, or `refused` with a status.
    pub outcome: String,
    /// Whether its events are at the destination.
    pub kept: bool,
    /// Whether its sender was told that they are.
    pub told: bool,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    Broadcast,
    Channel,
}

/// A broadcast that came.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Event {
    /// A head has none.
    pub id: Option<String>,
    pub name: String,
    pub topic: String,
    pub private: bool,
    pub seq: Option<u64>,
    pub prev: Option<u64>,
    /// Of its payload without `prev`: equal for equal content.
    pub digest: u32,
}

/// What a destination that tallies knows of the events that came.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
pub struct Tallied {
    pub events: u64,
    /// The newest `seq`.
    pub last: Option<u64>,
    /// Events that came after later ones, or twice.
    pub again: u64,
    /// Events that had not come when later ones did.
    pub missing: u64,
    /// Events that name another one before them than the journal has.
    pub unchained: u64,
    /// CRC-32 of all ids, one after the other.
    pub ids: u32,
    /// The first of the faults above, in words.
    pub faults: Vec<String>,
}

impl Received {
    /// The ids of its events, in order.
    pub fn ids(&self) -> Vec<&str> {
        self.events.iter().filter_map(|event| event.id.as_deref()).collect()
    }
}

impl Destination {
    pub fn start() -> Self {
        let mut python = Command::new("tests/python/.venv/bin/python");
        python.args(["tests/python/destination.py", KEY]).env("PYTHONDONTWRITEBYTECODE", "1");
        let mut process = python
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("what tests/setup.sh installs");
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ports: Value = serde_json::from_str(&line).unwrap();
        let at = |name: &str| format!("127.0.0.1:{}", ports[name]).parse().unwrap();
        let client = http_builder().build().unwrap();
        Self { process, address: at("port"), control: at("control"), client }
    }

    /// What `realtime.url` is set to.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Scripts the next deliveries; those after them fare as before.
    pub async fn next(&self, behaviours: impl IntoIterator<Item = Behaviour>) {
        self.next_at(Place::Delivery, behaviours).await;
    }

    /// Scripts what comes next at another place.
    pub async fn next_at(&self, place: Place, behaviours: impl IntoIterator<Item = Behaviour>) {
        let behaviours: Vec<_> = behaviours.into_iter().collect();
        self.order("next", json!({ "place": place, "behaviours": behaviours })).await;
    }

    /// Scripts every delivery for which nothing else is scripted.
    pub async fn always(&self, behaviour: Behaviour) {
        self.always_at(Place::Delivery, behaviour).await;
    }

    /// The same at another place.
    pub async fn always_at(&self, place: Place, behaviour: Behaviour) {
        self.order("always", json!({ "place": place, "behaviour": behaviour })).await;
    }

    /// Does this to each delivery that holds the marker and would be taken otherwise.
    pub async fn poison(&self, marker: &str, behaviour: Behaviour) {
        self.order("poison", json!({ "marker": marker, "behaviour": behaviour })).await;
    }

    /// Does this to every connection that is open, unasked: `Reset`, `Close`, `Refuse`; and to
    /// channels `Error`, `SystemError`.
    pub async fn now(&self, behaviour: Behaviour) {
        self.order("now", json!({ "behaviour": behaviour })).await;
    }

    /// Nobody is there any more, until [`Self::listen`].
    pub async fn refuse(&self) {
        self.order("now", json!({ "behaviour": "refuse" })).await;
    }

    /// Somebody is there again, on the same port.
    pub async fn listen(&self) {
        self.order("listen", json!({})).await;
    }

    pub async fn limit(&self, limits: Limits) {
        self.order("limit", json!(limits)).await;
    }

    /// Knows another key from now on, and no longer [`KEY`].
    pub async fn know(&self, key: &str) {
        self.order("key", json!({ "key": key })).await;
    }

    /// Forgets what was received, scripted and limited. Numbers go on.
    pub async fn clear(&self) {
        self.order("clear", json!({})).await;
    }

    /// All requests so far, in order.
    pub async fn received(&self) -> Vec<Received> {
        self.ask("received", json!({})).await
    }

    /// The ids of the events that are kept, in order, again each time they came.
    pub async fn received_ids(&self) -> Vec<String> {
        self.ask("kept", json!({})).await
    }

    /// From now on, until it is cleared, keeps no more than [`Tallied`]: for very many events. All
    /// of them are taken, whatever is scripted.
    pub async fn tally(&self) {
        self.order("tally", json!({})).await;
    }

    /// What was tallied so far.
    pub async fn tallied(&self) -> Tallied {
        self.ask("tallied", json!({})).await
    }

    pub async fn count(&self, count: Count) -> u64 {
        let counts: Value = self.ask("counts", json!({})).await;
        counts[json!(count).as_str().unwrap()].as_u64().unwrap_or(0)
    }

    /// All requests, once so many different events are kept.
    pub async fn until(&self, events: u64) -> Vec<Received> {
        self.until_count(Count::Events, events).await;
        self.received().await
    }

    /// All requests, once so many have fared as they do, kept or not.
    pub async fn until_requests(&self, n: u64) -> Vec<Received> {
        self.until_count(Count::Requests, n).await;
        self.received().await
    }

    /// Returns once there were so many, which must be within [`PATIENCE`].
    pub async fn until_count(&self, count: Count, at_least: u64) {
        self.until_within(count, at_least, PATIENCE).await;
    }

    /// The same with more time, for what is much.
    pub async fn until_within(&self, count: Count, at_least: u64, time: Duration) {
        self.wait(json!({ "count": count, "at_least": at_least }), time).await;
    }

    /// Returns once everything that was scripted by `next` has been done.
    pub async fn until_done(&self) {
        self.wait(json!({ "count": Count::Left, "at_most": 0 }), PATIENCE).await;
    }

    async fn wait(&self, mut goal: Value, time: Duration) {
        goal["within_ms"] = json!(time.as_millis());
        let is_met: bool = self.ask("until", goal.clone()).await;
        if !is_met {
            let counts: Value = self.ask("counts", json!({})).await;
            let received: Vec<Value> = self.ask("received", json!({})).await;
            let last = received.iter().rev().take(5).rev().collect::<Vec<_>>();
            panic!("{goal} does not become so: {counts}, last {last:?}");
        }
    }

    async fn order(&self, name: &str, arguments: Value) {
        self.ask::<()>(name, arguments).await;
    }

    async fn ask<T: DeserializeOwned>(&self, name: &str, arguments: Value) -> T {
        let url = format!("http://{}/{name}", self.control);
        let answer = self.client.post(url).json(&arguments).send().await.unwrap();
        let status = answer.status();
        let body = answer.text().await.unwrap();
        assert!(status.is_success(), "{name} {arguments}: {body}");
        serde_json::from_str(&body).unwrap()
    }
}

impl Drop for Destination {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn milliseconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(time.as_millis()).unwrap())
}
