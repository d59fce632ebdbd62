//! A destination that comes and goes at random, while dashboards watch.

use crate::{
    crash::{seed, soaking},
    support::{
        destination::Behaviour,
        history::History,
        load::{Load, Plan},
    },
};

use super::{
    path::Path,
    place::{Kind, Place},
};

#[tokio::test]
async fn broadcasts_to_a_destination_that_flaps_all_arrive_in_order() {
    flaps(Kind::Broadcast).await;
}

#[tokio::test]
async fn a_channel_of_a_destination_that_flaps_brings_everything_in_order() {
    flaps(Kind::Channel).await;
}

async fn flaps(kind: Kind) {
    seed();
    let path = Path::start(kind);
    let Place::Realtime(_, destination) = &path.there else { unreachable!() };
    let dashboards = vec![vec![], vec![], vec![], vec!["tick_0"], vec!["tick_1", "tick_2"]];
    let address = path.router.address;
    let load = Load::with(Plan { address, publishers: 3, padding: 300, dashboards, gaps: false });
    for _ in 0..if soaking() { 400 } else { 40 } {
        load.wait_for(fastrand::usize(1..60));
        match fastrand::u8(..6) {
            0 => destination.now(Behaviour::Reset).await,
            1 => destination.next([Behaviour::LoseAnswer]).await,
            2 => destination.next([Behaviour::Status(503)]).await,
            _ => {
                destination.refuse().await;
                load.wait_for(fastrand::usize(1..60));
                destination.listen().await;
            }
        }
    }
    load.stop_publishing();
    path.drained().await;
    let committed = path.committed().await;
    let verdict = History::of(committed).assert(&destination.received().await);
    eprintln!("{kind:?}: {verdict:?}, {}", path.delivery().await["attempts"]);
    for dashboard in 0..5 {
        assert_eq!(load.seen(dashboard).connections, 1, "the direct path did not feel it");
    }
    load.finish().await;
}
