//! The rollout, put together: where clients belong, and the actor that moves them.

use std::sync::Arc;

use actix::Actor;

use super::{AppError, live::Works, options::Common};
use crate::{
    actors::rollout::{CannotRoll, Conductor, Placing, RolloutOptions, recall},
    http::rollout::RolloutDesk,
    tasks::reloader::{Reloader, Unfit},
};

/// Goes on where the settings and the audit log have it.
pub(super) async fn start(
    common: &Common,
    works: &Works,
    reloader: &Arc<Reloader>,
) -> Result<RolloutDesk, AppError> {
    let placing = Arc::new(Placing::try_new(&common.live.load()).map_err(Unfit::from)?);
    let conductor = Conductor::try_new(RolloutOptions {
        live: common.live.clone(),
        reloader: reloader.clone(),
        placing: placing.clone(),
        broadcaster: works.broadcaster.clone(),
        audit: works.journal.clone().recipient(),
        recalled: recall(&*common.storage).await?,
        metrics: common.metrics.clone(),
    })
    .map_err(Unfit::from)?;
    Ok(RolloutDesk { placing, conductor: conductor.start() })
}

impl From<CannotRoll> for Unfit {
    fn from(error: CannotRoll) -> Self {
        Self { key: Some("rollout.steps"), message: error.to_string() }
    }
}
