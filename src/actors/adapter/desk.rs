//! The adapter at work: one request at a time, and whoever asks is answered meanwhile.

use std::{
    cell::{Cell, RefCell},
    future::pending,
    sync::Arc,
    time::Duration,
};

use actix::Recipient;
use chrono::{DateTime, Utc};
use serde_json::json;
use tokio::{
    sync::{Mutex, Notify},
    time::{Instant, sleep_until, timeout},
};

use super::{
    AdapterOptions,
    messages::{AdapterView, AttemptsOf, BreakerView, Limits, Reconfigure, RedeliverError},
    state::{Moment, State, Told},
};
use crate::{
    actors::{journal::Record, validator::news::PathNews},
    adapters::{Tally, Transport, retry::Pauses},
    core::{
        breaker::{BadBreaker, BreakerState, Force, Pass, Transition},
        delivery::{
            Attempted, Batch, Delivered, DeliveryError, REALTIME,
            attempt::Outcome,
            gate::{Gate, Leave},
        },
        event::{Position, Seq, rfc3339},
    },
    telemetry::Metrics,
};

/// Who moves the breaker when settings do, in the audit log.
const SETTINGS: &str = "settings";

/// What all of an adapter's work shares. Nothing is borrowed over an await.
pub(super) struct Desk {
    transport: RefCell<Arc<dyn Transport>>,
    state: RefCell<State>,
    /// Held by the one whose request is under way.
    lane: Mutex<()>,
    /// The breaker was forced, or the adapter stops.
    changed: Notify,
    began: Instant,
    deadline: Cell<Duration>,
    audit: Recipient<Record>,
    tally: Arc<Tally>,
    news: Arc<PathNews>,
    metrics: Arc<Metrics>,
}

/// Leave to send.
struct Permitted {
    pass: Pass,
    is_probe: bool,
}

impl Desk {
    pub(super) fn new(options: AdapterOptions) -> Self {
        let AdapterOptions { transport, breaker, limits, audit, tally, news, metrics } = options;
        let Limits { retry, per_second, deadline, .. } = limits;
        let gate = Gate::new(breaker, per_second);
        let desk = Self {
            transport: RefCell::new(transport),
            state: RefCell::new(State::new(gate, Pauses::new(retry))),
            lane: Mutex::default(),
            changed: Notify::new(),
            began: Instant::now(),
            deadline: Cell::new(deadline),
            audit,
            tally,
            news,
            metrics,
        };
        desk.show_state(BreakerState::Closed);
        desk
    }

    /// Sends the batch or its beginning, once it may.
    pub(super) async fn deliver(&self, mut batch: Batch) -> Option<Attempted> {
        let Permitted { pass, is_probe } = self.permitted().await?;
        let _turn = self.lane.lock().await;
        let fits = if is_probe { 1 } else { self.transport().fitting(&batch) };
        batch.items.truncate(fits.max(1));
        let (result, latency) = self.send(&batch, pass).await;
        let probe = match (is_probe, &result) {
            (false, _) => None,
            (true, Err(DeliveryError::Transient { .. })) => Some(self.is_well().await),
            (true, _) => Some(true),
        };
        Some(Attempted { sent: batch.items.len(), probe, latency, result })
    }

    /// Says how far the path is, unless there is something else to do, or reason not to.
    pub(super) async fn announce(&self, position: Position) {
        let Ok(_turn) = self.lane.try_lock() else { return };
        let Some(Permitted { pass, .. }) = self.permitted_now() else { return };
        let began = self.now();
        let result = self.within(self.transport().announce(position)).await;
        let result = result.map(|()| Delivered::default());
        self.settle(pass, &result, &Told::announcement(self.now().saturating_sub(began)));
    }

