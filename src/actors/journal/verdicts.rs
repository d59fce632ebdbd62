//! Verdicts on their way into the database: the journal has the one connection that writes.

use actix::prelude::*;
use chrono::{DateTime, Utc};

use super::{Journal, messages::PublishError};
use crate::storage::{Note, StoredVerdict};

/// Verdicts are to be looked at later. Answered when they are durable, or as a producer would be:
/// the same can be kept again.
#[derive(Message)]
#[rtype(result = "Result<(), PublishError>")]
pub struct KeepVerdicts(pub Vec<StoredVerdict>);

/// Verdicts that fell before this time are to be forgotten. Answered when they are, or as a producer
/// would be.
#[derive(Message)]
#[rtype(result = "Result<(), PublishError>")]
pub struct ForgetVerdicts(pub DateTime<Utc>);

impl Handler<KeepVerdicts> for Journal {
    type Result = ResponseFuture<Result<(), PublishError>>;

    fn handle(
        &mut self,
        KeepVerdicts(found): KeepVerdicts,
        ctx: &mut Self::Context,
    ) -> Self::Result {
        let written = self.take_note(Note::Verdicts(found), false, ctx);
        Box::pin(async move { written.await.map(drop) })
    }
}

impl Handler<ForgetVerdicts> for Journal {
    type Result = ResponseFuture<Result<(), PublishError>>;

    fn handle(
        &mut self,
        ForgetVerdicts(before): ForgetVerdicts,
        ctx: &mut Self::Context,
    ) -> Self::Result {
        let written = self.take_note(Note::ForgetVerdicts(before), false, ctx);
        Box::pin(async move { written.await.map(drop) })
    }
}
