//! What is set at run time, and the line of the audit log that goes with it.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use signalbox::storage::{
    AuditQuery, CommitError, From, NewAudit, Note, Noted, StorageError, StoredOverride, Writer,
};

use super::{
    on_both,
    place::{Place, at},
};

on_both! {
    an_override_is_kept_until_it_is_cleared,
    whatever_json_an_override_is_comes_back,
    an_override_and_its_line_are_both_there_or_neither,
    a_full_disk_sets_nothing_and_heals,
}

fn set(key: &str, value: Value, until: Option<DateTime<Utc>>) -> StoredOverride {
    StoredOverride {
        key: key.into(),
        value,
        set_by: "operator".into(),
        set_at: at(7),
        expires_at: until,
    }
}

fn change(key: &str, set: Option<StoredOverride>, seconds: i64) -> Note {
    let entry = NewAudit {
        at: at(seconds),
        actor: "operator".into(),
        action: "override.set".into(),
        subject: key.into(),
        detail: json!({ "after": 1 }),
    };
    Note::Override { key: key.into(), set, entry }
}

async fn kept(place: &Place) -> Vec<StoredOverride> {
    place.storage.overrides().await.unwrap()
}

async fn lines(place: &Place) -> usize {
    let query = AuditQuery { from: From::After(0), limit: 100, action: None };
    place.storage.audit(&query).await.unwrap().records.len()
}

async fn write(writer: &mut Box<dyn Writer>, note: Note) {
    assert_eq!(writer.note(&[note], at(50)).await.unwrap(), [Noted::Done]);
}

async fn an_override_is_kept_until_it_is_cleared(place: Place) {
    let mut writer = place.filled(1).await;
    assert_eq!(kept(&place).await, []);
    let first = set("flags.dual_mode", json!(true), None);
    let other = set("rollout.percent", json!(25), Some(at(90)));
    write(&mut writer, change("rollout.percent", Some(other.clone()), 1)).await;
    write(&mut writer, change("flags.dual_mode", Some(first.clone()), 2)).await;
    assert_eq!(kept(&place).await, [first, other.clone()], "in the order of the keys");
    let again = StoredOverride {
        set_by: "rollout".into(),
        ..set("flags.dual_mode", json!(false), Some(at(8)))
    };
    for _ in 0..2 {
        // A note may be written again when nobody knows whether it was.
        write(&mut writer, change("flags.dual_mode", Some(again.clone()), 3)).await;
    }
    assert_eq!(kept(&place).await, [again, other.clone()], "also what has expired");
    write(&mut writer, change("flags.dual_mode", None, 4)).await;
    write(&mut writer, change("flags.dual_mode", None, 4)).await;
    assert_eq!((kept(&place).await, lines(&place).await), (vec![other], 4));
}

async fn whatever_json_an_override_is_comes_back(place: Place) {
    let mut writer = place.filled(1).await;
    for value in [json!(null), json!("a\u{0}b"), json!(["websocket", "realtime"]), json!(-1.5)] {
        write(&mut writer, change("k", Some(set("k", value.clone(), None)), 1)).await;
        let expected = if value.is_string() { json!("a\u{fffd}b") } else { value };
        assert_eq!(kept(&place).await[0].value, expected);
    }
}

async fn an_override_and_its_line_are_both_there_or_neither(place: Place) {
    let mut writer = place.filled(1).await;
    place.sql("ALTER TABLE audit_log RENAME TO away").await;
    let note = change("flags.dual_mode", Some(set("flags.dual_mode", json!(true), None)), 1);
    assert!(writer.note(std::slice::from_ref(&note), at(50)).await.is_err());
    place.sql("ALTER TABLE away RENAME TO audit_log").await;
    assert_eq!((kept(&place).await, lines(&place).await), (vec![], 0));
    write(&mut writer, note).await;
    assert_eq!((kept(&place).await.len(), lines(&place).await), (1, 1));
}

async fn a_full_disk_sets_nothing_and_heals(place: Place) {
    let mut writer = place.filled(1).await;
    let note = change("flags.dual_mode", Some(set("flags.dual_mode", json!(true), None)), 1);
    place.fill_up_table("flag_overrides").await;
    let refused = writer.note(std::slice::from_ref(&note), at(2)).await;
    assert!(matches!(refused, Err(CommitError::Failed(StorageError::Full))), "{refused:?}");
    assert_eq!(lines(&place).await, 0);
    place.make_room_in("flag_overrides").await;
    write(&mut writer, note).await;
}
