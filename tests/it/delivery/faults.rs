//! What was wrong with the adapters of the original system, by the numbers of the list of its faults,
//! and does not happen here. Faults 4, 15, 17, 18 and 19 are shown beside the code that decides.

use serde_json::{Value, json};

use super::{
    attempts, committed, dead_letters, metric, path, post, router_to, router_with, row,
    until_audited, until_breaker, until_settled, wall::Wall, watch,
};
use crate::support::{
    destination::{Behaviour, Count, Destination, Place},
    history::History,
    postgres::database,
    router::{Router, event},
};

/// Nobody called the adapters: here whatever is posted goes there.
#[tokio::test]
async fn fault_01_events_that_are_posted_reach_the_adapter() {
    let destination = Destination::start();
    let router = router_to(&destination, "broadcast", &[]);
    post(&router, 3).await;
    destination.until(3).await;
    assert_eq!(destination.received_ids().await, committed(&router).await);
}

/// `DUAL_MODE` alone did nothing.
#[tokio::test]
async fn fault_02_dual_mode_alone_means_both_paths() {
    let router = Router::with(&[("flags.dual_mode", "true")]);
    let (mut direct, wall) = (watch(&router).await, Wall::subscribed(&router, "monitoring"));
    let seqs = post(&router, 3).await;
    assert_eq!(direct.seqs(3).await, seqs);
    for seq in seqs {
        assert_eq!(wall.event().1["seq"], seq);
    }
    let adapters = router.get("/v1/adapters").await;
    let names = adapters["adapters"].as_array().unwrap().iter().map(|row| row["name"].clone());
    assert_eq!(names.collect::<Vec<_>>(), ["websocket", "realtime", "dual"]);
}

/// Every failure was counted as a success.
#[tokio::test]
async fn fault_03_a_failure_is_no_success() {
    let destination = Destination::start();
    destination.always(Behaviour::Status(500)).await;
    let router = router_to(&destination, "broadcast", &[]);
    let _direct = watch(&router).await;
    post(&router, 4).await;
    until_breaker(&router, "open").await;
    let realtime = row(&router, "realtime").await;
    assert_eq!(
        (&realtime["counters"]["delivered"], &realtime["healthy"]),
        (&json!(0), &json!(false))
    );
    let failed = realtime["counters"]["failed"].as_u64().unwrap();
    assert!(failed >= 5 && attempts(&router, "transient").await >= failed, "{realtime}");
    assert_eq!(attempts(&router, "delivered").await, 0);
    assert_eq!(realtime["delivery"]["settled"]["delivered"], 0);
    let websocket = row(&router, "websocket").await;
    assert_eq!(
        (&websocket["counters"]["failed"], &websocket["healthy"]),
        (&json!(0), &json!(true))
    );
    destination.always(Behaviour::Ok).await;
    until_settled(&router, 4).await;
    assert_eq!(row(&router, "realtime").await["counters"]["delivered"], 4);
}

/// What was sent had other names than what was there to take it, and category and sequence were left
/// out on the way.
#[tokio::test]
async fn fault_05_every_transport_delivers_the_whole_event() {
    let whole = json!({
        "event_type": "cache_metrics", "source": "redis", "timestamp": "2025-11-01T10:00:00.5Z",
        "data": { "b": 1, "a": [1, 2.5, "\u{e9}"] }, "metadata": { "host": "a" },
    });
    for transport in ["broadcast", "channel"] {
        let router = router_with(&[("realtime.transport", transport)]);
        let wall = Wall::subscribed(&router, "monitoring");
        let (_, answer) = router.post(&whole).await;
        let stored = router.get(&format!("/v1/events/{}", answer["id"].as_str().unwrap())).await;
        let (name, mut payload) = wall.event();
        assert_eq!(payload.as_object_mut().unwrap().remove("prev"), Some(json!(0)));
        assert_eq!((name.as_str(), &payload), ("cache_metrics", &stored));
        for member in ["id", "seq", "epoch", "category", "checksum", "created_at"] {
            assert!(!payload[member].is_null(), "{member}: {payload}");
        }
    }
    let (router, there) = with_rows(&[]).await;
    let (_, answer) = router.post(&whole).await;
    until_settled(&router, 1).await;
    let stored = router.get(&format!("/v1/events/{}", answer["id"].as_str().unwrap())).await;
    let row = "SELECT to_json(it)::text FROM monitoring.monitoring_events it";
    let row: Value = serde_json::from_str(there.query_one(row, &[]).await.unwrap().get(0)).unwrap();
    for member in ["id", "seq", "event_type", "source", "category", "data", "metadata", "checksum"]
    {
        assert_eq!(row[member], stored[member], "{member}");
    }
    let time =
        |value: &Value| chrono::DateTime::parse_from_rfc3339(value.as_str().unwrap()).unwrap();
    for member in ["timestamp", "created_at"] {
        assert_eq!(time(&row[member]), time(&stored[member]), "{member}");
    }
}

