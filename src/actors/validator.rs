//! Compares what the paths show with what was committed: the [`Matcher`] at work.
//!
//! Commits are read from the tail whenever there is something to do, so that they are known before
//! the receipts of a probe; the realtime path tells by [`PathNews`] how far it is. While validation
//! is off, or the realtime path is, nothing is compared and nothing waits. It has a thread of its
//! own: no commit and no delivery waits for it.

mod keeping;
pub mod messages;
pub mod news;
mod show;
#[cfg(test)]
mod tests;
mod writing;

use std::{sync::Arc, time::Duration};

use actix::prelude::*;
use chrono::{DateTime, TimeDelta, Utc};
use metrics::Histogram;
use tokio::{sync::watch, time::Instant};
use uuid::Uuid;

pub use self::messages::{
    FinishValidating, GetSeen, GetValidation, ProbeDown, ProbeProven, ProbeUp, Receipts,
    SeenOnPaths, ValidationView, WriteVerdicts,
};
use self::{keeping::Keeping, news::PathNews, writing::Asking};
use super::journal::{KeepVerdicts, PublishError};
use crate::{
    core::{
        event::{Position, Seq},
        matching::{Case, Committed, MatchLimits, Matcher, Path, PayloadHash, Receipt, Verdict},
        tail::SharedTail,
    },
    settings::{LiveSettings, Settings},
    storage::StoredVerdict,
    telemetry::Metrics,
};

/// How often it is looked what can be decided.
const TICK: Duration = Duration::from_millis(100);
/// How often verdicts are written, and metrics told.
const KEEP: Duration = Duration::from_secs(1);
/// How many canaries may be missed before an event that is due is unscored, and how long at least:
/// a little longer than a probe itself waits.
const CANARIES: (u32, Duration) = (10, Duration::from_secs(5));

/// What a validator is made with.
pub struct ValidatorOptions {
    /// The settings in force.
    pub live: Arc<LiveSettings>,
    /// The tail of the process.
    pub tail: Arc<SharedTail>,
    /// Says when the tail has changed.
    pub advanced: watch::Receiver<()>,
    /// How the realtime path is.
    pub news: Arc<PathNews>,
    /// Who keeps verdicts.
    pub keep: Recipient<KeepVerdicts>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// The actor.
pub struct Validator {
    options: ValidatorOptions,
    matcher: Matcher,
    /// Whether events are compared.
    active: bool,
    /// The journal's.
    epoch: Uuid,
    /// Number of the settings that it goes by.
    generation: u64,
    keeping: Keeping,
    /// Some are being written.
    writing: bool,
    /// Who waits until they are.
    asking: Vec<Asking>,
    /// Why the probe of each path was last down, and when.
    downs: [Option<(DateTime<Utc>, Box<str>)>; Path::ALL.len()],
    /// From commit to probe, on each path.
    seconds: [Histogram; Path::ALL.len()],
    began: Instant,
    /// The same moment, by the clock.
    began_at: DateTime<Utc>,
}

impl Validator {
    /// Compares what is committed from now on.
    #[must_use]
    pub fn new(options: ValidatorOptions) -> Self {
        let Position { epoch, seq: head } = options.tail.load().position();
        let snapshot = options.live.load();
        Self {
            matcher: Matcher::new(limits(&snapshot), head),
            active: snapshot.compares_paths(),
            epoch,
            generation: snapshot.generation,
            keeping: Keeping::default(),
            writing: false,
            asking: Vec::new(),
            downs: Default::default(),
            seconds: Path::ALL
                .map(|path| options.metrics.validation_delivery_seconds.with([path.name()])),
            began: Instant::now(),
            began_at: Utc::now(),
            options,
        }
    }

