//! Requests, one at a time, each until it is answered for good.

use std::{collections::BTreeSet, time::Duration};

use bytes::Bytes;
use indicatif::ProgressBar;
use reqwest::{Client, Url, header};
use serde::de::DeserializeOwned;
use tokio::time;

use super::{
    answer::{self, Answer, Fault, Place, Stored},
    input::{Event, InputError},
    tally::Tally,
    unreadable,
};
use crate::cli::{
    client::{ClientError, Target, root_cause},
    reply::{NoReply, Reply},
    retry,
    tail::line::visible,
};

/// An answer that takes longer is lost; the router itself gives up sooner.
const PATIENCE: Duration = Duration::from_mins(1);

/// How often a router is tried again that has never answered.
const FIRST_RETRIES: u32 = 5;

/// What may be done without asking.
#[derive(Clone, Copy, Debug)]
pub struct Allowed {
    /// How often a request is repeated; without it, until it goes through.
    pub retries: Option<u32>,
    /// Leave out invalid events.
    pub skip_invalid: bool,
    /// Say what is going on.
    pub chatter: bool,
}

/// Sends, and counts.
pub struct Sender {
    target: Target,
    http: Client,
    url: Url,
    allowed: Allowed,
    bar: ProgressBar,
    /// Whether the router was ever there.
    reached: bool,
    /// What was sent.
    pub tally: Tally,
}

/// One request, as it can be repeated.
struct Request {
    form: &'static str,
    body: Bytes,
}

impl Sender {
    /// A sender over one connection.
    ///
    /// # Errors
    /// When this machine's certificates cannot be read.
    pub fn new(target: Target, allowed: Allowed, bar: ProgressBar) -> Result<Self, ClientError> {
        let (http, url) = (target.http()?, target.url.route("/v1/events"));
        Ok(Self { target, http, url, allowed, bar, reached: false, tally: Tally::default() })
    }

    /// Sends an event alone; where it is.
    ///
    /// # Errors
    /// When the router cannot be reached, or refuses.
    pub async fn send_one(&mut self, json: String) -> Result<Place, ClientError> {
        let request = Request { form: "application/json", body: json.into() };
        match self.deliver(&request).await? {
            Answer::Accepted(place) => Ok(place),
            Answer::Faulty(faults) => Err(self.refused(&faults)),
            Answer::TooLarge(reason) | Answer::Refused(reason) | Answer::Later { reason, .. } => {
                Err(self.target.refused(reason))
            }
        }
    }

    /// Sends a batch, in parts if it must be.
    ///
    /// # Errors
    /// When the router cannot be reached, or refuses and that is not to be passed over.
    pub async fn send(&mut self, events: Vec<Event>) -> Result<(), ClientError> {
        let mut parts = vec![events];
        while let Some(mut events) = parts.pop() {
            let Some(first) = events.first() else { continue };
            self.tally.unsent_from_line = Some(first.line);
            match self.deliver::<Stored>(&Request::lines(&events)).await? {
                Answer::Accepted(stored) => {
                    self.tally.add(&stored);
                    self.bar.set_position(self.tally.sent);
                }
                Answer::TooLarge(_) if events.len() > 1 => {
                    let second = events.split_off(events.len() / 2);
                    parts.extend([second, events]);
                }
                Answer::TooLarge(reason) => {
                    self.leave_out(1, &[format!("line {}: {reason}", first.line)])?;
                }
                Answer::Faulty(faults) => {
                    let left_out = self.on_faults(&events, &faults)?;
                    let mut index = 0..;
                    events.retain(|_| !index.next().is_some_and(|index| left_out.contains(&index)));
                    parts.push(events);
                }
                Answer::Refused(reason) | Answer::Later { reason, .. } => {
                    return Err(self.target.refused(reason));
                }
            }
        }
        self.tally.unsent_from_line = None;
        Ok(())
    }

    /// A line that cannot be an event, or an input that is over before its end.
    ///
    /// # Errors
    /// When that is not to be passed over.
    pub fn on_unreadable(&mut self, error: &InputError) -> Result<(), ClientError> {
        if !self.allowed.skip_invalid || matches!(error, InputError::Broken { .. }) {
            return Err(unreadable(&error.to_string()));
        }
        self.complain(&error.to_string());
        self.tally.invalid += 1;
        Ok(())
    }

