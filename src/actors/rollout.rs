//! The rollout, carried out: a thin shell around [`core::rollout`](crate::core::rollout).
//!
//! Once a second it is told how the realtime path does ([`Observed`]), does what the rules decide by
//! setting `rollout.percent` at run time, and tells sessions whose clients belong elsewhere. What
//! somebody wants comes as an [`Order`]. Both are done one after the other, never at once. The
//! percentage itself is a setting: whoever else changes it is followed.

mod history;
mod knobs;
mod messages;
mod placing;
mod tell;

use std::{sync::Arc, time::Instant};

use actix::prelude::*;
use chrono::{DateTime, Utc};
use serde_json::Value;

use self::{
    history::{Deed, ITSELF, KEPT, SUBJECT},
    tell::Teller,
};
pub use self::{
    history::{Recalled, recall},
    knobs::{CannotRoll, audience, check, circumstances, plan, realtime_url},
    messages::{Ended, GetReport, GetRollout, Observed, Order, OrderError, RolloutView},
    placing::{Placed, Placing},
};
use super::{broadcaster::Broadcaster, journal::Record};
use crate::{
    core::{
        millis,
        rollout::{
            Callers, Cause, Command, Decision, MoveCounts, Order as Ordered, Report, Rollout,
            StepEnd, StepOutcome, StepReport, Wait,
        },
    },
    settings::{LiveSettings, Override, Snapshot},
    tasks::reloader::{Applied, Change, ReloadError, Reloader},
    telemetry::Metrics,
};

/// What the actor is made with.
pub struct RolloutOptions {
    /// The settings in force.
    pub live: Arc<LiveSettings>,
    /// Who changes them.
    pub reloader: Arc<Reloader>,
    /// Where clients belong.
    pub placing: Arc<Placing>,
    /// Who is connected.
    pub broadcaster: Addr<Broadcaster>,
    /// Who keeps the history.
    pub audit: Recipient<Record>,
    /// What is known from before.
    pub recalled: Recalled,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// The actor.
pub struct Conductor {
    options: RolloutOptions,
    rollout: Rollout,
    /// The generation whose plan is in force.
    generation: u64,
    began: Instant,
    /// The steps that are over, the newest last.
    steps: Vec<StepReport>,
    step: Step,
    observed: Observed,
    wait: Option<Wait>,
    callers: Callers,
}

/// What the report of the step that lasts needs beside the rules.
struct Step {
    began: DateTime<Utc>,
    /// As things were when it began.
    verdicts: std::collections::BTreeMap<String, u64>,
    moves: MoveCounts,
}

/// A percentage that is to be, and why.
#[derive(Clone, Debug)]
struct Move {
    to: u8,
    cause: Cause,
    by: Arc<str>,
    reason: String,
}

/// Messages that may wait; above it a sender waits for its answer, and nothing is lost.
const MAILBOX: usize = 64;

impl Conductor {
    /// A rollout that stands where the settings have it.
    ///
    /// # Errors
    /// When the settings make no rollout.
    pub fn try_new(mut options: RolloutOptions) -> Result<Self, CannotRoll> {
        let settings = options.live.load();
        let began = Instant::now();
        let Recalled { steps, memory } = std::mem::take(&mut options.recalled);
        let percent = settings.rollout.percent;
        let rollout = Rollout::try_new(plan(&settings)?, percent, began.elapsed(), memory)
            .map_err(CannotRoll::from)?;
        // The step that the last one led to still lasts, when the settings say so.
        let last = steps.last().and_then(|step| step.end.as_ref()).filter(|end| end.to == percent);
        let step = Step {
            began: last.map_or_else(Utc::now, |end| end.at),
            verdicts: std::collections::BTreeMap::new(),
            moves: MoveCounts::default(),
        };
        options.metrics.rollout_percent.set(f64::from(percent));
        Ok(Self {
            rollout,
            generation: settings.generation,
            began,
            steps,
            step,
            observed: Observed::default(),
            wait: None,
            callers: Callers::default(),
            options,
        })
    }