/// A router that delivers rows, and a connection to where they go.
async fn with_rows(more: &[(&str, &str)]) -> (Router, tokio_postgres::Client) {
    use signalbox::storage::{Durability, StorageOptions, open};
    let url = database();
    let options =
        StorageOptions { url: url.clone(), durability: Durability::Process, pool_size: 1 };
    open(&options).await.unwrap().migrate().await.unwrap();
    let to = [("realtime.transport", "postgres"), ("realtime.database_url", &*url)];
    let router = router_with(&[&to, more].concat());
    let (there, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    (router, there)
}

/// In dual mode both paths led to the same clients.
#[tokio::test]
async fn fault_06_in_dual_mode_nobody_sees_an_event_twice() {
    let router = router_with(&[]);
    let mut direct = watch(&router).await;
    let wall = Wall::subscribed(&router, "monitoring");
    for round in 0..3 {
        let seqs = post(&router, 20).await;
        assert_eq!(direct.seqs(20).await, seqs, "each once: what comes next is of the next round");
        for seq in seqs {
            assert_eq!(wall.event().1["seq"], seq, "round {round}");
        }
    }
    let last = post(&router, 1).await;
    assert_eq!(
        (direct.seqs(1).await, wall.event().1["seq"].as_u64()),
        (last.clone(), Some(last[0]))
    );
}

/// What came from Realtime was dropped: there was no way back to a dashboard.
#[tokio::test]
async fn fault_07_a_dashboard_on_realtime_sees_what_is_posted() {
    let router = Router::with(&[("flags.use_adapter", "true")]);
    let wall = Wall::subscribed(&router, "monitoring");
    router.publish("health_check").await;
    let (name, payload) = wall.event();
    assert_eq!((name.as_str(), &payload["data"]), ("health_check", &json!({ "n": 1 })));
}

/// `dual` passed the check and was refused by the factory; for `auto` it was the other way round.
#[tokio::test]
async fn fault_08_what_the_check_accepts_the_factory_makes() {
    for (kind, paths) in [("auto", 3), ("realtime", 3), ("dual", 3), ("websocket", 1)] {
        let flags = [("flags.use_adapter", "true"), ("flags.adapter_type", kind)];
        let router = Router::with(&flags);
        let check = router.command().arg("check-config").output().unwrap();
        assert_eq!(check.status.code(), Some(0), "{kind}");
        let adapters = router.get("/v1/adapters").await["adapters"].take();
        assert_eq!(adapters.as_array().unwrap().len(), paths, "{kind}: {adapters}");
    }
    let router = Router::start();
    let mut check = router.command();
    check.arg("check-config").env("SIGNALBOX__FLAGS__ADAPTER_TYPE", "supabase");
    let refused = check.output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned()
        + &String::from_utf8_lossy(&refused.stdout);
    assert_eq!(refused.status.code(), Some(3), "{said}");
    for known in ["auto", "websocket", "realtime", "dual"] {
        assert!(said.contains(&format!("\"{known}\"")), "{said}");
    }
}

/// Errors were swallowed within, so that neither the breaker nor the dead letters ever saw one.
#[tokio::test]
async fn fault_11_failures_reach_the_breaker_and_rejections_the_dead_letters() {
    let destination = Destination::start();
    destination.next([Behaviour::Reset; 5]).await;
    destination.poison("\"e3\"", Behaviour::Status(413)).await;
    let router = router_to(&destination, "broadcast", &[]);
    post(&router, 6).await;
    until_settled(&router, 6).await;
    until_audited(&router, "open", 1).await;
    let ids = committed(&router).await;
    assert_eq!(dead_letters(&router).await, [ids[3].clone()]);
    History::of(ids.clone()).without([ids[3].clone()]).assert(&destination.received().await);
}

/// Dead letters went into a table that was not there, and those that were tried once were lost sight
/// of: here they are listed until somebody deletes them, also after a restart.
#[tokio::test]
async fn fault_12_a_dead_letter_is_kept_and_never_lost_sight_of() {
    let url = database();
    for more in [&[][..], &[("storage.url", &*url)]] {
        let destination = Destination::start();
        destination.poison("\"e1\"", Behaviour::Status(422)).await;
        let mut router = router_to(&destination, "broadcast", more);
        post(&router, 3).await;
        until_settled(&router, 3).await;
        let aside = dead_letters(&router).await;
        assert_eq!(aside, [committed(&router).await[1].clone()]);
        router.kill();
        router.restart();
        assert_eq!(dead_letters(&router).await, aside, "the same after a crash");
        let pending = router.get("/v1/dead-letters?status=pending").await["dead_letters"].take();
        assert_eq!(pending.as_array().unwrap().len(), 1, "{pending}");
        assert_eq!(pending[0]["event"]["event_type"], "e1");
        let gone = router.ask("DELETE", &format!("/v1/dead-letters/{}", pending[0]["id"])).await;
        assert_eq!(gone.status, 204);
        assert!(dead_letters(&router).await.is_empty());
        // It stays deleted: the cursor is behind it.
        post(&router, 1).await;
        destination.until(3).await;
        assert!(dead_letters(&router).await.is_empty());
    }
}

/// A batch counted as none, its failure as one, and the route for all of that read an attribute that
/// was not there.
#[tokio::test]
async fn fault_13_a_batch_counts_as_many_as_it_has() {
    let destination = Destination::start();
    let router = router_to(&destination, "broadcast", &[]);
    let _direct = watch(&router).await;
    post(&router, 25).await;
    until_settled(&router, 25).await;
    let realtime = row(&router, "realtime").await;
    assert_eq!(realtime["counters"]["delivered"], 25);
    assert_eq!(realtime["delivery"]["transport"], "broadcast");
    let stats = router.get("/v1/stats").await;
    assert_eq!(stats["broadcaster"]["total_broadcasts"], 25);
    let sent = metric(&router, "signalbox_adapter_batch_events_sum{adapter=\"realtime\"}").await;
    assert_eq!(sent, 25);
}

/// That nobody watches was unhealthy, and that nothing worked was not. Here a dead destination is
/// told of, and the router is ready all the same.
#[tokio::test]
async fn fault_14_a_dead_destination_makes_the_path_unhealthy_and_not_the_router() {
    let destination = Destination::start();
    let router = router_to(&destination, "broadcast", &[]);
    destination.refuse().await;
    post(&router, 1).await;
    until_breaker(&router, "open").await;
    assert_eq!(row(&router, "realtime").await["healthy"], false);
    assert_eq!(row(&router, "websocket").await["healthy"], true);
    for path in ["/livez", "/readyz", "/health"] {
        assert_eq!(router.ask("GET", path).await.status, 200, "{path}");
    }
    destination.listen().await;
    until_settled(&router, 1).await;
    assert_eq!(row(&router, "realtime").await["healthy"], true);
}

/// Asking for the metrics waited for itself, and calls that blocked stopped everything else: here a
/// destination that hangs costs nobody anything.
#[tokio::test]
async fn fault_16_and_21_while_a_request_hangs_everything_else_goes_on() {
    let destination = Destination::start();
    let router = router_to(&destination, "broadcast", &[("flags.timeout_ms", "60000")]);
    let mut direct = watch(&router).await;
    destination.next([Behaviour::Hang]).await;
    let first = post(&router, 1).await;
    assert_eq!(direct.seqs(1).await, first);
    destination.until_requests(1).await;
    for _ in 0..20 {
        let seqs = post(&router, 5).await;
        assert_eq!(direct.seqs(5).await, seqs);
        for path in ["/metrics", "/v1/stats", "/v1/ledger", "/v1/dead-letters", "/v1/audit"] {
            assert_eq!(router.ask("GET", path).await.status, 200, "{path}");
        }
    }
    assert_eq!(destination.count(Count::Events).await, 0, "it still hangs");
    // Whoever asks how it is does not wait for as long as a request may.
    destination.always_at(Place::Head, Behaviour::Hang).await;
    let realtime = row(&router, "realtime").await;
    assert_eq!(
        (&realtime["healthy"], &realtime["delivery"]["phase"]),
        (&json!(false), &json!("sending"))
    );
    // The connection ends, and all of it goes on.
    destination.now(Behaviour::Reset).await;
    destination.until(101).await;
    History::of(committed(&router).await).assert(&destination.received().await);
}

/// What failed came back as new, behind everything else and without an end; what was sent to a client
/// that came back was sent to nobody. Here who comes back asks for what it missed.
#[tokio::test]
async fn fault_17_who_comes_back_gets_what_it_missed() {
    let router = router_with(&[]);
    let mut direct = watch(&router).await;
    let seqs = post(&router, 2).await;
    assert_eq!(direct.seqs(2).await, seqs);
    let epoch = direct.welcome["epoch"].clone();
    drop(direct);
    let missed = post(&router, 5).await;
    let mut back = crate::support::dashboard::Dashboard::connect(&router).await;
    let from = json!({ "from": { "epoch": epoch, "seq": seqs[1] } });
    assert_eq!(back.subscribe(from).await["recovered"], true);
    assert_eq!(back.seqs(5).await, missed);
}

/// What was equal was dropped as a repetition, whoever meant it: here only an id makes two the same.
#[tokio::test]
async fn fault_18_equal_events_are_all_delivered_and_the_same_one_once() {
    let destination = Destination::start();
    let router = router_to(&destination, "broadcast", &[]);
    for _ in 0..5 {
        router.publish("heartbeat").await;
    }
    let mut known = event("known");
    known["id"] = json!("0190b5c4-6a2e-7cc3-98c4-dc0c0c07398f");
    for duplicate in [false, true, true] {
        assert_eq!(router.post(&known).await.1["duplicate"], duplicate);
    }
    until_settled(&router, 6).await;
    let received = destination.received().await;
    assert_eq!(received.iter().map(|it| it.ids().len()).sum::<usize>(), 6);
    History::of(committed(&router).await).assert(&received);
}

/// An open breaker stayed open until somebody reset it: here it tries by itself.
#[tokio::test]
async fn fault_19_an_open_breaker_tries_again_by_itself() {
    let destination = Destination::start();
    let quick = [("flags.timeout_ms", "10000")];
    let router = router_to(&destination, "broadcast", &quick);
    destination.next([Behaviour::Status(503); 9]).await;
    post(&router, 10).await;
    until_settled(&router, 10).await;
    let path = path(&router).await;
    let states: Vec<_> = path["transitions"].as_array().unwrap().iter().rev().collect();
    let states: Vec<_> = states.iter().map(|it| it["state"].as_str().unwrap()).collect();
    // Five failures, four probes that fail, two that do not.
    let again = ["half-open", "open"].repeat(4);
    assert_eq!(states, [&["open"][..], &again, &["half-open", "closed"]].concat());
    let mut opened = path["transitions"].as_array().unwrap().iter();
    assert!(opened.all(|it| it["state"] != "open" || it["until"].is_string()));
}
