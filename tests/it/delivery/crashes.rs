//! `kill -9` in the middle of a delivery: nothing is missing at the destination, order is kept, and
//! what comes again is one batch a crash at most.

use signalbox::storage::{Durability, StorageOptions, open};

use super::{committed, path, router_to, router_with, until_settled};
use crate::{
    crash::{seed, soaking},
    support::{
        destination::{Count, Destination},
        history::History,
        load::{Load, Plan},
        postgres::database,
        router::{PATIENCE, Router},
    },
};

/// Most events in one request.
const BATCH: usize = 20;

/// How often the router is killed.
fn rounds() -> usize {
    if soaking() { 50 } else { 4 }
}

fn load(router: &Router) -> Load {
    let dashboards = vec![vec![], vec![]];
    Load::with(Plan { address: router.address, publishers: 2, padding: 0, dashboards, gaps: false })
}

/// Kills it under load, again and again; every event that was accepted, in order.
async fn kill(router: &mut Router) -> Vec<String> {
    seed();
    let load = load(router);
    load.wait_for(1);
    for _ in 0..rounds() {
        load.wait_for(fastrand::usize(1..200));
        router.kill();
        router.restart();
    }
    load.wait_for(1);
    load.finish().await;
    committed(router).await
}

async fn killed_before(transport: &str, more: &[(&str, &str)]) {
    let destination = Destination::start();
    let batch = BATCH.to_string();
    let more = [&[("flags.batch_size", &*batch)], more].concat();
    let mut router = router_to(&destination, transport, &more);
    let ids = kill(&mut router).await;
    destination.until_within(Count::Events, ids.len() as u64, 2 * PATIENCE).await;
    let received = destination.received().await;
    let verdict = History::of(ids.clone()).with_crashes(rounds(), BATCH).assert(&received);
    eprintln!("{} events, {verdict:?}", ids.len());
    assert_eq!(path(&router).await["settled"]["dead"], 0);
}

#[tokio::test]
async fn broadcasts_survive_kill_9_on_sqlite() {
    killed_before("broadcast", &[]).await;
}

#[tokio::test]
async fn broadcasts_survive_kill_9_on_postgres() {
    let url = database();
    killed_before("broadcast", &[("storage.url", &url)]).await;
}

#[tokio::test]
async fn a_channel_survives_kill_9() {
    killed_before("channel", &[]).await;
}

#[tokio::test]
async fn rows_survive_kill_9_and_are_there_once() {
    let there = database();
    let options =
        StorageOptions { url: there.clone(), durability: Durability::Process, pool_size: 1 };
    open(&options).await.unwrap().migrate().await.unwrap();
    let to = [("realtime.transport", "postgres"), ("realtime.database_url", &*there)];
    let mut router = router_with(&to);
    let ids = kill(&mut router).await;
    let (client, connection) =
        tokio_postgres::connect(&there, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let rows = "SELECT id::text FROM monitoring.monitoring_events ORDER BY ctid";
    crate::support::router::until(async || {
        let rows = client.query(rows, &[]).await.unwrap();
        let rows: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        assert_eq!(rows, ids[..rows.len()], "in order, each once");
        (rows.len() == ids.len()).then_some(())
    })
    .await;
}

/// An outage, and a crash in the midst of it: the cursor is where it was.
#[tokio::test]
async fn a_crash_while_the_destination_is_away_forgets_nothing() {
    let destination = Destination::start();
    let mut router = router_to(&destination, "broadcast", &[]);
    super::post(&router, 3).await;
    until_settled(&router, 3).await;
    destination.refuse().await;
    super::post(&router, 100).await;
    super::until_breaker(&router, "open").await;
    router.kill();
    router.restart();
    super::post(&router, 100).await;
    destination.listen().await;
    destination.until(203).await;
    let verdict = History::of(committed(&router).await).with_crashes(1, 3);
    verdict.assert(&destination.received().await);
}
