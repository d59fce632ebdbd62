//! The one writer: gives every event its place, in commit order, and shows it only then.
//!
//! One commit is in flight at a time; what comes meanwhile waits in the backlog and goes together
//! (group commit). When the outcome of a commit cannot be known, the journal looks it up before it
//! answers; nothing is ever acknowledged that was not read back or committed.

mod counts;
mod recovery;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use actix::prelude::*;
use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use tokio::sync::{oneshot, watch};
use uuid::Uuid;

use self::recovery::{Recovered, Recovery};
use crate::{
    core::{
        backlog::{Backlog, BacklogLimits, Full, Waiting},
        batching::{BatchPolicy, BatchResult, Outcome as BatchOutcome},
        event::{Draft, Event, Position, Seq},
        numbering::{Head, Outcome},
        tail::SharedTail,
    },
    storage::{Commit, CommitError, Storage, StorageError, Writer},
    telemetry::Metrics,
};

/// Events to commit, together. Answered after the commit.
#[derive(Message)]
#[rtype(result = "Result<Published, PublishError>")]
pub struct Publish(pub Vec<Draft>);

/// Everything up to a `seq` must be deleted.
#[derive(Message)]
#[rtype(result = "Result<Head, StorageError>")]
pub struct Trim(pub Seq);

/// Nothing is taken any more; answered when nothing waits any more.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Drain;

/// How is the journal?
#[derive(Message, Clone, Copy)]
#[rtype(result = "JournalStatus")]
pub struct GetStatus;

/// Events that are in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The journal's identity.
    pub epoch: Uuid,
    /// One per event, in order.
    pub outcomes: Vec<Outcome>,
}

/// Why events are not, or may not be, in the journal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// Too many wait already. Nothing was stored.
    #[error("the journal's queue is full")]
    QueueFull,
    /// Storage is down. Nothing was stored.
    #[error("the storage cannot be reached")]
    Unavailable,
    /// The disk is full. Nothing was stored.
    #[error("the storage is full")]
    StorageFull,
    /// The router stops. Nothing was stored.
    #[error("the router is shutting down")]
    ShuttingDown,
    /// The database refused these events. Nothing was stored.
    #[error("the database refused the events: {0}")]
    Refused(String),
    /// They may or may not have been stored: post them again under the same ids.
    #[error("the outcome is unknown")]
    Unknown,
}

/// The journal, as others see it.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct JournalStatus {
    /// `ready`, `recovering`, `down` or `draining`.
    pub state: &'static str,
    /// Events that wait.
    pub queue_events: usize,
    /// Bytes that wait.
    pub queue_bytes: usize,
    /// Most events that the next commit would take.
    pub batch_events: usize,
}

/// What the journal is made with.
pub struct JournalOptions {
    /// The database.
    pub storage: Arc<dyn Storage>,
    /// Its writer, holding the lock.
    pub writer: Box<dyn Writer>,
    /// The tail of the process.
    pub tail: Arc<SharedTail>,
    /// Told after each change of the tail.
    pub advanced: watch::Sender<()>,
    /// What may wait.
    pub limits: BacklogLimits,
    /// How many wait for one commit.
    pub policy: BatchPolicy,
    /// How long one attempt to take up a lost database may last.
    pub recovery: Duration,
    /// Told when the journal must not go on.
    pub fatal: oneshot::Sender<String>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

type Reply = oneshot::Sender<Result<Published, PublishError>>;
type Request = Waiting<Reply>;

/// Where the writer is.
enum State {
    /// Here: nothing is being committed.
    Idle(Box<dyn Writer>),
    /// With a commit or a deletion.
    Busy,
    /// Lost; being taken up again, within the time that producers wait.
    Recovering,
    /// Lost for longer: producers are turned away at once, and attempts go on.
    Down,
    /// Given up: another writer is at work.
    Stopped,
}

/// The actor.
pub struct Journal {
    storage: Arc<dyn Storage>,
    tail: Arc<SharedTail>,
    advanced: watch::Sender<()>,
    state: State,
    backlog: Backlog<Reply>,
    policy: BatchPolicy,
    /// Requests whose batch was refused for its data: each is tried alone.
    suspects: Vec<Request>,
    trims: Vec<(Seq, oneshot::Sender<Result<Head, StorageError>>)>,
    drained: Option<oneshot::Sender<()>>,
    draining: bool,
    recovery: Duration,
    fatal: Option<oneshot::Sender<String>>,
    metrics: Arc<Metrics>,
}

/// Messages that may wait before the backlog: who sends waits for room.
const MAILBOX: usize = 1024;

impl Journal {
    /// A journal that goes on where its writer found it.
    #[must_use]
    pub fn new(options: JournalOptions) -> Self {
        let JournalOptions {
            storage,
            writer,
            tail,
            advanced,
            limits,
            policy,
            recovery,
            fatal,
            metrics,
        } = options;
        Self {
            storage,
            tail,
            advanced,
            state: State::Idle(writer),
            backlog: Backlog::new(limits),
            policy,
            suspects: Vec::new(),
            trims: Vec::new(),
            drained: None,
            draining: false,
            recovery,
            fatal: Some(fatal),
            metrics,
        }
    }

