//! A dashboard that comes back whenever its connection ends, after the last position it saw.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::sync::watch;
use uuid::Uuid;

use super::{World, id};
use crate::support::dashboard::Dashboard;

/// What a dashboard has seen, over all its connections.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Place and id of each event.
    pub events: Vec<(u64, Uuid)>,
    /// What it was told it would not see.
    pub gaps: Vec<(u64, u64)>,
    /// How often it connected.
    pub connections: usize,
    epoch: Option<Uuid>,
}

impl Seen {
    /// The last place that it saw, or was told it would not.
    pub fn last(&self) -> u64 {
        let seen = self.events.last().map_or(0, |(seq, _)| *seq);
        self.gaps.last().map_or(seen, |(_, to)| seen.max(*to))
    }
}

pub(super) async fn run(world: Arc<World>, index: usize) {
    let mut reading = world.reading.subscribe();
    loop {
        if let Ok(mut dashboard) = Dashboard::try_connect_to(world.plan.address).await {
            follow(&world, index, &mut dashboard, &mut reading).await;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Subscribes, and takes what comes until the connection ends.
async fn follow(
    world: &World,
    index: usize,
    dashboard: &mut Dashboard,
    reading: &mut watch::Receiver<bool>,
) {
    let types = &world.plan.dashboards[index];
    let after = {
        let mut seen = world.seen[index].lock().unwrap();
        seen.connections += 1;
        let epoch = *seen.epoch.get_or_insert_with(|| id(&dashboard.welcome["epoch"]));
        json!({ "epoch": epoch, "seq": seen.last() })
    };
    let mut subscribe = json!({ "type": "subscribe", "from": after });
    if !types.is_empty() {
        subscribe["filter"] = json!({ "event_type": types });
    }
    if !dashboard.try_say(&subscribe).await {
        return;
    }
    loop {
        let _ = reading.wait_for(|reading| *reading).await.unwrap();
        let Some(frame) = dashboard.try_next().await else { return };
        world.seen[index].lock().unwrap().take(&frame, world.plan.gaps);
    }
}

impl Seen {
    fn take(&mut self, frame: &Value, gaps: bool) {
        match frame["type"].as_str() {
            Some("event") => {
                let seq = frame["event"]["seq"].as_u64().unwrap();
                assert!(seq > self.last(), "{seq} after {}", self.last());
                assert_eq!(Some(id(&frame["event"]["epoch"])), self.epoch, "one epoch");
                self.events.push((seq, id(&frame["event"]["id"])));
            }
            Some("gap") => {
                assert!(gaps, "{frame}");
                let (from, to) = (frame["from_seq"].as_u64(), frame["to_seq"].as_u64());
                assert!(from.unwrap() > self.last(), "{frame} after {}", self.last());
                self.gaps.push((from.unwrap(), to.unwrap()));
            }
            Some("subscribed") => assert!(frame["recovered"] == true || gaps, "{frame}"),
            Some("bye" | "pong") => {}
            _ => panic!("{frame}"),
        }
    }
}
