//! What takes events, shows them and delivers them, and follows the settings: it makes ready for
//! others, and changes when they are in force.

use std::sync::Arc;

use actix::{Actor, Addr};
use async_trait::async_trait;
use tokio::sync::oneshot;

use super::{
    AppError,
    delivery::{NotReady, Rails},
    opening::{Pen, Restored},
    options::{Common, journal_limits, journal_options, shard_limits, topic_options},
};
use crate::{
    actors::{broadcaster::Broadcaster, journal::Journal, rollout},
    adapters::factory::Builtin,
    core::batching::BatchPolicy,
    http::limits::Limits,
    realtime::topics::Topics,
    settings::Settings,
    tasks::reloader::{Adopt, Followers, Reloader, ReloaderOptions, Unfit},
};

/// All that is told of other settings; whoever reads them at each request, or turn, is not.
#[derive(Clone)]
pub(super) struct Works {
    pub(super) rails: Arc<Rails>,
    pub(super) topics: Arc<Topics>,
    pub(super) journal: Addr<Journal>,
    pub(super) broadcaster: Addr<Broadcaster>,
    pub(super) limits: Arc<Limits>,
}

impl Works {
    /// Makes all of these; nothing is delivered before [`Works::begin`].
    pub(super) fn start(
        common: &Common,
        pen: Pen,
        fatal: oneshot::Sender<String>,
        builtin: Builtin,
    ) -> Result<Self, AppError> {
        let topics = Arc::new(Topics::new(topic_options(common, pen.advanced.clone())));
        let journal = Journal::new(journal_options(common, pen, fatal)?).start();
        let limits = Limits::new(&common.live.load().limits, common.metrics.clone());
        Ok(Self {
            rails: Arc::new(Rails::new(common, &journal, builtin)),
            topics,
            journal,
            broadcaster: Broadcaster::default().start(),
            limits: Arc::new(limits),
        })
    }

    /// Becomes what the first settings say.
    pub(super) async fn begin(&self, common: &Common) -> Result<(), AppError> {
        let first = common.live.load();
        let adopt = self.prepare(&first).await?;
        adopt(first).await;
        self.rails.settle().await;
        Ok(())
    }

    /// Makes the one who changes the settings that these follow.
    pub(super) fn reloader(&self, common: &Common, restored: Restored) -> Arc<Reloader> {
        let Restored { source, read, overrides } = restored;
        Arc::new(Reloader::new(ReloaderOptions {
            source,
            live: common.live.clone(),
            read,
            overrides,
            followers: self.clone(),
            journal: self.journal.clone(),
            metrics: common.metrics.clone(),
        }))
    }

    /// Tells everybody. Who is gone is missed by the watchdog, which ends the process.
    async fn tell(&self, now: &Settings) {
        match self.journal.send(journal_limits(now)).await {
            Ok(Ok(())) => {}
            outcome => tracing::error!(?outcome, "the journal keeps its settings"),
        }
        if self.broadcaster.send(shard_limits(now)).await.is_err() {
            tracing::error!("the shards keep their settings: the broadcaster is gone");
        }
        self.limits.reconfigure(&now.limits);
        self.topics.deliver_here(now.delivers_to_itself());
    }
}

#[async_trait]
impl Followers for Works {
    async fn prepare(&self, next: &Settings) -> Result<Adopt, Unfit> {
        rollout::check(next)?;
        BatchPolicy::try_new(journal_limits(next).batching).map_err(|error| Unfit {
            key: Some("journal.batch_events"),
            message: format!("the journal's batches cannot be planned: {error}"),
        })?;
        let prepared = self.rails.prepare(next).await.map_err(|error| Unfit {
            key: match &error {
                NotReady::Plan(error) => Some(error.key()),
                NotReady::Storage(_) | NotReady::Journal(_) => None,
            },
            message: error.to_string(),
        })?;
        let works = self.clone();
        Ok(Box::new(move |now| {
            Box::pin(async move {
                works.tell(&now).await;
                works.rails.adopt(prepared);
            })
        }))
    }

    async fn try_again(&self) {
        self.rails.try_again().await;
    }
}

#[cfg(test)]
mod tests;
