//! Events that are routed elsewhere.

use super::*;

#[actix::test]
async fn what_is_not_for_this_path_is_passed_over_and_counts_nowhere() {
    let mut bench = bench(Before::default(), []).await;
    bench.publish(10_001..=10_003).await;
    assert_eq!(bench.step_to(3).await.position.seq, 0, "the cursor does not stand still");
    bench.publish(10_004..=10_009).await;
    assert_eq!(bench.sent.recv().await.unwrap(), [(4, 0), (8, 4)], "and none is a `prev`");
    assert_eq!(bench.step_to(9).await.position.seq, 8);
    let view = bench.view().await;
    assert_eq!((view.lag_events, view.settled.delivered), (0, 2));
    assert_eq!((view.balance.matched, view.balance.imbalance), (2, 0));
    assert_eq!(bench.announced.recv().await, Some(8), "a place on this path");
}

#[actix::test]
async fn while_it_waits_only_what_is_for_this_path_counts() {
    let mut bench = bench(Before { refuses: usize::MAX, ..Before::default() }, []).await;
    bench.publish(1..=250).await;
    while bench.view().await.phase != "storing" {}
    let waits = bench.view().await.lag_events;
    bench.publish(10_001..=10_040).await;
    let view = bench.view().await;
    assert_eq!(view.lag_events, waits + 10);
    assert_eq!((view.balance.matched, view.balance.imbalance), (260, 0));
}

#[actix::test]
async fn behind_the_tail_it_passes_over_what_is_not_for_this_path() {
    let mut bench = bench(Before { cursor: Some(0), ..Before::default() }, []).await;
    let (head, _) = commit(&mut *bench.writer, 10_001..=11_001).await;
    bench.tail.store(Tail::empty(head, LIMITS));
    bench.advanced.send_replace(());
    assert_eq!(bench.seqs(250).await, (1..=250).map(|n| n * 4).collect::<Vec<_>>());
    assert_eq!(bench.step_to(1001).await.position.seq, 1000);
    let view = bench.view().await;
    assert_eq!((view.lag_events, view.balance.matched, view.balance.imbalance), (0, 250, 0));
}
