//! When the other database is the journal's own, or somebody else's journal.

use std::time::Duration;

use signalbox::{
    adapters::{Transport as _, realtime::postgres::PostgresTransport},
    core::delivery::{Delivered, DeliveryError},
    storage::{OpenWriter, open},
};
use uuid::Uuid;

use super::place::{There, batch, beside, events, misconfigured, options};

/// Makes the database a journal.
async fn claim(url: &str) {
    let request =
        OpenWriter { wait: Duration::from_secs(10), fresh: Uuid::new_v4(), last_seen: None };
    open(&options(url)).await.unwrap().open_writer(request).await.unwrap();
}

#[actix::test]
async fn into_the_journals_own_database_nothing_is_inserted() {
    let there = There::new().await;
    claim(&there.url).await;
    // The same place, by another name.
    let journal = there.url.replace("127.0.0.1", "localhost").parse().unwrap();
    let transport = PostgresTransport::try_new(&beside(&there.url, &journal)).unwrap();
    assert!(!transport.is_published(), "nobody has looked yet");
    let delivered = transport.deliver(&batch(&events(1..=3))).await;
    assert_eq!(delivered, Ok(Delivered { events: 3, known: 3 }));
    assert!(transport.is_published());
    transport.health().await.unwrap();
    let delivered = transport.deliver(&batch(&events(4..=5))).await;
    assert_eq!(delivered, Ok(Delivered { events: 2, known: 2 }));
    assert_eq!(there.count().await, 0);
}

#[actix::test]
async fn a_journal_that_is_in_no_publication_is_never_taken_for_delivered() {
    let there = There::new().await;
    claim(&there.url).await;
    there.sql("DROP PUBLICATION supabase_realtime").await;
    let journal = there.url.parse().unwrap();
    let transport = PostgresTransport::try_new(&beside(&there.url, &journal)).unwrap();
    for _ in 0..2 {
        let error = transport.deliver(&batch(&events(1..=3))).await.unwrap_err();
        assert!(matches!(error, DeliveryError::Misconfigured { .. }), "{error:?}");
    }
}

#[actix::test]
async fn another_database_of_the_same_server_is_another() {
    let (here, there) = (There::new().await, There::new().await);
    claim(&here.url).await;
    let journal = here.url.parse().unwrap();
    let transport = PostgresTransport::try_new(&beside(&there.url, &journal)).unwrap();
    transport.deliver(&batch(&events(1..=3))).await.unwrap();
    assert!(!transport.is_published());
    assert_eq!(there.count().await, 3);
}

#[actix::test]
async fn another_routers_journal_is_left_alone() {
    let there = There::new().await;
    claim(&there.url).await;
    assert!(misconfigured(&there.url).await.contains("journal of another router"));
    // Its copy, elsewhere, is none.
    there.sql("UPDATE monitoring.journal SET identity = '1/00000001/2'").await;
    super::transport(&there.url).deliver(&batch(&events(1..=3))).await.unwrap();
}

#[actix::test]
async fn a_journal_that_cannot_be_asked_is_not_taken_for_another() {
    let there = There::new().await;
    let journal = "postgres://127.0.0.1:1/nowhere".parse().unwrap();
    let transport = PostgresTransport::try_new(&beside(&there.url, &journal)).unwrap();
    let delivered = transport.deliver(&batch(&events(1..=3))).await;
    assert!(matches!(delivered, Err(DeliveryError::Transient { .. })), "{delivered:?}");
    assert_eq!(there.count().await, 0);
}
