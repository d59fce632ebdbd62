//! What becomes of events: counted, stored with the cursor, and told.

use actix::prelude::*;

use super::{Batcher, BatcherView, Phase, SAVE_AGAIN};
use crate::{
    actors::journal::{Bury, SaveCursor},
    adapters::Settled,
    core::{
        batching::{BatchResult, Outcome},
        cursor::durable::CursorStep,
        delivery::{
            Attempted, DeliveryError, REALTIME,
            outgoing::{DeadItem, Progress},
        },
        ledger::Balance,
    },
    storage::NewDeadLetter,
};

impl Batcher {
    /// Takes note of what an answer settled, and goes on.
    pub(super) fn settle(&mut self, progress: Progress, ctx: &mut Context<Self>) {
        let Progress { step, delivered, known, dead } = progress;
        self.count(delivered, known, dead.len() as u64);
        let settled = delivered + dead.len() as u64;
        self.forgettable += usize::try_from(settled).unwrap_or(usize::MAX);
        match step {
            Some(step) if !dead.is_empty() => self.bury(&dead, step, ctx),
            Some(step) => {
                self.save(step);
                self.go_on(ctx);
            }
            None => self.go_on(ctx),
        }
    }

    fn count(&self, delivered: u64, known: u64, dead: u64) {
        self.options.tally.settle(Settled { delivered, known, dead, skipped: 0 });
        for (outcome, count) in [("delivered", delivered - known), ("known", known), ("dead", dead)]
        {
            let events = &self.options.metrics.adapter_events_total;
            events.with([REALTIME, outcome]).increment(count);
        }
    }

    /// Does what is next, unless the router stops.
    fn go_on(&mut self, ctx: &mut Context<Self>) {
        if self.finished.is_empty() {
            self.proceed(ctx);
        } else {
            self.stop();
        }
    }

    /// Has it stored how far it is; nothing goes on before that.
    pub(super) fn store(&mut self, ctx: &mut Context<Self>) {
        let step = CursorStep::new(REALTIME, self.outgoing.position());
        self.bury(&[], step.and_through(self.outgoing.through()), ctx);
    }

    /// Sets events aside in one transaction with the cursor's step; nothing goes on before that.
    fn bury(&mut self, dead: &[DeadItem], step: CursorStep, ctx: &mut Context<Self>) {
        self.phase = Phase::Burying;
        self.options.news.passed(step.through);
        let epoch = step.position.epoch;
        let letters = dead.iter().map(|dead| letter(dead, epoch)).collect();
        self.try_bury(Bury { letters, step }, ctx);
    }

    fn try_bury(&mut self, bury: Bury, ctx: &mut Context<Self>) {
        let again = Bury { letters: bury.letters.clone(), step: bury.step.clone() };
        let sent = self.options.journal.bury.send(bury);
        ctx.spawn(sent.into_actor(self).map(move |buried, batcher, ctx| match buried {
            Ok(Ok(())) => {
                batcher.phase = Phase::Idle;
                batcher.forgettable = 0;
                batcher.go_on(ctx);
            }
            Ok(Err(error)) if batcher.finished.is_empty() => {
                tracing::warn!(%error, "what became of events is not stored yet");
                ctx.run_later(SAVE_AGAIN, move |batcher, ctx| batcher.try_bury(again, ctx));
            }
            // They are delivered or set aside again after the next start.
            Ok(Err(_)) | Err(_) => batcher.stop(),
        }));
    }

    /// Lets the journal store how far it is; where there is no room, soon.
    pub(super) fn save(&mut self, step: CursorStep) {
        self.options.news.passed(step.through);
        let step = match self.unsaved.take() {
            Some(SaveCursor(earlier)) => earlier.then(step),
            None => step,
        };
        if self.options.journal.save.try_send(SaveCursor(step.clone())).is_err() {
            self.unsaved = Some(SaveCursor(step));
        }
    }

    pub(super) fn save_again(&mut self) {
        if let Some(SaveCursor(step)) = self.unsaved.take() {
            self.save(step);
        }
    }

    /// The policy learns from an answer; a rejection says nothing about sizes.
    pub(super) fn observe(&mut self, attempted: &Attempted) {
        let result = match &attempted.result {
            Ok(_) => BatchResult::Ok,
            Err(DeliveryError::RateLimited { .. }) => BatchResult::Throttled,
            Err(DeliveryError::Transient { .. }) => BatchResult::Failed,
            Err(DeliveryError::Rejected { .. } | DeliveryError::Misconfigured { .. }) => return,
        };
        let (size, latency) = (attempted.sent, attempted.latency);
        self.options.policy.observe(Outcome { size, latency, result });
    }

    pub(super) fn view(&mut self) -> BatcherView {
        let (depth, plan) = (self.depth(), self.plan());
        BatcherView {
            position: self.outgoing.position(),
            through: self.outgoing.through(),
            lag_events: depth as u64,
            lag: self.lag(),
            batch_events: plan.size,
            linger: plan.linger,
            phase: match self.phase {
                Phase::Idle | Phase::Lingered => "idle",
                Phase::Lingering => "filling a batch",
                Phase::Reading => "reading",
                Phase::Sending => "sending",
                Phase::Burying => "storing",
                Phase::Stopped => "stopped",
            },
            settled: self.options.tally.settled(),
            balance: self.balance(depth as u64),
        }
    }

    /// What was routed here against what became of it: counted apart.
    fn balance(&self, pending: u64) -> Balance {
        let Settled { delivered, dead, skipped, .. } = self.options.tally.settled();
        let read = self.outgoing.routed() + self.outgoing.unread();
        let matched = self.settled_before + read + skipped;
        let accounted = delivered + dead + skipped + pending;
        let imbalance = matched.abs_diff(accounted);
        let mut balance = Balance { delivered, imbalance, matched, pending, ..Balance::default() };
        balance.drop("dead_letter", dead);
        balance.drop("retention", skipped);
        balance
    }
}

fn letter(dead: &DeadItem, epoch: uuid::Uuid) -> NewDeadLetter {
    let DeadItem { event, reason, attempts } = dead;
    NewDeadLetter {
        adapter: REALTIME.into(),
        epoch,
        event: event.clone(),
        reason: reason.as_str().into(),
        attempts: *attempts,
    }
}
