//! What must be changed before anything can be delivered, and that it is said.

use signalbox::{
    adapters::{Transport as _, realtime::postgres::PostgresTransport},
    core::delivery::DeliveryError,
};

use super::place::{There, batch, beside, events, misconfigured, transport};
use crate::support::postgres::{Cluster, database};

#[actix::test]
async fn a_missing_table_asks_for_a_migration() {
    assert!(misconfigured(&database()).await.contains("signalbox migrate"));
}

#[actix::test]
async fn a_missing_column_is_named() {
    let there = There::new().await;
    there.sql("ALTER TABLE monitoring.monitoring_events DROP COLUMN metadata").await;
    assert!(misconfigured(&there.url).await.contains("no column metadata"));
}

#[actix::test]
async fn a_column_that_nobody_fills_is_named() {
    let there = There::new().await;
    there.sql("ALTER TABLE monitoring.monitoring_events ADD COLUMN tenant TEXT NOT NULL").await;
    assert!(misconfigured(&there.url).await.contains("tenant"));
}

#[actix::test]
async fn a_table_in_which_ids_may_repeat_will_not_do() {
    let there = There::new().await;
    there
        .sql("ALTER TABLE monitoring.monitoring_events DROP CONSTRAINT monitoring_events_pkey")
        .await;
    assert!(misconfigured(&there.url).await.contains("42P10"));
}

#[actix::test]
async fn rows_that_nobody_would_be_told_of_are_not_delivered() {
    let there = There::new().await;
    there.sql("ALTER PUBLICATION supabase_realtime DROP TABLE monitoring.monitoring_events").await;
    assert!(misconfigured(&there.url).await.contains("ALTER PUBLICATION supabase_realtime ADD"));
    there.sql("ALTER PUBLICATION supabase_realtime ADD TABLE monitoring.monitoring_events").await;
    there.sql("ALTER PUBLICATION supabase_realtime SET (publish = 'delete')").await;
    assert!(misconfigured(&there.url).await.contains("no publication"));
    // Another publication may be what the Realtime there is set to follow.
    there.sql("CREATE PUBLICATION mine FOR TABLE monitoring.monitoring_events").await;
    transport(&there.url).health().await.unwrap();
}

#[actix::test]
async fn a_role_without_the_right_to_insert_is_told_which_rights_it_needs() {
    let there = There::new().await;
    there.sql("DROP ROLE IF EXISTS row_guest; CREATE ROLE row_guest LOGIN").await;
    let url = there.url.replace("postgres@", "row_guest@");
    assert!(misconfigured(&url).await.contains("row-level security"));
    there
        .sql(
            "CREATE POLICY row_guest ON monitoring.monitoring_events TO row_guest
             USING (true) WITH CHECK (true)",
        )
        .await;
    assert!(misconfigured(&url).await.contains("GRANT USAGE ON SCHEMA monitoring"));
    there
        .sql(
            "GRANT USAGE ON SCHEMA monitoring TO row_guest;
             GRANT INSERT ON monitoring.monitoring_events TO row_guest",
        )
        .await;
    // Whoever inserts what may be there must be able to look.
    assert!(misconfigured(&url).await.contains("GRANT SELECT, INSERT"));
    there.sql("GRANT SELECT ON monitoring.monitoring_events TO row_guest").await;
    let transport = transport(&url);
    transport.health().await.unwrap();
    transport.deliver(&batch(&events(1..=2))).await.unwrap();
    there.sql("REVOKE INSERT ON monitoring.monitoring_events FROM row_guest").await;
    let health = transport.health().await;
    assert!(matches!(health, Err(DeliveryError::Misconfigured { .. })), "{health:?}");
    there.sql("DROP OWNED BY row_guest; DROP ROLE row_guest").await;
}

#[actix::test]
async fn a_wrong_password_and_a_wrong_database_ask_to_be_corrected_and_are_not_shown() {
    let cluster = Cluster::start();
    let there = There::migrated(cluster.url("there")).await;
    there.sql("CREATE ROLE writer LOGIN SUPERUSER PASSWORD 'right'").await;
    there
        .sql(
            "COPY (SELECT unnest(ARRAY['host all writer all scram-sha-256',
                 'host all all all trust', 'local all all trust']))
             TO PROGRAM 'cat > pg_hba.conf'",
        )
        .await;
    cluster.stop_immediate();
    cluster.start_again();
    let url = |login: &str| there.url.replace("postgres@", login);
    for wrong in [url("writer:secret@"), url("writer@"), url("nobody@"), format!("{}x", there.url)]
    {
        let reason = misconfigured(&wrong).await;
        assert!(reason.contains("realtime.database_url"), "{wrong}: {reason}");
        assert!(!reason.contains("secret"), "{reason}");
    }
    transport(&url("writer:right@")).deliver(&batch(&events(1..=2))).await.unwrap();
}

#[test]
fn a_url_that_cannot_work_is_refused_at_once() {
    for (url, advice) in [
        ("", "must name a database"),
        ("postgres://me:secret@h:6543/d", "port 5432"),
        ("postgres://me:secret@h/d?sslmode=maybe", "verify-full"),
    ] {
        let journal = "sqlite:./journal.db".parse().unwrap();
        let refused = PostgresTransport::try_new(&beside(url, &journal)).err().unwrap();
        let DeliveryError::Misconfigured { reason } = refused else { panic!("{refused:?}") };
        assert!(reason.starts_with("realtime.database_url") && reason.contains(advice), "{reason}");
        assert!(!reason.contains("secret"), "{reason}");
    }
}