    /// Takes in what happened to the journal, the settings, and the realtime path.
    fn follow(&mut self) {
        self.adopt();
        let tail = Arc::clone(&self.options.tail.load());
        if tail.epoch() != self.epoch {
            self.epoch = tail.epoch();
            self.matcher.renew(tail.first() - 1);
        }
        let (head, next) = (tail.position().seq, self.matcher.head() + 1);
        if !self.active {
            self.matcher.resume(head);
            return;
        }
        if next < tail.first() && next <= head {
            self.matcher.skipped(tail.first() - 1);
        }
        let (now, clock, epoch) = (self.began.elapsed(), Utc::now(), self.epoch);
        for event in tail.from(self.matcher.head() + 1) {
            let ago = (clock - event.created_at).max(TimeDelta::zero()).to_std();
            self.matcher.committed(Committed {
                id: event.id,
                epoch,
                seq: event.seq,
                category: event.category,
                expected: PayloadHash::expected(event),
                routed: event.is_routed(),
                at: now.saturating_sub(ago.unwrap_or_default()),
            });
        }
    }

    /// Goes by the settings in force.
    fn adopt(&mut self) {
        let snapshot = self.options.live.load();
        if snapshot.generation == self.generation {
            return;
        }
        self.generation = snapshot.generation;
        self.matcher.limit(limits(&snapshot));
        let active = snapshot.compares_paths();
        if self.active && !active {
            let cases = self.matcher.finish(self.began.elapsed());
            self.decided(&cases);
        }
        self.active = active;
    }

    fn tick(&mut self) {
        self.follow();
        let cases = self.matcher.tick(self.began.elapsed());
        self.decided(&cases);
    }

    fn decided(&mut self, cases: &[Case]) {
        let persists = self.options.live.load().flags.metrics_persistence;
        for case in cases {
            let path = case.path.name();
            let seconds = self.seconds.get(case.path as usize);
            if let (Some(seconds), Some(latency)) = (seconds, case.latency) {
                seconds.record(latency);
            }
            if case.verdict == Verdict::Matched {
                continue;
            }
            if case.verdict.is_fault() {
                tracing::debug!(
                    path, event_id = %case.id, seq = case.seq, verdict = case.verdict.name(),
                    "an event is not shown as it was committed"
                );
            }
            if !persists {
                self.drop_verdicts("off", 1);
            } else if !self.keeping.push(self.stored(case)) {
                self.drop_verdicts("full", 1);
            }
        }
    }

    fn stored(&self, case: &Case) -> StoredVerdict {
        StoredVerdict {
            event_id: case.id,
            path: case.path,
            position: Position { epoch: case.epoch, seq: case.seq },
            category: case.category,
            verdict: case.verdict,
            expected: case.expected,
            seen: case.seen,
            generation: self.generation,
            decided_at: self.clock(case.decided_at),
        }
    }

    fn drop_verdicts(&self, reason: &str, count: usize) {
        let dropped = &self.options.metrics.validation_verdicts_dropped_total;
        dropped.with([reason]).increment(count as u64);
    }

    fn hear(&mut self, Receipts { path, seen }: Receipts) {
        self.follow();
        for (shown, at) in seen {
            let at = self.since(at);
            let (id, seq, epoch, hash) = (shown.id, shown.seq, shown.epoch, shown.hash);
            self.matcher.receipt(path, Receipt { id, seq, epoch, hash, at });
        }
    }

    fn on_path_news(&mut self, (passed, at): (Seq, Instant), (closed, since): (bool, Instant)) {
        self.follow();
        let (at, since) = (self.since(at), self.since(since));
        self.matcher.breaker(closed, since);
        if passed > 0 {
            self.matcher.passed(passed, at);
        }
    }

    fn since(&self, at: Instant) -> Duration {
        at.saturating_duration_since(self.began)
    }

