//! Cursors that are written at once, and not when a commit or half a second has come.

use actix::prelude::*;
use futures_util::future::join_all;

use super::{
    Journal, PublishError,
    messages::{BeginCursor, WriteCursors},
};
use crate::{core::cursor::durable::CursorStep, storage::Note};

impl Handler<WriteCursors> for Journal {
    type Result = ResponseFuture<Result<Vec<CursorStep>, PublishError>>;

    fn handle(&mut self, _: WriteCursors, ctx: &mut Self::Context) -> Self::Result {
        if !self.notes.has_room() {
            return Box::pin(std::future::ready(Err(PublishError::QueueFull)));
        }
        let steps = self.notes.take_steps();
        let written = steps.into_iter().map(|step| {
            let note = Note::Bury { letters: Vec::new(), step: step.clone() };
            // For as long as it takes: nobody else has the step any more.
            let written = self.take_note(note, true, ctx);
            async move { written.await.map(|_| step) }
        });
        let written: Vec<_> = written.collect();
        Box::pin(async move { join_all(written).await.into_iter().collect() })
    }
}

impl Handler<BeginCursor> for Journal {
    type Result = ResponseFuture<Result<(), PublishError>>;

    fn handle(&mut self, BeginCursor(step): BeginCursor, ctx: &mut Self::Context) -> Self::Result {
        let note = Note::Bury { letters: Vec::new(), step };
        // Not patient: the path does not come on, and whoever wants it tries again.
        let written = self.take_note(note, false, ctx);
        Box::pin(async move { written.await.map(drop) })
    }
}
