//! Ends the process when an actor is gone, so that the service manager starts it anew.
//!
//! A panic ends an actor for good, and its supervisor with it: nothing inside the process can bring
//! it back. Looking once a second is cheap, and a router without its journal is worse than none.

use std::{sync::Arc, time::Duration};

use actix::Addr;

use crate::{
    actors::{
        broadcaster::{AreShardsAlive, Broadcaster},
        journal::Journal,
    },
    telemetry::Metrics,
};

const INTERVAL: Duration = Duration::from_secs(1);

/// What is watched.
pub struct Watched {
    /// The one writer.
    pub journal: Addr<Journal>,
    /// The registry, which knows the shards.
    pub broadcaster: Addr<Broadcaster>,
    /// Sorts what was observed into histograms, which wants to be done every few seconds.
    pub metrics: Arc<Metrics>,
}

/// Watches until an actor is gone; which one.
pub async fn watch(watched: Watched) -> &'static str {
    let mut interval = tokio::time::interval(INTERVAL);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        watched.metrics.upkeep();
        if !watched.journal.connected() {
            return "journal";
        }
        match watched.broadcaster.send(AreShardsAlive).await {
            Ok(true) => {}
            Ok(false) => return "shard",
            Err(_) => return "broadcaster",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use actix::prelude::*;

    #[derive(Message)]
    #[rtype(result = "()")]
    struct Panic;

    struct Fragile;

    impl Actor for Fragile {
        type Context = Context<Self>;
    }

    impl Handler<Panic> for Fragile {
        type Result = ();

        fn handle(&mut self, _: Panic, _: &mut Self::Context) {
            panic!("as planned");
        }
    }

    #[actix::test]
    async fn an_actor_that_panics_is_gone_for_good() {
        let fragile = Arbiter::new();
        let (sender, receiver) = tokio::sync::oneshot::channel();
        fragile.spawn(async move { assert!(sender.send(Fragile.start()).is_ok()) });
        let address = receiver.await.unwrap();
        assert!(address.connected());
        assert!(address.send(Panic).await.is_err());
        let gone = async {
            while address.connected() {
                tokio::task::yield_now().await;
            }
        };
        assert!(tokio::time::timeout(Duration::from_secs(30), gone).await.is_ok());
    }
}