    /// Does what is next, if the writer is here.
    fn proceed(&mut self, ctx: &mut Context<Self>) {
        counts::queue(&self.metrics, self.backlog.events(), self.backlog.bytes());
        match std::mem::replace(&mut self.state, State::Busy) {
            State::Idle(writer) => self.use_writer(writer, ctx),
            other => self.state = other,
        }
    }

    fn use_writer(&mut self, writer: Box<dyn Writer>, ctx: &mut Context<Self>) {
        if let Some((through, reply)) = self.trims.pop() {
            self.trim(writer, through, reply, ctx);
        } else if let Some(request) = self.suspects.pop() {
            self.commit(writer, vec![request], ctx);
        } else if self.backlog.is_empty() {
            self.state = State::Idle(writer);
            if let Some(drained) = self.drained.take() {
                // Whoever asked may have stopped waiting.
                drained.send(()).ok();
            }
        } else {
            let plan = self.policy.next(self.backlog.events());
            let requests = self.backlog.take(plan.size);
            self.commit(writer, requests, ctx);
        }
    }

    fn commit(
        &mut self,
        mut writer: Box<dyn Writer>,
        requests: Vec<Request>,
        ctx: &mut Context<Self>,
    ) {
        let batch = Batch::new(requests);
        let began = Instant::now();
        let committed = async move {
            let result = writer.commit(&batch.drafts, now()).await;
            (writer, batch, result)
        };
        ctx.spawn(committed.into_actor(self).map(move |(writer, batch, result), journal, ctx| {
            journal.observe(batch.drafts.len(), began.elapsed(), result.is_ok());
            journal.on_committed(writer, batch, result, ctx);
        }));
    }

    fn on_committed(
        &mut self,
        writer: Box<dyn Writer>,
        batch: Batch,
        result: Result<Commit, CommitError>,
        ctx: &mut Context<Self>,
    ) {
        match result {
            Ok(commit) => {
                self.state = State::Idle(writer);
                self.show(batch, commit);
            }
            Err(CommitError::Data(reason)) => {
                self.state = State::Idle(writer);
                self.suspect(batch.take_apart(), reason);
            }
            Err(CommitError::Failed(StorageError::Full)) => {
                self.state = State::Idle(writer);
                answer_all(batch.take_apart(), &PublishError::StorageFull);
            }
            Err(CommitError::Failed(StorageError::Stale)) => {
                drop(writer);
                self.stop(batch.take_apart());
            }
            Err(error) => {
                drop(writer);
                tracing::error!(%error, events = batch.drafts.len(), "a commit failed");
                self.recover(batch.take_apart(), ctx);
            }
        }
        self.proceed(ctx);
    }

    fn observe(&mut self, size: usize, latency: Duration, committed: bool) {
        counts::commit(&self.metrics, size, latency, committed);
        let result = if committed { BatchResult::Ok } else { BatchResult::Failed };
        self.policy.observe(BatchOutcome { size, latency, result });
    }

    /// Puts what was committed where readers see it, and answers.
    fn show(&self, batch: Batch, commit: Commit) {
        let Commit { outcomes, fresh, head } = commit;
        if !fresh.is_empty() {
            let events = place(batch.drafts, &fresh, &head);
            counts::head(&self.metrics, &head);
            counts::accepted(&self.metrics, &events);
            self.tail.store(self.tail.load().append(events, head));
            self.advanced.send_replace(());
        }
        counts::duplicates(&self.metrics, &outcomes);
        let mut outcomes = outcomes.into_iter();
        for (request, size) in batch.requests.into_iter().zip(batch.sizes) {
            let outcomes = outcomes.by_ref().take(size).collect();
            // A producer that stopped waiting posts again under the same ids.
            drop(request.reply.send(Ok(Published { epoch: head.epoch, outcomes })));
        }
    }

