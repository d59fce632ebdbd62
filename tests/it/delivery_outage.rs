//! The destination of the realtime path is away: nobody else feels it, and all of it arrives later.

mod flapping;
mod memory;
mod path;
mod place;

use std::{process::Output, time::Instant};

use serde_json::Value;
use tokio::task::spawn_blocking;

use self::{path::Path, place::Kind};
use crate::{crash::soaking, support::process::most_resident_bytes};

/// What more a router may take in memory while it cannot deliver.
const MOST_MEMORY: u64 = 32 << 20;
/// The latency of the direct path without a destination, over that with one; less than so many
/// milliseconds more count for nothing.
const MOST_SLOWER: f64 = 1.5;
const SLACK_MS: f64 = 2.0;
/// The rate of catching up after an outage, over that of a destination that was always well.
const LEAST_RATE: f64 = 0.5;

/// Bytes of an event besides its data.
const AROUND: usize = 100;
const RATE: &str = "1000";
const CLIENTS: &str = "10";

/// How much is done.
struct Scale {
    /// Events that a journal is filled with, and that it has in the end at the least.
    fill: u64,
    events: u64,
    /// Bytes of an event: all of them together are a multiple of [`MOST_MEMORY`].
    bytes: usize,
    /// How long a load test takes, in seconds.
    seconds: u64,
    /// Events that the rate of a destination that is well is taken from, at most.
    healthy: u64,
}

fn scale() -> Scale {
    if soaking() {
        Scale { fill: 470_000, events: 500_000, bytes: 400, seconds: 6, healthy: 100_000 }
    } else {
        Scale { fill: 10_000, events: 20_000, bytes: 1900, seconds: 3, healthy: u64::MAX }
    }
}

#[tokio::test]
async fn an_outage_of_broadcasts_is_felt_by_nobody_and_caught_up() {
    outage(Kind::Broadcast).await;
}

#[tokio::test]
async fn an_outage_of_a_channel_is_felt_by_nobody_and_caught_up() {
    outage(Kind::Channel).await;
}

#[tokio::test]
async fn an_outage_of_a_database_is_felt_by_nobody_and_caught_up() {
    outage(Kind::Postgres).await;
}

/// Two routers get the same load in turns, one with a destination and one without.
async fn outage(kind: Kind) {
    let Scale { fill, events, bytes, .. } = scale();
    let (up, down) = (Path::start(kind), Path::start(kind));
    for path in [&up, &down] {
        if soaking() {
            path.there.expect_many().await;
        }
        path.works().await;
    }
    down.there.leave().await;
    for (path, name) in [(&down, "without"), (&up, "with")] {
        let began = Instant::now();
        path.fill(fill, bytes).await;
        let rate = u128::from(fill) * 1_000 / began.elapsed().as_millis().max(1);
        eprintln!("{kind:?}: {fill} events committed {name} a destination, {rate}/s");
    }
    up.drained().await;
    let rounds = rounds(kind, &up, &down).await;
    up.drained().await;
    let head = down.head().await;
    assert!(head >= events, "{head} events");
    assert_eq!(down.delivery().await["lag_events"], head - 1, "nothing got through");
    let [with, without] = [&up, &down].map(|path| most_resident_bytes(path.router.pid()));
    eprintln!("{kind:?}: {} MiB with a destination, {} without", with >> 20, without >> 20);
    assert!(without <= with + MOST_MEMORY, "{without} bytes, with a destination {with}");
    assert!(slower(&rounds) <= MOST_SLOWER, "{rounds:?}");
    catches_up(kind, &up, &down).await;
    for path in [up, down] {
        let committed = path.committed().await;
        path.there.holds(&committed, soaking()).await;
        eprintln!("{kind:?}: all {} events are there, each once and in order", committed.len());
    }
}

/// Load tests of both in turns. More rounds when the first ones are against the router: the machine
/// has other work too.
async fn rounds(kind: Kind, up: &Path, down: &Path) -> Vec<Round> {
    let (fewest, most) = if soaking() { (5, 15) } else { (3, 12) };
    let mut rounds: Vec<Round> = Vec::new();
    while rounds.len() < most && (rounds.len() < fewest || slower(&rounds) > MOST_SLOWER) {
        // Neither is always the one that comes after the other.
        let up_first = rounds.len().is_multiple_of(2);
        let before = if up_first { direct_p99(up).await } else { 0.0 };
        let without = direct_p99(down).await;
        let with = if up_first { before } else { direct_p99(up).await };
        eprintln!("{kind:?}: p99 {with:.1} ms with a destination, {without:.1} ms without");
        rounds.push(Round { with, without });
    }
    eprintln!("{kind:?}: without a destination {:.2} times as slow", slower(&rounds));
    rounds
}

/// What `down` could not deliver, it then delivers about as fast as `up` does what waits for a
/// destination that is well.
async fn catches_up(kind: Kind, up: &Path, down: &Path) {
    let Scale { bytes, healthy, .. } = scale();
    let events = down.head().await.min(healthy);
    down.there.come_back().await;
    let mut ratios = vec![];
    loop {
        let after = down.catch_up().await;
        up.force("open").await;
        up.fill(events, bytes).await;
        up.force("closed").await;
        let healthy = up.catch_up().await;
        eprintln!("{kind:?}: {after:.0} events/s after the outage, else {healthy:.0}");
        ratios.push(after / healthy);
        if ratios.iter().any(|ratio| *ratio >= LEAST_RATE) {
            return;
        }
        // The machine may have had something else to do.
        assert!(ratios.len() < 5, "{ratios:.2?}");
        down.there.leave().await;
        down.fill(events, bytes).await;
        down.there.come_back().await;
    }
}

/// The 99th percentile of the direct path's latency, in milliseconds, with and without a destination.
#[derive(Debug)]
struct Round {
    with: f64,
    without: f64,
}

/// How many times as long it takes without, in the better third of the rounds.
fn slower(rounds: &[Round]) -> f64 {
    let ratio = |Round { with, without }: &Round| {
        if *without <= with + SLACK_MS { (without / with).min(1.0) } else { without / with }
    };
    let mut ratios: Vec<_> = rounds.iter().map(ratio).collect();
    ratios.sort_by(f64::total_cmp);
    ratios[ratios.len() / 3]
}

/// The 99th percentile of a load test's latency, in milliseconds; every delivery is verified.
async fn direct_p99(path: &Path) -> f64 {
    let mut bench = path.router.command();
    let Scale { seconds, bytes, .. } = scale();
    let (duration, size) = (format!("{seconds}s"), (bytes + AROUND).to_string());
    bench.args(["bench", "--json", "--warmup", "500ms", "--duration", &duration]);
    bench.args(["--rate", RATE, "--batch", "10", "--publishers", "4"]);
    bench.args(["--clients", CLIENTS, "--size", &size, "--url", &path.router.url("")]);
    let Output { status, stdout, stderr } =
        spawn_blocking(move || bench.output()).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{said}{}", String::from_utf8_lossy(&stdout));
    let report: Value = serde_json::from_slice(&stdout).unwrap();
    report["latency_ms"]["p99"].as_f64().unwrap()
}
