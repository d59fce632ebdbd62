//! Verdicts that are kept beside the events.

use signalbox::{
    core::{
        event::{Category, Position},
        matching::{Path, Shown, Unscored, Verdict},
    },
    storage::{CommitError, Note, Noted, StorageError, StoredVerdict},
};
use uuid::Uuid;

use super::{
    on_both,
    place::{Place, at, id},
    records::{epoch, note},
};

on_both! {
    a_verdict_comes_back_as_it_was,
    the_first_verdict_on_an_event_and_path_counts,
    old_verdicts_are_forgotten,
    verdicts_outlive_the_events,
    a_writer_that_lost_the_journal_keeps_no_verdict,
}

async fn verdict(place: &Place, n: u32, path: Path, verdict: Verdict) -> StoredVerdict {
    let hash = |text: &str| {
        let id = id(n);
        Shown::read(&format!("{{\"id\":\"{id}\",\"data\":\"{text}\"}}")).unwrap().hash
    };
    StoredVerdict {
        event_id: id(n),
        path,
        position: Position { epoch: epoch(place).await, seq: n.into() },
        category: Category::UserActivity,
        verdict,
        expected: hash("expected"),
        seen: (verdict != Verdict::Missing).then(|| hash("seen")),
        generation: 7,
        decided_at: at(n.into()),
    }
}

async fn a_verdict_comes_back_as_it_was(place: Place) {
    let mut writer = place.filled(9).await;
    let plain = [
        Verdict::Matched,
        Verdict::Late,
        Verdict::Reordered,
        Verdict::Duplicate,
        Verdict::Missing,
        Verdict::Differs,
    ];
    let all = plain.into_iter().chain(Unscored::ALL.map(Verdict::Unscored));
    for (n, found) in (1..).zip(all) {
        let direct = verdict(&place, n, Path::Websocket, found).await;
        let realtime = verdict(&place, n, Path::Realtime, found).await;
        let kept = Note::Verdicts(vec![direct, realtime]);
        assert_eq!(note(&mut writer, kept).await, Noted::Done);
        assert_eq!(place.storage.verdicts_on(id(n)).await.unwrap(), [realtime, direct]);
    }
    assert_eq!(place.storage.verdicts_on(Uuid::nil()).await.unwrap(), []);
}

async fn the_first_verdict_on_an_event_and_path_counts(place: Place) {
    let mut writer = place.filled(1).await;
    let first = verdict(&place, 1, Path::Realtime, Verdict::Missing).await;
    let second = verdict(&place, 1, Path::Realtime, Verdict::Differs).await;
    note(&mut writer, Note::Verdicts(vec![first])).await;
    note(&mut writer, Note::Verdicts(vec![first, second])).await;
    assert_eq!(place.storage.verdicts_on(id(1)).await.unwrap(), [first]);
}

async fn old_verdicts_are_forgotten(place: Place) {
    let mut writer = place.filled(3).await;
    for n in 1..=3 {
        let kept = verdict(&place, n, Path::Realtime, Verdict::Late).await;
        note(&mut writer, Note::Verdicts(vec![kept])).await;
    }
    note(&mut writer, Note::ForgetVerdicts(at(2))).await;
    for (n, left) in [(1, 0), (2, 1), (3, 1)] {
        assert_eq!(place.storage.verdicts_on(id(n)).await.unwrap().len(), left, "{n}");
    }
}

async fn verdicts_outlive_the_events(place: Place) {
    let mut writer = place.filled(1).await;
    let kept = verdict(&place, 1, Path::Websocket, Verdict::Duplicate).await;
    note(&mut writer, Note::Verdicts(vec![kept])).await;
    writer.trim(1).await.unwrap();
    assert_eq!(place.storage.verdicts_on(id(1)).await.unwrap(), [kept]);
}

async fn a_writer_that_lost_the_journal_keeps_no_verdict(place: Place) {
    let mut writer = place.filled(1).await;
    place.sql("UPDATE journal SET head_seq = 4").await;
    let kept = verdict(&place, 1, Path::Websocket, Verdict::Duplicate).await;
    let refused = writer.note(&[Note::Verdicts(vec![kept])], at(9)).await.unwrap_err();
    assert!(matches!(refused, CommitError::Failed(StorageError::Stale)), "{refused}");
    assert_eq!(place.storage.verdicts_on(id(1)).await.unwrap(), []);
}
