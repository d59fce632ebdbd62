//! What the journal writes beside the events: cursors, dead letters and the audit log.
//!
//! Cursor steps ride in the next commit; when there is none they are written by themselves soon.
//! Everything else is a transaction of its own. While a note waits no step is written, so that a
//! cursor never passes a dead letter that is not there yet.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use actix::prelude::*;
use chrono::Utc;
use tokio::sync::oneshot;

use super::{
    Journal, State,
    messages::{Bury, ChangeDeadLetter, PublishError, Record, SaveCursor},
};
use crate::{
    core::{cursor::durable::CursorStep, event},
    storage::{CommitError, DeadLetterChange, NewAudit, Note, Noted, StorageError, Writer},
};

/// Notes that may wait; steps do not count, as only the newest of each adapter is kept.
const MAX_WAITING: usize = 256;
/// How long a step waits for a commit to ride in.
const RIDE: Duration = Duration::from_millis(400);
/// How often one note is tried over a lost connection: it may be what breaks it.
const MAX_TRIES: u8 = 5;

type Reply = oneshot::Sender<Result<Noted, PublishError>>;

/// A note that waits, and whom to answer.
struct Waiting {
    note: Note,
    reply: Reply,
    /// It waits for as long as the database is away: nobody could do it over.
    patient: bool,
    tries: u8,
    /// It may have been written before.
    unsure: bool,
}

impl Waiting {
    fn answer(self, answer: Result<Noted, PublishError>) {
        let deletes =
            matches!(self.note, Note::DeadLetter { change: DeadLetterChange::Deleted, .. });
        let answer = match answer {
            Ok(Noted::Absent) if deletes && self.unsure => Ok(Noted::Done),
            answer => answer,
        };
        // Who stopped waiting finds out by reading.
        drop(self.reply.send(answer));
    }

    /// It is not tried again.
    fn give_up(self) {
        let error = if self.unsure { PublishError::Unknown } else { PublishError::Unavailable };
        self.answer(Err(error));
    }
}

/// What waits to be written beside the events.
#[derive(Default)]
pub(super) struct Notes {
    waiting: VecDeque<Waiting>,
    /// The newest step of each adapter.
    steps: BTreeMap<Box<str>, CursorStep>,
    /// The steps have waited long enough for a commit.
    due: bool,
    timer: bool,
    /// A commit that carried steps failed: until they are written, they go by themselves.
    apart: bool,
    /// What was written last: the other comes first.
    last: Last,
}

/// Who had the last turn.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Last {
    #[default]
    Commit,
    Note,
}

impl Notes {
    fn save(&mut self, step: CursorStep) {
        let step = self.merged(step);
        self.steps.insert(step.name.clone(), step);
    }

    /// The step, and what is left to do of the one before it.
    fn merged(&mut self, step: CursorStep) -> CursorStep {
        match self.steps.remove(&step.name) {
            Some(before) => before.then(step),
            None => step,
        }
    }

    /// Steps that could not be written; newer ones may have come since.
    fn put_back(&mut self, steps: Vec<CursorStep>) {
        for step in steps {
            let step = match self.steps.remove(&step.name) {
                Some(newer) => step.then(newer),
                None => step,
            };
            self.steps.insert(step.name.clone(), step);
        }
    }

    /// Whether every step that waits could be a note.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() + self.steps.len() <= MAX_WAITING
    }

    pub(super) fn take_steps(&mut self) -> Vec<CursorStep> {
        self.due = false;
        std::mem::take(&mut self.steps).into_values().collect()
    }

    /// The steps that the next commit takes along.
    pub(super) fn riding(&mut self) -> Vec<CursorStep> {
        self.last = Last::Commit;
        if self.apart || !self.waiting.is_empty() { Vec::new() } else { self.take_steps() }
    }

    /// The next note, if it is its turn.
    fn next(&mut self, others_wait: bool) -> Option<Waiting> {
        if self.last == Last::Note && others_wait {
            return None;
        }
        let next = self.waiting.pop_front()?;
        self.last = Last::Note;
        Some(next)
    }

    /// Tells those who wait that nothing of theirs was done, as far as that is known; the patient only
    /// when `all` must go.
    pub(super) fn turn_away(&mut self, all: bool) {
        let waiting = std::mem::take(&mut self.waiting).into_iter();
        let (patient, others): (VecDeque<_>, VecDeque<_>) =
            waiting.partition(|note| note.patient && !all);
        self.waiting = patient;
        for note in others {
            note.give_up();
        }
    }
}