    /// Sends what was set aside, at once or not at all.
    pub(super) async fn redeliver(&self, batch: Batch) -> Result<(), RedeliverError> {
        let _turn = self.lane.lock().await;
        let state = self.state.borrow().breaker_state();
        if state != BreakerState::Closed {
            return Err(RedeliverError::Open(state.name()));
        }
        let Some(Permitted { pass, .. }) = self.permitted_now() else {
            let why = "the adapter waits, after a failure or because it was asked to";
            return Err(RedeliverError::NotTaken(why.to_owned()));
        };
        match self.send(&batch, pass).await.0 {
            Ok(_) => Ok(()),
            Err(DeliveryError::Rejected { reason, .. }) => Err(RedeliverError::Rejected(reason)),
            Err(error) => Err(RedeliverError::NotTaken(error.to_string())),
        }
    }

    pub(super) fn force(&self, force: Force, by: &str) -> BreakerView {
        let transition = self.state.borrow_mut().force(force, self.now());
        self.write_down(by, "breaker.forced".to_owned(), json!({ "to": force.name() }));
        self.tell(transition, by);
        self.changed.notify_waiters();
        self.state.borrow().breaker(self.clock())
    }

    pub(super) fn view(&self) -> AdapterView {
        let now = self.now();
        let mut state = self.state.borrow_mut();
        let (clock, transport) = (self.clock(), self.transport());
        AdapterView {
            transport: transport.kind(),
            published: transport.is_published(),
            breaker: state.breaker(clock),
            transitions: state.transitions(),
            attempts: state.counts(),
            latency: state.latency(now),
            waits_until: state.waits_until(now).map(clock),
            last_failure: state.last_failure(),
        }
    }

    pub(super) fn attempts_of(&self, seq: Seq) -> AttemptsOf {
        self.state.borrow().attempts_of(seq, self.clock()(Duration::ZERO))
    }

    pub(super) fn stop(&self) {
        self.state.borrow_mut().stop();
        self.changed.notify_waiters();
    }

    /// Returns when no request is under way.
    pub(super) async fn ended(&self) {
        drop(self.lane.lock().await);
    }

    /// Takes other settings, between two requests.
    pub(super) async fn reconfigure(&self, change: Reconfigure) -> Result<(), BadBreaker> {
        let _turn = self.lane.lock().await;
        let Reconfigure { transport, is_another, limits } = change;
        let now = self.now();
        let transition = self.state.borrow_mut().reconfigure(&limits, is_another, now)?;
        self.deadline.set(limits.deadline);
        if let Some(transport) = transport {
            self.transport.replace(transport);
        }
        self.tell(transition, SETTINGS);
        self.changed.notify_waiters();
        Ok(())
    }

    pub(super) fn try_again(&self) {
        let transition = self.state.borrow_mut().release(self.now());
        self.tell(transition, SETTINGS);
        self.changed.notify_waiters();
    }

    fn transport(&self) -> Arc<dyn Transport> {
        self.transport.borrow().clone()
    }

