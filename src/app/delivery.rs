//! The realtime path at run time: put together, changed and taken apart as the settings say.
//!
//! A transport, the adapter that sends by it, the batcher that reads for it. They have a thread of
//! their own, so that nothing they do delays a commit. Other limits, and another destination, are
//! told to the actors between two requests: nothing is sent twice, and nothing passed over. Where the
//! path goes off, they finish as for the router's end; when it comes on again, the next ones go on
//! from where these were.

mod plan;

use std::{
    sync::{Arc, Mutex as StdMutex, PoisonError},
    time::Duration,
};

use actix::{Actor, Addr, Arbiter};
use arc_swap::ArcSwap;
use chrono::Utc;
use futures_util::future::join;
use tokio::sync::{Mutex, watch};

pub(super) use self::plan::NotPlanned;
use self::plan::Plan;
use super::options::Common;
use crate::{
    actors::{
        adapter::{Adapter, AdapterOptions, StopDelivering, TryAgain},
        batcher::{
            AdapterRecipients, Batcher, BatcherOptions, BatcherView, FinishBatching, GetBatcher,
            JournalRecipients,
        },
        journal::{BeginCursor, Journal, PublishError},
    },
    adapters::{
        MonitoringAdapter, Tally, dual::DualAdapter, factory::Builtin,
        realtime::adapter::RealtimeAdapter, websocket::WebsocketAdapter,
    },
    core::{
        breaker::Breaker,
        cursor::durable::{self, Cursor},
        delivery::REALTIME,
    },
    http::adapters::{Delivery, Realtime},
    settings::Settings,
    storage::StorageError,
};

