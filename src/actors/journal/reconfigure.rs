//! Other settings, while the journal is at work.

use actix::prelude::*;

use super::{Journal, messages::ReconfigureJournal};
use crate::core::batching::BadLimits;

impl Handler<ReconfigureJournal> for Journal {
    type Result = Result<(), BadLimits>;

    fn handle(&mut self, change: ReconfigureJournal, _: &mut Self::Context) -> Self::Result {
        let ReconfigureJournal { backlog, batching, recovery, tail } = change;
        self.policy.adopt(batching)?;
        self.backlog.limit(backlog);
        self.recovery = recovery;
        self.tail.store(self.tail.load().limited(tail));
        Ok(())
    }
}
