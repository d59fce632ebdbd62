//! Verdicts on their way to the journal: by themselves, a lot each second at most, or one after the
//! other when somebody asks for all that wait.

use std::time::Duration;

use actix::prelude::*;
use tokio::sync::oneshot;

use super::{KeepVerdicts, PublishError, Validator, WriteVerdicts};

/// Most who may wait at a time until what waits is written.
const MAX_ASKING: usize = 64;

/// Somebody who waits until what waited then is written.
pub(super) struct Asking {
    /// How many of the oldest are still to be written.
    left: usize,
    written: usize,
    reply: oneshot::Sender<Result<usize, PublishError>>,
}

impl Asking {
    fn answer(self, outcome: Option<PublishError>) {
        // Who stopped waiting finds out by asking again.
        drop(self.reply.send(outcome.map_or(Ok(self.written), Err)));
    }
}

impl Validator {
    /// Whether what waits is to be written now.
    pub(super) fn is_writing_due(&self) -> bool {
        let seconds = self.options.live.load().flags.metrics_flush_interval;
        self.keeping.is_due(self.clock(self.began.elapsed()), Duration::from_secs(seconds))
    }

    /// Has some verdicts written, one lot at a time.
    pub(super) fn keep(&mut self, ctx: &mut Context<Self>) {
        let next = self.keeping.next();
        if self.writing || next.is_empty() {
            return;
        }
        self.writing = true;
        let count = next.len();
        let kept = self.options.keep.send(KeepVerdicts(next));
        ctx.spawn(kept.into_actor(self).map(move |kept, validator, ctx| {
            validator.writing = false;
            let kept = kept.unwrap_or(Err(PublishError::Unavailable));
            match &kept {
                Ok(()) => validator.keeping.done(count, true),
                Err(PublishError::Refused(_)) => {
                    validator.keeping.done(count, false);
                    validator.drop_verdicts("refused", count);
                }
                // They are written later; when that is not soon enough, some will have no room.
                Err(error) => tracing::debug!(%error, "verdicts are not kept yet"),
            }
            validator.tell_asking(count, kept.as_ref().err());
            if !validator.asking.is_empty() {
                validator.keep(ctx);
            }
        }));
    }

    /// A lot was written, or was not.
    fn tell_asking(&mut self, count: usize, error: Option<&PublishError>) {
        for mut asking in std::mem::take(&mut self.asking) {
            if error.is_some() {
                asking.answer(error.cloned());
                continue;
            }
            let of_these = count.min(asking.left);
            asking.left -= of_these;
            asking.written += of_these;
            if asking.left == 0 {
                asking.answer(None);
            } else {
                self.asking.push(asking);
            }
        }
    }
}

impl Handler<WriteVerdicts> for Validator {
    type Result = ResponseFuture<Result<usize, PublishError>>;

    fn handle(&mut self, _: WriteVerdicts, ctx: &mut Self::Context) -> Self::Result {
        self.tick();
        let left = self.keeping.len();
        if left == 0 || self.asking.len() >= MAX_ASKING {
            let answer = if left == 0 { Ok(0) } else { Err(PublishError::QueueFull) };
            return Box::pin(std::future::ready(answer));
        }
        let (reply, answer) = oneshot::channel();
        self.asking.push(Asking { left, written: 0, reply });
        self.keep(ctx);
        // Without an answer validation has ended, and writes what is left by itself.
        Box::pin(async move { answer.await.unwrap_or(Err(PublishError::Unknown)) })
    }
}
