//! What a commit stores, and what it refuses.

use chrono::TimeDelta;
use serde_json::{Value, json};
use signalbox::{
    core::{event::Draft, numbering::Outcome},
    storage::{CommitError, From, StorageError},
};

use super::{
    on_both,
    place::{Place, at, draft, id, json},
};

on_both! {
    a_second_migration_has_nothing_to_do,
    an_empty_journal_begins_before_its_first_event,
    events_are_numbered_in_order_and_can_be_read_at_once,
    a_known_id_is_answered_with_its_first_place,
    an_id_twice_in_a_batch_is_stored_once,
    commit_times_never_go_back,
    a_large_batch_is_one_commit,
    values_come_back_as_they_were_sent,
    what_the_database_refuses_is_the_datas_fault_and_nothing_is_stored,
    a_head_moved_by_somebody_else_stops_the_writer,
    a_full_disk_stores_nothing_and_heals,
    the_size_grows_with_events_and_shrinks_with_a_trim,
}

async fn a_second_migration_has_nothing_to_do(place: Place) {
    assert_eq!(place.again().await.migrate().await.unwrap(), Vec::<String>::new());
}

async fn an_empty_journal_begins_before_its_first_event(place: Place) {
    assert!(matches!(place.storage.head().await, Err(StorageError::NoJournal)));
    let opened = place.writer().await;
    assert_eq!((opened.head.first_seq, opened.head.head_seq), (1, 0));
    assert_eq!(place.storage.head().await.unwrap(), opened.head);
    assert_eq!(place.seqs(From::After(0), 10).await, (vec![], 0));
    assert_eq!(place.storage.event(id(1)).await.unwrap(), None);
    assert_eq!(place.storage.first_since(at(0)).await.unwrap(), 1);
}

