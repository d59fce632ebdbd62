//! What a session of Realtime asks of its shard for its channels.

use actix::prelude::*;

use super::{Handle, Shard};
use crate::core::{
    fanout::{Label, Opening, TooManyFilters},
    ledger::LEFT,
    realtime::topic::Origin,
};

/// A channel begins: its welcome, and what it listens to.
#[derive(Message)]
#[rtype(result = "Result<(), TooManyFilters>")]
pub struct OpenChannel(pub Handle, pub Opening);

/// A channel is gone.
#[derive(Message)]
#[rtype(result = "()")]
pub struct CloseChannel(pub Handle, pub Label);

/// A channel that will speak does not hear itself.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Except(pub Handle, pub Label, pub Origin);

impl Handler<OpenChannel> for Shard {
    type Result = Result<(), TooManyFilters>;

    fn handle(&mut self, message: OpenChannel, ctx: &mut Self::Context) -> Self::Result {
        let OpenChannel(client, opening) = message;
        if !self.is_here(client) {
            return Ok(());
        }
        self.turn(ctx, |fanout, turn| fanout.open(client.key, opening, turn))
    }
}

impl Handler<CloseChannel> for Shard {
    type Result = ();

    fn handle(&mut self, CloseChannel(client, label): CloseChannel, ctx: &mut Self::Context) {
        if self.is_here(client) {
            self.turn(ctx, |fanout, turn| fanout.close(client.key, label, LEFT, turn));
        }
    }
}

impl Handler<Except> for Shard {
    type Result = ();

    fn handle(&mut self, Except(client, label, origin): Except, ctx: &mut Self::Context) {
        if self.is_here(client) {
            self.turn(ctx, |fanout, turn| fanout.except(client.key, label, origin, turn));
        }
    }
}
