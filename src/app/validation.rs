//! The comparison of what the paths show with what was committed, put together: the validator, and the
//! probes that tell it what they see. They have a thread of their own that stands back, so that nothing they
//! do delays a commit.

use std::time::Duration;

use actix::{Actor, Addr, ArbiterHandle};
use tokio::sync::{oneshot, watch};

use super::{background, options::Common};
use crate::{
    actors::{
        journal::Journal,
        validator::{FinishValidating, Validator, ValidatorOptions},
    },
    adapters::factory::Builtin,
    tasks::probe::{Keeper, ProbeRecipients},
};

/// The validator, and where it works.
pub(super) struct Validation {
    pub(super) validator: Addr<Validator>,
    thread: ArbiterHandle,
}

/// The probes. They end when this is dropped.
pub(super) struct Probing {
    _stop: oneshot::Sender<()>,
}

impl Validation {
    /// Makes the validator, which follows the settings by itself.
    pub(super) fn start(common: &Common, journal: &Addr<Journal>) -> Self {
        let options = ValidatorOptions {
            live: common.live.clone(),
            tail: common.tail.clone(),
            advanced: common.advanced.clone(),
            news: common.news.clone(),
            keep: journal.clone().recipient(),
            metrics: common.metrics.clone(),
        };
        let validator = Validator::new(options);
        let thread = background::thread().handle();
        let validator = Validator::start_in_arbiter(&thread, |_| validator);
        Self { validator, thread }
    }

    /// Makes the probes, which follow the settings too; `generation` says when there are others.
    pub(super) fn probe(
        &self,
        common: &Common,
        generation: watch::Receiver<u64>,
        builtin: Builtin,
    ) -> Probing {
        let (stop, stopped) = oneshot::channel();
        let validator = &self.validator;
        let keeper = Keeper {
            live: common.live.clone(),
            generation,
            stop: stopped,
            builtin,
            tail: common.tail.clone(),
            rehearsals: common.rehearsals.clone(),
            metrics: common.metrics.clone(),
            told: ProbeRecipients {
                up: validator.clone().recipient(),
                seen: validator.clone().recipient(),
                proven: validator.clone().recipient(),
                down: validator.clone().recipient(),
            },
        };
        if !self.thread.spawn_fn(|| drop(actix_rt::spawn(keeper.run()))) {
            tracing::error!("there are no probes: the validator's thread is gone");
        }
        Probing { _stop: stop }
    }
}

/// The last verdicts are kept, if that takes no longer than `within`.
pub(super) async fn finish(validator: &Addr<Validator>, probing: Probing, within: Duration) {
    if tokio::time::timeout(within, validator.send(FinishValidating)).await.is_err() {
        tracing::warn!("the last verdicts could not be stored in time");
    }
    drop(probing);
}
