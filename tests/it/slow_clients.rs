//! Clients that read slowly or not at all delay nobody else, take no memory, and lose nothing while
//! they read.

mod crowd;

use std::{
    collections::HashSet,
    process::Output,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::{task::spawn_blocking, time::sleep};

use self::crowd::{Pace, Reader, Trickle};
use crate::{
    crash::soaking,
    support::{
        process::{peers, resident_bytes},
        router::{PATIENCE, Router},
    },
};

const HEALTHY: &str = "200";
const STALLED: usize = 50;
const TRICKLING: usize = 50;
const STALL_TIMEOUT: Duration = Duration::from_secs(3);
/// The shard looks at its sessions once a second; on a busy machine it looks later.
const TICKS: Duration = Duration::from_secs(5);

/// Far less than the load, so that these fall behind the tail within seconds.
const TRICKLE: Pace = Pace { bytes: 2048, every: Duration::from_millis(200) };
/// In 8 seconds 16 KiB: more than the kernel frees at once, and less than the third of its buffer
/// that must be free before a socket counts as writable.
const DRIP: Pace = Pace { bytes: 512, every: Duration::from_millis(250) };

/// The latency of healthy clients beside slow ones, over that without them.
const MOST_SLOWER: f64 = 1.5;

#[tokio::test]
async fn slow_clients_delay_nobody_and_only_those_that_stop_are_cut() {
    let router = Router::with(&[
        ("session.stall_timeout", "3s"),
        ("session.send_buffer", "16KiB"),
        // Two seconds of the load: whoever is further behind reads storage.
        ("journal.tail_events", "100"),
        // What the disk takes for a commit is no matter of who reads.
        ("storage.durability", "process"),
    ]);
    let (fewest, most) = if soaking() { (9, 21) } else { (3, 12) };
    let mut rounds: Vec<Round> = Vec::new();
    // More rounds when the first ones are against the router: the machine has other work too.
    while rounds.len() < most && (rounds.len() < fewest || slower(&rounds) > MOST_SLOWER) {
        // Neither is always the one that comes after the other.
        let alone_first = rounds.len().is_multiple_of(2);
        let before = if alone_first { healthy_p99(&router).await } else { 0.0 };
        let beside = beside_slow_clients(&router).await;
        let alone = if alone_first { before } else { healthy_p99(&router).await };
        rounds.push(Round { alone, beside });
    }
    eprintln!("{rounds:.1?} ms: {:.2} times", slower(&rounds));
    assert_eq!(stalled(&router).await, rounds.len() * STALLED);
    seldom(async || peers(router.pid(), router.address.port()).is_empty()).await;
    assert!(slower(&rounds) <= MOST_SLOWER, "{rounds:?}");
}

/// The 99th percentile of latency, in milliseconds, without slow clients and beside them.
#[derive(Debug)]
struct Round {
    alone: f64,
    beside: f64,
}

/// How many times as long it takes beside slow clients, in the better third of the rounds: while the
/// machine has other work too, the others' share of the processor is all that is measured.
fn slower(rounds: &[Round]) -> f64 {
    let mut ratios: Vec<_> = rounds.iter().map(|round| round.beside / round.alone).collect();
    ratios.sort_by(f64::total_cmp);
    ratios[ratios.len() / 3]
}

/// The 99th percentile of a load test's latency, in milliseconds; every delivery is verified.
async fn healthy_p99(router: &Router) -> f64 {
    let connected = async || router.get("/v1/stats").await["sessions"]["connected"].clone();
    let before = connected().await;
    let report = bench(router, &["--clients", HEALTHY, "--rate", "50", "--size", "2000"]).await;
    // What their leaving takes is not part of the next round.
    seldom(async || connected().await.as_u64() <= before.as_u64()).await;
    report["latency_ms"]["p99"].as_f64().unwrap()
}

async fn bench(router: &Router, load: &[&str]) -> Value {
    let mut bench = router.command();
    let duration = if soaking() { "20s" } else { "5s" };
    bench.args(["bench", "--json", "--warmup", "500ms", "--duration", duration]);
    bench.args(["--publishers", "4", "--url", &router.url("")]).args(load);
    let Output { status, stdout, stderr } =
        spawn_blocking(move || bench.output()).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{said}{}", String::from_utf8_lossy(&stdout));
    serde_json::from_slice(&stdout).unwrap()
}

/// The same, beside clients that stop reading and are cut meanwhile, and clients that are slow and
/// in the end have everything.
async fn beside_slow_clients(router: &Router) -> f64 {
    let cut_before = stalled(router).await;
    let readers = |n| join_all((0..n).map(|_| Reader::subscribed(router, None)));
    let stopped = readers(STALLED).await;
    let trickling = readers(TRICKLING).await;
    let after = trickling[0].seq;
    let trickling = trickling.into_iter().map(|reader| Trickle::start(reader, TRICKLE)).collect();
    let (p99, ()) = tokio::join!(healthy_p99(router), cut_in_time(router, &stopped));
    assert_eq!(stalled(router).await - cut_before, STALLED);
    caught_up(router, trickling, after).await;
    drop(stopped);
    p99
}

/// Waits until nothing is left of these clients, neither in the kernel nor in the router.
async fn cut_in_time(router: &Router, stopped: &[Reader]) {
    let ports: HashSet<u16> = stopped.iter().map(Reader::port).collect();
    let blocked = async || router.get("/v1/stats").await["sessions"]["blocked"].clone();
    seldom(async || blocked().await.as_u64().unwrap() >= STALLED as u64).await;
    let all_blocked = Instant::now();
    seldom(async || peers(router.pid(), router.address.port()).is_disjoint(&ports)).await;
    let took = all_blocked.elapsed();
    assert!(took < STALL_TIMEOUT + TICKS, "they were cut after {took:?}");
    let sessions = router.get("/v1/sessions").await;
    for session in sessions["sessions"].as_array().unwrap() {
        let (_, port) = session["peer"].as_str().unwrap().rsplit_once(':').unwrap();
        assert!(!ports.contains(&port.parse().unwrap()), "{session}");
    }
}

/// Waits until it is so, without being much of a load itself.
async fn seldom(mut so: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !so().await {
        assert!(began.elapsed() < PATIENCE, "it does not become so");
        sleep(Duration::from_millis(500)).await;
    }
}

/// Slow clients still have nothing but what they are to get, and then have everything: the same
/// bytes as one that reads all of it from the journal at once.
async fn caught_up(router: &Router, slow: Vec<Trickle>, after: u64) {
    let head = head(router).await;
    let mut whole = Reader::subscribed(router, Some(after)).await;
    whole.read_to(head).await;
    for reader in join_all(slow.into_iter().map(|slow| slow.catch_up(head))).await {
        assert_eq!(reader.digest(), whole.digest(), "all saw the same");
    }
    let ledger = router.get("/v1/ledger").await;
    assert_eq!(ledger["balances"], true, "{ledger}");
}

/// Sessions that were cut because they took nothing.
async fn stalled(router: &Router) -> usize {
    let metrics = router.ask("GET", "/metrics").await.text;
    let name = r#"signalbox_session_closed_total{reason="stalled"} "#;
    metrics.lines().find_map(|line| line.strip_prefix(name)).map_or(0, |n| n.parse().unwrap())
}

#[tokio::test]
async fn a_client_that_reads_ever_so_slowly_is_never_cut() {
    let router = Router::with(&[("session.stall_timeout", "8s")]);
    let drip = Trickle::start(Reader::subscribed(&router, None).await, DRIP);
    post(&router, &large_events(2 << 10)).await;
    post(&router, &large_events(16 << 10)).await;
    // Three times what cuts a client that reads nothing.
    sleep(3 * Duration::from_secs(8)).await;
    caught_up(&router, vec![drip], 0).await;
    assert_eq!(stalled(&router).await, 0);
}

#[tokio::test]
async fn what_clients_do_not_read_takes_no_memory() {
    let router = Router::with(&[
        ("session.stall_timeout", "1h"),
        ("session.send_buffer", "16KiB"),
        ("session.page_events", "16"),
        ("journal.tail_bytes", "1MiB"),
        ("server.workers", "2"),
        ("storage.durability", "process"),
    ]);
    let batch = large_events(16 << 10);
    let batches = if soaking() { 1000 } else { 40 };
    let load = async || {
        for _ in 0..batches {
            post(&router, &batch).await;
        }
        resident_bytes(router.pid())
    };
    // What the router needs for the load itself: tail, queue, and the database's caches.
    let unwatched = load().await;
    let mut slow = join_all((0..100).map(|_| Reader::subscribed(&router, None))).await;
    let watched = load().await;
    // A session holds the rest of one frame, a worker one window and four pages: 4 MiB together, and
    // a few times that in what the allocator keeps. What was not read is a thousand times as much.
    let frame = 17 << 10;
    let held = 100 * frame + 2 * ((256 << 10) + 4 * 16 * frame);
    let more = watched.saturating_sub(unwatched);
    assert!(more < 6 * held, "{more} bytes more than the {unwatched} for the load itself");
    let last = head(&router).await;
    let mut whole = Reader::subscribed(&router, Some(slow[0].seq)).await;
    whole.read_to(last).await;
    for reader in slow.iter_mut().take(5) {
        reader.read_to(last).await;
        assert_eq!(reader.digest(), whole.digest());
    }
}

/// 64 events with so many bytes of data each.
fn large_events(bytes: usize) -> Value {
    let data = json!({ "x": "x".repeat(bytes) });
    json!(vec![json!({ "event_type": "large", "source": "test", "data": data }); 64])
}

async fn post(router: &Router, batch: &Value) {
    assert_eq!(router.post(batch).await.0, 202);
}

/// The last place of the journal.
async fn head(router: &Router) -> u64 {
    router.get("/v1/stats").await["journal"]["head_seq"].as_u64().unwrap()
}