/// Why the paths cannot be as the settings say.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotReady {
    /// The settings cannot be followed.
    #[error(transparent)]
    Plan(#[from] NotPlanned),
    /// It is not known where to go on.
    #[error("where the realtime path goes on cannot be read: {0}")]
    Storage(#[from] StorageError),
    /// Where it begins cannot be stored.
    #[error("where the realtime path begins cannot be stored: {0}")]
    Journal(#[from] PublishError),
}

/// A change of the paths that is ready to take effect.
pub(super) struct Prepared(Option<Plan>);

/// Who changes the delivery paths.
pub(super) struct Rails {
    common: Common,
    journal: Addr<Journal>,
    builtin: Builtin,
    direct: Arc<dyn MonitoringAdapter>,
    /// What became of events on the realtime path, whichever actors delivered them.
    tally: Arc<Tally>,
    /// What is on, for all who look.
    shown: Arc<ArcSwap<Delivery>>,
    /// Where the path goes on, once that is known.
    place: StdMutex<Option<Cursor>>,
    /// What was adopted last; the running one follows it.
    newest: watch::Sender<Option<Plan>>,
    running: Mutex<Option<Running>>,
}

/// The actors at work, and what they do it by.
struct Running {
    plan: Plan,
    realtime: Realtime,
    thread: Arbiter,
}

impl Rails {
    /// The direct path alone.
    pub(super) fn new(common: &Common, journal: &Addr<Journal>, builtin: Builtin) -> Self {
        let direct: Arc<dyn MonitoringAdapter> =
            Arc::new(WebsocketAdapter::new(common.metrics.clone()));
        let alone = Delivery { paths: vec![direct.clone()], realtime: None };
        Self {
            common: common.clone(),
            journal: journal.clone(),
            builtin,
            direct,
            tally: Arc::default(),
            shown: Arc::new(ArcSwap::from_pointee(alone)),
            place: StdMutex::default(),
            newest: watch::Sender::new(None),
            running: Mutex::default(),
        }
    }

    /// The paths, as they are whenever one looks.
    pub(super) fn shown(&self) -> Arc<ArcSwap<Delivery>> {
        self.shown.clone()
    }

    /// Builds what these settings ask for. Before the path is on, it is stored where it begins: what
    /// is routed there from then on is delivered, also if the router is killed now.
    ///
    /// # Errors
    /// See [`NotReady`]; nothing has changed then that anybody could see.
    pub(super) async fn prepare(&self, settings: &Settings) -> Result<Prepared, NotReady> {
        let before = self.newest.borrow().clone();
        let plan = Plan::of(settings, (&self.builtin, &self.common.rehearsals), before.as_ref())?;
        if plan.is_some() && self.place().is_none() {
            let within = settings.journal.answer_timeout;
            let place = tokio::time::timeout(within, self.begin()).await;
            // Written later all the same, it is where the path begins when it comes on.
            self.keep(place.unwrap_or(Err(PublishError::Unknown.into()))?);
        }
        Ok(Prepared(plan))
    }

    /// What was prepared takes effect, as soon as requests under way have ended.
    pub(super) fn adopt(&self, Prepared(plan): Prepared) {
        let comes_on = plan.is_some() && self.newest.borrow().is_none();
        if let Some(place) = self.place().filter(|_| comes_on) {
            // From now on something may be routed there that must not be deleted before.
            let head = self.common.tail.load().head();
            let through = durable::resume(Some(&place), &head).next - 1;
            self.common.cursors.enable(REALTIME, through);
        }
        self.newest.send_replace(plan);
    }

    /// Follows what is adopted, for as long as the process lives.
    pub(super) async fn run(self: Arc<Self>) {
        let mut newest = self.newest.subscribe();
        newest.mark_changed();
        while newest.changed().await.is_ok() {
            let plan = newest.borrow_and_update().clone();
            self.change(plan).await;
        }
    }

    /// The destination may be set right: whether it is, is tried.
    pub(super) async fn try_again(&self) {
        if let Some(realtime) = &self.shown.load().realtime
            && realtime.adapter.send(TryAgain).await.is_err()
        {
            tracing::debug!("the adapter was gone before it could try again");
        }
    }

    /// Becomes what was adopted last.
    pub(super) async fn settle(&self) {
        let plan = self.newest.borrow().clone();
        self.change(plan).await;
    }

    /// Becomes what `plan` says.
    async fn change(&self, plan: Option<Plan>) {
        let mut running = self.running.lock().await;
        *running = match (running.take(), plan) {
            (None, None) => None,
            (None, Some(plan)) => match self.start(plan) {
                Ok(on) => Some(on),
                // It was checked when it was planned.
                Err(error) => {
                    tracing::error!(%error, "the realtime path does not begin");
                    None
                }
            },
            (Some(on), Some(plan)) => Some(self.reconfigure(on, plan).await),
            (Some(on), None) => {
                self.stop(on).await;
                None
            }
        };
    }

    /// Nothing more is sent: the request in flight is finished, and the cursor is on its way to the
    /// journal.
    pub(super) async fn finish(&self, within: Duration) {
        let finished = async {
            if let Some(Running { realtime, .. }) = &*self.running.lock().await {
                finish(realtime).await;
            }
        };
        if tokio::time::timeout(within, finished).await.is_err() {
            tracing::warn!("a request to the destination did not end in time: it is made again");
        }
    }

    fn start(&self, plan: Plan) -> Result<Running, NotPlanned> {
        let place = self.place();
        tracing::info!(
            destination = plan.transport.describe(),
            after = place.as_ref().map(|cursor| cursor.through),
            "events are delivered to Realtime too",
        );
        let breaker = Breaker::try_new(plan.limits.breaker, Duration::ZERO)?;
        let thread = Arbiter::new();
        let options = self.adapter_options(&plan, breaker);
        let adapter = Adapter::start_in_arbiter(&thread.handle(), |_| Adapter::new(options));
        let options = self.batcher_options(&plan, place, &adapter);
        let batcher = Batcher::start_in_arbiter(&thread.handle(), |_| Batcher::new(options));
        let realtime = Realtime { adapter, batcher };
        self.show(&plan, &realtime);
        Ok(Running { plan, realtime, thread })
    }

    async fn reconfigure(&self, on: Running, plan: Plan) -> Running {
        let Running { plan: before, realtime, thread } = on;
        if let Some(change) = plan.for_batcher(&before)
            && realtime.batcher.send(change).await.is_err()
        {
            tracing::error!("the batcher was gone before it heard of other settings");
        }
        if let Some(change) = plan.for_adapter(&before) {
            match realtime.adapter.send(change).await {
                Ok(Ok(())) => tracing::info!(
                    destination = plan.transport.describe(),
                    "events are delivered to Realtime by other settings"
                ),
                // Its limits were checked before they were in force.
                Ok(Err(error)) => tracing::error!(%error, "the adapter keeps its settings"),
                Err(_) => tracing::error!("the adapter was gone before it heard of other settings"),
            }
        }
        self.show(&plan, &realtime);
        Running { plan, realtime, thread }
    }

    async fn stop(&self, Running { realtime, thread, .. }: Running) {
        self.shown.store(Arc::new(self.alone()));
        finish(&realtime).await;
        if let Ok(BatcherView { position, through, .. }) = realtime.batcher.send(GetBatcher).await {
            self.keep(Cursor { position, through, updated_at: Utc::now() });
            tracing::info!(after = through, "events are not delivered to Realtime any more");
        } else {
            // The place before this one is good too, and the watchdog ends the process.
            tracing::error!("the batcher was gone before it said how far it was");
        }
        self.common.cursors.disable(REALTIME);
        thread.stop();
    }

    fn show(&self, plan: &Plan, realtime: &Realtime) {
        let path: Arc<dyn MonitoringAdapter> =
            Arc::new(RealtimeAdapter::new(plan.transport.clone(), self.tally.clone()));
        let dual = Arc::new(DualAdapter::new(self.direct.clone(), path.clone()));
        let paths = vec![self.direct.clone(), path, dual];
        self.shown.store(Arc::new(Delivery { paths, realtime: Some(realtime.clone()) }));
    }

    fn alone(&self) -> Delivery {
        Delivery { paths: vec![self.direct.clone()], realtime: None }
    }

    fn adapter_options(&self, plan: &Plan, breaker: Breaker) -> AdapterOptions {
        AdapterOptions {
            transport: plan.transport.clone(),
            breaker,
            limits: plan.limits,
            audit: self.journal.clone().recipient(),
            tally: self.tally.clone(),
            news: self.common.news.clone(),
            metrics: self.common.metrics.clone(),
        }
    }

    fn batcher_options(
        &self,
        plan: &Plan,
        cursor: Option<Cursor>,
        adapter: &Addr<Adapter>,
    ) -> BatcherOptions {
        BatcherOptions {
            storage: self.common.storage.clone(),
            tail: self.common.tail.clone(),
            advanced: self.common.advanced.clone(),
            cursor,
            policy: plan.policy.clone(),
            max_probes: plan.max_probes,
            announce: plan.announce,
            adapter: AdapterRecipients {
                deliver: adapter.clone().recipient(),
                announce: adapter.clone().recipient(),
            },
            journal: JournalRecipients {
                save: self.journal.clone().recipient(),
                bury: self.journal.clone().recipient(),
            },
            tally: self.tally.clone(),
            news: self.common.news.clone(),
            metrics: self.common.metrics.clone(),
        }
    }

    /// Where the path was, or where it begins, which is stored.
    async fn begin(&self) -> Result<Cursor, NotReady> {
        if let Some(cursor) = self.common.storage.cursor(REALTIME).await? {
            return Ok(cursor);
        }
        let head = self.common.tail.load().head();
        let step = durable::resume(None, &head).step(REALTIME, &head);
        let cursor =
            Cursor { position: step.position, through: step.through, updated_at: Utc::now() };
        let stored = self.journal.send(BeginCursor(step)).await;
        stored.unwrap_or(Err(PublishError::Unavailable))?;
        Ok(cursor)
    }

    fn place(&self) -> Option<Cursor> {
        *self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, place: Cursor) {
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = Some(place);
    }
}

/// The request in flight is finished, and the cursor is on its way to the journal.
async fn finish(realtime: &Realtime) {
    let finished = realtime.batcher.send(FinishBatching);
    let (finished, stopped) = join(finished, realtime.adapter.send(StopDelivering)).await;
    if finished.is_err() || stopped.is_err() {
        tracing::error!("the actors of the realtime path were gone before they were finished");
    }
}

/// Whether the actors of a path that is on are told of anything.
#[cfg(test)]
pub(super) fn differ(next: &Settings, before: &Settings, builtin: &Builtin) -> bool {
    let rehearsals = Arc::new(crate::adapters::rehearsal::Rehearsals::new(Arc::new(
        crate::telemetry::Metrics::new(),
    )));
    let made_of = (builtin, &rehearsals);
    let plan = |settings, before| Plan::of(settings, made_of, before).ok().flatten();
    let Some(before) = plan(before, None) else { return true };
    let Some(next) = plan(next, Some(&before)) else { return true };
    next.for_adapter(&before).is_some() || next.for_batcher(&before).is_some()
}
