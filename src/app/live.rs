//! What follows the settings: it makes ready for others, and changes when they are in force.

use std::sync::Arc;

use actix::Addr;
use async_trait::async_trait;

use super::{
    AppError,
    delivery::{NotReady, Rails},
    options::{journal_limits, shard_limits},
};
use crate::{
    actors::{broadcaster::Broadcaster, journal::Journal, rollout},
    core::batching::BatchPolicy,
    http::limits::Limits,
    realtime::topics::Topics,
    settings::{Settings, Snapshot},
    tasks::reloader::{Adopt, Followers, Unfit},
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
    /// All of these.
    pub(super) fn new(
        rails: Rails,
        topics: &Arc<Topics>,
        journal: &Addr<Journal>,
        broadcaster: &Addr<Broadcaster>,
        limits: &Arc<Limits>,
    ) -> Self {
        Self {
            rails: Arc::new(rails),
            topics: topics.clone(),
            journal: journal.clone(),
            broadcaster: broadcaster.clone(),
            limits: limits.clone(),
        }
    }

    /// Becomes what the first settings say.
    pub(super) async fn begin(&self, first: &Arc<Snapshot>) -> Result<(), AppError> {
        let adopt = self.prepare(first).await?;
        adopt(first.clone()).await;
        self.rails.settle().await;
        Ok(())
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
