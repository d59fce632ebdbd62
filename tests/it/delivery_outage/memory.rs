//! An open breaker costs no memory, however much waits behind it.

use super::{path::Path, place::Kind};
use crate::{crash::soaking, support::process::resident_bytes};

/// Allocators, caches and the database's index of its log take some.
const MOST_GROWTH: u64 = 24 << 20;

#[tokio::test]
async fn what_waits_behind_an_open_breaker_takes_no_memory() {
    let path = Path::start(Kind::Broadcast);
    path.force("open").await;
    let part = if soaking() { 500_000 } else { 50_000 };
    let mut resident = Vec::new();
    for _ in 0..4 {
        path.fill(part, 300).await;
        resident.push(resident_bytes(path.router.pid()));
    }
    let waiting = path.delivery().await["lag_events"].clone();
    eprintln!(
        "{waiting} events wait: {:?} MiB",
        resident.iter().map(|it| it >> 20).collect::<Vec<_>>()
    );
    assert_eq!(waiting, 4 * part);
    let (first, last) = (resident[0], resident[3]);
    assert!(last < first + MOST_GROWTH, "{resident:?}");
}
