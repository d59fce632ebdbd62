//! What is kept beside the events: dead letters with their cursors, and the audit log.

use serde_json::json;
use signalbox::{
    core::{
        cursor::durable::CursorStep,
        event::{Event, Position},
    },
    storage::{
        AuditEntry, AuditQuery, CommitError, DeadLetter, DeadLetterChange, DeadLetterQuery,
        DeadLetterStatus, From, MAX_RECORDS, NewAudit, NewDeadLetter, Note, Noted, Records,
        StorageError, Writer, oldest_pending,
    },
};
use uuid::Uuid;

use super::{
    on_both,
    place::{Place, at, draft, id, json},
};

on_both! {
    a_dead_letter_keeps_the_event_whole,
    a_dead_letter_and_its_cursor_are_both_there_or_neither,
    buried_again_it_is_the_same_dead_letter,
    a_dead_letter_is_replayed_until_it_is_recovered,
    notes_are_all_written_or_none,
    dead_letters_are_listed_both_ways_and_narrowed,
    pages_of_dead_letters_survive_deletions,
    the_audit_log_is_read_both_ways_and_a_deed_is_written_once,
    words_that_a_database_cannot_hold_are_made_such_that_it_can,
    a_writer_that_lost_the_journal_writes_no_note,
    a_full_disk_writes_no_note_and_heals,
}

pub(super) const ADAPTER: &str = "realtime";

pub(super) fn step(epoch: Uuid, seq: u64) -> CursorStep {
    CursorStep::new(ADAPTER, Position { epoch, seq })
}

pub(super) async fn epoch(place: &Place) -> Uuid {
    place.storage.head().await.unwrap().epoch
}

/// Position and `through` of the adapter's stored cursor.
pub(super) async fn cursor(place: &Place) -> Option<(u64, u64)> {
    let cursor = place.storage.cursor(ADAPTER).await.unwrap()?;
    assert_eq!(cursor.position.epoch, epoch(place).await);
    Some((cursor.position.seq, cursor.through))
}

pub(super) async fn note(writer: &mut Box<dyn Writer>, note: Note) -> Noted {
    writer.note(&[note], at(50)).await.unwrap()[0]
}

async fn event(place: &Place, n: u32) -> Event {
    place.storage.event(id(n)).await.unwrap().unwrap()
}

async fn letter(place: &Place, n: u32) -> NewDeadLetter {
    NewDeadLetter {
        adapter: ADAPTER.into(),
        epoch: epoch(place).await,
        event: event(place, n).await.into(),
        reason: "too large".into(),
        attempts: 2,
    }
}

/// A note that sets these events aside; the cursor goes on to the last.
async fn bury(place: &Place, events: &[u32]) -> Note {
    let mut letters = Vec::new();
    for n in events {
        letters.push(letter(place, *n).await);
    }
    let last = letters.last().map_or(0, |letter| letter.event.seq);
    Note::Bury { letters, step: step(epoch(place).await, last) }
}

fn change(id: u64, change: DeadLetterChange, seconds: i64) -> Note {
    Note::DeadLetter { id, change, at: at(seconds) }
}

fn all(from: From) -> DeadLetterQuery {
    DeadLetterQuery { from, limit: 10, adapter: None, status: None }
}

async fn letters(place: &Place) -> Vec<DeadLetter> {
    place.storage.dead_letters(&all(From::After(0))).await.unwrap().records
}

/// Which events the page holds, and whether there is more.
async fn listed(place: &Place, query: DeadLetterQuery) -> (Vec<u64>, bool) {
    let Records { records, next } = place.storage.dead_letters(&query).await.unwrap();
    assert!(next.is_none() || next == records.last().map(|letter| letter.id));
    (records.iter().map(|letter| letter.position.seq).collect(), next.is_some())
}