    /// Of a batch that was refused for its data, every request is tried alone, so that none fails
    /// for another's event.
    fn suspect(&mut self, mut requests: Vec<Request>, reason: String) {
        if requests.len() > 1 {
            requests.reverse();
            self.suspects = requests;
        } else {
            tracing::warn!(reason, "the database refused the data of a request");
            answer_all(requests, &PublishError::Refused(reason));
        }
    }

    fn trim(
        &mut self,
        mut writer: Box<dyn Writer>,
        through: Seq,
        reply: oneshot::Sender<Result<Head, StorageError>>,
        ctx: &mut Context<Self>,
    ) {
        let trimmed = async move {
            let result = writer.trim(through).await;
            (writer, result)
        };
        ctx.spawn(trimmed.into_actor(self).map(|(writer, result), journal, ctx| {
            match &result {
                Ok(head) => {
                    journal.state = State::Idle(writer);
                    counts::head(&journal.metrics, head);
                    journal.tail.store(journal.tail.load().trimmed(*head));
                }
                Err(StorageError::Stale) => journal.stop(Vec::new()),
                Err(StorageError::Full) => journal.state = State::Idle(writer),
                Err(_) => {
                    drop(writer);
                    journal.recover(Vec::new(), ctx);
                }
            }
            drop(reply.send(result));
            journal.proceed(ctx);
        }));
    }

    /// Another writer has moved the head: whatever this one would write now would be wrong.
    fn stop(&mut self, requests: Vec<Request>) {
        self.state = State::Stopped;
        self.metrics.journal_state.set(0.0);
        answer_all(requests, &PublishError::Unavailable);
        answer_all(self.backlog.drain(), &PublishError::Unavailable);
        if let Some(fatal) = self.fatal.take() {
            fatal.send("another writer has moved the journal's head".into()).ok();
        }
    }

    /// Takes the database up again, and looks up what became of `requests`.
    fn recover(&mut self, requests: Vec<Request>, ctx: &mut Context<Self>) {
        self.state = State::Recovering;
        self.metrics.journal_state.set(0.0);
        let last_seen = self.tail.load().head();
        let ids = requests.iter().flat_map(|request| &request.drafts).map(|draft| draft.id);
        let recovery = Recovery {
            storage: self.storage.clone(),
            last_seen,
            within: self.recovery,
            metrics: self.metrics.clone(),
            ids: ids.collect(),
        };
        ctx.spawn(recovery.run().into_actor(self).map(
            move |recovered, journal, ctx| match recovered {
                Some(recovered) => journal.on_recovered(recovered, requests, ctx),
                None => journal.on_lost(requests, ctx),
            },
        ));
    }

    fn on_recovered(
        &mut self,
        recovered: Recovered,
        requests: Vec<Request>,
        ctx: &mut Context<Self>,
    ) {
        let Recovered { writer, head, known } = recovered;
        let before = self.tail.load().head();
        self.metrics.journal_recoveries_total.with(["ready"]).increment(1);
        self.metrics.journal_state.set(1.0);
        tracing::info!(head_seq = head.head_seq, "the journal is ready again");
        // What the lost commit stored is read from storage by whoever needs it.
        if head != before {
            self.tail.store(self.tail.load().restarted(head));
            self.advanced.send_replace(());
        }
        self.state = State::Idle(writer);
        let mut again = Vec::new();
        for request in requests {
            match recovery::outcomes(&request.drafts, &known, &before, &head) {
                Some(outcomes) => {
                    drop(request.reply.send(Ok(Published { epoch: head.epoch, outcomes })));
                }
                None => again.push(request),
            }
        }
        self.backlog.put_back(again);
        self.proceed(ctx);
    }

    /// The database did not come back in the time that producers wait.
    fn on_lost(&mut self, requests: Vec<Request>, ctx: &mut Context<Self>) {
        self.metrics.journal_recoveries_total.with(["failed"]).increment(1);
        answer_all(requests, &PublishError::Unknown);
        answer_all(self.backlog.drain(), &PublishError::Unavailable);
        answer_all(std::mem::take(&mut self.suspects), &PublishError::Unavailable);
        for (_, reply) in self.trims.drain(..) {
            drop(reply.send(Err(StorageError::Stale)));
        }
        self.recover(Vec::new(), ctx);
        self.state = State::Down;
    }

