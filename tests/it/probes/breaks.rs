//! Probes whose subscription is whole, and probes whose is not.

use serde_json::json;
use signalbox::storage::{Durability, StorageOptions, open};

use super::{metric, receipts, totals, until_up, watched};
use crate::{
    delivery::{post, until_settled},
    support::{
        postgres::database,
        proxy::{Mode, Proxy},
        router::{Router, until},
    },
};

#[tokio::test]
async fn both_probes_see_every_event_and_are_nobodys_clients() {
    for transport in ["broadcast", "channel"] {
        let router = watched(&[("realtime.transport", transport)]).await;
        post(&router, 1).await;
        post(&router, 300).await;
        for (place, path) in ["websocket", "realtime"].into_iter().enumerate() {
            let totals = totals(&router, place, 301).await;
            let matched = totals["matched"].as_u64().unwrap() + totals["late"].as_u64().unwrap();
            assert_eq!(matched, 301, "{transport}, {path}: {totals}");
            assert_eq!(receipts(&router, path).await, 301, "{transport}, {path}");
            let breaks = format!("signalbox_probe_breaks_total{{path=\"{path}\"}}");
            assert_eq!(metric(&router, &breaks).await, 0);
        }
        assert_eq!(router.get("/v1/sessions").await["sessions"], json!([]));
        assert_eq!(metric(&router, "signalbox_sessions").await, 0);
        let ledger = router.get("/v1/ledger").await;
        assert_eq!((&ledger["direct"]["matched"], &ledger["balances"]), (&json!(0), &json!(true)));
    }
}

#[tokio::test]
async fn they_hear_rows_of_the_table_where_events_are_rows() {
    let url = database();
    let options =
        StorageOptions { url: url.clone(), durability: Durability::Process, pool_size: 1 };
    open(&options).await.unwrap().migrate().await.unwrap();
    let there = [("realtime.transport", "postgres"), ("realtime.database_url", &*url)];
    let router = watched(&there).await;
    post(&router, 50).await;
    for (place, path) in ["websocket", "realtime"].into_iter().enumerate() {
        let totals = totals(&router, place, 50).await;
        assert_eq!(totals["missing"].as_u64().unwrap() + totals["differs"].as_u64().unwrap(), 0);
        assert_eq!(receipts(&router, path).await, 50, "{path}: {totals}");
    }
}

/// The Realtime is another router's, behind a wire that breaks.
#[tokio::test]
async fn a_break_is_told_and_nothing_is_called_missing_for_it() {
    let there = Router::with(&[("realtime.events_per_second", "0")]);
    let proxy = Proxy::start(there.address);
    let url = format!("http://{}", proxy.address);
    let router = watched(&[
        ("realtime.url", &*url),
        ("realtime.key", "any"),
        ("validation.deadline", "1s"),
        ("validation.late_after", "1s"),
    ])
    .await;
    post(&router, 20).await;
    assert_eq!(totals(&router, 1, 20).await["matched"], 20);
    let seen = receipts(&router, "realtime").await;
    proxy.set(Mode::Refuse);
    let breaks = "signalbox_probe_breaks_total{path=\"realtime\"}";
    until(async || (metric(&router, breaks).await == 1).then_some(())).await;
    let down = router.get("/v1/validation").await["paths"][1]["probe"].take();
    assert_eq!(down["up"], false, "{down}");
    assert!(down["last_down"]["reason"].is_string(), "{down}");
    post(&router, 30).await;
    assert_eq!(totals(&router, 0, 50).await["missing"], 0);
    assert_eq!(receipts(&router, "realtime").await, seen, "nothing is heard");
    proxy.set(Mode::Carry);
    until_up(&router).await;
    until_settled(&router, 50).await;
    post(&router, 40).await;
    let totals = totals(&router, 1, 90).await;
    assert_eq!((&totals["missing"], &totals["differs"]), (&json!(0), &json!(0)), "{totals}");
    assert!(totals["matched"].as_u64() >= Some(60), "{totals}");
    let connected = "signalbox_probe_connected{path=\"realtime\"}";
    assert_eq!(metric(&router, connected).await, 1);
}

#[tokio::test]
async fn there_are_none_where_nothing_is_compared() {
    let router = crate::delivery::router_with(&[("flags.enable_validation", "false")]);
    post(&router, 5).await;
    until_settled(&router, 5).await;
    assert_eq!(receipts(&router, "realtime").await + receipts(&router, "websocket").await, 0);
}
