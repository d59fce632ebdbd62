//! The connection to PostgreSQL breaks at a `COMMIT`: whether it was done is looked up before
//! anybody is told anything.

use std::net::SocketAddr;

use serde_json::json;

use super::assert_stayed;
use crate::{
    crash::{seed, soaking},
    support::{
        dashboard::Dashboard,
        load::Load,
        postgres,
        proxy::{Cut, Proxy},
        router::{Router, event},
    },
};

/// A router that reaches its database through a wire that can be cut.
fn router_on_a_wire() -> (Router, Proxy) {
    let url = postgres::database();
    let (server, database) = url.rsplit_once('/').unwrap();
    let server: SocketAddr = server.rsplit_once('@').unwrap().1.parse().unwrap();
    let proxy = Proxy::start(server);
    let url = format!("postgres://postgres@{}/{database}", proxy.address);
    (Router::with(&[("storage.url", &url)]), proxy)
}

#[tokio::test]
async fn a_lost_answer_to_a_commit_is_looked_up_and_nobody_notices() {
    seed();
    let (router, wire) = router_on_a_wire();
    let load = Load::start(router.address);
    load.wait_for(1);
    let epoch = load.check().await;
    for _ in 0..if soaking() { 300 } else { 30 } {
        load.wait_for(fastrand::usize(1..40));
        wire.cut(fastrand::choice([Cut::BeforeCommit, Cut::AfterCommit]).unwrap());
        load.wait("the cut", || wire.was_cut());
    }
    load.wait_for(1);
    assert!(load.refused().is_empty(), "{:?}", load.refused());
    assert_stayed(&load, 3);
    assert_eq!(load.finish().await, epoch);
}

#[tokio::test]
async fn what_a_lost_commit_stored_is_answered_and_shown_without_anything_new() {
    let (router, wire) = router_on_a_wire();
    let mut dashboard = Dashboard::subscribed(&router, json!({})).await;
    for n in 0..4 {
        wire.cut(Cut::AfterCommit);
        let batch = json!([event("a"), event("b"), event("c")]);
        let (status, answer) = router.post(&batch).await;
        assert_eq!((status, &answer["accepted"]), (202, &json!(3)), "{answer}");
        assert_eq!(answer["first_seq"], 3 * n + 1, "{answer}");
        assert_eq!(dashboard.seqs(3).await, [3 * n + 1, 3 * n + 2, 3 * n + 3]);
    }
    let ledger = router.get("/v1/ledger").await;
    assert_eq!((&ledger["balances"], &ledger["direct"]["delivered"]), (&json!(true), &json!(12)));
}
