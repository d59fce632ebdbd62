//! One connection that publishes: a request at a time, repeated under the same ids until it is
//! acknowledged, so that it is known exactly which events must arrive.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use reqwest::{Client, StatusCode, Url, header};
use tokio::{sync::mpsc::Receiver, time};

use super::{
    mark::{self, Mark},
    meter::Meter,
    plan::Plan,
};
use crate::cli::{
    client::{ClientError, Target, answer, root_cause},
    reply::{NoReply, Reply},
};

/// How long a request is repeated before the router counts as gone.
const PATIENCE: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(100);

/// A publisher.
pub struct Publisher {
    /// From 0.
    pub index: u8,
    /// Where to.
    pub target: Target,
    /// What.
    pub plan: Arc<Plan>,
    /// The measurements, and the window.
    pub meter: Arc<Meter>,
    /// When requests are due; without it, as soon as the window allows.
    pub due: Option<Receiver<Instant>>,
}

/// What a publisher did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// Events acknowledged.
    pub events: u64,
    /// Requests that had to be repeated.
    pub repeated: u64,
}

/// What became of one attempt.
enum Attempt {
    Acknowledged,
    Again { after: Duration, reason: String },
}

impl Publisher {
    /// Publishes until the plan's time is over.
    ///
    /// # Errors
    /// When the router refuses an event, or cannot be reached for long.
    pub async fn run(mut self) -> Result<Published, ClientError> {
        let (http, url) =
            (self.target.http()?, self.target.url.route(self.plan.protocol.publishes_to()));
        let mut published = Published::default();
        while let Some(due) = self.next().await {
            let first = Mark {
                run: self.plan.run,
                publisher: self.index,
                number: published.events,
                due_ns: self.meter.at(due),
            };
            let body = Bytes::from(mark::body(&self.plan, first));
            published.repeated += self.post(&http, &url, body).await?;
            let events = self.plan.batch as u64;
            published.events += events;
            self.meter.on_published(events, first.due_ns, self.meter.at(Instant::now()));
        }
        Ok(published)
    }

    /// When the next request is due; waits for it. What is not sent when the last events should
    /// have arrived is never sent.
    async fn next(&mut self) -> Option<Instant> {
        let flight = &self.meter.flight;
        let over = self.meter.began() + self.plan.length();
        if let Some(due) = &mut self.due {
            let late = || Instant::now() > over + self.plan.drain;
            return due.recv().await.filter(|_| !flight.stopped() && !late());
        }
        flight.take_off(self.plan.batch, over).await.then(Instant::now)
    }

    /// Sends a request until it is acknowledged; how often it had to be repeated.
    async fn post(&self, http: &Client, url: &Url, body: Bytes) -> Result<u64, ClientError> {
        let give_up = Instant::now() + PATIENCE;
        let mut repeated = 0;
        loop {
            match self.attempt(http, url, body.clone()).await? {
                Attempt::Acknowledged => return Ok(repeated),
                Attempt::Again { after, reason } if Instant::now() + after > give_up => {
                    return Err(self.target.unreachable(reason));
                }
                Attempt::Again { after, .. } => time::sleep(after).await,
            }
            repeated += 1;
        }
    }

    async fn attempt(&self, http: &Client, url: &Url, body: Bytes) -> Result<Attempt, ClientError> {
        let request = http.post(url.clone()).header(header::CONTENT_TYPE, "application/json");
        let reply = async { Reply::read(request.body(body).timeout(PATIENCE).send().await?).await };
        let Reply { status, after, body } = match reply.await {
            Ok(reply) => reply,
            Err(NoReply::Lost(error)) => {
                return Ok(Attempt::Again { after: PAUSE, reason: root_cause(&error) });
            }
            Err(error @ NoReply::TooLong) => return Err(self.target.refused(error.to_string())),
        };
        match status {
            StatusCode::ACCEPTED => Ok(Attempt::Acknowledged),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                let after = after.unwrap_or(PAUSE);
                Ok(Attempt::Again { after, reason: answer(status, &body) })
            }
            _ => Err(self.target.refused(answer(status, &body))),
        }
    }
}
