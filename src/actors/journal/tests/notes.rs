//! What the journal writes beside the events, against the same database.

use serde_json::json;
use tokio::time::timeout;

use super::*;
use crate::{
    core::event::Position,
    storage::{DeadLetterChange, NewDeadLetter},
};

const ADAPTER: &str = "realtime";

fn step(seq: Seq) -> CursorStep {
    CursorStep::new(ADAPTER, Position { epoch: Uuid::from_u128(9), seq })
}

fn letter(seq: Seq) -> NewDeadLetter {
    let at = step(seq).position;
    let event = Event::commit(draft(seq.into()), at, DateTime::UNIX_EPOCH).into();
    let (reason, adapter) = ("too large".into(), ADAPTER.into());
    NewDeadLetter { adapter, epoch: at.epoch, event, reason, attempts: 1 }
}

fn bury(seq: Seq) -> Bury {
    Bury { letters: vec![letter(seq)], step: step(seq) }
}

fn buried(seq: Seq) -> Stored {
    let Bury { letters, step } = bury(seq);
    Stored::Notes(vec![Note::Bury { letters, step }])
}

fn alone(step: CursorStep) -> Stored {
    Stored::Notes(vec![Note::Cursor(step)])
}

fn record() -> Record {
    let (action, subject) = ("breaker.opened".into(), ADAPTER.into());
    Record { actor: "adapter".into(), action, subject, detail: json!({}) }
}

const DELETE: ChangeDeadLetter = ChangeDeadLetter { id: 1, change: DeadLetterChange::Deleted };

impl Scene {
    fn save(&self, step: CursorStep) {
        self.journal.try_send(SaveCursor(step)).unwrap();
    }

    fn stored(&self) -> Vec<Stored> {
        self.database.rows().stored.clone()
    }

    fn fail_notes(&self, fates: impl IntoIterator<Item = Fate>) {
        self.database.rows().note_fates.extend(fates);
    }

