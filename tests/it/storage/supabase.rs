//! Who may do what with the tables, checked by SQL as those roles, and how the migrations get along
//! with what Supabase has already made.

use diesel_async::{
    AsyncConnection as _, AsyncPgConnection, SimpleAsyncConnection as _,
    async_connection_wrapper::AsyncConnectionWrapper,
};
use diesel_migrations::{FileBasedMigrations, MigrationHarness as _};
use signalbox::storage::{From, open};
use tokio_postgres::{Client, error::SqlState};

use super::place::{Place, client, options, request};
use crate::support::postgres::{Cluster, database};

const ROLES: [&str; 3] = ["anon", "authenticated", "service_role"];
const TABLES: [&str; 7] = [
    "monitoring_events",
    "journal",
    "cursors",
    "dead_letters",
    "flag_overrides",
    "audit_log",
    "verdicts",
];
const INSERT: &str = "INSERT INTO monitoring.monitoring_events \
     (seq, event_type, timestamp, source, data, category, checksum) \
     VALUES (99, 't', now(), 's', '{}', 'system', '')";

/// What became of a statement under a role.
async fn as_role(client: &Client, role: &str, sql: &str) -> Result<u64, SqlState> {
    client.batch_execute(&format!("SET ROLE {role}")).await.unwrap();
    let outcome = client.execute(sql, &[]).await;
    client.batch_execute("RESET ROLE").await.unwrap();
    outcome.map_err(|error| error.code().unwrap().clone())
}

#[actix::test]
async fn service_role_and_authenticated_read_and_nobody_but_the_owner_writes() {
    let place = Place::postgres().await;
    let _writer = place.filled(3).await;
    let client = client(&place.url).await;
    let read = "SELECT * FROM monitoring.monitoring_events";
    for role in ["service_role", "authenticated"] {
        assert_eq!(as_role(&client, role, read).await, Ok(3), "{role}");
    }
    assert_eq!(as_role(&client, "anon", read).await, Err(SqlState::INSUFFICIENT_PRIVILEGE));
    for role in ROLES {
        for sql in [INSERT, "DELETE FROM monitoring.monitoring_events"] {
            let outcome = as_role(&client, role, sql).await;
            assert_eq!(outcome, Err(SqlState::INSUFFICIENT_PRIVILEGE), "{role}: {sql}");
        }
        for table in &TABLES[1..] {
            let outcome =
                as_role(&client, role, &format!("SELECT * FROM monitoring.{table}")).await;
            assert_eq!(outcome, Err(SqlState::INSUFFICIENT_PRIVILEGE), "{role}: {table}");
        }
    }
}

#[actix::test]
async fn rows_are_hidden_even_from_a_role_that_was_granted_too_much() {
    let place = Place::postgres().await;
    let _writer = place.filled(3).await;
    let client = client(&place.url).await;
    let grant = "GRANT USAGE ON SCHEMA monitoring TO anon; \
                 GRANT ALL ON ALL TABLES IN SCHEMA monitoring TO anon, authenticated";
    client.batch_execute(grant).await.unwrap();
    for table in TABLES {
        let read = format!("SELECT * FROM monitoring.{table}");
        assert_eq!(as_role(&client, "anon", &read).await, Ok(0), "{table}");
    }
    for role in ["anon", "authenticated"] {
        let outcome = as_role(&client, role, INSERT).await;
        assert_eq!(outcome, Err(SqlState::INSUFFICIENT_PRIVILEGE), "{role}: no policy lets it");
    }
    assert_eq!(place.seqs(From::After(0), 9).await.0, [1, 2, 3]);
}

#[actix::test]
async fn every_table_has_row_security_and_every_policy_names_its_role() {
    let place = Place::postgres().await;
    let client = client(&place.url).await;
    let open_tables = "SELECT relname::text FROM pg_class WHERE relkind = 'r' \
                       AND relnamespace = 'monitoring'::regnamespace AND NOT relrowsecurity";
    // The record of migrations is diesel's, and nobody was granted anything on it.
    assert_eq!(texts(&client, open_tables).await, ["__diesel_schema_migrations"]);
    let policies = "SELECT concat_ws(' ', tablename, cmd, roles) FROM pg_policies \
                    WHERE schemaname = 'monitoring' ORDER BY roles::text";
    assert_eq!(
        texts(&client, policies).await,
        ["monitoring_events SELECT {authenticated}", "monitoring_events SELECT {service_role}"]
    );
}

