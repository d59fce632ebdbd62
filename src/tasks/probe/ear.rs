//! The ear of the direct probe: where faults on that path are planted, so that no client meets with
//! them.

use std::{future::pending, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep_until};

use crate::{
    adapters::rehearsal::Rehearsals,
    core::rehearsal::{Path, Stage, altered},
};

/// Events that are held back at the same time, at most.
const MOST_HELD: usize = 10_000;

pub(super) struct Ear {
    rehearsals: Arc<Rehearsals>,
    stage: Stage<Arc<str>>,
    began: Instant,
}

impl Ear {
    pub(super) fn new(rehearsals: Arc<Rehearsals>) -> Self {
        let stage = Stage::new(MOST_HELD, |json: &Arc<str>| altered(json).map(Into::into));
        Self { rehearsals, stage, began: Instant::now() }
    }

    /// Whether nothing is planted, or held back.
    pub(super) fn is_idle(&self) -> bool {
        self.stage.is_empty() && self.rehearsals.on(Path::Websocket).is_none()
    }

    /// What it hears of events that came.
    pub(super) fn hear(&mut self, events: &[Arc<str>]) -> Vec<Arc<str>> {
        let now = self.began.elapsed();
        let Some(running) = self.rehearsals.on(Path::Websocket) else {
            self.stage.end(now);
            return [self.due(), events.to_vec()].concat();
        };
        let plan = self.stage.plan(&running.rehearsal, events, now, fastrand::f64);
        self.rehearsals.count(&running, &plan.planted);
        let heard = plan.sent.iter().map(|sent| sent.item.clone()).collect::<Vec<_>>();
        self.stage.keep(plan, now);
        [heard, self.due()].concat()
    }

    /// What it hears now of what was held back.
    pub(super) fn due(&mut self) -> Vec<Arc<str>> {
        let due = self.stage.due(self.began.elapsed(), usize::MAX);
        self.stage.done(&due.iter().map(|held| held.number).collect::<Vec<_>>());
        due.into_iter().map(|held| held.item).collect()
    }

    /// Waits until something is due; within `most` it is looked whether the rehearsal is over.
    pub(super) async fn wait(&self, most: Duration) {
        match self.stage.next_due() {
            Some(due) => sleep_until((self.began + due).min(Instant::now() + most)).await,
            None => pending().await,
        }
    }
}
