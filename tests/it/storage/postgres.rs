//! What only PostgreSQL can show: a server that goes away, and a database that was copied.

use signalbox::{
    core::numbering::{Doubt, Proof},
    storage::{CommitError, Durability, StorageError, StorageOptions, open},
};

use super::place::{Place, at, client, draft, id, options, request};
use crate::support::postgres::{Cluster, database};

/// Ends the writer's session as an administrator would.
const END_WRITER: &str = "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks \
     WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database \
     WHERE datname = current_database())";

#[actix::test]
async fn a_writer_whose_connection_ended_stores_nothing_and_another_takes_over() {
    let place = Place::postgres().await;
    let mut writer = place.filled(2).await;
    client(&place.url).await.query(END_WRITER, &[]).await.unwrap();
    let lost = writer.commit(&[draft(3)], &[], at(3)).await;
    assert!(
        matches!(lost, Err(CommitError::Failed(StorageError::Unreachable { .. }))),
        "the connection was gone before the batch was sent: {lost:?}"
    );
    let opened = place.storage.open_writer(request()).await.unwrap();
    assert_eq!((opened.head.head_seq, opened.proof), (2, Proof::Same));
}

#[actix::test]
async fn a_commit_that_was_cut_off_is_never_said_to_be_stored_or_not() {
    let place = Place::postgres().await;
    let mut writer = place.filled(1).await;
    // The session ends itself inside COMMIT, where deferred triggers run.
    place
        .sql(
            "CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;
             CREATE CONSTRAINT TRIGGER cut AFTER INSERT ON monitoring_events
             DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION cut()",
        )
        .await;
    let lost = writer.commit(&[draft(2)], &[], at(2)).await;
    assert!(matches!(lost, Err(CommitError::Unknown(_))), "{lost:?}");
    drop(writer);
    let mut next = place.writer().await.writer;
    assert!(next.look_up(&[id(2)]).await.unwrap().is_empty(), "and this is how one finds out");
}

#[actix::test]
async fn a_server_that_is_down_is_unreachable_and_comes_back() {
    let cluster = Cluster::start();
    let url = cluster.url("journal");
    let storage = open(&options(&url)).await.unwrap();
    storage.migrate().await.unwrap();
    let mut writer = storage.open_writer(request()).await.unwrap().writer;
    let head = writer.commit(&[draft(1)], &[], at(1)).await.unwrap().head;
    assert_eq!(storage.head().await.unwrap(), head);

    cluster.stop_immediate();
    let error = storage.head().await.unwrap_err();
    assert!(matches!(error, StorageError::Unreachable { .. }), "{error}");
    assert!(writer.commit(&[draft(2)], &[], at(2)).await.is_err());
    let error = storage.open_writer(request()).await.err().unwrap();
    assert!(matches!(error, StorageError::Unreachable { .. }), "{error}");

    cluster.start_again();
    assert_eq!(storage.head().await.unwrap(), head);
    let opened = storage.open_writer(request()).await.unwrap();
    assert_eq!((opened.head, opened.proof), (head, Proof::Same));
}

#[actix::test]
async fn a_copy_of_a_database_begins_a_new_epoch() {
    let original = database();
    let storage = open(&options(&original)).await.unwrap();
    storage.migrate().await.unwrap();
    drop(storage.open_writer(request()).await.unwrap());
    drop(storage);

    let (server, name) = original.rsplit_once('/').unwrap();
    let admin = client(&format!("{server}/postgres")).await;
    let end = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1";
    admin.query(end, &[&name]).await.unwrap();
    admin.batch_execute(&format!("CREATE DATABASE {name}_copy TEMPLATE {name}")).await.unwrap();
    let copy = open(&options(&format!("{server}/{name}_copy"))).await.unwrap();
    let proof = copy.open_writer(request()).await.unwrap().proof;
    assert_eq!(proof, Proof::Renewed(Doubt::OtherDatabase));
}

#[actix::test]
async fn a_database_without_tables_asks_for_a_migration() {
    let storage = open(&options(&database())).await.unwrap();
    assert!(matches!(storage.head().await, Err(StorageError::NoJournal)));
    let error = storage.open_writer(request()).await.err().unwrap();
    assert!(matches!(error, StorageError::NoJournal), "{error}");
}

#[actix::test]
async fn durability_is_set_on_the_writer_alone() {
    let place = Place::postgres().await;
    let admin = client(&place.url).await;
    let alter = "ALTER ROLE postgres IN DATABASE \"{}\" SET synchronous_commit = off";
    let name = place.url.rsplit_once('/').unwrap().1;
    admin.batch_execute(&alter.replace("{}", name)).await.unwrap();
    // A trigger tells what the writer's session is set to.
    place
        .sql(
            "CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             NEW.checksum = current_setting('synchronous_commit'); RETURN NEW; END $$;
             CREATE TRIGGER tell BEFORE INSERT ON monitoring_events
             FOR EACH ROW EXECUTE FUNCTION tell()",
        )
        .await;
    for (n, durability, expected) in [(1, Durability::Full, "on"), (2, Durability::Process, "off")]
    {
        let options = StorageOptions { durability, ..options(&place.url) };
        let opened = open(&options).await.unwrap().open_writer(request()).await;
        let mut writer = opened.unwrap().writer;
        writer.commit(&[draft(n)], &[], at(1)).await.unwrap();
        assert_eq!(&*writer.look_up(&[id(n)]).await.unwrap()[&id(n)].checksum, expected);
    }
}
