//! How far adapters have come, in the transactions of events and by themselves.

use signalbox::{
    core::{cursor::durable::CursorStep, event::Draft},
    storage::{CommitError, Note, Noted},
};
use uuid::Uuid;

use super::{
    on_both,
    place::{Place, at, draft},
    records::{ADAPTER, cursor, epoch, note, step},
};

on_both! {
    a_cursor_rides_in_the_commit_of_events,
    a_cursor_goes_on_and_back_only_when_told_to,
    a_step_of_another_journal_moves_nothing,
    a_refused_commit_moves_no_cursor,
}

async fn a_cursor_rides_in_the_commit_of_events(place: Place) {
    let mut writer = place.filled(3).await;
    let epoch = epoch(&place).await;
    assert_eq!(cursor(&place).await, None);
    assert_eq!(place.storage.cursors().await.unwrap(), []);
    let other = CursorStep { name: "other".into(), ..step(epoch, 1) };
    let steps = [step(epoch, 2).and_through(3), other];
    writer.commit(&[draft(4)], &steps, at(9)).await.unwrap();
    assert_eq!(cursor(&place).await, Some((2, 3)));
    let cursors = place.storage.cursors().await.unwrap();
    assert_eq!(cursors.iter().map(|(name, _)| &**name).collect::<Vec<_>>(), ["other", ADAPTER]);
    assert_eq!(cursors[1].1.updated_at, at(9));
    writer.commit(&[draft(5)], &[step(epoch, 5)], at(10)).await.unwrap();
    assert_eq!(cursor(&place).await, Some((5, 5)), "as far as this very commit");
}

async fn a_cursor_goes_on_and_back_only_when_told_to(place: Place) {
    let mut writer = place.filled(9).await;
    let epoch = epoch(&place).await;
    for (step, expected) in [
        (step(epoch, 5), (5, 5)),
        (step(epoch, 5), (5, 5)),
        (step(epoch, 4), (5, 5)),
        (step(epoch, 5).and_through(8), (5, 8)),
        (step(epoch, 7), (5, 8)),
        (step(epoch, 10), (5, 8)),
        (step(epoch, 3).clamped(), (3, 3)),
        (step(epoch, 4), (4, 4)),
    ] {
        assert_eq!(note(&mut writer, Note::Cursor(step.clone())).await, Noted::Done);
        assert_eq!(cursor(&place).await, Some(expected), "{step:?}");
    }
}

async fn a_step_of_another_journal_moves_nothing(place: Place) {
    let mut writer = place.filled(9).await;
    let stored = step(epoch(&place).await, 5);
    note(&mut writer, Note::Cursor(stored)).await;
    for other in [step(Uuid::new_v4(), 7), step(Uuid::new_v4(), 2).clamped()] {
        writer.commit(&[draft(10)], std::slice::from_ref(&other), at(10)).await.unwrap();
        note(&mut writer, Note::Cursor(other)).await;
        assert_eq!(cursor(&place).await, Some((5, 5)));
    }
}

async fn a_refused_commit_moves_no_cursor(place: Place) {
    let mut writer = place.filled(3).await;
    let step = step(epoch(&place).await, 3);
    let poison = Draft { data: "{".into(), ..draft(4) };
    let refused = writer.commit(&[poison], std::slice::from_ref(&step), at(4)).await;
    assert!(matches!(refused, Err(CommitError::Data(_))), "{refused:?}");
    assert_eq!(cursor(&place).await, None);
    writer.commit(&[draft(4)], &[step], at(4)).await.unwrap();
    assert_eq!(cursor(&place).await, Some((3, 3)));
}
