//! What a session of Realtime asks of its shard for its channels.

use actix::prelude::*;

use super::{Handle, Shard};
use crate::core::{
    fanout::{Label, Opening, TooManyFilters},
    ledger::LEFT,
    realtime::topic::Tuning,
};

/// A channel begins: its welcome, and what it listens to. The answer is whether all that was said
/// to the session has gone out: if not, its client is not listened to before it has.
#[derive(Message)]
#[rtype(result = "Result<bool, TooManyFilters>")]
pub struct OpenChannel(pub Handle, pub Opening);

/// A channel is gone.
#[derive(Message)]
#[rtype(result = "()")]
pub struct CloseChannel(pub Handle, pub Label);

/// A channel listens in another way: one that will speak does not hear itself, say.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Tune(pub Handle, pub Label, pub Tuning);

impl Handler<OpenChannel> for Shard {
    type Result = Result<bool, TooManyFilters>;

    fn handle(&mut self, message: OpenChannel, ctx: &mut Self::Context) -> Self::Result {
        let OpenChannel(client, opening) = message;
        if !self.is_here(client) {
            return Ok(true);
        }
        self.turn(ctx, |fanout, turn| fanout.open(client.key, opening, turn))?;
        Ok(self.fanout.is_heard(client.key))
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

impl Handler<Tune> for Shard {
    type Result = ();

    fn handle(&mut self, Tune(client, label, tuning): Tune, ctx: &mut Self::Context) {
        if self.is_here(client) {
            self.turn(ctx, |fanout, turn| fanout.tune(client.key, label, tuning, turn));
        }
    }
}