    /// Follows the settings: another plan, and another percentage that somebody set elsewhere.
    fn follow(&mut self, settings: &Snapshot) {
        if settings.generation != self.generation {
            match plan(settings) {
                Ok(plan) => {
                    // It was checked when it was made.
                    let adopted = self.rollout.adopt(plan);
                    debug_assert!(adopted.is_ok(), "{adopted:?}");
                }
                // Settings are tried before they are in force.
                Err(error) => tracing::error!(%error, "the rollout goes on as it was planned"),
            }
            self.generation = settings.generation;
        }
        let percent = settings.rollout.percent;
        if percent != self.rollout.percent() {
            self.moved(&Move {
                to: percent,
                cause: Cause::Set,
                by: "settings".into(),
                reason: "the settings say so".to_owned(),
            });
        }
    }

    /// What the rules want now.
    fn decide(&mut self, observed: Observed) -> Option<Move> {
        let settings = self.options.live.load();
        self.follow(&settings);
        self.observed = observed;
        self.observed.measures.covered = settings.routing().is_covered();
        self.options.placing.set_up(!self.observed.measures.breaker_open);
        let by = Arc::<str>::from(ITSELF);
        let (name, wanted) = match self.rollout.tick(self.began.elapsed(), &self.observed.measures)
        {
            Decision::Advance { to, why } => {
                ("advance", Some(Move { to, cause: Cause::Advanced, by, reason: why }))
            }
            Decision::Rollback { to, reason } => {
                let reason = reason.detail;
                ("rollback", Some(Move { to, cause: Cause::RolledBack, by, reason }))
            }
            Decision::Wait(wait) => {
                self.wait = Some(wait);
                ("wait", None)
            }
        };
        self.options.metrics.rollout_decisions_total.with([name]).increment(1);
        wanted
    }

    /// Sets the percentage; resolves to whether that was done.
    fn set(&self, wanted: &Move) -> impl Future<Output = Result<Applied, ReloadError>> + 'static {
        let reloader = self.options.reloader.clone();
        let value = Override {
            key: SUBJECT.to_owned(),
            value: Value::from(wanted.to),
            by: wanted.by.clone(),
            at: Utc::now(),
            until: None,
            reason: wanted.reason.as_str().into(),
        };
        async move { reloader.apply(Change::Override(value)).await }
    }

    /// A decision was carried out, or could not be: then it is made again.
    fn carried_out(&mut self, wanted: &Move, result: Result<Applied, ReloadError>) {
        match result {
            Ok(_) => self.moved(wanted),
            Err(error) => {
                tracing::error!(%error, to = wanted.to, "the rollout could not be moved");
                self.options.metrics.rollout_failures_total.increment(1);
            }
        }
    }

    /// The percentage is another now.
    fn moved(&mut self, done: &Move) {
        let outcome = match done.cause {
            Cause::Advanced => StepOutcome::Advanced,
            Cause::RolledBack => StepOutcome::RolledBack,
            Cause::BroughtBack => StepOutcome::BroughtBack,
            Cause::Set => StepOutcome::Set,
        };
        let Move { to, by, reason, .. } = done;
        let at = Utc::now();
        let end = StepEnd { at, outcome, to: *to, by: by.to_string(), reason: reason.clone() };
        let report = self.report(Some(end));
        self.rollout.moved(*to, done.cause, self.began.elapsed());
        self.step = Step {
            began: at,
            verdicts: self.observed.verdicts.clone(),
            moves: self.options.placing.counts(),
        };
        self.wait = None;
        self.options.metrics.rollout_percent.set(f64::from(*to));
        self.options.metrics.rollout_steps_total.with([outcome.name()]).increment(1);
        let from = report.percent;
        tracing::info!(from, to, by = &**by, outcome = outcome.name(), "rollout: {reason}");
        self.record(Deed::Ended(outcome), Some(&report), by, reason);
        self.steps.push(report);
        let old = self.steps.len().saturating_sub(KEPT);
        self.steps.drain(..old);
    }

    /// The step that lasts, as it is.
    fn report(&self, end: Option<StepEnd>) -> StepReport {
        let Observed { verdicts, worst, .. } = &self.observed;
        let before = |name: &String| self.step.verdicts.get(name).copied().unwrap_or(0);
        let since = verdicts.iter().map(|(name, count)| {
            // Whoever counts has begun anew when there are fewer.
            (name.clone(), count.checked_sub(before(name)).unwrap_or(*count))
        });
        StepReport {
            percent: self.rollout.percent(),
            began: self.step.began,
            end,
            gates: self.rollout.gates().to_vec(),
            baseline_ms: self.rollout.baseline().map(millis::exact),
            verdicts: since.filter(|(_, count)| *count > 0).collect(),
            worst: worst.clone(),
            moves: self.moves(),
        }
    }