impl Journal {
    /// Writes a note, or the steps that are due; gives the writer back when there is nothing.
    pub(super) fn write_notes(
        &mut self,
        writer: Box<dyn Writer>,
        others_wait: bool,
        ctx: &mut Context<Self>,
    ) -> Option<Box<dyn Writer>> {
        if let Some(waiting) = self.notes.next(others_wait) {
            self.write(writer, Some(waiting), Vec::new(), ctx);
            return None;
        }
        let Notes { waiting, steps, due, apart, last, .. } = &self.notes;
        let due = (*due || self.draining) && !steps.is_empty() && waiting.is_empty();
        // With a commit ahead they ride in it, or wait for their turn.
        if !due || (others_wait && (*last == Last::Note || !*apart)) {
            return Some(writer);
        }
        self.notes.last = Last::Note;
        let steps = self.notes.take_steps();
        self.write(writer, None, steps, ctx);
        None
    }

    /// Either a note or steps, in one transaction.
    fn write(
        &mut self,
        mut writer: Box<dyn Writer>,
        waiting: Option<Waiting>,
        steps: Vec<CursorStep>,
        ctx: &mut Context<Self>,
    ) {
        let notes = waiting.iter().map(|waiting| waiting.note.clone());
        let notes: Vec<_> = notes.chain(steps.iter().cloned().map(Note::Cursor)).collect();
        let written = async move {
            let result = writer.note(&notes, event::to_micros(Utc::now())).await;
            (writer, result)
        };
        ctx.spawn(written.into_actor(self).map(move |(writer, result), journal, ctx| {
            if result.is_err() {
                journal.metrics.storage_errors_total.with(["note"]).increment(1);
            }
            match waiting {
                Some(waiting) => journal.on_noted(writer, waiting, result, ctx),
                None => journal.on_saved(writer, steps, result.map(drop), ctx),
            }
            journal.proceed(ctx);
        }));
    }

    fn on_noted(
        &mut self,
        writer: Box<dyn Writer>,
        mut waiting: Waiting,
        result: Result<Vec<Noted>, CommitError>,
        ctx: &mut Context<Self>,
    ) {
        match result {
            Ok(noted) => {
                if let Note::Bury { step, .. } = &waiting.note {
                    self.saved(std::slice::from_ref(step));
                }
                self.keep(writer);
                waiting.answer(Ok(noted.first().copied().unwrap_or(Noted::Done)));
            }
            Err(CommitError::Data(reason) | CommitError::Failed(StorageError::Refused(reason))) => {
                self.keep(writer);
                tracing::error!(reason, "the database refused what is kept beside the events");
                waiting.answer(Err(PublishError::Refused(reason)));
            }
            Err(CommitError::Failed(StorageError::Full)) => {
                self.keep(writer);
                waiting.answer(Err(PublishError::StorageFull));
            }
            Err(CommitError::Failed(StorageError::Stale)) => {
                drop(writer);
                waiting.answer(Err(PublishError::Unavailable));
                self.stop(Vec::new());
            }
            Err(error) => {
                drop(writer);
                waiting.unsure |= matches!(error, CommitError::Unknown(_));
                waiting.tries += 1;
                if waiting.tries < MAX_TRIES {
                    self.notes.waiting.push_front(waiting);
                } else {
                    waiting.give_up();
                }
                self.lost(&error, ctx);
            }
        }
    }

    fn on_saved(
        &mut self,
        writer: Box<dyn Writer>,
        steps: Vec<CursorStep>,
        result: Result<(), CommitError>,
        ctx: &mut Context<Self>,
    ) {
        match result {
            Ok(()) => {
                self.notes.apart = false;
                self.saved(&steps);
                self.keep(writer);
            }
            Err(CommitError::Failed(StorageError::Stale)) => {
                drop(writer);
                self.stop(Vec::new());
            }
            Err(
                error @ (CommitError::Data(_)
                | CommitError::Failed(StorageError::Full | StorageError::Refused(_))),
            ) => {
                self.keep(writer);
                tracing::error!(%error, "the adapters' cursors cannot be stored now");
                if !self.draining {
                    self.notes.put_back(steps);
                    self.arm(ctx);
                }
            }
            Err(error) => {
                drop(writer);
                self.notes.put_back(steps);
                self.lost(&error, ctx);
            }
        }
    }

