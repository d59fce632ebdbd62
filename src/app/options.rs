//! What actors are made with, from the settings.

use std::{sync::Arc, time::Duration};

use tokio::sync::{oneshot, watch};

use super::{AppError, opening::Pen};
use crate::{
    actors::{
        cursors::AdapterCursors,
        journal::{JournalOptions, ReconfigureJournal},
        shard::{ShardLimits, ShardOptions},
        validator::news::PathNews,
    },
    adapters::rehearsal::Rehearsals,
    core::{
        backlog::BacklogLimits,
        batching::{self, BatchPolicy},
        fanout::FanoutLimits,
        heartbeat::Patience,
        numbering::Head,
        tail::{SharedTail, Tail, TailLimits},
    },
    realtime::topics::TopicOptions,
    settings::{JournalSettings, LiveSettings, Settings},
    storage::Storage,
    telemetry::{Metrics, Traces},
};

/// How long a client may take to answer a close frame.
const LINGER: Duration = Duration::from_secs(2);

/// What actors and handlers have in common.
#[derive(Clone)]
pub(super) struct Common {
    /// The settings in force.
    pub(super) live: Arc<LiveSettings>,
    pub(super) storage: Arc<dyn Storage>,
    pub(super) tail: Arc<SharedTail>,
    /// Says when the tail has changed.
    pub(super) advanced: watch::Receiver<()>,
    pub(super) cursors: Arc<AdapterCursors>,
    pub(super) news: Arc<PathNews>,
    pub(super) rehearsals: Arc<Rehearsals>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) traces: Option<Arc<Traces>>,
}

impl Common {
    /// Of a journal that goes on at `head`, with nothing in its tail.
    pub(super) fn new(
        live: Arc<LiveSettings>,
        storage: Arc<dyn Storage>,
        head: Head,
        advanced: watch::Receiver<()>,
    ) -> Self {
        let metrics = Arc::new(Metrics::new());
        let limits = tail_limits(&live.load().journal);
        let tail = Arc::new(SharedTail::new(Tail::empty(head, limits)));
        let rehearsals = Arc::new(Rehearsals::new(metrics.clone()));
        let traces = start_traces(&metrics);
        let (cursors, news) = (Arc::default(), Arc::default());
        Self { live, storage, tail, advanced, cursors, news, rehearsals, metrics, traces }
    }
}

/// Traces, where they are asked for. A router routes without them too.
fn start_traces(metrics: &Arc<Metrics>) -> Option<Arc<Traces>> {
    match Traces::start(metrics) {
        Ok(traces) => traces.map(Arc::new),
        Err(error) => {
            tracing::warn!(%error, "there are no traces, although the environment asks for them");
            None
        }
    }
}

pub(super) fn journal_options(
    common: &Common,
    Pen { writer, advanced }: Pen,
    fatal: oneshot::Sender<String>,
) -> Result<JournalOptions, AppError> {
    let limits = journal_limits(&common.live.load());
    Ok(JournalOptions {
        storage: common.storage.clone(),
        writer,
        tail: common.tail.clone(),
        advanced,
        cursors: common.cursors.clone(),
        limits: limits.backlog,
        policy: BatchPolicy::try_new(limits.batching)?,
        recovery: limits.recovery,
        fatal,
        metrics: common.metrics.clone(),
        traces: common.traces.clone(),
    })
}

pub(super) fn topic_options(common: &Common, advanced: watch::Sender<()>) -> TopicOptions {
    TopicOptions {
        settings: common.live.load().realtime.clone(),
        journal: common.tail.clone(),
        advanced,
        metrics: common.metrics.clone(),
    }
}

pub(super) fn shard_options(common: &Common) -> ShardOptions {
    ShardOptions {
        tail: common.tail.clone(),
        advanced: common.advanced.clone(),
        storage: common.storage.clone(),
        limits: shard_limits(&common.live.load()),
        linger: LINGER,
        live: common.live.clone(),
        metrics: common.metrics.clone(),
        traces: common.traces.clone(),
    }
}

pub(super) fn tail_limits(journal: &JournalSettings) -> TailLimits {
    TailLimits { events: journal.tail_events, bytes: journal.tail_bytes }
}

fn batch_limits(journal: &JournalSettings) -> batching::Limits {
    let max = journal.batch_events;
    batching::Limits {
        // Not smaller: where a commit is slow, it is for its own sake and not for its events'.
        min: max.div_ceil(4),
        max,
        step: max.div_ceil(8),
        shrink_percent: 50,
        target_latency: journal.target_latency,
        max_linger: Duration::ZERO,
    }
}

/// What bounds shards.
pub(super) fn shard_limits(settings: &Settings) -> ShardLimits {
    ShardLimits { fanout: fanout_limits(settings), page_events: settings.session.page_events }
}

/// What bounds the journal.
pub(super) fn journal_limits(settings: &Settings) -> ReconfigureJournal {
    let journal = &settings.journal;
    ReconfigureJournal {
        backlog: BacklogLimits { events: journal.queue_events, bytes: journal.queue_bytes },
        batching: batch_limits(journal),
        recovery: journal.recovery_timeout,
        tail: tail_limits(journal),
    }
}

fn fanout_limits(settings: &Settings) -> FanoutLimits {
    let session = &settings.session;
    FanoutLimits {
        window_bytes: session.window_bytes,
        groups: session.filters_per_worker,
        max_lag: session.max_lag,
        patience: Patience {
            heartbeat: session.heartbeat,
            pong: session.pong_timeout,
            stall: session.stall_timeout,
        },
        stream_heartbeat: session.stream_heartbeat,
        reconnect_window: settings.server.reconnect_window,
    }
}