    /// Moves since the step began.
    fn moves(&self) -> MoveCounts {
        let (now, before) = (self.options.placing.counts(), self.step.moves);
        MoveCounts {
            told: now.told.saturating_sub(before.told),
            to_realtime: now.to_realtime.saturating_sub(before.to_realtime),
            to_direct: now.to_direct.saturating_sub(before.to_direct),
        }
    }

    /// The audit log is told, as soon as it can be.
    fn record(&self, deed: Deed, report: Option<&StepReport>, by: &str, reason: &str) {
        let record = Record {
            actor: by.into(),
            action: deed.action().into(),
            subject: SUBJECT.into(),
            detail: history::detail(&self.rollout, report, reason),
        };
        record.leave(&self.options.audit);
    }

    /// What somebody wants: a move, or nothing more to do.
    fn ordered(&mut self, order: &Order) -> Result<Option<Move>, OrderError> {
        let settings = self.options.live.load();
        self.follow(&settings);
        let Order { command, by, reason } = order;
        let reason = reason.clone().unwrap_or_else(|| "no reason given".to_owned());
        let cause = match command {
            Command::Rollback => Cause::BroughtBack,
            Command::Advance { .. } => Cause::Advanced,
            _ => Cause::Set,
        };
        Ok(match self.rollout.command(*command, settings.routing().is_covered())? {
            // It is there already.
            Ordered::Move { to } if to == self.rollout.percent() => None,
            Ordered::Move { to } => Some(Move { to, cause, by: by.clone(), reason }),
            done => {
                let paused = done == Ordered::Paused;
                let deed = if paused { Deed::Paused } else { Deed::Resumed };
                tracing::info!(by = &**by, action = deed.action(), "rollout: {reason}");
                self.record(deed, None, by, &reason);
                None
            }
        })
    }
}

impl Actor for Conductor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
    }
}

impl Handler<Observed> for Conductor {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, observed: Observed, _: &mut Self::Context) -> Self::Result {
        let wanted = self.decide(observed);
        let set = wanted.as_ref().map(|wanted| self.set(wanted));
        let done = async move { Some(set?.await).zip(wanted) }.into_actor(self);
        let told = done.then(|done, conductor, _| {
            if let Some((result, wanted)) = done {
                conductor.carried_out(&wanted, result);
            }
            let teller = Teller::new(&conductor.options);
            async move { teller.present().await }.into_actor(conductor)
        });
        AtomicResponse::new(Box::pin(told.map(|present, conductor, _| {
            if let Some(present) = present {
                Teller::new(&conductor.options).tell(&present, &mut conductor.callers);
            }
        })))
    }
}

impl Handler<Order> for Conductor {
    type Result = AtomicResponse<Self, Result<RolloutView, OrderError>>;

    fn handle(&mut self, order: Order, _: &mut Self::Context) -> Self::Result {
        let ordered = self.ordered(&order);
        let set = ordered.as_ref().ok().and_then(Option::as_ref).map(|wanted| self.set(wanted));
        let done = async move {
            match set {
                Some(set) => Some(set.await),
                None => None,
            }
        };
        AtomicResponse::new(Box::pin(done.into_actor(self).map(|result, conductor, _| {
            if let (Some(wanted), Some(result)) = (ordered?, result) {
                result.map_err(OrderError::from)?;
                conductor.moved(&wanted);
            }
            Ok(conductor.view())
        })))
    }
}

impl Handler<GetRollout> for Conductor {
    type Result = MessageResult<GetRollout>;

    fn handle(&mut self, _: GetRollout, _: &mut Self::Context) -> Self::Result {
        let settings = self.options.live.load();
        self.follow(&settings);
        MessageResult(self.view())
    }
}

impl Handler<GetReport> for Conductor {
    type Result = MessageResult<GetReport>;

    fn handle(&mut self, _: GetReport, _: &mut Self::Context) -> Self::Result {
        let mut steps = self.steps.clone();
        steps.push(self.report(None));
        MessageResult(Report { steps })
    }
}
