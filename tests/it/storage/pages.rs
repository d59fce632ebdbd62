//! What a page holds: everything selected, in order, in one snapshot.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use chrono::TimeDelta;
use signalbox::{
    core::event::Category,
    storage::{From, Narrow, PageQuery, StorageError},
};

use super::{
    on_both,
    place::{Place, at, draft},
};

on_both! {
    pages_go_forward_and_backward,
    a_narrowed_page_holds_what_was_asked_for,
    bounds_in_time_include_both_ends,
    the_first_event_since_a_time_is_found,
    a_trim_takes_the_oldest_and_never_more_than_there_is,
    a_missing_seq_is_corruption_and_not_the_end_of_a_page,
    a_read_that_nobody_waits_for_harms_no_other,
    pages_never_show_a_hole_while_the_writer_commits_and_trims,
}

async fn pages_go_forward_and_backward(place: Place) {
    let _writer = place.filled(7).await;
    assert_eq!(place.seqs(From::After(0), 3).await, (vec![1, 2, 3], 3));
    assert_eq!(place.seqs(From::After(3), 4).await, (vec![4, 5, 6, 7], 7));
    assert_eq!(place.seqs(From::After(5), 9).await, (vec![6, 7], 7));
    assert_eq!(place.seqs(From::After(7), 9).await, (vec![], 7));
    assert_eq!(place.seqs(From::After(50), 9).await, (vec![], 50));
    assert_eq!(place.seqs(From::After(2), 0).await, (vec![], 2));
    assert_eq!(place.seqs(From::Before(8), 3).await, (vec![7, 6, 5], 5));
    assert_eq!(place.seqs(From::Before(4), 9).await, (vec![3, 2, 1], 1));
    assert_eq!(place.seqs(From::Before(1), 9).await, (vec![], 1));
    assert_eq!(place.seqs(From::Before(u64::MAX), 1).await, (vec![7], 7));
}

async fn narrowed(place: &Place, from: From, narrow: Narrow) -> (Vec<u64>, u64) {
    let page = place.storage.page(&PageQuery { from, limit: 3, narrow }).await.unwrap();
    (page.events.iter().map(|event| event.seq).collect(), page.scanned_through)
}

async fn a_narrowed_page_holds_what_was_asked_for(place: Place) {
    let _writer = place.filled(9).await;
    let errors = Narrow { event_types: vec!["error".into()], ..Narrow::default() };
    assert_eq!(narrowed(&place, From::After(0), errors.clone()).await, (vec![2, 4, 6], 6));
    assert_eq!(narrowed(&place, From::After(6), errors.clone()).await, (vec![8], 9));
    assert_eq!(narrowed(&place, From::Before(6), errors).await, (vec![4, 2], 1));
    let redis = Narrow { sources: vec!["redis".into(), "none".into()], ..Narrow::default() };
    assert_eq!(narrowed(&place, From::After(0), redis.clone()).await, (vec![3, 6, 9], 9));
    let both = Narrow { categories: vec![Category::Critical], ..redis };
    assert_eq!(narrowed(&place, From::After(0), both).await, (vec![6], 9));
    let all = Narrow { categories: Category::ALL.to_vec(), ..Narrow::default() };
    assert_eq!(narrowed(&place, From::After(4), all).await, (vec![5, 6, 7], 7));
}

async fn bounds_in_time_include_both_ends(place: Place) {
    let mut writer = place.filled(4).await;
    writer.commit(&[draft(5), draft(6)], &[], at(4)).await.unwrap();
    let between = |since, until| Narrow { since, until, ..Narrow::default() };
    let page = |from, narrow| narrowed(&place, from, narrow);
    assert_eq!(page(From::After(0), between(Some(at(2)), Some(at(3)))).await, (vec![2, 3], 6));
    assert_eq!(page(From::After(0), between(Some(at(4)), None)).await, (vec![4, 5, 6], 6));
    assert_eq!(page(From::Before(9), between(None, Some(at(4)))).await, (vec![6, 5, 4], 4));
    assert_eq!(page(From::After(0), between(Some(at(5)), None)).await, (vec![], 6));
    assert_eq!(page(From::After(0), between(None, Some(at(0)))).await, (vec![], 6));
    let hair = TimeDelta::nanoseconds(1);
    assert_eq!(page(From::After(0), between(Some(at(3) + hair), None)).await, (vec![4, 5, 6], 6));
    assert_eq!(page(From::Before(4), between(None, Some(at(3) - hair))).await, (vec![2, 1], 1));
}