    fn refusal(&self) -> Option<PublishError> {
        match self.state {
            _ if self.draining => Some(PublishError::ShuttingDown),
            State::Down | State::Stopped => Some(PublishError::Unavailable),
            _ => None,
        }
    }
}

/// A batch on its way: the events of several requests in a row.
struct Batch {
    /// Their events are in `drafts`.
    requests: Vec<Request>,
    /// How many events each has.
    sizes: Vec<usize>,
    drafts: Vec<Draft>,
}

impl Batch {
    fn new(mut requests: Vec<Request>) -> Self {
        let sizes = requests.iter().map(|request| request.drafts.len()).collect();
        let drafts = requests.iter_mut().flat_map(|request| std::mem::take(&mut request.drafts));
        Self { sizes, drafts: drafts.collect(), requests }
    }

    /// The requests as they were.
    fn take_apart(mut self) -> Vec<Request> {
        let mut drafts = self.drafts.into_iter();
        for (request, size) in self.requests.iter_mut().zip(self.sizes) {
            request.drafts = drafts.by_ref().take(size).collect();
        }
        self.requests
    }
}

/// The fresh ones of `drafts`, at the places up to `head`.
fn place(drafts: Vec<Draft>, fresh: &[usize], head: &Head) -> Vec<Event> {
    let mut seq = head.head_seq - fresh.len() as Seq;
    let mut events = Vec::with_capacity(fresh.len());
    let mut fresh = fresh.iter().copied().peekable();
    for (index, draft) in drafts.into_iter().enumerate() {
        if fresh.next_if_eq(&index).is_some() {
            seq += 1;
            let at = Position { epoch: head.epoch, seq };
            events.push(Event::commit(draft, at, head.last_created_at));
        }
    }
    events
}

fn answer_all(requests: Vec<Request>, error: &PublishError) {
    for request in requests {
        // A producer that stopped waiting posts again under the same ids.
        drop(request.reply.send(Err(error.clone())));
    }
}

/// Commit times have microseconds, as both databases keep them.
fn now() -> DateTime<Utc> {
    let now = Utc::now();
    now.duration_trunc(TimeDelta::microseconds(1)).unwrap_or(now)
}

impl Actor for Journal {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        self.metrics.journal_state.set(1.0);
        counts::head(&self.metrics, &self.tail.load().head());
    }
}

impl Handler<Publish> for Journal {
    type Result = ResponseFuture<Result<Published, PublishError>>;

    fn handle(&mut self, Publish(drafts): Publish, ctx: &mut Self::Context) -> Self::Result {
        if let Some(error) = self.refusal() {
            return Box::pin(std::future::ready(Err(error)));
        }
        let (reply, answer) = oneshot::channel();
        if let Err(Full(_)) = self.backlog.push(drafts, reply) {
            return Box::pin(std::future::ready(Err(PublishError::QueueFull)));
        }
        self.proceed(ctx);
        Box::pin(async move { answer.await.unwrap_or(Err(PublishError::Unknown)) })
    }
}

impl Handler<Trim> for Journal {
    type Result = ResponseFuture<Result<Head, StorageError>>;

    fn handle(&mut self, Trim(through): Trim, ctx: &mut Self::Context) -> Self::Result {
        let (reply, answer) = oneshot::channel();
        self.trims.push((through, reply));
        self.proceed(ctx);
        Box::pin(async move { answer.await.unwrap_or(Err(StorageError::Stale)) })
    }
}

impl Handler<Drain> for Journal {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Drain, ctx: &mut Self::Context) -> Self::Result {
        self.draining = true;
        let (reply, drained) = oneshot::channel();
        self.drained = Some(reply);
        self.proceed(ctx);
        // A journal that cannot drain has answered everybody, or does so when it gives up.
        Box::pin(async move { drop(drained.await) })
    }
}

impl Handler<GetStatus> for Journal {
    type Result = MessageResult<GetStatus>;

    fn handle(&mut self, _: GetStatus, _: &mut Self::Context) -> Self::Result {
        let state = match self.state {
            _ if self.draining => "draining",
            State::Idle(_) | State::Busy => "ready",
            State::Recovering => "recovering",
            State::Down | State::Stopped => "down",
        };
        MessageResult(JournalStatus {
            state,
            queue_events: self.backlog.events(),
            queue_bytes: self.backlog.bytes(),
            batch_events: self.policy.next(usize::MAX).size,
        })
    }
}