    fn lost(&mut self, error: &CommitError, ctx: &mut Context<Self>) {
        tracing::error!(%error, "the database was lost");
        self.recover(Vec::new(), PublishError::Unavailable, ctx);
    }

    /// What became of the steps that rode in a commit.
    pub(super) fn rode(
        &mut self,
        steps: Vec<CursorStep>,
        committed: bool,
        ctx: &mut Context<Self>,
    ) {
        if committed {
            self.saved(&steps);
        } else if !steps.is_empty() {
            self.notes.put_back(steps);
            self.notes.apart = true;
            self.arm(ctx);
        }
    }

    fn saved(&self, steps: &[CursorStep]) {
        let head = self.tail.load().head();
        // A step that storage passed over, because it is of a journal that is no more, moves nothing.
        for step in steps.iter().filter(|step| step.moves(None, &head)) {
            self.cursors.saved(step);
        }
    }

    /// Lets the steps ride in a commit for a while, and then go by themselves.
    fn arm(&mut self, ctx: &mut Context<Self>) {
        if !std::mem::replace(&mut self.notes.timer, true) {
            ctx.run_later(RIDE, |journal, ctx| {
                journal.notes.timer = false;
                journal.notes.due = true;
                journal.proceed(ctx);
            });
        }
    }

    pub(super) fn take_note(
        &mut self,
        note: Note,
        patient: bool,
        ctx: &mut Context<Self>,
    ) -> ResponseFuture<Result<Noted, PublishError>> {
        let refusal = match self.state {
            State::Stopped => Some(PublishError::Unavailable),
            State::Down if self.draining || !patient => Some(PublishError::Unavailable),
            _ if self.notes.waiting.len() >= MAX_WAITING => Some(PublishError::QueueFull),
            _ => None,
        };
        if let Some(error) = refusal {
            return Box::pin(std::future::ready(Err(error)));
        }
        let (reply, answer) = oneshot::channel();
        self.notes.waiting.push_back(Waiting { note, reply, patient, tries: 0, unsure: false });
        self.proceed(ctx);
        Box::pin(async move { answer.await.unwrap_or(Err(PublishError::Unknown)) })
    }
}

impl Handler<SaveCursor> for Journal {
    type Result = ();

    fn handle(&mut self, SaveCursor(step): SaveCursor, ctx: &mut Self::Context) {
        self.notes.save(step);
        if self.draining {
            self.proceed(ctx);
        } else {
            self.arm(ctx);
        }
    }
}

impl Handler<Bury> for Journal {
    type Result = ResponseFuture<Result<(), PublishError>>;

    fn handle(&mut self, Bury { letters, step }: Bury, ctx: &mut Self::Context) -> Self::Result {
        let step = self.notes.merged(step);
        let written = self.take_note(Note::Bury { letters, step }, true, ctx);
        Box::pin(async move { written.await.map(drop) })
    }
}

impl Handler<Record> for Journal {
    type Result = ResponseFuture<Result<(), PublishError>>;

    fn handle(&mut self, record: Record, ctx: &mut Self::Context) -> Self::Result {
        let Record { actor, action, subject, detail } = record;
        let at = event::to_micros(Utc::now());
        let entry = NewAudit { at, actor, action, subject, detail };
        let written = self.take_note(Note::Audit(entry), true, ctx);
        Box::pin(async move { written.await.map(drop) })
    }
}

impl Handler<ChangeDeadLetter> for Journal {
    type Result = ResponseFuture<Result<Noted, PublishError>>;

    fn handle(
        &mut self,
        ChangeDeadLetter { id, change }: ChangeDeadLetter,
        ctx: &mut Self::Context,
    ) -> Self::Result {
        let at = event::to_micros(Utc::now());
        self.take_note(Note::DeadLetter { id, change, at }, false, ctx)
    }
}