    fn clock(&self, at: Duration) -> DateTime<Utc> {
        TimeDelta::from_std(at)
            .ok()
            .and_then(|since| self.began_at.checked_add_signed(since))
            .unwrap_or(self.began_at)
    }
}

fn limits(settings: &Settings) -> MatchLimits {
    let validation = &settings.validation;
    MatchLimits {
        deadline: validation.deadline,
        late_after: validation.late_after,
        settle: validation.settle,
        proof_within: validation.canary.saturating_mul(CANARIES.0).max(CANARIES.1),
        max_events: validation.max_events,
    }
}

/// The journal has advanced, or the settings or the path did. Coalesced: the next one is sent when
/// this one was answered.
#[derive(Message)]
#[rtype(result = "()")]
struct Advanced;

/// The realtime path told something of itself.
#[derive(Message)]
#[rtype(result = "()")]
struct Told((Seq, Instant), (bool, Instant));

impl Actor for Validator {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let (mut advanced, validator) = (self.options.advanced.clone(), ctx.address());
        ctx.spawn(
            async move {
                while advanced.changed().await.is_ok() && validator.send(Advanced).await.is_ok() {}
            }
            .into_actor(self),
        );
        let (news, validator) = (self.options.news.clone(), ctx.address());
        let (mut passed, mut closed) = (news.follow_passed(), news.follow_closed());
        ctx.spawn(
            async move {
                // Both are kept by `news`, which this task has: they do not end.
                loop {
                    let told = Told(*passed.borrow_and_update(), *closed.borrow_and_update());
                    if validator.send(told).await.is_err() {
                        return;
                    }
                    tokio::select! {
                        _ = passed.changed() => {}
                        _ = closed.changed() => {}
                    }
                }
            }
            .into_actor(self),
        );
        ctx.run_interval(TICK, |validator, _| validator.tick());
        ctx.run_interval(KEEP, |validator, ctx| {
            if validator.is_writing_due() {
                validator.keep(ctx);
            }
            validator.tell_metrics();
        });
    }
}

impl Handler<Advanced> for Validator {
    type Result = ();

    fn handle(&mut self, _: Advanced, _: &mut Self::Context) {
        self.follow();
    }
}

impl Handler<Told> for Validator {
    type Result = ();

    fn handle(&mut self, Told(passed, closed): Told, _: &mut Self::Context) {
        self.on_path_news(passed, closed);
    }
}

impl Handler<ProbeUp> for Validator {
    type Result = ();

    fn handle(&mut self, ProbeUp { path, from, at }: ProbeUp, _: &mut Self::Context) {
        self.follow();
        self.matcher.subscribed(path, from, self.since(at));
    }
}

impl Handler<ProbeProven> for Validator {
    type Result = ();

    fn handle(&mut self, ProbeProven { path, at }: ProbeProven, _: &mut Self::Context) {
        self.follow();
        self.matcher.proven(path, self.since(at));
    }
}

impl Handler<ProbeDown> for Validator {
    type Result = ();

    fn handle(&mut self, down: ProbeDown, _: &mut Self::Context) {
        let ProbeDown { path, proven, reason } = down;
        self.follow();
        tracing::debug!(path = path.name(), reason, "a probe is down");
        self.matcher.broken(path, proven.map(|at| self.since(at)));
        if let Some(down) = self.downs.get_mut(path as usize) {
            *down = Some((Utc::now(), reason));
        }
    }
}

impl Handler<Receipts> for Validator {
    type Result = ();

    fn handle(&mut self, receipts: Receipts, _: &mut Self::Context) {
        self.hear(receipts);
    }
}

impl Handler<FinishValidating> for Validator {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: FinishValidating, _: &mut Self::Context) -> Self::Result {
        self.follow();
        self.active = false;
        let cases = self.matcher.finish(self.began.elapsed());
        self.decided(&cases);
        self.tell_metrics();
        self.asking.clear();
        let (keep, mut keeping) = (self.options.keep.clone(), std::mem::take(&mut self.keeping));
        Box::pin(async move {
            loop {
                let next = keeping.next();
                let count = next.len();
                if count == 0 || !matches!(keep.send(KeepVerdicts(next)).await, Ok(Ok(()))) {
                    return;
                }
                keeping.done(count, true);
            }
        })
    }
}
