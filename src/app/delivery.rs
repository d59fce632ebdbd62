//! The realtime path, put together: a transport, the adapter that sends by it, the batcher that reads
//! for it. They have a thread of their own, so that nothing they do delays a commit.

use std::{sync::Arc, time::Duration};

use actix::{Actor, Addr, Arbiter};
use tokio::sync::watch;

use super::{AppError, Common};
use crate::{
    actors::{
        adapter::{Adapter, AdapterOptions, StopDelivering},
        batcher::{AdapterRecipients, Batcher, BatcherOptions, FinishBatching, JournalRecipients},
        journal::{Bury, Journal, PublishError},
    },
    adapters::{
        MonitoringAdapter, Paths, Tally, Transport, TransportKind,
        dual::DualAdapter,
        factory::{self, Builtin},
        realtime::adapter::RealtimeAdapter,
        retry::Pauses,
        websocket::WebsocketAdapter,
    },
    core::{
        batching::{self, PathPolicy},
        breaker::{Breaker, BreakerLimits},
        cursor::durable::{self, Cursor},
        delivery::REALTIME,
        retry::{RetryLimits, RetryPolicy},
    },
    http::adapters::{Delivery, Realtime},
    settings::{BreakerSettings, RetrySettings, Settings},
};

/// How much longer than its transport the adapter waits for an answer.
const GRACE: Duration = Duration::from_secs(1);

/// Makes the paths that the flags name.
pub(super) async fn start(
    settings: &Settings,
    common: &Common,
    journal: &Addr<Journal>,
    advanced: watch::Receiver<()>,
    builtin: Option<Builtin>,
) -> Result<Delivery, AppError> {
    let direct: Arc<dyn MonitoringAdapter> =
        Arc::new(WebsocketAdapter::new(common.metrics.clone()));
    if !Paths::of(&settings.flags).realtime {
        return Ok(Delivery::new(vec![direct], None));
    }
    let transport: Arc<dyn Transport> = factory::transport(settings, builtin.as_ref())?.into();
    let tally = Arc::<Tally>::default();
    let path: Arc<dyn MonitoringAdapter> =
        Arc::new(RealtimeAdapter::new(transport.clone(), tally.clone()));
    let dual = Arc::new(DualAdapter::new(direct.clone(), path.clone()));
    let realtime = actors(settings, common, journal, advanced, (transport, tally)).await?;
    Ok(Delivery::new(vec![direct, path, dual], Some(realtime)))
}

async fn actors(
    settings: &Settings,
    common: &Common,
    journal: &Addr<Journal>,
    advanced: watch::Receiver<()>,
    (transport, tally): (Arc<dyn Transport>, Arc<Tally>),
) -> Result<Realtime, AppError> {
    let cursor = begin(common, journal).await?;
    let announce =
        (transport.kind() != TransportKind::Postgres).then_some(settings.realtime.head_interval);
    tracing::info!(
        destination = transport.describe(),
        after = cursor.as_ref().map(|cursor| cursor.through),
        "events are delivered to Realtime too",
    );
    let thread = Arbiter::new();
    let options = adapter_options(settings, common, journal, (transport, tally.clone()))?;
    let adapter = Adapter::start_in_arbiter(&thread.handle(), |_| Adapter::new(options));
    let options = BatcherOptions {
        storage: common.storage.clone(),
        tail: common.tail.clone(),
        advanced,
        cursor,
        policy: PathPolicy::try_new(batch_limits(settings))?,
        max_probes: settings.breaker.poison_probes,
        announce,
        adapter: AdapterRecipients {
            deliver: adapter.clone().recipient(),
            announce: adapter.clone().recipient(),
        },
        journal: JournalRecipients {
            save: journal.clone().recipient(),
            bury: journal.clone().recipient(),
        },
        tally,
        metrics: common.metrics.clone(),
    };
    let batcher = Batcher::start_in_arbiter(&thread.handle(), |_| Batcher::new(options));
    Ok(Realtime { adapter, batcher })
}

fn adapter_options(
    settings: &Settings,
    common: &Common,
    journal: &Addr<Journal>,
    (transport, tally): (Arc<dyn Transport>, Arc<Tally>),
) -> Result<AdapterOptions, AppError> {
    let breaker = breaker_limits(&settings.breaker, settings.request_timeout());
    Ok(AdapterOptions {
        transport,
        breaker: Breaker::try_new(breaker, Duration::ZERO)?,
        pauses: Pauses::new(RetryPolicy::try_new(retry_limits(&settings.retry))?),
        per_second: settings.realtime.send_per_second,
        deadline: settings.request_timeout() + GRACE,
        audit: journal.clone().recipient(),
        tally,
        metrics: common.metrics.clone(),
    })
}

/// Where the adapter goes on; retention minds it from now on.
async fn begin(common: &Common, journal: &Addr<Journal>) -> Result<Option<Cursor>, AppError> {
    let cursor = common.storage.cursor(REALTIME).await?;
    let head = common.tail.load().head();
    let resume = durable::resume(cursor.as_ref(), &head);
    let through = resume.next - 1;
    common.cursors.enable(REALTIME, through);
    if cursor.is_none() {
        // Before anything is accepted: whatever is, is delivered, also if the router is killed now.
        let first = Bury { letters: vec![], step: resume.step(REALTIME, &head) };
        let stored = journal.send(first).await.unwrap_or(Err(PublishError::Unavailable));
        stored.map_err(|error| AppError::Journal(error.to_string()))?;
    }
    Ok(cursor)
}

/// The request in flight is finished, and the cursor is on its way to the journal.
pub(super) async fn finish(realtime: &Realtime, within: Duration) {
    let finished = realtime.batcher.send(FinishBatching);
    if realtime.adapter.send(StopDelivering).await.is_err() {
        tracing::error!("the adapter was gone before it was stopped");
    }
    if tokio::time::timeout(within, finished).await.is_err() {
        tracing::warn!("a request to the destination did not end in time: it is made again");
    }
}

fn breaker_limits(breaker: &BreakerSettings, timeout: Duration) -> BreakerLimits {
    BreakerLimits {
        failures: breaker.failures,
        error_percent: breaker.error_percent,
        attempts: breaker.attempts,
        min_attempts: breaker.min_attempts,
        open_for: breaker.open_for,
        open_max: breaker.open_max,
        successes: breaker.successes,
        probe_for: (timeout + GRACE) * 2,
    }
}

fn retry_limits(retry: &RetrySettings) -> RetryLimits {
    RetryLimits { initial: retry.initial, max: retry.max, max_asked: retry.max_asked }
}

fn batch_limits(settings: &Settings) -> batching::Limits {
    let batcher = &settings.batcher;
    batching::adaptive(settings.flags.batch_size, batcher.max_linger, batcher.target_latency)
}
