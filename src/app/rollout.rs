//! The rollout, put together: where clients belong, and the actor that moves them.

use std::sync::Arc;

use actix::{Actor, Addr};

use super::{AppError, options::Common};
use crate::{
    actors::{
        broadcaster::Broadcaster,
        journal::Journal,
        rollout::{CannotRoll, Conductor, Placing, RolloutOptions, recall},
    },
    http::rollout::RolloutDesk,
    settings::LiveSettings,
    tasks::reloader::{Reloader, Unfit},
};

/// Goes on where the settings and the audit log have it.
pub(super) async fn start(
    common: &Common,
    live: &Arc<LiveSettings>,
    reloader: &Arc<Reloader>,
    journal: &Addr<Journal>,
    broadcaster: &Addr<Broadcaster>,
) -> Result<RolloutDesk, AppError> {
    let placing = Arc::new(Placing::try_new(&live.load()).map_err(Unfit::from)?);
    let conductor = Conductor::try_new(RolloutOptions {
        live: live.clone(),
        reloader: reloader.clone(),
        placing: placing.clone(),
        broadcaster: broadcaster.clone(),
        audit: journal.clone().recipient(),
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
