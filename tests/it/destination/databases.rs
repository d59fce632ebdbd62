//! What the wire to a database does, seen by a plain client of a real one.

use std::net::SocketAddr;

use tokio_postgres::{Client, NoTls};

use crate::support::{
    postgres,
    proxy::{Cut, Mode, Proxy},
    router::until,
};

/// A database with an empty table, and a wire to it.
struct Wired {
    direct: Client,
    wire: Proxy,
    url: String,
}

const INSERT: &str = "INSERT INTO events VALUES ($1), ($1 + 1) ON CONFLICT (id) DO NOTHING";

impl Wired {
    async fn start() -> Self {
        let url = postgres::database();
        let (server, database) = url.rsplit_once('/').unwrap();
        let server: SocketAddr = server.rsplit_once('@').unwrap().1.parse().unwrap();
        let wire = Proxy::start(server);
        let direct = connect(&url).await.unwrap();
        direct.batch_execute("CREATE TABLE events (id int PRIMARY KEY)").await.unwrap();
        let url = format!("postgres://postgres@{}/{database}", wire.address);
        Self { direct, wire, url }
    }

    async fn client(&self) -> Client {
        connect(&self.url).await.unwrap()
    }

    /// The rows that are there.
    async fn rows(&self) -> Vec<i32> {
        let rows = self.direct.query("SELECT id FROM events ORDER BY id", &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }
}

async fn connect(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    // It ends with the client, or says why it is closed.
    tokio::spawn(async move { drop(connection.await) });
    Ok(client)
}

#[tokio::test]
async fn the_answer_to_an_insert_is_lost_after_it_was_done() {
    let wired = Wired::start().await;
    for id in [1, 3, 5] {
        let client = wired.client().await;
        client.execute("SELECT 1", &[]).await.unwrap();
        wired.wire.cut(Cut::AnswerTo("INSERT"));
        client.execute("SELECT 1", &[]).await.expect("no INSERT");
        assert!(client.execute(INSERT, &[&id]).await.unwrap_err().is_closed());
        assert!(wired.wire.was_cut());
        assert!(wired.rows().await.contains(&(id + 1)), "it was done");
    }
    assert_eq!(wired.client().await.execute(INSERT, &[&5]).await.unwrap(), 0, "done already");
}

#[tokio::test]
async fn the_answer_to_a_commit_is_lost_after_it_was_done() {
    let wired = Wired::start().await;
    for (cut, rows) in [(Cut::BeforeCommit, 0), (Cut::AfterCommit, 2), (Cut::AnswerTo("COMMIT"), 4)]
    {
        let mut client = wired.client().await;
        let transaction = client.transaction().await.unwrap();
        // Nothing prepared: its end would be answered too, and taken for that of the COMMIT.
        let insert = format!("INSERT INTO events VALUES ({rows}), ({rows} + 1)");
        transaction.batch_execute(&insert).await.unwrap();
        wired.wire.cut(cut);
        transaction.commit().await.unwrap_err();
        assert!(wired.wire.was_cut());
        assert_eq!(wired.rows().await.len(), usize::try_from(rows).unwrap(), "{cut:?}");
    }
}

#[tokio::test]
async fn so_many_messages_are_passed_on_and_none_after_them() {
    let wired = Wired::start().await;
    let client = wired.client().await;
    // CommandComplete and ReadyForQuery, each time.
    wired.wire.cut(Cut::AfterMessages(4));
    for _ in 0..2 {
        client.batch_execute("SET work_mem = '8MB'").await.unwrap();
    }
    assert!(client.batch_execute("SET work_mem = '8MB'").await.unwrap_err().is_closed());
    assert!(wired.wire.was_cut());
    // The other message of the two is what a client waits for.
    let client = wired.client().await;
    wired.wire.cut(Cut::AfterMessages(1));
    assert!(client.batch_execute("INSERT INTO events VALUES (9)").await.unwrap_err().is_closed());
    assert_eq!(wired.rows().await, [9]);
}

#[tokio::test]
async fn a_wire_refuses_until_it_carries_again_on_the_same_port() {
    let wired = Wired::start().await;
    let client = wired.client().await;
    wired.wire.set(Mode::Refuse);
    assert!(client.execute("SELECT 1", &[]).await.is_err());
    until(|| async { client.is_closed().then_some(()) }).await;
    let error = connect(&wired.url).await.map(|_| ()).expect_err("nobody to be there");
    assert!(format!("{error:?}").contains("ConnectionRefused"), "{error:?}");
    wired.wire.set(Mode::Carry);
    wired.client().await.execute(INSERT, &[&1]).await.unwrap();
    assert_eq!(wired.rows().await, [1, 2]);
}

#[tokio::test]
async fn a_wire_hangs_until_it_carries_again() {
    let wired = Wired::start().await;
    let client = wired.client().await;
    wired.wire.set(Mode::Hang);
    let url = wired.url.clone();
    let newcomer = tokio::spawn(async move { connect(&url).await.map(|_| ()) });
    let asked = tokio::spawn(async move { client.execute(INSERT, &[&1]).await });
    assert!(wired.rows().await.is_empty());
    assert!(!asked.is_finished() && !newcomer.is_finished());
    wired.wire.set(Mode::Carry);
    assert_eq!(asked.await.unwrap().unwrap(), 2);
    newcomer.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_wire_is_reset_and_takes_others() {
    let wired = Wired::start().await;
    let client = wired.client().await;
    wired.wire.reset();
    until(|| async { client.is_closed().then_some(()) }).await;
    wired.client().await.execute("SELECT 1", &[]).await.unwrap();
}