async fn texts(client: &Client, query: &str) -> Vec<String> {
    client.query(query, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

async fn published(client: &Client) -> Vec<String> {
    let query = "SELECT schemaname || '.' || tablename FROM pg_publication_tables \
                 WHERE pubname = 'supabase_realtime' ORDER BY 1";
    texts(client, query).await
}

#[actix::test]
async fn the_publication_is_made_when_absent_and_joined_when_present() {
    let ours = "monitoring.monitoring_events";
    for (before, expected) in [
        ("", vec![ours]),
        ("CREATE PUBLICATION supabase_realtime", vec![ours]),
        ("CREATE PUBLICATION supabase_realtime FOR TABLE theirs", vec![ours, "public.theirs"]),
    ] {
        assert_eq!(migrated_after(before).await, expected, "{before}");
    }
    let all = migrated_after("CREATE PUBLICATION supabase_realtime FOR ALL TABLES").await;
    assert!(all.iter().any(|table| table == ours), "what has all tables needs no joining");
}

/// The published tables of a database that was prepared so and then migrated.
async fn migrated_after(before: &str) -> Vec<String> {
    let url = database();
    let client = client(&url).await;
    client.batch_execute("CREATE TABLE theirs (id INT PRIMARY KEY)").await.unwrap();
    client.batch_execute(before).await.unwrap();
    open(&options(&url)).await.unwrap().migrate().await.unwrap();
    published(&client).await
}

#[actix::test]
async fn an_owner_without_further_rights_can_migrate() {
    // A cluster of its own: the roles must not be there yet.
    let cluster = Cluster::start();
    let url = cluster.url("plain");
    let setup = "CREATE ROLE owner LOGIN; ALTER DATABASE plain OWNER TO owner";
    client(&url).await.batch_execute(setup).await.unwrap();
    let storage = open(&options(&url.replace("postgres@", "owner@"))).await.unwrap();
    assert!(!storage.migrate().await.unwrap().is_empty());
    assert!(storage.migrate().await.unwrap().is_empty());
    storage.open_writer(request()).await.unwrap();
}

#[actix::test]
async fn migrations_go_up_and_down_and_up() {
    let url = database();
    let mut connection = AsyncPgConnection::establish(&url).await.unwrap();
    connection
        .batch_execute("CREATE SCHEMA monitoring; SET search_path = monitoring")
        .await
        .unwrap();
    let turned = tokio::task::spawn_blocking(move || {
        let mut connection = AsyncConnectionWrapper::<AsyncPgConnection>::from(connection);
        let migrations = || FileBasedMigrations::from_path("migrations/postgres").unwrap();
        let up = connection.run_pending_migrations(migrations()).unwrap().len();
        let down = connection.revert_all_migrations(migrations()).unwrap().len();
        connection.run_pending_migrations(migrations()).unwrap();
        (up, down)
    });
    let (up, down) = turned.await.unwrap();
    assert_eq!(up, down);
    assert!(open(&options(&url)).await.unwrap().migrate().await.unwrap().is_empty());
}

#[test]
fn both_databases_have_the_same_migrations() {
    let names = |folder: &str| {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names("migrations/sqlite"), names("migrations/postgres"));
}

#[actix::test]
async fn the_events_table_has_the_columns_and_indexes_of_the_contract() {
    let place = Place::postgres().await;
    let client = client(&place.url).await;
    let columns = "SELECT column_name || ' ' || data_type || ' ' || is_nullable \
                   FROM information_schema.columns WHERE table_schema = 'monitoring' \
                   AND table_name = 'monitoring_events' ORDER BY ordinal_position";
    assert_eq!(
        texts(&client, columns).await,
        [
            "id uuid NO",
            "event_type character varying NO",
            "timestamp timestamp with time zone NO",
            "source character varying NO",
            "data jsonb NO",
            "metadata jsonb NO",
            "created_at timestamp with time zone NO",
            "seq bigint NO",
            "category text NO",
            "checksum text NO",
        ]
    );
    let indexes = "SELECT indexname::text FROM pg_indexes WHERE schemaname = 'monitoring' \
                   AND tablename = 'monitoring_events' AND indexname LIKE 'idx_%' ORDER BY 1";
    assert_eq!(
        texts(&client, indexes).await,
        [
            "idx_monitoring_events_created_at",
            "idx_monitoring_events_event_type",
            "idx_monitoring_events_source",
            "idx_monitoring_events_timestamp",
            "idx_monitoring_events_type_source_time",
        ]
    );
}