    /// Waits until so many transactions are stored.
    async fn until_stored(&self, count: usize) -> Vec<Stored> {
        let stored = async {
            while self.stored().len() < count {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(PATIENT, stored).await.expect("stored in time");
        self.stored()
    }

    /// A journal whose database is down, and that has told so.
    async fn down() -> Self {
        let scene = scene(Duration::ZERO, [Fate::Failed(unreachable())]);
        scene.database.rows().down = true;
        assert_eq!(scene.publish(&[1]).await, [Err(PublishError::Unavailable)]);
        assert_eq!(scene.journal.send(GetStatus).await.unwrap().state, "down");
        scene
    }

    fn come_back(&self) {
        self.database.rows().down = false;
    }
}

#[actix::test]
async fn the_newest_step_of_each_adapter_rides_in_the_next_commit() {
    let scene = scene(PATIENT, []);
    scene.cursors.enable(ADAPTER, 0);
    assert_eq!(scene.publish(&[1, 2]).await.len(), 2);
    let before = scene.stored().len();
    let other = CursorStep { name: "other".into(), ..step(1) };
    for step in [step(1), other.clone(), step(2), step(1)] {
        scene.save(step);
    }
    assert_eq!(scene.publish(&[3]).await, [stored(3)]);
    assert_eq!(scene.stored()[before..], [Stored::Commit(3, vec![other, step(2)])]);
    assert_eq!(scene.cursors.all(), [(ADAPTER.into(), 2)], "the other is not enabled");
    assert_eq!(scene.publish(&[4]).await, [stored(4)]);
    assert_eq!(scene.stored()[before + 1..], [Stored::Commit(4, vec![])], "once");
}

#[actix::test]
async fn an_idle_journal_writes_steps_by_itself() {
    let scene = scene(PATIENT, []);
    scene.save(step(0));
    scene.save(step(0));
    assert_eq!(scene.until_stored(1).await, [alone(step(0))]);
    scene.save(step(0));
    assert_eq!(scene.until_stored(2).await.len(), 2, "and again");
}

#[actix::test]
async fn draining_writes_the_steps_and_takes_what_adapters_still_say() {
    let scene = scene(PATIENT, []);
    scene.cursors.enable(ADAPTER, 0);
    assert_eq!(scene.publish(&[1, 2]).await.len(), 2);
    let before = scene.stored().len();
    scene.save(step(1));
    assert_eq!(scene.drain().await, Ok(()));
    assert_eq!(scene.stored()[before..], [alone(step(1))]);
    scene.save(step(2));
    let (buried_too, recorded) = (scene.journal.send(bury(2)), scene.journal.send(record()));
    assert_eq!((buried_too.await.unwrap(), recorded.await.unwrap()), (Ok(()), Ok(())));
    assert_eq!(scene.drain().await, Ok(()));
    assert_eq!(scene.cursors.all(), [(ADAPTER.into(), 2)]);
}

#[actix::test]
async fn no_step_passes_a_dead_letter_that_is_not_there_yet() {
    let scene = scene(PATIENT, []);
    assert_eq!(scene.publish(&[1, 2, 3]).await.len(), 3);
    let before = scene.stored().len();
    scene.fail_notes([Fate::Failed(unreachable()), Fate::Lost { stored: false }]);
    let burying = scene.journal.send(bury(2));
    scene.save(step(3));
    let (buried_now, told) = tokio::join!(burying, scene.publish(&[4, 5]));
    assert_eq!((buried_now.unwrap(), told), (Ok(()), vec![stored(4), stored(5)]));
    assert_eq!(scene.drain().await, Ok(()));
    let stored = scene.stored();
    let steps = stored[before..].iter().flat_map(|stored| match stored {
        Stored::Commit(_, steps) => steps.iter().map(|step| step.through).collect(),
        Stored::Notes(notes) => notes.iter().map(through).collect::<Vec<_>>(),
    });
    assert_eq!(steps.collect::<Vec<_>>(), [2, 3]);
}

fn through(note: &Note) -> Seq {
    match note {
        Note::Cursor(step) | Note::Bury { step, .. } => step.through,
        Note::DeadLetter { .. }
        | Note::Audit(_)
        | Note::Override { .. }
        | Note::Verdicts(_)
        | Note::ForgetVerdicts(_) => 0,
    }
}

#[actix::test]
async fn a_note_whose_outcome_is_unknown_is_written_again() {
    let scene = scene(PATIENT, []);
    scene.fail_notes([Fate::Lost { stored: true }, Fate::Lost { stored: false }]);
    assert_eq!(scene.journal.send(bury(0)).await.unwrap(), Ok(()));
    assert_eq!(scene.stored(), [buried(0), buried(0)]);
    scene.fail_notes([Fate::Lost { stored: true }]);
    assert_eq!(scene.journal.send(DELETE).await.unwrap(), Ok(Noted::Done), "it was there");
    scene.fail_notes((0..9).map(|_| Fate::Lost { stored: false }));
    assert_eq!(scene.journal.send(bury(0)).await.unwrap(), Err(PublishError::Unknown));
    scene.database.rows().note_fates.clear();
    assert_eq!(scene.publish(&[1]).await, [stored(1)], "and nobody else is held up for ever");
}

/// It may be there: nobody is told that it is not.
#[actix::test]
async fn a_note_that_may_be_written_is_not_said_to_be_none() {
    for (fate, told) in [
        (Fate::Lost { stored: true }, PublishError::Unknown),
        (Fate::Failed(unreachable()), PublishError::Unavailable),
    ] {
        let scene = scene(Duration::ZERO, []);
        scene.fail_notes([fate]);
        scene.database.rows().down = true;
        assert_eq!(scene.journal.send(DELETE).await.unwrap(), Err(told));
    }
}

#[actix::test]
async fn notes_wait_for_a_database_that_is_down_but_a_client_does_not() {
    let scene = Scene::down().await;
    let waiting = join_all([scene.journal.send(bury(0))]);
    let recording = scene.journal.send(record());
    scene.save(step(0));
    assert_eq!(scene.journal.send(DELETE).await.unwrap(), Err(PublishError::Unavailable));
    assert_eq!(scene.stored(), []);
    scene.come_back();
    assert_eq!(waiting.await.pop().unwrap().unwrap(), Ok(()));
    assert_eq!(recording.await.unwrap(), Ok(()));
    let stored = scene.until_stored(3).await;
    assert_eq!((&stored[0], &stored[2]), (&buried(0), &alone(step(0))));
}

#[actix::test]
async fn what_waits_is_bounded_and_told_when_the_router_stops() {
    let scene = Scene::down().await;
    let waiting = join_all((0..300).map(|_| scene.journal.send(bury(0))));
    let (answers, drained) = tokio::join!(waiting, async {
        // The mailbox is read in order.
        assert_eq!(scene.journal.send(GetStatus).await.unwrap().state, "down");
        scene.drain().await
    });
    let count = |error: PublishError| {
        answers.iter().filter(|told| **told == Ok(Err(PublishError::clone(&error)))).count()
    };
    assert_eq!(drained, Ok(()));
    assert_eq!((count(PublishError::QueueFull), count(PublishError::Unavailable)), (44, 256));
    assert_eq!(scene.journal.send(record()).await.unwrap(), Err(PublishError::Unavailable));
}

#[actix::test]
async fn a_refused_note_is_told_and_takes_nothing_down() {
    let scene = scene(PATIENT, []);
    let refused = || Fate::Failed(StorageError::Refused("no such table".into()));
    scene.fail_notes([refused(), Fate::Failed(StorageError::Full)]);
    let told = scene.journal.send(bury(0)).await.unwrap();
    assert_eq!(told, Err(PublishError::Refused("no such table".into())));
    assert_eq!(scene.journal.send(bury(0)).await.unwrap(), Err(PublishError::StorageFull));
    let recoveries = "signalbox_journal_recoveries_total{outcome=\"ready\"}";
    assert!(!scene.metrics.render().contains(recoveries), "{}", scene.metrics.render());

    scene.fail_notes([refused(), Fate::Failed(StorageError::Full)]);
    scene.save(step(0));
    assert_eq!(scene.until_stored(1).await, [alone(step(0))], "steps are tried again");
    scene.fail_notes([Fate::Failed(StorageError::Full)]);
    scene.save(step(0));
    assert_eq!(scene.drain().await, Ok(()), "but nobody stays for them");
}

#[actix::test]
async fn steps_that_a_commit_failed_with_go_by_themselves() {
    let refused = Fate::Failed(StorageError::Refused("no such table".into()));
    let scene = scene(PATIENT, [refused]);
    scene.save(step(0));
    assert_eq!(scene.publish(&[1]).await, [stored(1)], "without the step");
    assert_eq!(scene.publish(&[2]).await, [stored(2)], "without the step");
    let expected = [Stored::Commit(1, vec![]), Stored::Commit(2, vec![]), alone(step(0))];
    assert_eq!(scene.until_stored(3).await, expected);
    scene.save(step(1));
    assert_eq!(scene.publish(&[3]).await, [stored(3)]);
    assert_eq!(scene.stored()[3], Stored::Commit(3, vec![step(1)]), "they ride again");
}

#[actix::test]
async fn notes_and_events_take_turns() {
    let scene = scene(PATIENT, []);
    let notes = join_all((0..3).map(|_| scene.journal.send(record())));
    let events = scene.publish(&[1, 2]);
    let (noted, told) = tokio::join!(notes, events);
    assert!(noted.iter().all(|noted| *noted == Ok(Ok(()))), "{noted:?}");
    assert_eq!(told, [stored(1), stored(2)]);
    let stored = scene.stored();
    let kinds = stored.iter().map(|stored| matches!(stored, Stored::Commit(..)));
    assert_eq!(kinds.collect::<Vec<_>>(), [false, true, false, false]);
}

#[actix::test]
async fn another_writer_ends_notes_too() {
    let mut scene = scene(PATIENT, []);
    scene.fail_notes([Fate::Failed(StorageError::Stale)]);
    let told = join_all([scene.journal.send(bury(0)), scene.journal.send(bury(0))]).await;
    assert_eq!(told, [Ok(Err(PublishError::Unavailable)), Ok(Err(PublishError::Unavailable))]);
    assert_eq!(scene.journal.send(record()).await.unwrap(), Err(PublishError::Unavailable));
    assert_eq!(scene.drain().await, Ok(()));
    assert!(!matches!(scene.fatal.try_recv(), Err(TryRecvError::Empty)));
}