    /// Leave to send, as soon as there is any; `None` when the adapter stops.
    async fn permitted(&self) -> Option<Permitted> {
        loop {
            // Before the state is looked at, so that nothing is missed between.
            let changed = self.changed.notified();
            if self.state.borrow().is_stopping() {
                return None;
            }
            let until = match self.ask() {
                Ok(permitted) => return Some(permitted),
                Err(until) => until,
            };
            let passed = async {
                match until {
                    Some(until) => sleep_until(self.began + until).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                () = passed => {}
                () = changed => {}
            }
        }
    }

    /// Leave to send now, if the breaker is closed and nothing is waited for.
    fn permitted_now(&self) -> Option<Permitted> {
        let state = self.state.borrow();
        let flows = !state.is_stopping() && state.breaker_state() == BreakerState::Closed;
        drop(state);
        flows.then(|| self.ask().ok()).flatten()
    }

    fn ask(&self) -> Result<Permitted, Option<Duration>> {
        let (leave, transition) = self.state.borrow_mut().ask(self.now());
        self.tell(transition, REALTIME);
        match leave {
            Leave::Go(pass) => Ok(Permitted { pass, is_probe: false }),
            Leave::Probe(pass) => Ok(Permitted { pass, is_probe: true }),
            Leave::Wait(until) => Err(until),
        }
    }

    async fn send(
        &self,
        batch: &Batch,
        pass: Pass,
    ) -> (Result<Delivered, DeliveryError>, Duration) {
        let began = self.now();
        let result = self.within(self.transport().deliver(batch)).await;
        let latency = self.now().saturating_sub(began);
        self.settle(pass, &result, &Told::batch(batch, latency));
        (result, latency)
    }

    async fn is_well(&self) -> bool {
        self.within(self.transport().health()).await.is_ok()
    }

    /// What a transport answers, within the time that a request may take.
    async fn within<T>(
        &self,
        answer: impl Future<Output = Result<T, DeliveryError>>,
    ) -> Result<T, DeliveryError> {
        let deadline = self.deadline.get();
        timeout(deadline, answer).await.unwrap_or_else(|_elapsed| {
            let reason = format!("no answer within {} s", deadline.as_secs_f64());
            Err(DeliveryError::Transient { reason })
        })
    }

    /// Takes an answer in: counts it, remembers it, and lets the breaker know.
    fn settle(&self, pass: Pass, result: &Result<Delivered, DeliveryError>, told: &Told) {
        let outcome = Outcome::of(result);
        self.metrics.adapter_attempts_total.with([REALTIME, outcome.name()]).increment(1);
        self.metrics.adapter_request_seconds.with([REALTIME]).record(told.latency);
        if let Err(error) = result {
            self.tally.fail();
            tracing::debug!(%error, outcome = outcome.name(), events = told.events, "not delivered");
        }
        let moment = Moment { now: self.now(), at: Utc::now(), jitter: fastrand::f64() };
        let transition = self.state.borrow_mut().told(pass, result, told, &moment);
        self.tell(transition, REALTIME);
    }

    /// A transition is a log line, a metric, and a row of the audit log.
    fn tell(&self, transition: Option<Transition>, by: &str) {
        let Some(transition) = transition else { return };
        let Transition { from, to, ref cause, until, .. } = transition;
        let until = until.map(|until| rfc3339(self.clock()(until)));
        self.show_state(to);
        self.metrics.adapter_breaker_transitions_total.with([REALTIME, to.name()]).increment(1);
        let destination = self.transport().describe();
        match to {
            BreakerState::Open => tracing::warn!(
                destination, %cause, until, "the breaker is open: nothing is sent to the destination"
            ),
            BreakerState::HalfOpen => {
                tracing::info!(destination, "the breaker lets a probe through");
            }
            BreakerState::Closed => {
                tracing::info!(destination, %cause, "the breaker is closed: events flow again");
            }
        }
        let detail = json!({
            "from": from.name(), "to": to.name(), "cause": cause.to_string(), "until": until,
        });
        self.write_down(by, format!("breaker.{}", to.name()), detail);
        let now = self.clock();
        self.state.borrow_mut().remember(now);
    }

    fn write_down(&self, by: &str, action: String, detail: serde_json::Value) {
        let record = Record {
            actor: by.into(),
            action: action.into(),
            subject: format!("adapter:{REALTIME}").into(),
            detail,
        };
        record.leave(&self.audit);
    }

    fn show_state(&self, state: BreakerState) {
        self.news.closed(state == BreakerState::Closed);
        for each in BreakerState::ALL {
            let value = if each == state { 1.0 } else { 0.0 };
            self.metrics.adapter_breaker_state.with([REALTIME, each.name()]).set(value);
        }
    }

    /// Since the adapter began.
    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// The time of day that a duration since the beginning is.
    fn clock(&self) -> impl Fn(Duration) -> DateTime<Utc> + Copy + use<> {
        let (now, elapsed) = (Utc::now(), self.now());
        move |at| match at.checked_sub(elapsed) {
            Some(later) => now + later,
            None => now - elapsed.saturating_sub(at),
        }
    }
}
