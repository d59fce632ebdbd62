//! The comparison of what the paths show with what was committed, put together. It has a thread of
//! its own, so that nothing it does delays a commit.

use std::{sync::Arc, time::Duration};

use actix::{Actor, Addr, Arbiter};
use tokio::sync::watch;

use super::Common;
use crate::{
    actors::{
        journal::Journal,
        validator::{FinishValidating, Validator, ValidatorOptions},
    },
    settings::LiveSettings,
};

/// Makes the validator, which follows the settings by itself.
pub(super) fn start(
    live: &Arc<LiveSettings>,
    common: &Common,
    journal: &Addr<Journal>,
    advanced: watch::Receiver<()>,
) -> Addr<Validator> {
    let options = ValidatorOptions {
        live: live.clone(),
        tail: common.tail.clone(),
        advanced,
        news: common.news.clone(),
        keep: journal.clone().recipient(),
        metrics: common.metrics.clone(),
    };
    let validator = Validator::new(options);
    Validator::start_in_arbiter(&Arbiter::new().handle(), |_| validator)
}

/// The last verdicts are kept, if that takes no longer than `within`.
pub(super) async fn finish(validator: &Addr<Validator>, within: Duration) {
    if tokio::time::timeout(within, validator.send(FinishValidating)).await.is_err() {
        tracing::warn!("the last verdicts could not be stored in time");
    }
}
