//! What the journal does with its writer besides commits: it deletes the oldest events, and looks
//! whether an idle database is still there.

use actix::prelude::*;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{Journal, PublishError, State, Trim, counts};
use crate::{
    core::{event::Seq, numbering::Head},
    storage::{StorageError, Writer},
};

pub(super) type Trimmed = oneshot::Sender<Result<Head, StorageError>>;

impl Journal {
    pub(super) fn trim(
        &mut self,
        mut writer: Box<dyn Writer>,
        through: Seq,
        reply: Trimmed,
        ctx: &mut Context<Self>,
    ) {
        let trimmed = async move {
            let result = writer.trim(through).await;
            (writer, result)
        };
        ctx.spawn(trimmed.into_actor(self).map(|(writer, result), journal, ctx| {
            if let Ok(head) = &result {
                counts::head(&journal.metrics, head);
                journal.tail.store(journal.tail.load().trimmed(*head));
            }
            journal.on_done(writer, result.as_ref().err(), ctx);
            drop(reply.send(result));
        }));
    }

    /// Nobody wants anything: a good time to notice that the database is gone.
    pub(super) fn check(&mut self, ctx: &mut Context<Self>) {
        match std::mem::replace(&mut self.state, State::Busy) {
            State::Idle(mut writer) => {
                let checked = async move {
                    let result = writer.look_up(&[Uuid::nil()]).await;
                    (writer, result)
                };
                ctx.spawn(checked.into_actor(self).map(|(writer, result), journal, ctx| {
                    journal.on_done(writer, result.as_ref().err(), ctx);
                }));
            }
            other => self.state = other,
        }
    }

    /// What was done was no commit, so nobody waits for an answer that is hard to give.
    fn on_done(
        &mut self,
        writer: Box<dyn Writer>,
        error: Option<&StorageError>,
        ctx: &mut Context<Self>,
    ) {
        match error {
            None | Some(StorageError::Full) => self.keep(writer),
            Some(StorageError::Stale) => {
                drop(writer);
                self.stop(Vec::new());
            }
            Some(error) => {
                drop(writer);
                tracing::error!(%error, "the database was lost");
                self.recover(Vec::new(), PublishError::Unavailable, ctx);
            }
        }
        self.proceed(ctx);
    }

    pub(super) fn unreachable(&self) -> StorageError {
        StorageError::Unreachable {
            what: self.storage.describe(),
            reason: "the journal has lost it".into(),
        }
    }
}

impl Handler<Trim> for Journal {
    type Result = ResponseFuture<Result<Head, StorageError>>;

    fn handle(&mut self, Trim(through): Trim, ctx: &mut Self::Context) -> Self::Result {
        let (reply, answer) = oneshot::channel();
        self.trims.push((through, reply));
        if let State::Down | State::Stopped = self.state {
            self.turn_away();
        }
        self.proceed(ctx);
        let gone = self.unreachable();
        Box::pin(async move { answer.await.unwrap_or(Err(gone)) })
    }
}
