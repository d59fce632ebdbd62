//! PostgreSQL is stopped, cut off or slow, in the middle of load.

use serde_json::{Value, json};
use tokio_postgres::{Client, NoTls};

use super::{assert_alive, assert_stayed, await_state, refused};
use crate::{
    crash::{seed, soaking},
    support::{
        dashboard::Dashboard,
        load::Load,
        postgres::{self, Cluster},
        router::{Router, event, http},
    },
};

const DASHBOARDS: usize = 3;

#[tokio::test]
async fn a_postgres_that_crashes_under_load_is_taken_up_again() {
    seed();
    let cluster = Cluster::start_with(soaking());
    let url = cluster.url("events");
    let router = Router::with(&[("storage.url", &url), ("journal.answer_timeout", "300ms")]);
    let load = Load::start(router.address);
    load.wait_for(1);
    let epoch = load.check().await;
    for _ in 0..if soaking() { 20 } else { 3 } {
        load.wait_for(fastrand::usize(1..300));
        cluster.stop_immediate();
        load.wait_for_refusals(&["outcome_unknown", "storage_unavailable"], 1);
        cluster.start_again();
        load.wait_for(100);
        assert_eq!(load.check().await, epoch);
    }
    assert_stayed(&load, DASHBOARDS);
    assert_eq!(load.finish().await, epoch);
}

#[tokio::test]
async fn a_long_outage_turns_producers_away_at_once_and_ends_by_itself() {
    let cluster = Cluster::start();
    let url = cluster.url("events");
    let mut router = Router::with(&[("storage.url", &url), ("journal.recovery_timeout", "200ms")]);
    let load = Load::start(router.address);
    let mut dashboard = Dashboard::connect(&router).await;
    load.wait_for(50);
    let epoch = load.check().await;

    cluster.stop_immediate();
    await_state(&router, "down").await;
    load.wait_for_refusals(&["storage_unavailable"], 10);
    assert_alive(&mut dashboard).await;
    let ready = http().get(router.url("/readyz")).send().await.unwrap();
    assert_eq!(ready.status(), 503);

    cluster.start_again();
    load.wait_for(50);
    assert_stayed(&load, DASHBOARDS);
    assert_eq!(load.check().await, epoch);

    // Started while the database is down, it says so in one sentence.
    cluster.stop_immediate();
    router.kill();
    let (code, said) = refused(router.command());
    assert_eq!(code, Some(4), "{said}");
    let errors: Vec<_> = said.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{said}");
    assert!(errors[0].contains("cannot be reached"), "{said}");
    cluster.start_again();
    router.restart();
    assert_eq!(load.finish().await, epoch);
}

#[tokio::test]
async fn an_idle_router_notices_that_its_database_is_gone_and_that_it_is_back() {
    let cluster = Cluster::start();
    let url = cluster.url("events");
    let router = Router::with(&[("storage.url", &url), ("journal.recovery_timeout", "200ms")]);
    cluster.stop_immediate();
    await_state(&router, "down").await;
    cluster.start_again();
    await_state(&router, "ready").await;
    assert_eq!(router.publish("after").await, 1);
}

#[tokio::test]
async fn connections_cut_at_any_moment_cost_nobody_an_event() {
    seed();
    let url = postgres::database();
    let router = Router::with(&[("storage.url", &url)]);
    let load = Load::start(router.address);
    let admin = connect(&url).await;
    load.wait_for(1);
    let epoch = load.check().await;
    for _ in 0..if soaking() { 300 } else { 30 } {
        load.wait_for(fastrand::usize(1..40));
        cut_off(&admin).await;
    }
    load.wait_for(1);
    assert_stayed(&load, DASHBOARDS);
    assert_eq!(load.finish().await, epoch);
}

#[tokio::test]
async fn a_router_that_stops_commits_what_it_took_and_takes_no_more() {
    let url = postgres::database();
    let mut router = Router::with(&[("storage.url", &url)]);
    let seq = router.publish("first").await;
    // The commit waits for this row.
    let mut admin = connect(&url).await;
    let holding = admin.transaction().await.unwrap();
    holding.execute("UPDATE monitoring.journal SET first_seq = first_seq", &[]).await.unwrap();
    let request = http().post(router.url("/v1/events")).json(&event("taken")).send();
    let taken = tokio::spawn(request);
    await_waiting(&url).await;

    router.signal("TERM");
    await_state(&router, "draining").await;
    let ready = http().get(router.url("/readyz")).send().await.unwrap();
    assert_eq!(ready.status(), 503);
    let (status, answer) = router.post(&event("late")).await;
    assert_eq!((status, &answer["code"]), (503, &json!("shutting_down")));
    assert!(router.is_running());
    holding.rollback().await.unwrap();
    let answer = taken.await.unwrap().unwrap();
    assert_eq!(answer.status(), 202);
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["seq"], seq + 1);
    assert!(router.wait_patiently().await.success());
}

/// Cuts every connection of routers to this database.
async fn cut_off(admin: &Client) {
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE application_name = 'signalbox' AND datname = current_database()";
    admin.execute(cut, &[]).await.unwrap();
}

/// Waits until a router's commit waits for a lock.
pub(crate) async fn await_waiting(url: &str) {
    let admin = connect(url).await;
    let waiting = "SELECT FROM pg_stat_activity WHERE application_name = 'signalbox' \
                   AND datname = current_database() AND wait_event_type = 'Lock'";
    while admin.query(waiting, &[]).await.unwrap().is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

pub(crate) async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    // It ends with the client, or with the server.
    tokio::spawn(async move { drop(connection.await) });
    client
}
