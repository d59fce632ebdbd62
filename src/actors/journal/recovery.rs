//! Taking up a lost database again: reconnect, take the lock, read the head, look ids up.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use actix::prelude::*;
use backoff::{ExponentialBackoff, ExponentialBackoffBuilder, backoff::Backoff};
use uuid::Uuid;

use super::{
    Journal, PublishError, Published, State,
    batch::{Request, answer_all},
    counts,
};
use crate::{
    core::numbering::{Head, Known, Proof, recall},
    storage::{OpenWriter, Opened, Storage, StorageError, Writer},
    telemetry::Metrics,
};

/// One attempt, made of as many tries as fit into its time.
struct Recovery {
    storage: Arc<dyn Storage>,
    last_seen: Head,
    time: Time,
    metrics: Arc<Metrics>,
    /// What must be looked up.
    ids: Vec<Uuid>,
}

/// How long an attempt may take.
struct Time {
    /// Before the first try.
    pause: Duration,
    /// For all tries.
    within: Duration,
}

/// A database that is back.
pub(super) struct Recovered {
    writer: Box<dyn Writer>,
    head: Head,
    proof: Proof,
    /// What it holds of the ids.
    known: HashMap<Uuid, Known>,
}

impl Recovery {
    /// Tries until it succeeds; `None` when the time is over.
    async fn run(self) -> Option<Recovered> {
        tokio::time::sleep(self.time.pause).await;
        let mut pauses = pauses();
        let tries = async {
            loop {
                match self.attempt().await {
                    Ok(recovered) => return recovered,
                    Err(error) => {
                        self.metrics.storage_errors_total.with(["recover"]).increment(1);
                        tracing::warn!(%error, "the database is not back yet");
                    }
                }
                tokio::time::sleep(pauses.next_backoff().unwrap_or(LONGEST_PAUSE)).await;
            }
        };
        tokio::time::timeout(self.time.within, tries).await.ok()
    }

    async fn attempt(&self) -> Result<Recovered, StorageError> {
        let request = OpenWriter {
            wait: self.time.within,
            fresh: Uuid::new_v4(),
            last_seen: Some(self.last_seen),
        };
        let Opened { mut writer, head, proof } = self.storage.open_writer(request).await?;
        let known = writer.look_up(&self.ids).await?;
        Ok(Recovered { writer, head, proof, known })
    }
}

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Before a database is taken up that came back and failed again at once.
const BETWEEN_FAILURES: Duration = Duration::from_millis(500);

fn pauses() -> ExponentialBackoff {
    ExponentialBackoffBuilder::new()
        .with_initial_interval(FIRST_PAUSE)
        .with_max_interval(LONGEST_PAUSE)
        .with_max_elapsed_time(None)
        .build()
}

impl Journal {
    /// Takes the database up again, and looks up what became of `requests`. When that takes too
    /// long they are told `unless_found`. The time counts from the first of several failures in a
    /// row: a database that comes back only to fail again keeps nobody waiting for ever.
    pub(super) fn recover(
        &mut self,
        requests: Vec<Request>,
        unless_found: PublishError,
        ctx: &mut Context<Self>,
    ) {
        self.state = State::Recovering;
        self.metrics.journal_state.set(0.0);
        let time = match self.failing_since {
            Some(since) => Time {
                pause: BETWEEN_FAILURES,
                within: self.recovery.saturating_sub(since.elapsed()),
            },
            None => Time { pause: Duration::ZERO, within: self.recovery },
        };
        if self.failing_since.is_some() && time.within.is_zero() {
            return self.on_lost(requests, &unless_found, ctx);
        }
        self.failing_since.get_or_insert_with(Instant::now);
        self.attempt(requests, unless_found, time, ctx);
    }

    fn attempt(
        &mut self,
        requests: Vec<Request>,
        unless_found: PublishError,
        time: Time,
        ctx: &mut Context<Self>,
    ) {
        let ids = requests.iter().flat_map(|request| &request.drafts).map(|draft| draft.id);
        let recovery = Recovery {
            storage: self.storage.clone(),
            last_seen: self.tail.load().head(),
            time,
            metrics: self.metrics.clone(),
            ids: ids.collect(),
        };
        ctx.spawn(recovery.run().into_actor(self).map(
            move |recovered, journal, ctx| match recovered {
                Some(recovered) => journal.on_recovered(recovered, requests, ctx),
                None => journal.on_lost(requests, &unless_found, ctx),
            },
        ));
    }

    fn on_recovered(
        &mut self,
        recovered: Recovered,
        requests: Vec<Request>,
        ctx: &mut Context<Self>,
    ) {
        let Recovered { writer, head, proof, known } = recovered;
        let before = self.tail.load().head();
        self.metrics.journal_recoveries_total.with(["ready"]).increment(1);
        self.metrics.journal_state.set(1.0);
        tell_proof(&*self.storage, proof);
        tracing::info!(head_seq = head.head_seq, "the journal is ready again");
        if head != before {
            counts::head(&self.metrics, &head);
            // What the lost commit stored is read from storage by whoever needs it.
            self.tail.store(self.tail.load().append(Vec::new(), head));
            self.advanced.send_replace(());
        }
        self.state = State::Idle(writer);
        let (mut again, mut seen) = (Vec::new(), HashSet::new());
        for request in requests {
            match recall(&request.drafts, &known, &before, &head, &mut seen) {
                Some(outcomes) => {
                    let accepted = request.drafts.iter().zip(&outcomes);
                    let accepted = accepted.filter(|(_, outcome)| !outcome.duplicate);
                    counts::accepted(&self.metrics, accepted.map(|(draft, _)| draft.category));
                    counts::duplicates(&self.metrics, &outcomes);
                    request.reply.send(Ok(Published { epoch: head.epoch, outcomes }));
                }
                None => again.push(request),
            }
        }
        self.backlog.put_back(again);
        self.proceed(ctx);
    }

    /// The database did not come back in the time that producers wait.
    fn on_lost(
        &mut self,
        requests: Vec<Request>,
        unless_found: &PublishError,
        ctx: &mut Context<Self>,
    ) {
        self.metrics.journal_recoveries_total.with(["failed"]).increment(1);
        self.state = State::Down;
        answer_all(requests, unless_found, &self.metrics);
        self.turn_away();
        let time = Time { pause: BETWEEN_FAILURES, within: self.recovery };
        self.attempt(Vec::new(), PublishError::Unavailable, time, ctx);
        self.proceed(ctx);
    }
}

/// Tells the operator when a journal cannot be proved to be the one that was seen before.
pub fn tell_proof(storage: &dyn Storage, proof: Proof) {
    if let Proof::Renewed(doubt) = proof {
        let storage = storage.describe();
        tracing::warn!(?doubt, storage, "this cannot be proved to be the same journal: new epoch");
    }
}
