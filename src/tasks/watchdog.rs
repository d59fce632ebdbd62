//! Ends the process when an actor is gone, so that the service manager starts it anew.
//!
//! A panic ends an actor for good, and its supervisor with it: nothing inside the process can bring
//! it back. Looking once a second is cheap, and a router without its journal is worse than none.

use std::{sync::Arc, time::Duration};

use actix::Recipient;

use crate::{
    actors::{
        adapter::GetAdapter, batcher::GetBatcher, broadcaster::AreShardsAlive, journal::GetStatus,
        rollout::GetRollout, validator::GetValidation,
    },
    telemetry::{Metrics, resident_memory},
};

const INTERVAL: Duration = Duration::from_secs(1);

/// What is watched.
pub struct Watched {
    /// The one writer.
    pub journal: Recipient<GetStatus>,
    /// The registry, which knows the shards.
    pub broadcaster: Recipient<AreShardsAlive>,
    /// The realtime path as it is at the moment, where it is on.
    pub delivery: Box<dyn Fn() -> Option<WatchedDelivery> + Send>,
    /// The one that compares the paths.
    pub validator: Recipient<GetValidation>,
    /// The one that moves clients.
    pub rollout: Recipient<GetRollout>,
    /// What was observed is sorted into histograms, and memory looked at, now and then.
    pub metrics: Arc<Metrics>,
}

/// The actors of the realtime path.
pub struct WatchedDelivery {
    /// The one that sends.
    pub adapter: Recipient<GetAdapter>,
    /// The one that reads.
    pub batcher: Recipient<GetBatcher>,
}

impl WatchedDelivery {
    fn missing(&self) -> Option<&'static str> {
        match (self.adapter.connected(), self.batcher.connected()) {
            (false, _) => Some("adapter"),
            (true, false) => Some("batcher"),
            (true, true) => None,
        }
    }
}

impl Watched {
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
    fn observe(&self) {
        self.metrics.upkeep();
        self.metrics.resident_memory_bytes.set(resident_memory().unwrap_or(0) as f64);
    }
}

/// Watches until an actor is gone; which one.
pub async fn watch(watched: Watched) -> &'static str {
    let mut interval = tokio::time::interval(INTERVAL);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        watched.observe();
        if !watched.journal.connected() {
            return "journal";
        }
        if !watched.validator.connected() {
            return "validator";
        }
        if !watched.rollout.connected() {
            return "rollout";
        }
        if let Some(missing) = (watched.delivery)().as_ref().and_then(WatchedDelivery::missing) {
            return missing;
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
    use actix::prelude::*;
    use tokio::sync::oneshot;

    use super::*;
    use crate::actors::journal::JournalStatus;

    #[derive(Message)]
    #[rtype(result = "()")]
    struct Panic;

    /// Says what it is told to say, or panics.
    struct Actress {
        shards_are_alive: bool,
    }

    impl Actor for Actress {
        type Context = Context<Self>;
    }

    impl Handler<Panic> for Actress {
        type Result = ();

        fn handle(&mut self, _: Panic, _: &mut Self::Context) {
            panic!("as planned");
        }
    }

    impl Handler<GetStatus> for Actress {
        type Result = MessageResult<GetStatus>;

        fn handle(&mut self, _: GetStatus, _: &mut Self::Context) -> Self::Result {
            MessageResult(JournalStatus {
                state: "ready",
                queue_events: 0,
                queue_bytes: 0,
                oldest_ms: 0,
                batch_events: 0,
            })
        }
    }

    impl Handler<GetValidation> for Actress {
        type Result = MessageResult<GetValidation>;

        fn handle(&mut self, _: GetValidation, _: &mut Self::Context) -> Self::Result {
            unreachable!("it is only looked whether it is there")
        }
    }

    impl Handler<GetRollout> for Actress {
        type Result = MessageResult<GetRollout>;

        fn handle(&mut self, _: GetRollout, _: &mut Self::Context) -> Self::Result {
            unreachable!("it is only looked whether it is there")
        }
    }

    impl Handler<AreShardsAlive> for Actress {
        type Result = bool;

        fn handle(&mut self, _: AreShardsAlive, _: &mut Self::Context) -> bool {
            self.shards_are_alive
        }
    }

    /// On a thread of its own, which a panic takes down.
    async fn start(shards_are_alive: bool) -> Addr<Actress> {
        let (sender, address) = oneshot::channel();
        Arbiter::new().spawn(async move {
            assert!(sender.send(Actress { shards_are_alive }.start()).is_ok());
        });
        address.await.unwrap()
    }

    fn watching(journal: &Addr<Actress>, broadcaster: &Addr<Actress>) -> Watched {
        Watched {
            journal: journal.clone().recipient(),
            broadcaster: broadcaster.clone().recipient(),
            delivery: Box::new(|| None),
            validator: journal.clone().recipient(),
            rollout: journal.clone().recipient(),
            metrics: Arc::new(Metrics::new()),
        }
    }

    #[actix::test]
    async fn who_compares_and_who_moves_clients_are_missed() {
        let (journal, broadcaster) = (start(true).await, start(true).await);
        let gone = start(true).await;
        assert!(gone.send(Panic).await.is_err());
        let watching = || watching(&journal, &broadcaster);
        let validator = Watched { validator: gone.clone().recipient(), ..watching() };
        assert_eq!(watch(validator).await, "validator");
        let rollout = Watched { rollout: gone.recipient(), ..watching() };
        assert_eq!(watch(rollout).await, "rollout");
    }

    #[actix::test]
    async fn an_actor_that_panics_is_missed() {
        let (journal, broadcaster) = (start(true).await, start(true).await);
        let watch = actix_rt::spawn(watch(watching(&journal, &broadcaster)));
        assert!(journal.send(Panic).await.is_err());
        assert_eq!(watch.await.unwrap(), "journal");
    }

    #[actix::test]
    async fn the_registry_and_its_shards_are_missed_too() {
        let (journal, broadcaster) = (start(true).await, start(true).await);
        let gone = watching(&journal, &broadcaster);
        assert!(broadcaster.send(Panic).await.is_err());
        assert_eq!(watch(gone).await, "broadcaster");
        assert_eq!(watch(watching(&journal, &start(false).await)).await, "shard");
    }
}