async fn a_dead_letter_keeps_the_event_whole(place: Place) {
    let mut writer = place.filled(2).await;
    let exact = r#"{"n":123456789012345678901234567890,"m":0.12345678901234567890}"#;
    let exact = signalbox::core::event::Draft { data: exact.into(), ..draft(3) };
    writer.commit(&[exact], &[], at(3)).await.unwrap();
    let event = event(&place, 3).await;
    let buried = bury(&place, &[3]).await;
    assert_eq!(note(&mut writer, buried).await, Noted::Done);
    writer.trim(3).await.unwrap();
    let kept = letters(&place).await.remove(0);
    let expected = DeadLetter {
        id: kept.id,
        adapter: ADAPTER.into(),
        position: Position { epoch: epoch(&place).await, seq: 3 },
        event: kept.event.clone(),
        reason: "too large".into(),
        attempts: 2,
        status: DeadLetterStatus::Pending,
        created_at: at(50),
        replayed_at: None,
        recovered_at: None,
    };
    assert_eq!(kept, expected);
    assert_eq!(json(&kept.event), json(&event), "also when retention has taken it");
    assert!(std::str::from_utf8(&kept.event.json).unwrap().contains("0.12345678901234567890"));
    assert_eq!(
        (kept.event.id, &kept.event.event_type, kept.event.seq, kept.event.created_at),
        (event.id, &event.event_type, event.seq, event.created_at)
    );
    let of = async |adapter, event| place.storage.dead_letter_of(adapter, event).await.unwrap();
    assert_eq!(of(&kept.adapter, kept.event.id).await.as_ref(), Some(&kept));
    assert_eq!(of("other", kept.event.id).await, None);
    assert_eq!(of(&kept.adapter, Uuid::nil()).await, None);
    assert_eq!(place.storage.dead_letter(kept.id).await.unwrap(), Some(kept));
    assert_eq!(place.storage.dead_letter(999).await.unwrap(), None);
    assert_eq!(place.storage.dead_letter(u64::MAX).await.unwrap(), None);
}

async fn a_dead_letter_and_its_cursor_are_both_there_or_neither(place: Place) {
    let mut writer = place.filled(5).await;
    let good = bury(&place, &[2, 3]).await;
    place.sql("ALTER TABLE cursors RENAME TO away").await;
    assert!(writer.note(std::slice::from_ref(&good), at(50)).await.is_err());
    place.sql("ALTER TABLE away RENAME TO cursors").await;
    assert_eq!((letters(&place).await, cursor(&place).await), (vec![], None));
    assert_eq!(note(&mut writer, good).await, Noted::Done, "the same writer goes on");
    assert_eq!(listed(&place, all(From::After(0))).await, (vec![2, 3], false));
    assert_eq!(cursor(&place).await, Some((3, 3)));
}

async fn buried_again_it_is_the_same_dead_letter(place: Place) {
    let mut writer = place.filled(5).await;
    let buried = bury(&place, &[2]).await;
    note(&mut writer, buried.clone()).await;
    let first = letters(&place).await;
    note(&mut writer, buried).await;
    assert_eq!(letters(&place).await, first, "repeated, it changes nothing");

    note(&mut writer, change(first[0].id, DeadLetterChange::Recovered, 60)).await;
    let letter = NewDeadLetter { reason: "worse".into(), attempts: 7, ..letter(&place, 2).await };
    let elsewhere = NewDeadLetter { adapter: "other".into(), ..letter.clone() };
    let step = step(epoch(&place).await, 2);
    note(&mut writer, Note::Bury { letters: vec![letter, elsewhere], step }).await;
    let [again, other] = letters(&place).await.try_into().unwrap();
    assert_eq!(
        (again.id, &*again.reason, again.attempts, again.status, again.recovered_at),
        (first[0].id, "worse", 7, DeadLetterStatus::Pending, None)
    );
    assert_eq!(again.created_at, first[0].created_at);
    assert_eq!(other.adapter, "other");
}

async fn a_dead_letter_is_replayed_until_it_is_recovered(place: Place) {
    let mut writer = place.filled(5).await;
    let buried = bury(&place, &[2]).await;
    note(&mut writer, buried).await;
    let id = letters(&place).await[0].id;
    let failed = DeadLetterChange::Failed { reason: "still too large".into() };
    for (change_to, seconds, noted, status, attempts) in [
        (DeadLetterChange::Replayed, 60, Noted::Done, DeadLetterStatus::Pending, 3),
        (DeadLetterChange::Replayed, 60, Noted::Done, DeadLetterStatus::Pending, 3),
        (failed.clone(), 61, Noted::Done, DeadLetterStatus::Failed, 3),
        (DeadLetterChange::Replayed, 62, Noted::Done, DeadLetterStatus::Pending, 4),
        (DeadLetterChange::Recovered, 63, Noted::Done, DeadLetterStatus::Recovered, 4),
        (DeadLetterChange::Replayed, 64, Noted::Settled, DeadLetterStatus::Recovered, 4),
        (failed, 65, Noted::Settled, DeadLetterStatus::Recovered, 4),
    ] {
        assert_eq!(note(&mut writer, change(id, change_to.clone(), seconds)).await, noted);
        let letter = place.storage.dead_letter(id).await.unwrap().unwrap();
        assert_eq!((letter.status, letter.attempts), (status, attempts), "{change_to:?}");
    }
    let letter = place.storage.dead_letter(id).await.unwrap().unwrap();
    assert_eq!((letter.replayed_at, letter.recovered_at), (Some(at(62)), Some(at(63))));
    assert_eq!(letter.reason, "still too large");
    assert_eq!(note(&mut writer, change(id, DeadLetterChange::Deleted, 66)).await, Noted::Done);
    for change_to in [DeadLetterChange::Deleted, DeadLetterChange::Replayed] {
        assert_eq!(note(&mut writer, change(id, change_to, 67)).await, Noted::Absent);
    }
    assert_eq!(place.storage.dead_letter(id).await.unwrap(), None);
}

