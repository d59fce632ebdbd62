//! A server that goes away, hangs or is given up on: nothing is lost, doubled or left behind.

use std::sync::Arc;

use signalbox::{
    adapters::Transport as _,
    core::delivery::{Delivered, DeliveryError},
};

use super::place::{There, batch, client, event, events, settings, transport, with};
use crate::support::{
    postgres::Cluster,
    proxy::{Cut, Proxy},
};

const LOCK: &str = "LOCK TABLE monitoring.monitoring_events IN ACCESS EXCLUSIVE MODE";

#[actix::test]
async fn a_server_that_was_away_gets_the_rest_when_it_is_back() {
    let cluster = Cluster::start();
    let there = There::migrated(cluster.url("there")).await;
    let transport = transport(&there.url);
    transport.deliver(&batch(&events(1..=3))).await.unwrap();
    cluster.stop_immediate();
    for _ in 0..2 {
        let lost = transport.deliver(&batch(&events(4..=6))).await;
        assert!(matches!(lost, Err(DeliveryError::Transient { .. })), "{lost:?}");
        let health = transport.health().await;
        assert!(matches!(health, Err(DeliveryError::Transient { .. })), "{health:?}");
    }
    cluster.start_again();
    transport.health().await.unwrap();
    let delivered = transport.deliver(&batch(&events(4..=6))).await;
    assert_eq!(delivered, Ok(Delivered { events: 3, known: 0 }));
    assert_eq!(There::at(there.url).await.seqs().await, [1, 2, 3, 4, 5, 6]);
}

#[actix::test]
async fn a_connection_that_was_ended_is_made_again() {
    let there = There::new().await;
    let transport = transport(&there.url);
    transport.deliver(&batch(&events(1..=2))).await.unwrap();
    let end = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity \
               WHERE datname = current_database() AND application_name = 'signalbox'";
    assert!(!there.client.query(end, &[]).await.unwrap().is_empty());
    // The end may be noticed before the batch is sent, or by it.
    if let Err(error) = transport.deliver(&batch(&events(3..=4))).await {
        assert!(matches!(error, DeliveryError::Transient { .. }), "{error:?}");
    }
    transport.deliver(&batch(&events(3..=4))).await.unwrap();
    assert_eq!(there.seqs().await, [1, 2, 3, 4]);
}

#[actix::test]
async fn a_lost_answer_costs_no_row_and_doubles_none() {
    let there = There::new().await;
    there.client.query(super::SLOT, &[]).await.unwrap();
    let address = there.url.split_once('@').unwrap().1.split_once('/').unwrap().0;
    let proxy = Proxy::start(address.parse().unwrap());
    let transport = transport(&there.url.replace(address, &proxy.address.to_string()));
    for (first, cut, known) in [(1, Cut::BeforeCommit, 0), (4, Cut::AfterCommit, 3)] {
        let mut events = events(first..=first + 2);
        // The wire is cut at this word.
        events[2] = event(first + 2, "2025-11-03T09:32:55Z", r#"{"text":"COMMIT"}"#, "{}");
        transport.health().await.unwrap();
        proxy.cut(cut);
        let lost = transport.deliver(&batch(&events)).await;
        assert!(matches!(lost, Err(DeliveryError::Transient { .. })), "{cut:?}: {lost:?}");
        assert!(proxy.was_cut());
        let again = transport.deliver(&batch(&events)).await;
        assert_eq!(again, Ok(Delivered { events: 3, known }), "{cut:?}");
    }
    let told: Vec<_> =
        super::told(&there.client).await.iter().map(|row| row["seq"].clone()).collect();
    assert_eq!(told, [1, 2, 3, 4, 5, 6]);
}

#[actix::test]
async fn a_statement_that_hangs_is_given_up_in_time_and_leaves_no_transaction() {
    let there = There::new().await;
    let mut settings = settings(&there.url);
    settings.flags.timeout_ms = 900;
    let transport = with(&settings);
    transport.health().await.unwrap();
    let other = client(&there.url).await;
    other.batch_execute(&format!("BEGIN; {LOCK}")).await.unwrap();
    for _ in 0..2 {
        // The lock is held all the while: only the deadline ends this.
        let late = transport.deliver(&batch(&events(1..=3))).await;
        assert!(matches!(late, Err(DeliveryError::Transient { .. })), "{late:?}");
        there.is_quiet().await;
    }
    other.batch_execute("COMMIT").await.unwrap();
    assert_eq!(there.count().await, 0);
    let delivered = transport.deliver(&batch(&events(1..=3))).await;
    assert_eq!(delivered, Ok(Delivered { events: 3, known: 0 }));
}

#[actix::test]
async fn a_delivery_that_was_dropped_half_way_does_not_hinder_the_next() {
    let there = There::new().await;
    there.client.query(super::SLOT, &[]).await.unwrap();
    let transport = Arc::new(transport(&there.url));
    transport.health().await.unwrap();
    let other = client(&there.url).await;
    other.batch_execute(&format!("BEGIN; {LOCK}")).await.unwrap();
    let delivering = transport.clone();
    let dropped = actix::spawn(async move { delivering.deliver(&batch(&events(1..=3))).await });
    there.is_waited_for().await;
    dropped.abort();
    assert!(dropped.await.unwrap_err().is_cancelled());
    other.batch_execute("COMMIT").await.unwrap();

    // The server may have done it all the same: then the rows are known, and told of once.
    transport.deliver(&batch(&events(1..=2))).await.unwrap();
    transport.deliver(&batch(&events(3..=4))).await.unwrap();
    there.is_quiet().await;
    let told: Vec<_> =
        super::told(&there.client).await.iter().map(|row| row["seq"].clone()).collect();
    assert_eq!(told, [1, 2, 3, 4]);
}

#[actix::test]
async fn a_dropped_statement_ends_by_itself_while_its_lock_is_held() {
    let there = There::new().await;
    let mut settings = settings(&there.url);
    settings.flags.timeout_ms = 1_000;
    let transport = Arc::new(with(&settings));
    let other = client(&there.url).await;
    transport.health().await.unwrap();
    other.batch_execute(&format!("BEGIN; {LOCK}")).await.unwrap();
    let delivering = transport.clone();
    let dropped = actix::spawn(async move { delivering.deliver(&batch(&events(1..=3))).await });
    there.is_waited_for().await;
    dropped.abort();
    there.is_quiet().await;
    other.batch_execute("COMMIT").await.unwrap();
    assert_eq!(there.count().await, 0);
}
