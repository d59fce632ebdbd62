//! What was accepted is in the journal after `kill -9`, and who watches sees it once, in order.

use std::env;

use crate::support::{load::Load, postgres, router::Router};

/// How often the router is killed.
fn rounds() -> usize {
    if soaking() { 50 } else { 5 }
}

pub(crate) fn soaking() -> bool {
    env::var_os("SIGNALBOX_SOAK").is_some()
}

/// Seeds what is random in the test that calls it; set `SIGNALBOX_SEED` to repeat a run.
pub(crate) fn seed() {
    let given = env::var("SIGNALBOX_SEED").ok().map(|seed| seed.parse().expect("a number"));
    let seed = given.unwrap_or_else(|| fastrand::u64(..));
    eprintln!("SIGNALBOX_SEED={seed}");
    fastrand::seed(seed);
}

#[tokio::test]
async fn what_was_accepted_survives_kill_9_on_sqlite() {
    killed_in_a_loop(&[("storage.durability", "full")]).await;
}

#[tokio::test]
async fn what_was_accepted_survives_kill_9_on_postgres() {
    let url = postgres::database();
    killed_in_a_loop(&[("storage.durability", "full"), ("storage.url", &url)]).await;
}

async fn killed_in_a_loop(settings: &[(&str, &str)]) {
    seed();
    let mut router = Router::with(settings);
    let load = Load::start(router.address);
    load.wait_for(1);
    let epoch = load.check().await;
    for round in 1..=rounds() {
        load.wait_for(fastrand::usize(1..400));
        router.kill();
        if fastrand::u8(..4) == 0 {
            // While it starts.
            router.begin_restart();
            router.kill();
        }
        router.restart();
        assert_eq!(load.check().await, epoch, "round {round}");
    }
    load.wait_for(1);
    eprintln!("{} events, refusals {:?}", load.accepted(), load.refused());
    assert_eq!(load.finish().await, epoch);
}