async fn notes_are_all_written_or_none(place: Place) {
    let mut writer = place.filled(5).await;
    let epoch = epoch(&place).await;
    let (buried, audited) = (bury(&place, &[1]).await, Note::Audit(audit(1, "flag.set")));
    place.sql("ALTER TABLE audit_log RENAME TO away").await;
    let notes = [Note::Cursor(step(epoch, 4)), buried, audited];
    assert!(writer.note(&notes, at(50)).await.is_err());
    place.sql("ALTER TABLE away RENAME TO audit_log").await;
    assert_eq!((letters(&place).await, cursor(&place).await), (vec![], None));
    assert_eq!(writer.note(&notes, at(50)).await.unwrap(), [Noted::Done; 3]);
    assert_eq!(cursor(&place).await, Some((4, 4)));
    assert_eq!(writer.note(&[], at(50)).await.unwrap(), []);
}

async fn dead_letters_are_listed_both_ways_and_narrowed(place: Place) {
    let mut writer = place.filled(6).await;
    for n in 1..=5 {
        let buried = bury(&place, &[n]).await;
        writer.note(&[buried], at(100 - i64::from(n))).await.unwrap();
    }
    let other = NewDeadLetter { adapter: "other".into(), ..letter(&place, 6).await };
    let position = step(epoch(&place).await, 6);
    note(&mut writer, Note::Bury { letters: vec![other], step: position }).await;
    let ids: Vec<_> = letters(&place).await.iter().map(|letter| letter.id).collect();
    note(&mut writer, change(ids[1], DeadLetterChange::Recovered, 200)).await;

    let some = |from, limit| DeadLetterQuery { limit, ..all(from) };
    let newest = From::Before(u64::MAX);
    assert_eq!(listed(&place, some(From::After(0), 4)).await, (vec![1, 2, 3, 4], true));
    assert_eq!(listed(&place, some(From::After(ids[3]), 4)).await, (vec![5, 6], false));
    assert_eq!(listed(&place, some(newest, 2)).await, (vec![6, 5], true));
    assert_eq!(listed(&place, some(From::Before(ids[2]), 2)).await, (vec![2, 1], false));
    assert_eq!(listed(&place, some(newest, usize::MAX)).await.0.len(), 6);
    assert_eq!(MAX_RECORDS, 1_000);
    let of = |adapter: Option<&str>, status| DeadLetterQuery {
        adapter: adapter.map(Into::into),
        status,
        ..all(From::After(0))
    };
    assert_eq!(listed(&place, of(Some("other"), None)).await.0, [6]);
    assert_eq!(listed(&place, of(None, Some(DeadLetterStatus::Recovered))).await.0, [2]);
    let pending = of(Some(ADAPTER), Some(DeadLetterStatus::Pending));
    assert_eq!(listed(&place, pending).await.0, [1, 3, 4, 5]);
    assert_eq!(listed(&place, of(Some("none"), None)).await.0, Vec::<u64>::new());

    let counts = place.storage.count_dead_letters().await.unwrap();
    let counted: Vec<_> =
        counts.iter().map(|c| (&*c.adapter, c.status.as_str(), c.count, c.oldest)).collect();
    assert_eq!(
        counted,
        [
            ("other", "pending", 1, at(50)),
            (ADAPTER, "pending", 4, at(95)),
            (ADAPTER, "recovered", 1, at(98)),
        ]
    );
    assert_eq!(oldest_pending(&counts), Some(at(50)));
}

async fn pages_of_dead_letters_survive_deletions(place: Place) {
    let mut writer = place.filled(6).await;
    let buried = bury(&place, &[1, 2, 3, 4, 5, 6]).await;
    note(&mut writer, buried).await;
    let query = |from| DeadLetterQuery { limit: 2, ..all(from) };
    let page = place.storage.dead_letters(&query(From::After(0))).await.unwrap();
    for gone in [&page.records[0], &page.records[1]] {
        note(&mut writer, change(gone.id, DeadLetterChange::Deleted, 60)).await;
    }
    let next = page.next.unwrap();
    let page = place.storage.dead_letters(&query(From::After(next))).await.unwrap();
    assert_eq!(page.records.iter().map(|l| l.position.seq).collect::<Vec<_>>(), [3, 4]);
    let newest = page.records[1].id + 2;
    note(&mut writer, change(newest, DeadLetterChange::Deleted, 60)).await;
    let buried = bury(&place, &[6]).await;
    note(&mut writer, buried).await;
    let again = letters(&place).await;
    assert!(again.last().unwrap().id > newest, "a number is never used again: {again:?}");
}

