//! The database is an older copy, or another one: nobody takes it for the same journal.

use std::{fs, path::Path};

use serde_json::{Value, json};

use super::postgres::connect;
use crate::support::{dashboard::Dashboard, postgres, router::Router};

async fn published(router: &Router, n: usize) {
    for _ in 0..n {
        router.publish("event").await;
    }
}

/// Resumes after `seq` of `epoch`, which cannot be proved to be of this journal: the session is
/// told so, and goes on with what is new. The new epoch.
async fn assert_renewed(router: &Router, epoch: &Value, seq: u64, head: u64) -> Value {
    let mut dashboard = Dashboard::connect(router).await;
    assert_ne!(&dashboard.welcome["epoch"], epoch);
    assert_eq!(dashboard.welcome["head_seq"], head, "seq goes on");
    let from = json!({ "epoch": epoch, "seq": seq });
    let answer = dashboard.subscribe(json!({ "from": from })).await;
    assert_eq!(answer["recovered"], false);
    let gap = dashboard.next().await;
    assert_eq!((&gap["type"], &gap["to_seq"]), (&json!("gap"), &json!(head)), "{gap}");
    assert_eq!(router.publish("next").await, head + 1);
    assert_eq!(dashboard.seqs(1).await, [head + 1]);
    dashboard.welcome["epoch"].clone()
}

#[tokio::test]
async fn an_older_copy_of_a_sqlite_file_begins_a_new_epoch() {
    // Clients that keep their connections would be waited for.
    let mut router = Router::with(&[("server.shutdown_timeout", "1s")]);
    let file = router.folder.path().join("data/signalbox.db");
    let copy = router.folder.path().join("copy.db");
    published(&router, 5).await;
    assert!(router.terminate().success());
    back_up(&file, &copy);
    router.restart();
    published(&router, 5).await;
    let epoch = Dashboard::connect(&router).await.welcome["epoch"].clone();
    assert!(router.terminate().success());

    // In place, so that nothing but the witness can tell.
    fs::write(&file, fs::read(&copy).unwrap()).unwrap();
    forget_wal(&file);
    router.restart();
    let renewed = assert_renewed(&router, &epoch, 10, 5).await;
    router.kill();

    // As another file.
    forget_wal(&file);
    fs::rename(&copy, &file).unwrap();
    router.restart();
    assert_renewed(&router, &renewed, 6, 5).await;
}

/// Copies a database that nobody has open, whole.
fn back_up(file: &Path, copy: &Path) {
    use diesel::{Connection as _, SqliteConnection, connection::SimpleConnection as _};
    let mut connection = SqliteConnection::establish(&file.to_string_lossy()).unwrap();
    connection.batch_execute(&format!("VACUUM INTO '{}'", copy.display())).unwrap();
}

fn forget_wal(file: &Path) {
    for suffix in ["-wal", "-shm"] {
        let mut path = file.as_os_str().to_owned();
        path.push(suffix);
        // A database that was closed has none.
        fs::remove_file(path).ok();
    }
}

#[tokio::test]
async fn a_postgres_that_is_not_the_one_begins_a_new_epoch() {
    let url = postgres::database();
    let mut router = Router::with(&[("storage.url", &url), ("server.shutdown_timeout", "1s")]);
    published(&router, 5).await;
    let epoch = Dashboard::connect(&router).await.welcome["epoch"].clone();
    assert!(router.terminate().success());
    let admin = connect(&url).await;
    admin.execute("UPDATE monitoring.journal SET identity = 'elsewhere'", &[]).await.unwrap();
    router.restart();
    assert_renewed(&router, &epoch, 5, 5).await;
}

#[tokio::test]
async fn a_postgres_restored_under_a_running_router_begins_a_new_epoch() {
    let url = postgres::database();
    let router = Router::with(&[("storage.url", &url)]);
    published(&router, 8).await;
    let mut dashboard = Dashboard::subscribed(&router, json!({})).await;
    let epoch = dashboard.welcome["epoch"].clone();
    let restore = "
        BEGIN;
        LOCK TABLE monitoring.journal IN ACCESS EXCLUSIVE MODE;
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE application_name = 'signalbox' AND datname = current_database();
        DELETE FROM monitoring.monitoring_events WHERE seq > 5;
        UPDATE monitoring.journal SET head_seq = 5;
        COMMIT;";
    connect(&url).await.batch_execute(restore).await.unwrap();
    let seq = router.publish("wakes it").await;
    assert_eq!(seq, 6, "seq goes on after what is there");
    assert_eq!(dashboard.next().await["type"], "bye");
    assert_eq!(dashboard.close_code().await, Some(4503));
    assert_renewed(&router, &epoch, 8, 6).await;
}
