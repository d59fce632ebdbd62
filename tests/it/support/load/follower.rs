//! A dashboard that comes back whenever its connection ends, after the last position it saw. Every
//! other one hears server-sent events.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::sync::watch;
use uuid::Uuid;

use super::{World, id};
use crate::support::{dashboard::Dashboard, source::Source};

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
    let mut last_id = None;
    loop {
        if index % 2 == 1 {
            stream(&world, index, &mut last_id, &mut reading).await;
        } else if let Ok(mut dashboard) = Dashboard::try_connect_to(world.plan.address).await {
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
        let mut seen = world.seen[index].lock().unwrap();
        match frame["type"].as_str().unwrap() {
            "event" => seen.take("event", &frame["event"], world.plan.gaps),
            other => seen.take(other, &frame, world.plan.gaps),
        }
    }
}

/// The same as `EventSource` does it: it knows nothing but the last `id`.
async fn stream(
    world: &World,
    index: usize,
    last_id: &mut Option<String>,
    reading: &mut watch::Receiver<bool>,
) {
    let types = world.plan.dashboards[index].iter();
    let types: String = types.flat_map(|name| ["&event_type=", name]).collect();
    // Whoever has seen nothing begins at the very first event.
    let query = format!("?from=1970-01-01T00:00:00Z{types}");
    let opened = Source::try_open(world.plan.address, &query, last_id.as_deref()).await;
    let Ok(mut source) = opened else { return };
    world.seen[index].lock().unwrap().connections += 1;
    loop {
        let _ = reading.wait_for(|reading| *reading).await.unwrap();
        let message = source.try_next().await;
        last_id.clone_from(&source.last_id);
        let Some(message) = message else { return };
        let mut seen = world.seen[index].lock().unwrap();
        if let Some(name) = &message.event {
            seen.take(name, &message.data, world.plan.gaps);
        } else {
            assert!(message.seq() > 0);
            seen.take("event", &message.data, world.plan.gaps);
        }
    }
}

impl Seen {
    fn take(&mut self, kind: &str, data: &Value, gaps: bool) {
        match kind {
            "event" => {
                let seq = data["seq"].as_u64().unwrap();
                assert!(seq > self.last(), "{seq} after {}", self.last());
                let epoch = id(&data["epoch"]);
                assert_eq!(epoch, *self.epoch.get_or_insert(epoch), "one epoch");
                self.events.push((seq, id(&data["id"])));
            }
            "gap" => {
                assert!(gaps, "{data}");
                let (from, to) = (data["from_seq"].as_u64(), data["to_seq"].as_u64());
                assert!(from.unwrap() > self.last(), "{data} after {}", self.last());
                self.gaps.push((from.unwrap(), to.unwrap()));
            }
            "subscribed" => assert!(data["recovered"] == true || gaps, "{data}"),
            "bye" | "pong" => {}
            other => panic!("{other} {data}"),
        }
    }
}