async fn the_first_event_since_a_time_is_found(place: Place) {
    let mut writer = place.filled(4).await;
    writer.commit(&[draft(5), draft(6)], &[], at(4)).await.unwrap();
    for (seconds, seq) in [(0, 1), (2, 2), (4, 4), (5, 7)] {
        assert_eq!(place.storage.first_since(at(seconds)).await.unwrap(), seq);
    }
}

async fn a_trim_takes_the_oldest_and_never_more_than_there_is(place: Place) {
    let mut writer = place.filled(6).await;
    assert_eq!(writer.trim(2).await.unwrap().first_seq, 3);
    assert_eq!(writer.trim(1).await.unwrap().first_seq, 3, "nothing comes back");
    assert_eq!(place.seqs(From::After(0), 9).await, (vec![3, 4, 5, 6], 6));
    assert_eq!(place.seqs(From::Before(5), 9).await, (vec![4, 3], 3));
    let head = writer.trim(u64::MAX).await.unwrap();
    assert_eq!((head.first_seq, head.head_seq), (7, 6));
    assert_eq!(place.storage.head().await.unwrap(), head);
    assert_eq!(place.seqs(From::After(0), 9).await, (vec![], 6));
    assert_eq!(place.seqs(From::Before(9), 9).await, (vec![], 7));
    assert_eq!(writer.commit(&[draft(1)], &[], at(9)).await.unwrap().outcomes[0].seq, 7);
}

async fn a_missing_seq_is_corruption_and_not_the_end_of_a_page(place: Place) {
    let _writer = place.filled(6).await;
    place.sql("DELETE FROM monitoring_events WHERE seq IN (3, 6)").await;
    for (from, limit, missing) in
        [(From::After(0), 9, 3), (From::After(3), 3, 6), (From::Before(7), 1, 6)]
    {
        let page = place.storage.page(&PageQuery { from, limit, ..PageQuery::default() }).await;
        assert!(matches!(page, Err(StorageError::Corrupt { seq }) if seq == missing), "{page:?}");
    }
    assert_eq!(place.seqs(From::After(3), 2).await.0, [4, 5]);
}

async fn a_read_that_nobody_waits_for_harms_no_other(place: Place) {
    let _writer = place.filled(3).await;
    let query = PageQuery { limit: 9, ..PageQuery::default() };
    for micros in (0..3_000).step_by(50) {
        // Cut off at any stage, or answered: both are fine.
        let page = place.storage.page(&query);
        drop(tokio::time::timeout(Duration::from_micros(micros), page).await);
    }
    assert_eq!(place.seqs(From::After(0), 9).await, (vec![1, 2, 3], 3));
}

async fn pages_never_show_a_hole_while_the_writer_commits_and_trims(place: Place) {
    let mut writer = place.filled(1).await;
    let done = Arc::new(AtomicBool::new(false));
    let readers = [From::After(0), From::Before(u64::MAX)].map(|from| {
        let (storage, done) = (Arc::clone(&place.storage), Arc::clone(&done));
        actix::spawn(async move {
            let mut pages = 0;
            while !done.load(Ordering::Relaxed) {
                let query = PageQuery { from, limit: 40, ..PageQuery::default() };
                storage.page(&query).await.unwrap();
                pages += 1;
            }
            pages
        })
    });
    for n in 1..60_u32 {
        let drafts: Vec<_> = (0..5).map(|k| draft(n * 5 + k)).collect();
        let head = writer.commit(&drafts, &[], at(n.into())).await.unwrap().head;
        if n % 3 == 0 {
            writer.trim(head.head_seq.saturating_sub(20)).await.unwrap();
        }
    }
    done.store(true, Ordering::Relaxed);
    for reader in readers {
        assert!(reader.await.unwrap() > 0);
    }
}
