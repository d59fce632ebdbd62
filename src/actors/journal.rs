//! The one writer: gives every event its place, in commit order, and shows it only then.
//!
//! One commit is in flight at a time; what comes meanwhile waits in the backlog and goes together
//! (group commit). When the outcome of a commit cannot be known, the journal looks it up before it
//! answers; nothing is ever acknowledged that was not read back or committed.

mod batch;
mod counts;
mod flush;
mod messages;
mod notes;
mod overrides;
mod reconfigure;
mod recovery;
#[cfg(test)]
mod tests;
mod upkeep;
mod verdicts;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use actix::prelude::*;
use chrono::Utc;
use tokio::sync::{oneshot, watch};

use self::{
    batch::{Batch, Reply, Request, answer_all},
    notes::Notes,
};
pub use self::{
    messages::{
        BeginCursor, Bury, ChangeDeadLetter, Drain, GetStatus, JournalStatus, Publish,
        PublishError, Published, ReconfigureJournal, Record, SaveCursor, SetOverride, Trim,
        WriteCursors,
    },
    recovery::tell_proof,
    verdicts::{ForgetVerdicts, KeepVerdicts},
};
use crate::{
    actors::cursors::AdapterCursors,
    core::{
        backlog::{Backlog, BacklogLimits, Full},
        batching::{BatchPolicy, BatchResult, Outcome as BatchOutcome},
        event::{self, Seq},
        tail::SharedTail,
    },
    storage::{Commit, CommitError, Storage, StorageError, Writer},
    telemetry::{Metrics, Traces},
};

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
    /// Told how far adapters have come, once that is durable.
    pub cursors: Arc<AdapterCursors>,
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
    /// Where spans are made, if they are asked for.
    pub traces: Option<Arc<Traces>>,
}

/// Where the writer is.
enum State {
    /// Here: nothing is being committed.
    Idle(Box<dyn Writer>),
    /// With the database: a commit, a deletion, or a look whether it is still there.
    Busy,
    /// Lost; being taken up again, and producers wait for it.
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
    cursors: Arc<AdapterCursors>,
    state: State,
    notes: Notes,
    backlog: Backlog<Reply>,
    policy: BatchPolicy,
    /// Requests whose batch was refused for its data: each is tried alone.
    suspects: Vec<Request>,
    trims: Vec<(Seq, upkeep::Trimmed)>,
    drains: Vec<oneshot::Sender<()>>,
    draining: bool,
    recovery: Duration,
    /// When the first of the failures was that no success has followed yet.
    failing_since: Option<Instant>,
    fatal: Option<oneshot::Sender<String>>,
    metrics: Arc<Metrics>,
    traces: Option<Arc<Traces>>,
}

/// Messages that may wait before the backlog; above it a sender waits for its answer.
const MAILBOX: usize = 1024;
/// How often an idle journal looks whether its database is still there, and the lock with it.
const CHECK: Duration = Duration::from_secs(5);

impl Journal {
    /// A journal that goes on where its writer found it.
    #[must_use]
    pub fn new(options: JournalOptions) -> Self {
        let JournalOptions {
            storage,
            writer,
            tail,
            advanced,
            cursors,
            limits,
            policy,
            recovery,
            fatal,
            metrics,
            traces,
        } = options;
        Self {
            storage,
            tail,
            advanced,
            cursors,
            state: State::Idle(writer),
            notes: Notes::default(),
            backlog: Backlog::new(limits),
            policy,
            suspects: Vec::new(),
            trims: Vec::new(),
            drains: Vec::new(),
            draining: false,
            recovery,
            failing_since: None,
            fatal: Some(fatal),
            metrics,
            traces,
        }
    }

    /// Does what is next, if the writer is here.
    fn proceed(&mut self, ctx: &mut Context<Self>) {
        counts::queue(&self.metrics, self.backlog.events(), self.backlog.bytes());
        match std::mem::replace(&mut self.state, State::Busy) {
            State::Idle(writer) => self.use_writer(writer, ctx),
            other => self.state = other,
        }
        if matches!(self.state, State::Idle(_) | State::Down | State::Stopped) {
            // Nobody waits any more: all are committed, or were told that they are not.
            for drained in self.drains.drain(..) {
                drained.send(()).ok();
            }
        }
    }

