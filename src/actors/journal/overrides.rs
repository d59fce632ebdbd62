//! What is set at run time, on its way to the database.

use actix::prelude::*;

use super::{
    Journal,
    messages::{PublishError, SetOverride},
};
use crate::storage::Note;

impl Handler<SetOverride> for Journal {
    type Result = ResponseFuture<Result<(), PublishError>>;

    fn handle(&mut self, message: SetOverride, ctx: &mut Self::Context) -> Self::Result {
        let SetOverride { key, set, entry } = message;
        // Not patient: whoever sets it is told that it is not set, rather than that it may be later.
        let written = self.take_note(Note::Override { key, set, entry }, false, ctx);
        Box::pin(async move { written.await.map(drop) })
    }
}
