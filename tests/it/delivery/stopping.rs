//! A router that stops finishes what it has begun, and goes on there; and one whose flags were off
//! for a while goes on where it was.

use std::time::Duration;

use serde_json::json;

use super::{SOON, committed, path, post, router_to, until_breaker, until_settled, watch};
use crate::{
    crash::seed,
    support::{
        destination::{Behaviour, Count, Destination, KEY, RetryAfter},
        history::History,
        load::{Load, Plan},
        router::{PATIENCE, Router, until},
    },
};

const TRANSPORTS: [&str; 2] = ["broadcast", "channel"];

#[tokio::test]
async fn a_request_in_flight_is_finished_and_never_made_again() {
    for transport in TRANSPORTS {
        let destination = Destination::start();
        let mut router = router_to(&destination, transport, &[]);
        destination.next([Behaviour::Slow(Duration::from_millis(300))]).await;
        post(&router, 1).await;
        destination.until_done().await;
        // It is on its way, and these wait behind it.
        post(&router, 10).await;
        assert_eq!(destination.count(Count::Events).await, 0, "it is still on its way");
        assert_eq!(router.terminate().code(), Some(0));
        assert_eq!(destination.count(Count::Events).await, 1, "it was finished");
        router.restart();
        assert_eq!(path(&router).await["settled"]["skipped"], 0);
        until_settled(&router, 10).await;
        let verdict = History::of(committed(&router).await).assert(&destination.received().await);
        assert_eq!((verdict.after_lost_answers, verdict.after_crashes), (0, 0), "{transport}");
    }
}

/// What waits for the destination does not hold up the end, however long it would wait.
#[tokio::test]
async fn who_waits_for_the_destination_stops_at_once() {
    let long = [
        ("server.shutdown_timeout", "10m"),
        ("breaker.open_for", "10m"),
        ("breaker.open_max", "10m"),
    ];
    let limited = Behaviour::RateLimited(RetryAfter::Seconds(600));
    for (behaviour, opens) in [(Behaviour::Status(503), true), (limited, false)] {
        let destination = Destination::start();
        let mut router = router_to(&destination, "broadcast", &long);
        destination.next([behaviour; 5]).await;
        post(&router, 7).await;
        if opens {
            until_breaker(&router, "open").await;
        } else {
            destination.until_requests(1).await;
        }
        router.signal("TERM");
        assert_eq!(router.wait_patiently().await.code(), Some(0));
        assert!(!router.log().contains("did not end in time"));
        destination.clear().await;
        router.restart();
        destination.until(7).await;
        History::of(committed(&router).await).assert(&destination.received().await);
    }
}

#[tokio::test]
async fn routers_that_stop_under_load_send_nothing_twice() {
    seed();
    let destination = Destination::start();
    let mut router = router_to(&destination, "broadcast", &[]);
    let load = Load::with(Plan {
        address: router.address,
        publishers: 2,
        padding: 0,
        dashboards: vec![vec![]],
        gaps: false,
    });
    for _ in 0..3 {
        load.wait_for(fastrand::usize(50..200));
        assert_eq!(router.terminate().code(), Some(0));
        router.restart();
    }
    load.wait_for(1);
    load.finish().await;
    let ids = committed(&router).await;
    destination.until_within(Count::Events, ids.len() as u64, 2 * PATIENCE).await;
    let verdict = History::of(ids).assert(&destination.received().await);
    assert_eq!((verdict.after_lost_answers, verdict.after_crashes), (0, 0));
}

/// A journal that routers with different settings have, one after the other.
struct Shared {
    folder: tempfile::TempDir,
    destination: Destination,
}

impl Shared {
    fn begin() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), destination: Destination::start() }
    }

    /// The next router, which delivers or does not.
    fn router(&self, delivers: bool, more: &[(&str, &str)]) -> Router {
        let journal = format!("sqlite:{}/journal.db", self.folder.path().display());
        let url = self.destination.url();
        let all = [
            ("storage.url", &*journal),
            ("realtime.url", &url),
            ("realtime.key", KEY),
            ("flags.enable_validation", "false"),
        ];
        let on = if delivers { &SOON[..] } else { &[] };
        Router::with(&[&all, on, more].concat())
    }
}

#[tokio::test]
async fn what_came_while_the_path_was_off_was_not_meant_for_it() {
    let shared = Shared::begin();
    // Before it was ever on: not for it.
    let mut router = shared.router(false, &[]);
    post(&router, 3).await;
    router.terminate();
    let mut router = shared.router(true, &[]);
    post(&router, 5).await;
    until_settled(&router, 5).await;
    router.terminate();
    let mut router = shared.router(false, &[]);
    assert_eq!(router.get("/v1/adapters").await["adapters"].as_array().unwrap().len(), 1);
    post(&router, 20).await;
    router.terminate();
    let router = shared.router(true, &[]);
    post(&router, 2).await;
    until_settled(&router, 2).await;
    let ids = committed(&router).await;
    assert_eq!(ids.len(), 30);
    let meant = [&ids[3..8], &ids[28..]].concat();
    History::of(meant).assert(&shared.destination.received().await);
    let listed = router.get("/v1/events?path=realtime&after=0").await;
    let listed: Vec<_> = listed["events"].as_array().unwrap().iter().map(|it| &it["seq"]).collect();
    assert_eq!(listed, [4, 5, 6, 7, 8, 29, 30]);
}

#[tokio::test]
async fn what_retention_took_while_the_path_was_off_is_counted() {
    let shared = Shared::begin();
    let mut router = shared.router(true, &[]);
    post(&router, 5).await;
    until_settled(&router, 5).await;
    router.terminate();
    let small = [("storage.max_bytes", "1MiB"), ("storage.retention_interval", "100ms")];
    let mut router = shared.router(false, &small);
    let large = json!({ "text": "x".repeat(60_000) });
    let large = json!({ "event_type": "large", "source": "test", "data": large });
    assert_eq!(router.post(&json!(vec![large; 40])).await.0, 202);
    let first_seq = async |router: &Router| {
        router.get("/v1/stats").await["journal"]["first_seq"].as_u64().unwrap()
    };
    until(async || (first_seq(&router).await > 6).then_some(())).await;
    router.terminate();
    let router = shared.router(true, &[]);
    let mut wall = watch(&router).await;
    let (seqs, first) = (post(&router, 4).await, first_seq(&router).await);
    assert_eq!(wall.seqs(4).await, seqs, "the direct path");
    // Nobody can tell any more what those were meant for; the ones that are left were not for it.
    let skipped = first - 6;
    until_settled(&router, 4).await;
    let path = path(&router).await;
    let settled = json!({ "delivered": 4, "known": 0, "dead": 0, "skipped": skipped });
    assert_eq!((&path["settled"], &path["lag_events"]), (&settled, &json!(0)));
    let ledger = router.get("/v1/ledger").await;
    assert_eq!(ledger["balances"], true, "{ledger}");
    let ids = shared.destination.received_ids().await;
    let committed = committed(&router).await;
    assert_eq!(ids[5..], committed[committed.len() - 4..]);
}