async fn events_are_numbered_in_order_and_can_be_read_at_once(place: Place) {
    let mut writer = place.writer().await.writer;
    let commit = writer.commit(&[draft(7), draft(8)], &[], at(3)).await.unwrap();
    assert_eq!(commit.fresh, [0, 1]);
    assert_eq!(commit.outcomes.iter().map(|outcome| outcome.seq).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(place.storage.head().await.unwrap(), commit.head);
    let event = place.storage.event(id(8)).await.unwrap().unwrap();
    let expected = json!({
        "id": id(8), "seq": 2, "epoch": commit.head.epoch, "event_type": "error",
        "timestamp": "2023-11-14T22:13:19.000000Z", "source": "websocket",
        "category": "critical", "data": {"n": 8}, "metadata": {"broadcast_mode": "direct"},
        "checksum": "00000008", "created_at": "2023-11-14T22:13:23.000000Z",
    });
    assert_eq!(json(&event), expected);
    assert_eq!(commit.head.last_created_at, event.created_at);
}

async fn a_known_id_is_answered_with_its_first_place(place: Place) {
    let mut writer = place.filled(3).await;
    let other = Draft { checksum: "ffffffff".into(), ..draft(2) };
    let commit = writer.commit(&[draft(2), other, draft(4)], &[], at(9)).await.unwrap();
    let outcome = |seq, duplicate, differs| Outcome { seq, duplicate, differs };
    assert_eq!(
        commit.outcomes,
        [outcome(2, true, false), outcome(2, true, true), outcome(4, false, false)]
    );
    assert_eq!(commit.fresh, [2]);
    let known = writer.look_up(&[id(2), id(5)]).await.unwrap();
    assert_eq!(known.len(), 1);
    assert_eq!((known[&id(2)].seq, &*known[&id(2)].checksum), (2, "00000002"));

    let only_known = writer.commit(&[draft(1)], &[], at(99)).await.unwrap();
    assert_eq!((only_known.head, only_known.fresh), (commit.head, vec![]));
}

async fn an_id_twice_in_a_batch_is_stored_once(place: Place) {
    let mut writer = place.writer().await.writer;
    let commit = writer.commit(&[draft(1), draft(1), draft(2)], &[], at(1)).await.unwrap();
    assert_eq!(commit.outcomes.iter().map(|outcome| outcome.seq).collect::<Vec<_>>(), [1, 1, 2]);
    assert_eq!(place.seqs(From::After(0), 10).await.0, [1, 2]);
}

async fn commit_times_never_go_back(place: Place) {
    let mut writer = place.filled(5).await;
    let late = writer.commit(&[draft(6)], &[], at(2)).await.unwrap();
    assert_eq!(late.head.last_created_at, at(5));
    let fine = at(7) + TimeDelta::nanoseconds(1_999);
    let head = writer.commit(&[draft(7)], &[], fine).await.unwrap().head;
    assert_eq!(head.last_created_at, at(7) + TimeDelta::microseconds(1));
    assert_eq!(place.storage.head().await.unwrap(), head, "as it is stored, so it is told");
}

async fn a_large_batch_is_one_commit(place: Place) {
    let mut writer = place.writer().await.writer;
    let drafts: Vec<_> = (1..=2_500).map(draft).collect();
    assert_eq!(writer.commit(&drafts, &[], at(1)).await.unwrap().head.head_seq, 2_500);
    let (seqs, through) = place.seqs(From::After(0), 5_000).await;
    assert_eq!((seqs.len(), through), (2_500, 2_500));
    let again = writer.commit(&drafts, &[], at(2)).await.unwrap();
    assert!(again.outcomes.iter().all(|outcome| outcome.duplicate && !outcome.differs));
}

async fn values_come_back_as_they_were_sent(place: Place) {
    let texts = [
        r#"{"n":100}"#,
        r#"{"n":1.0}"#,
        r#"{"n":-0.5,"m":1.50}"#,
        r#"{"n":123456789012345678901234567890}"#,
        r#"{"n":0.1234567890123456789012345}"#,
        r#"{"t":"üñí ☂ 𝄞 \"q\" \\ / \n\t : , [ ] { }"}"#,
        r#"{"a":{"b":[{"c":null},[],{},true,"  two  spaces "]}}"#,
        "{}",
    ];
    let drafts = (1..).zip(texts).map(|(n, data)| Draft { data: data.into(), ..draft(n) });
    let drafts: Vec<_> = drafts.collect();
    let mut writer = place.writer().await.writer;
    writer.commit(&drafts, &[], at(1)).await.unwrap();
    for (n, sent) in (1..).zip(texts) {
        let event = place.storage.event(id(n)).await.unwrap().unwrap();
        let text = std::str::from_utf8(&event.json).unwrap();
        // Compared as text where a parser would lose digits, as values where order may differ.
        assert!(text.contains(&format!("\"data\":{sent}")) || sent.contains("\"m\""), "{text}");
        assert_eq!(json(&event)["data"], serde_json::from_str::<Value>(sent).unwrap());
    }
    let exponent = Draft { data: r#"{"n":1e2}"#.into(), ..draft(99) };
    writer.commit(&[exponent], &[], at(1)).await.unwrap();
    let event = place.storage.event(id(99)).await.unwrap().unwrap();
    assert_eq!(json(&event)["data"]["n"].as_f64(), Some(100.0));
}

async fn what_the_database_refuses_is_the_datas_fault_and_nothing_is_stored(place: Place) {
    let mut writer = place.filled(1).await;
    let too_long = Draft { event_type: "x".repeat(51).into(), ..draft(3) };
    let no_json = Draft { data: "{".into(), ..draft(4) };
    for poison in [too_long, no_json] {
        let refused = writer.commit(&[draft(2), poison], &[], at(2)).await;
        assert!(matches!(refused, Err(CommitError::Data(_))), "{refused:?}");
        assert_eq!(place.seqs(From::After(0), 10).await.0, [1]);
    }
    assert_eq!(
        writer.commit(&[draft(2)], &[], at(2)).await.unwrap().head.head_seq,
        2,
        "it goes on"
    );
}

async fn a_head_moved_by_somebody_else_stops_the_writer(place: Place) {
    let mut writer = place.filled(3).await;
    place.sql("UPDATE journal SET head_seq = 4").await;
    let refused = writer.commit(&[draft(4)], &[], at(4)).await;
    assert!(matches!(refused, Err(CommitError::Failed(StorageError::Stale))), "{refused:?}");
    assert!(matches!(writer.trim(1).await, Err(StorageError::Stale)));
    assert_eq!(place.storage.event(id(4)).await.unwrap(), None);
    assert!(place.storage.event(id(1)).await.unwrap().is_some());
}

async fn a_full_disk_stores_nothing_and_heals(place: Place) {
    let mut writer = place.filled(1).await;
    place.fill_up().await;
    let refused = writer.commit(&[draft(2)], &[], at(2)).await;
    assert!(matches!(refused, Err(CommitError::Failed(StorageError::Full))), "{refused:?}");
    assert_eq!(place.seqs(From::After(0), 9).await.0, [1], "what is stored can be read");
    place.make_room().await;
    assert_eq!(writer.commit(&[draft(2)], &[], at(2)).await.unwrap().head.head_seq, 2);
}

async fn the_size_grows_with_events_and_shrinks_with_a_trim(place: Place) {
    let mut writer = place.writer().await.writer;
    let empty = place.storage.size_bytes().await.unwrap();
    let data = format!(r#"{{"t":"{}"}}"#, "x".repeat(300));
    let drafts: Vec<_> =
        (1..=2_000).map(|n| Draft { data: data.as_str().into(), ..draft(n) }).collect();
    writer.commit(&drafts, &[], at(1)).await.unwrap();
    let full = place.storage.size_bytes().await.unwrap();
    assert!(full > empty + 2_000 * 300, "{empty} to {full}");
    writer.trim(1_900).await.unwrap();
    let trimmed = place.storage.size_bytes().await.unwrap();
    assert!(trimmed < full / 2, "{full} to {trimmed}");
}
