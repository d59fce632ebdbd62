//! One subscribed client of a load test: it reads as fast as it can, slowly, or not at all.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::watch,
    time::{timeout, timeout_at},
};

use super::{
    feed::Feed,
    mark::Mark,
    meter::Meter,
    plan::{Plan, Reads},
    said::Said,
    verify::Check,
};
use crate::cli::client::{ClientError, Target};

/// The router must answer so soon when a client connects.
const CONNECT: Duration = Duration::from_secs(10);
/// A client that the router has not cut stays quiet, or goes on, for so long.
const PROBE: Duration = Duration::from_secs(1);

/// Told to all clients when nothing more is published.
#[derive(Clone, Debug)]
pub struct Ending {
    /// How many events each publisher has published.
    pub published: Arc<[u64]>,
    /// When to stop waiting for them.
    pub by: Instant,
}

type Told = watch::Receiver<Option<Ending>>;

/// A client that has subscribed.
pub struct Client {
    run: u32,
    reads: Reads,
    feed: Feed,
    check: Check,
}

/// What became of a client.
#[derive(Debug)]
pub struct Outcome {
    /// How it read.
    pub reads: Reads,
    /// What it got.
    pub check: Check,
    /// Why its connection ended by itself, if it did.
    pub closed: Option<String>,
}

impl Client {
    /// Connects and subscribes.
    ///
    /// # Errors
    /// When the router cannot be reached or refuses.
    pub async fn connect(target: &Target, plan: &Plan, reads: Reads) -> Result<Self, ClientError> {
        match timeout(CONNECT, Self::subscribed(target, plan, reads)).await {
            Ok(client) => client,
            Err(_elapsed) => {
                Err(target.unreachable(format!("no answer within {} s", CONNECT.as_secs())))
            }
        }
    }

    async fn subscribed(target: &Target, plan: &Plan, reads: Reads) -> Result<Self, ClientError> {
        let mut feed = Feed::open(target, plan, reads).await?;
        loop {
            let message = feed.next().await.map_err(|closed| target.unreachable(closed))?;
            match feed.read(&message) {
                Said::Subscribed => break,
                Said::Refused(reason) => return Err(target.refused(reason)),
                _ => {}
            }
        }
        if let (Reads::Trickling, Some(tap)) = (reads, feed.tap()) {
            tap.trickle();
        }
        let check = Check::new(usize::from(plan.publishers), plan.everything);
        Ok(Self { run: plan.run, reads, feed, check })
    }

    /// Reads until all that was published has come, or the time for it is over.
    pub async fn run(mut self, meter: Arc<Meter>, mut ending: Told) -> Outcome {
        let closed = match self.reads {
            Reads::Stalled => self.stall(&mut ending).await,
            Reads::Healthily | Reads::Trickling => self.read(&meter, &mut ending).await,
        };
        if closed.is_some() && self.reads == Reads::Healthily {
            meter.flight.stop();
        }
        Outcome { reads: self.reads, check: self.check, closed }
    }

    /// Why the connection ended by itself, if it did.
    async fn read(&mut self, meter: &Meter, told: &mut Told) -> Option<String> {
        let mut ending: Option<Ending> = None;
        loop {
            let message = match &ending {
                None => tokio::select! {
                    biased;
                    message = self.feed.next() => message,
                    told = told.wait_for(Option::is_some) => {
                        ending.clone_from(&*told.ok()?);
                        continue;
                    }
                },
                // Nobody waits for a trickling client to catch up.
                Some(_) if self.reads == Reads::Trickling => return None,
                Some(ending) if self.check.complete(&ending.published) => return None,
                Some(ending) => timeout_at(ending.by.into(), self.feed.next()).await.ok()?,
            };
            match message {
                Ok(text) => self.on_message(&text, meter),
                Err(closed) => return Some(closed),
            }
        }
    }

    /// Reads nothing until the end, and then sees whether the connection still stands.
    async fn stall(&mut self, told: &mut Told) -> Option<String> {
        drop(told.wait_for(Option::is_some).await.ok()?);
        let by = Instant::now() + PROBE;
        loop {
            if let Err(closed) = timeout_at(by.into(), self.feed.next()).await.ok()? {
                return Some(closed);
            }
        }
    }

    fn on_message(&mut self, text: &str, meter: &Meter) {
        match self.feed.read(text) {
            said @ (Said::Event(_) | Said::Message) => {
                let mark = Mark::find(text, self.run);
                match said {
                    Said::Event(seq) => self.check.on_event(seq, mark),
                    _ => self.check.on_message(mark),
                }
                if let (Reads::Healthily, Some(mark), Some(tap)) =
                    (self.reads, mark, self.feed.tap())
                {
                    meter.on_delivery(mark, text.len(), meter.at(tap.last_read()));
                }
            }
            Said::Gap => self.check.on_gap(),
            _ => {}
        }
    }
}
