//! Who may write, and when a journal begins a new epoch.

use std::time::Duration;

use signalbox::{
    core::numbering::{Doubt, Head, Proof},
    storage::{From, OpenWriter, StorageError},
};

use super::{
    on_both,
    place::{Place, at, draft, id, request, request_after},
};

on_both! {
    a_second_writer_waits_until_the_first_is_gone,
    a_commit_that_nobody_waits_for_is_found_out_by_the_next_writer,
    reopening_goes_on_under_the_same_epoch,
    a_journal_behind_what_was_seen_begins_a_new_epoch_and_seq_goes_on,
    a_journal_of_another_database_begins_a_new_epoch,
}

async fn a_second_writer_waits_until_the_first_is_gone(place: Place) {
    let first = place.filled(2).await;
    let other = place.again().await;
    let impatient = OpenWriter { wait: Duration::ZERO, ..request() };
    assert!(matches!(other.open_writer(impatient).await, Err(StorageError::Locked { .. })));
    drop(first);
    let opened = other.open_writer(request()).await.unwrap();
    assert_eq!((opened.head.head_seq, opened.proof), (2, Proof::Same));
}

async fn a_commit_that_nobody_waits_for_is_found_out_by_the_next_writer(place: Place) {
    let mut known = 0;
    for n in 1..=20_u32 {
        let mut writer = place.writer().await.writer;
        assert_eq!(place.storage.head().await.unwrap().head_seq, known, "nothing comes late");
        let cut = Duration::from_micros(u64::from(n) * 200);
        drop(tokio::time::timeout(cut, writer.commit(&[draft(n)], &[], at(1))).await);
        drop(writer);
        let mut next = place.writer().await.writer;
        known += next.look_up(&[id(n)]).await.unwrap().len() as u64;
    }
    assert_eq!(place.seqs(From::After(0), 99).await.0, (1..=known).collect::<Vec<_>>());
}

async fn reopening_goes_on_under_the_same_epoch(place: Place) {
    let first = place.writer().await;
    assert_eq!(first.proof, Proof::Absent);
    let mut writer = first.writer;
    let seen = writer.commit(&[draft(1)], &[], at(1)).await.unwrap().head;
    drop(writer);
    assert_eq!(reopened(&place, Some(seen)).await, (seen, Proof::Same));
    assert_eq!(reopened(&place, None).await, (seen, Proof::Same));
}

/// The head and the proof of the writer that opens next; it is gone then.
async fn reopened(place: &Place, seen: Option<Head>) -> (Head, Proof) {
    let request = seen.map_or_else(request, request_after);
    let opened = place.storage.open_writer(request).await.unwrap();
    assert_eq!(opened.proof == Proof::Same, opened.head.epoch != request.fresh);
    (opened.head, opened.proof)
}

async fn a_journal_behind_what_was_seen_begins_a_new_epoch_and_seq_goes_on(place: Place) {
    drop(place.filled(3).await);
    let stored = place.storage.head().await.unwrap();
    let ahead = Head { head_seq: 4, ..stored };
    let (head, proof) = reopened(&place, Some(ahead)).await;
    assert_eq!(proof, Proof::Renewed(Doubt::WentBack));
    assert_eq!(head, Head { epoch: head.epoch, ..stored });
    assert_eq!(place.storage.head().await.unwrap(), head);
    assert_eq!(reopened(&place, Some(head)).await, (head, Proof::Same), "only once");

    let opened = place.storage.open_writer(request_after(head)).await;
    let mut writer = opened.unwrap().writer;
    assert_eq!(writer.commit(&[draft(4)], &[], at(4)).await.unwrap().outcomes[0].seq, 4);
    assert_eq!(place.seqs(From::After(0), 9).await.0, [1, 2, 3, 4]);
    let old = place.storage.event(id(1)).await.unwrap().unwrap();
    assert!(std::str::from_utf8(&old.json).unwrap().contains(&head.epoch.to_string()));
}

async fn a_journal_of_another_database_begins_a_new_epoch(place: Place) {
    drop(place.filled(3).await);
    place.sql("UPDATE journal SET identity = 'elsewhere'").await;
    assert_eq!(reopened(&place, None).await.1, Proof::Renewed(Doubt::OtherDatabase));
    assert_eq!(reopened(&place, None).await.1, Proof::Same);
}
