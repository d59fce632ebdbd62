//! What bounds a shard, also while it is at work.

use actix::prelude::*;

use super::Shard;
use crate::core::fanout::FanoutLimits;

/// What bounds a shard; as a message, from now on.
#[derive(Message, Clone, Copy, Debug, PartialEq, Eq)]
#[rtype(result = "()")]
pub struct ShardLimits {
    /// What bounds the fan-out.
    pub fanout: FanoutLimits,
    /// Events in a page of storage.
    pub page_events: usize,
}

impl Handler<ShardLimits> for Shard {
    type Result = ();

    fn handle(&mut self, limits: ShardLimits, _: &mut Self::Context) {
        self.options.limits = limits;
        self.fanout.limit(limits.fanout);
    }
}