    /// Says something that is no result.
    pub fn say(&self, text: &str) {
        if self.allowed.chatter {
            self.complain(text);
        }
    }

    /// Takes the progress off the terminal.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn complain(&self, text: &str) {
        self.bar.suspend(|| eprintln!("signalbox send: {text}"));
    }

    /// Names what is wrong; which events have it, when they may be left out.
    fn on_faults(
        &mut self,
        events: &[Event],
        faults: &[Fault],
    ) -> Result<BTreeSet<usize>, ClientError> {
        let line = |fault: &Fault| {
            let index = fault.index()?;
            Some((index, fault.at_line(events.get(index)?.line)))
        };
        let Some(named) = faults.iter().map(line).collect::<Option<Vec<_>>>() else {
            return Err(self.refused(faults));
        };
        let (indexes, faults): (Vec<_>, Vec<_>) = named.into_iter().unzip();
        let left_out: BTreeSet<_> = indexes.into_iter().collect();
        if left_out.is_empty() {
            return Err(self.target.refused("invalid events, without saying which".into()));
        }
        self.leave_out(left_out.len() as u64, &faults)?;
        Ok(left_out)
    }

    fn refused(&self, faults: &[Fault]) -> ClientError {
        let faults: Vec<_> = faults.iter().map(Fault::to_string).collect();
        self.target.refused(faults.join("; "))
    }

    /// Names the faults, and leaves out as many events, if that is allowed.
    fn leave_out(&mut self, events: u64, faults: &[String]) -> Result<(), ClientError> {
        for fault in faults {
            self.complain(fault);
        }
        if self.allowed.skip_invalid {
            self.tally.invalid += events;
            return Ok(());
        }
        let from = self.tally.unsent_from_line.unwrap_or_default();
        Err(self.target.refused(format!(
            "invalid events, so that nothing from line {from} on is stored; mend them, or leave \
             them out with --skip-invalid"
        )))
    }

    /// Sends a request until it is answered for good.
    async fn deliver<T: DeserializeOwned>(
        &mut self,
        request: &Request,
    ) -> Result<Answer<T>, ClientError> {
        let mut attempt = 0;
        loop {
            let (after, reason) = match self.attempt(request).await? {
                Answer::Later { after, reason } => (after, reason),
                answer => return Ok(answer),
            };
            // What never gave an answer may be no router at all.
            let first = (!self.reached).then_some(FIRST_RETRIES);
            let most = self.allowed.retries.or(first);
            if most.is_some_and(|most| attempt >= most) {
                return Err(self.target.unreachable(reason));
            }
            let delay = retry::delay(attempt, after, fastrand::f64());
            self.say(&format!("{reason}; trying again in {:.1} s", delay.as_secs_f64()));
            time::sleep(delay).await;
            attempt += 1;
            self.tally.repeated += 1;
        }
    }

    async fn attempt<T: DeserializeOwned>(
        &mut self,
        Request { form, body }: &Request,
    ) -> Result<Answer<T>, ClientError> {
        let request = self.http.post(self.url.clone()).header(header::CONTENT_TYPE, *form);
        let reply = async {
            let response = request.body(body.clone()).timeout(PATIENCE).send().await?;
            Reply::read(response).await
        };
        match reply.await {
            Ok(reply) => {
                self.reached = true;
                Ok(answer::read(&reply))
            }
            Err(error @ NoReply::TooLong) => Ok(Answer::Refused(error.to_string())),
            Err(NoReply::Lost(error))
                if !self.reached && (error.is_connect() || error.is_timeout()) =>
            {
                Err(self.target.unreachable(root_cause(&error)))
            }
            Err(NoReply::Lost(error)) => {
                Ok(Answer::Later { after: None, reason: visible(&root_cause(&error)) })
            }
        }
    }
}

impl Request {
    fn lines(events: &[Event]) -> Self {
        let mut body = Vec::with_capacity(events.iter().map(|event| event.json.len() + 1).sum());
        for event in events {
            body.extend_from_slice(&event.json);
            body.push(b'\n');
        }
        Self { form: "application/x-ndjson", body: body.into() }
    }
}
