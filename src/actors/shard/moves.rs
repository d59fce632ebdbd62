//! What sessions of the direct path are told when their clients belong elsewhere.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use actix::prelude::*;
use uuid::Uuid;

use super::Shard;
use crate::core::protocol::{CloseReason, ServerFrame, Switch};

/// Tells sessions to switch; those of them that are here and can be moved.
#[derive(Message, Clone)]
#[rtype(result = "usize")]
pub struct TellSwitches(pub Arc<HashMap<Uuid, Switch>>);

/// Ends sessions; how many of them are here.
#[derive(Message, Clone)]
#[rtype(result = "usize")]
pub struct EndSome {
    /// Which.
    pub sessions: Arc<HashSet<Uuid>>,
    /// Why.
    pub reason: CloseReason,
}

impl Handler<TellSwitches> for Shard {
    type Result = usize;

    fn handle(&mut self, TellSwitches(told): TellSwitches, ctx: &mut Self::Context) -> usize {
        let here = self.fanout.rows().filter(|(_, row)| row.sink.movable);
        let here: Vec<_> = here
            .filter_map(|(key, row)| {
                let switch = told.get(&row.sink.id)?;
                Some((key, ServerFrame::Switch(switch.clone())))
            })
            .collect();
        self.turn(ctx, |fanout, turn| {
            for (key, frame) in &here {
                fanout.tell(*key, frame, turn);
            }
        });
        here.len()
    }
}

impl Handler<EndSome> for Shard {
    type Result = usize;

    fn handle(&mut self, EndSome { sessions, reason }: EndSome, ctx: &mut Self::Context) -> usize {
        let here = self.fanout.rows().filter(|(_, row)| sessions.contains(&row.sink.id));
        let here: Vec<_> = here.map(|(key, _)| key).collect();
        self.turn(ctx, |fanout, turn| {
            for key in &here {
                fanout.end(*key, reason, None, turn);
            }
        });
        here.len()
    }
}