fn audit(seconds: i64, action: &str) -> NewAudit {
    NewAudit {
        at: at(seconds),
        actor: "rollout".into(),
        action: action.into(),
        subject: "percent".into(),
        detail: json!({"from": 0, "to": 25, "why": null}),
    }
}

async fn the_audit_log_is_read_both_ways_and_a_deed_is_written_once(place: Place) {
    let mut writer = place.filled(1).await;
    for (seconds, action) in [(1, "a"), (2, "b"), (3, "a"), (3, "a"), (3, "b")] {
        assert_eq!(note(&mut writer, Note::Audit(audit(seconds, action))).await, Noted::Done);
    }
    let read = async |from, limit, action: Option<&str>| {
        let query = AuditQuery { from, limit, action: action.map(Into::into) };
        let Records { records, next } = place.storage.audit(&query).await.unwrap();
        let told: Vec<_> = records.iter().map(|entry| (entry.at, entry.action.clone())).collect();
        (told, next)
    };
    let line = |seconds, action: &str| (at(seconds), action.to_owned());
    let (newest, next) = read(From::Before(u64::MAX), 3, None).await;
    assert_eq!(newest, [line(3, "b"), line(3, "a"), line(2, "b")]);
    assert_eq!(read(From::Before(next.unwrap()), 3, None).await, (vec![line(1, "a")], None));
    let (oldest, _) = read(From::After(0), 9, Some("a")).await;
    assert_eq!(oldest, [line(1, "a"), line(3, "a")]);

    let query = AuditQuery { from: From::After(0), limit: 1, action: None };
    let first = place.storage.audit(&query).await.unwrap().records.remove(0);
    let AuditEntry { actor, subject, detail, .. } = first;
    assert_eq!((&*actor, &*subject), ("rollout", "percent"));
    let detail: serde_json::Value = serde_json::from_str(&detail).unwrap();
    assert_eq!(detail, json!({"from": 0, "to": 25, "why": null}));
}

async fn words_that_a_database_cannot_hold_are_made_such_that_it_can(place: Place) {
    let mut writer = place.filled(1).await;
    let letter = NewDeadLetter { reason: "no\0pe".into(), ..letter(&place, 1).await };
    let deed = NewAudit { actor: "x\0".into(), detail: json!({"k\0": ["v\0"]}), ..audit(1, "a\0") };
    let step = step(epoch(&place).await, 1);
    let notes = [Note::Bury { letters: vec![letter], step }, Note::Audit(deed)];
    assert_eq!(writer.note(&notes, at(50)).await.unwrap(), [Noted::Done; 2]);
    let kept = letters(&place).await.remove(0);
    assert_eq!(kept.reason, "no\u{fffd}pe");
    let failed = DeadLetterChange::Failed { reason: "\0".into() };
    assert_eq!(note(&mut writer, change(kept.id, failed, 60)).await, Noted::Done);
}

async fn a_writer_that_lost_the_journal_writes_no_note(place: Place) {
    let mut writer = place.filled(3).await;
    let notes = [bury(&place, &[1]).await, Note::Audit(audit(1, "a"))];
    place.sql("UPDATE journal SET head_seq = 4").await;
    let refused = writer.note(&notes, at(4)).await;
    assert!(matches!(refused, Err(CommitError::Failed(StorageError::Stale))), "{refused:?}");
    let steps = [step(epoch(&place).await, 2)];
    let refused = writer.commit(&[draft(4)], &steps, at(4)).await;
    assert!(matches!(refused, Err(CommitError::Failed(StorageError::Stale))), "{refused:?}");
    assert_eq!((letters(&place).await, cursor(&place).await), (vec![], None));
}

async fn a_full_disk_writes_no_note_and_heals(place: Place) {
    let mut writer = place.filled(2).await;
    let buried = bury(&place, &[2]).await;
    place.fill_up_table("dead_letters").await;
    let refused = writer.note(std::slice::from_ref(&buried), at(2)).await;
    assert!(matches!(refused, Err(CommitError::Failed(StorageError::Full))), "{refused:?}");
    assert_eq!(cursor(&place).await, None);
    place.make_room_in("dead_letters").await;
    assert_eq!(note(&mut writer, buried).await, Noted::Done);
}