    fn use_writer(&mut self, writer: Box<dyn Writer>, ctx: &mut Context<Self>) {
        if let Some((through, reply)) = self.trims.pop() {
            return self.trim(writer, through, reply, ctx);
        }
        let events_wait = !self.suspects.is_empty() || !self.backlog.is_empty();
        let Some(writer) = self.write_notes(writer, events_wait, ctx) else { return };
        if let Some(request) = self.suspects.pop() {
            self.commit(writer, vec![request], ctx);
        } else if self.backlog.is_empty() {
            self.state = State::Idle(writer);
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
        let batch = Batch::new(requests, self.traces.as_deref());
        let steps = self.notes.riding();
        let began = Instant::now();
        let committed = async move {
            let now = event::to_micros(Utc::now());
            let result = writer.commit(batch.drafts(), &steps, now).await;
            (writer, batch, steps, result)
        };
        let done = committed.into_actor(self).map(
            move |(writer, batch, steps, result), journal: &mut Self, ctx| {
                journal.observe(batch.len(), began.elapsed(), result.is_ok());
                journal.rode(steps, result.is_ok(), ctx);
                journal.on_committed(writer, batch, result, ctx);
            },
        );
        ctx.spawn(done);
    }

    fn on_committed(
        &mut self,
        writer: Box<dyn Writer>,
        mut batch: Batch,
        result: Result<Commit, CommitError>,
        ctx: &mut Context<Self>,
    ) {
        if let (Some(traces), Some((seq, span))) = (&self.traces, batch.end_span(&result)) {
            traces.shown(seq, span);
        }
        match result {
            Ok(commit) => {
                self.keep(writer);
                self.show(batch, commit);
            }
            Err(CommitError::Data(reason)) => {
                self.keep(writer);
                self.suspect(batch.take_apart(), reason);
            }
            Err(CommitError::Failed(StorageError::Full)) => {
                self.keep(writer);
                answer_all(batch.take_apart(), &PublishError::StorageFull, &self.metrics);
            }
            Err(CommitError::Failed(StorageError::Stale)) => {
                drop(writer);
                self.stop(batch.take_apart());
            }
            Err(error) => {
                drop(writer);
                tracing::error!(%error, events = batch.len(), "a commit failed");
                let unless_found = match error {
                    CommitError::Unknown(_) => PublishError::Unknown,
                    CommitError::Data(_) | CommitError::Failed(_) => PublishError::Unavailable,
                };
                self.recover(batch.take_apart(), unless_found, ctx);
            }
        }
        self.proceed(ctx);
    }

    /// The database has answered, and the writer can go on.
    fn keep(&mut self, writer: Box<dyn Writer>) {
        self.state = State::Idle(writer);
        self.failing_since = None;
    }

    fn observe(&mut self, size: usize, latency: Duration, committed: bool) {
        counts::commit(&self.metrics, size, latency, committed);
        let result = if committed { BatchResult::Ok } else { BatchResult::Failed };
        self.policy.observe(BatchOutcome { size, latency, result });
    }

    /// Puts what was committed where readers see it, and answers.
    fn show(&self, batch: Batch, commit: Commit) {
        let Commit { outcomes, fresh, head } = commit;
        let (requests, events) = batch.placed(&fresh, &head);
        if !events.is_empty() {
            counts::head(&self.metrics, &head);
            counts::accepted(&self.metrics, events.iter().map(|event| event.category));
            self.tail.store(self.tail.load().append(events, head));
            self.advanced.send_replace(());
        }
        counts::duplicates(&self.metrics, &outcomes);
        let mut outcomes = outcomes.into_iter();
        for (reply, size) in requests {
            let outcomes = outcomes.by_ref().take(size).collect();
            reply.send(Ok(Published { epoch: head.epoch, outcomes }));
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
            answer_all(requests, &PublishError::Refused(reason), &self.metrics);
        }
    }

    /// Another writer has moved the head: whatever this one would write now would be wrong.
    fn stop(&mut self, requests: Vec<Request>) {
        self.state = State::Stopped;
        self.metrics.journal_state.set(0.0);
        answer_all(requests, &PublishError::Unavailable, &self.metrics);
        self.turn_away();
        if let Some(fatal) = self.fatal.take() {
            fatal.send("another writer has moved the journal's head".into()).ok();
        }
    }

    /// Tells everybody who waits that nothing of theirs was done.
    fn turn_away(&mut self) {
        let suspects = std::mem::take(&mut self.suspects);
        answer_all(suspects, &PublishError::Unavailable, &self.metrics);
        answer_all(self.backlog.drain(), &PublishError::Unavailable, &self.metrics);
        self.notes.turn_away(self.draining || matches!(self.state, State::Stopped));
        for (_, reply) in std::mem::take(&mut self.trims) {
            drop(reply.send(Err(self.unreachable())));
        }
    }

    fn refusal(&self) -> Option<PublishError> {
        match self.state {
            _ if self.draining => Some(PublishError::ShuttingDown),
            State::Down | State::Stopped => Some(PublishError::Unavailable),
            _ => None,
        }
    }
}

impl Actor for Journal {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        self.metrics.journal_state.set(1.0);
        counts::head(&self.metrics, &self.tail.load().head());
        ctx.run_interval(CHECK, Self::check);
    }
}

impl Handler<Publish> for Journal {
    type Result = ResponseFuture<Result<Published, PublishError>>;

    fn handle(
        &mut self,
        Publish { drafts, span }: Publish,
        ctx: &mut Self::Context,
    ) -> Self::Result {
        if let Some(error) = self.refusal() {
            return Box::pin(std::future::ready(Err(error)));
        }
        let (reply, answer) = oneshot::channel();
        if let Err(Full(_)) = self.backlog.push(drafts, Reply::new(reply, span)) {
            return Box::pin(std::future::ready(Err(PublishError::QueueFull)));
        }
        self.proceed(ctx);
        Box::pin(async move { answer.await.unwrap_or(Err(PublishError::Unknown)) })
    }
}

impl Handler<Drain> for Journal {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Drain, ctx: &mut Self::Context) -> Self::Result {
        self.draining = true;
        if let State::Down | State::Stopped = self.state {
            self.turn_away();
        }
        let (reply, drained) = oneshot::channel();
        self.drains.push(reply);
        self.proceed(ctx);
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
            oldest_ms: self.backlog.oldest().map_or(0, Reply::age_ms),
            batch_events: self.policy.next(usize::MAX).size,
        })
    }
}
