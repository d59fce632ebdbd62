//! What follows the settings: it makes ready for others, and changes when they are in force.

use std::sync::Arc;

use async_trait::async_trait;

use super::{
    AppError,
    delivery::{NotReady, Rails},
};
use crate::{
    realtime::topics::Topics,
    settings::{Settings, Snapshot},
    tasks::reloader::{Adopt, Followers, Unfit},
};

/// All that follows the settings by itself; handlers read them at each request.
pub(super) struct Works {
    pub(super) rails: Arc<Rails>,
    pub(super) topics: Arc<Topics>,
}

impl Works {
    /// Becomes what the first settings say.
    pub(super) async fn begin(&self, first: &Arc<Snapshot>) -> Result<(), AppError> {
        let adopt = self.prepare(first).await?;
        adopt(first.clone()).await;
        self.rails.settle().await;
        Ok(())
    }
}

#[async_trait]
impl Followers for Works {
    async fn prepare(&self, next: &Settings) -> Result<Adopt, Unfit> {
        let prepared = self.rails.prepare(next).await.map_err(|error| Unfit {
            key: match &error {
                NotReady::Plan(error) => Some(error.key()),
                NotReady::Storage(_) | NotReady::Journal(_) => None,
            },
            message: error.to_string(),
        })?;
        let (rails, topics) = (self.rails.clone(), self.topics.clone());
        Ok(Box::new(move |now| {
            Box::pin(async move {
                topics.deliver_here(now.delivers_to_itself());
                rails.adopt(prepared);
            })
        }))
    }

    async fn try_again(&self) {
        self.rails.try_again().await;
    }
}
