//! Retention under load: who lags too far is told exactly what it missed.

use std::collections::BTreeSet;

use crate::support::{
    load::{Load, Plan},
    router::Router,
};

#[tokio::test]
async fn who_lags_behind_retention_is_told_exactly_what_is_missing() {
    let router = Router::with(&[
        ("storage.max_bytes", "1MiB"),
        ("storage.retention_interval", "100ms"),
        ("journal.tail_events", "64"),
        ("session.send_buffer", "4KiB"),
    ]);
    let load = Load::with(Plan {
        address: router.address,
        publishers: 2,
        padding: 8 << 10,
        dashboards: vec![vec![], vec![]],
        gaps: true,
    });
    load.wait_for(100);
    // More than the sockets and the journal hold.
    load.set_reading(false);
    load.wait_for(2500);
    load.set_reading(true);
    load.stop_publishing();
    let places = load.places();
    load.wait_until_seen(places.len() as u64);

    let stats = router.get("/v1/stats").await;
    assert!(stats["journal"]["first_seq"].as_u64().unwrap() > 1, "{stats}");
    for dashboard in 0..2 {
        let seen = load.seen(dashboard);
        assert_eq!(seen.connections, 1);
        assert!(!seen.gaps.is_empty(), "it lagged");
        let missed = seen.gaps.iter().flat_map(|(from, to)| *from..=*to);
        let all: Vec<u64> = seen.events.iter().map(|(seq, _)| *seq).chain(missed).collect();
        assert_eq!(all.len(), places.len(), "each either seen or named as missing");
        assert_eq!(BTreeSet::from_iter(all), (1..=places.len() as u64).collect());
        for (seq, id) in seen.events {
            assert_eq!(places.get(&id), Some(&Some(seq)));
        }
    }
    let ledger = router.get("/v1/ledger").await;
    assert_eq!(ledger["balances"], true, "{ledger}");
    assert!(ledger["direct"]["delivered"].as_u64().unwrap() > 0, "{ledger}");
}
