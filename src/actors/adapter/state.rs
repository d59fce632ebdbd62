//! What an adapter remembers: the gate before the destination, and the last requests.

use std::{collections::VecDeque, time::Duration};

use chrono::{DateTime, Utc};

use super::messages::{AttemptsOf, BreakerView, Counts, Limits};
use crate::{
    adapters::retry::Pauses,
    core::{
        breaker::{BadBreaker, BreakerState, Force, Pass, Transition, View},
        delivery::{
            Batch, Delivered, DeliveryError, Item,
            attempt::{Attempt, Attempts, Outcome},
            gate::{Answer, Gate, Leave},
        },
        event::Seq,
        stats::{Latencies, Quantiles},
    },
};

/// Requests that are remembered.
const ATTEMPTS: usize = 4096;
/// Transitions that are remembered here; all of them are in the audit log.
const TRANSITIONS: usize = 50;

pub(super) struct State {
    gate: Gate,
    pauses: Pauses,
    attempts: Attempts,
    transitions: VecDeque<BreakerView>,
    counts: Counts,
    latency: Latencies,
    stopping: bool,
}

/// What was sent, and how long it took.
pub(super) struct Told {
    pub(super) events: usize,
    pub(super) latency: Duration,
    /// The first event and the last, when there was any.
    span: Option<(Seq, Seq)>,
}

/// When an answer came, and what was drawn for it.
pub(super) struct Moment {
    pub(super) now: Duration,
    pub(super) at: DateTime<Utc>,
    /// From `0.0..1.0`.
    pub(super) jitter: f64,
}

impl Told {
    pub(super) fn batch(batch: &Batch, latency: Duration) -> Self {
        let seq = |item: Option<&Item>| item.map(|item| item.event.seq);
        let span = seq(batch.items.first()).zip(seq(batch.items.last()));
        Self { events: batch.items.len(), latency, span }
    }

    pub(super) fn announcement(latency: Duration) -> Self {
        Self { events: 1, latency, span: None }
    }
}

impl State {
    pub(super) fn new(gate: Gate, pauses: Pauses) -> Self {
        Self {
            gate,
            pauses,
            attempts: Attempts::new(ATTEMPTS),
            transitions: VecDeque::new(),
            counts: Counts::default(),
            latency: Latencies::default(),
            stopping: false,
        }
    }

    pub(super) fn ask(&mut self, now: Duration) -> (Leave, Option<Transition>) {
        self.gate.ask(now)
    }

    pub(super) fn told(
        &mut self,
        pass: Pass,
        result: &Result<Delivered, DeliveryError>,
        told: &Told,
        &Moment { now, at, jitter }: &Moment,
    ) -> Option<Transition> {
        let outcome = Outcome::of(result);
        self.counts.count(outcome);
        self.latency.record(now, told.latency);
        if let Some((first, last)) = told.span {
            self.attempts.push(Attempt {
                at,
                first,
                last,
                events: told.events,
                outcome,
                reason: result.as_ref().err().map(ToString::to_string),
                latency: told.latency,
                breaker: self.breaker_state(),
            });
        }
        let wait = match result {
            Ok(_) => {
                self.pauses.begin_anew();
                Duration::ZERO
            }
            Err(error) => self.pauses.after(error),
        };
        self.gate.told(pass, &Answer { events: told.events, result, wait, jitter }, now)
    }

    pub(super) fn force(&mut self, force: Force, now: Duration) -> Option<Transition> {
        self.pauses.begin_anew();
        self.gate.force(force, now)
    }

    /// Takes other limits. What was learned stays, unless the destination is another.
    pub(super) fn reconfigure(
        &mut self,
        limits: &Limits,
        is_another: bool,
        now: Duration,
    ) -> Result<Option<Transition>, BadBreaker> {
        self.gate.adopt(limits.breaker, limits.per_second)?;
        self.pauses = Pauses::new(limits.retry);
        Ok(is_another.then(|| self.gate.reset(now)).flatten())
    }

    pub(super) fn release(&mut self, now: Duration) -> Option<Transition> {
        self.gate.release(now)
    }

    pub(super) fn stop(&mut self) {
        self.stopping = true;
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping
    }

    pub(super) fn breaker_state(&self) -> BreakerState {
        self.gate.breaker().view().state
    }

    /// Keeps the breaker as it is now among the last transitions.
    pub(super) fn remember(&mut self, clock: impl Fn(Duration) -> DateTime<Utc>) {
        self.transitions.truncate(TRANSITIONS - 1);
        let view = self.breaker(clock);
        self.transitions.push_front(view);
    }

    pub(super) fn transitions(&self) -> Vec<BreakerView> {
        self.transitions.iter().cloned().collect()
    }

    pub(super) fn breaker(&self, clock: impl Fn(Duration) -> DateTime<Utc>) -> BreakerView {
        let View {
            state,
            since,
            until,
            cause,
            forced,
            consecutive_failures,
            window_attempts,
            window_failures,
        } = self.gate.breaker().view();
        BreakerView {
            state,
            since: clock(since),
            until: until.map(clock),
            cause: cause.map(|cause| cause.to_string()),
            forced,
            consecutive_failures,
            window_attempts,
            window_failures,
        }
    }

    pub(super) fn waits_until(&self, now: Duration) -> Option<Duration> {
        Some(self.gate.not_before()).filter(|until| *until > now)
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    pub(super) fn latency(&mut self, now: Duration) -> Quantiles {
        self.latency.quantiles(now)
    }

    pub(super) fn last_failure(&self) -> Option<Attempt> {
        self.attempts.last_failure().cloned()
    }

    pub(super) fn attempts_of(&self, seq: Seq, began: DateTime<Utc>) -> AttemptsOf {
        AttemptsOf {
            attempts: self.attempts.of(seq).cloned().collect(),
            since: self.attempts.oldest().map_or(began, |oldest| oldest.at),
        }
    }
}
