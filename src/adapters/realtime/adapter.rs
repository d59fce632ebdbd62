//! The realtime path, as it reports itself.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::time::timeout;

use crate::adapters::{AdapterKind, MonitoringAdapter, PathCounters, Tally, Transport};

/// How long who asks for its health waits: a request may take longer, and would be an outage of the
/// answer to that question too.
const LOOK: Duration = Duration::from_secs(2);

/// A Realtime, reached by a transport. What it has done is counted by the actors that send.
pub struct RealtimeAdapter {
    transport: Arc<dyn Transport>,
    tally: Arc<Tally>,
}

impl RealtimeAdapter {
    /// Reports on `transport` what `tally` counts.
    #[must_use]
    pub fn new(transport: Arc<dyn Transport>, tally: Arc<Tally>) -> Self {
        Self { transport, tally }
    }
}

#[async_trait]
impl MonitoringAdapter for RealtimeAdapter {
    fn kind(&self) -> AdapterKind {
        AdapterKind::Realtime
    }

    fn describe(&self) -> String {
        self.transport.describe()
    }

    async fn health(&self) -> Result<(), String> {
        let looked = timeout(LOOK, self.transport.health()).await;
        let looked = looked.map_err(|_late| format!("no answer within {} s", LOOK.as_secs()))?;
        looked.map_err(|error| error.to_string())
    }

    fn counters(&self) -> PathCounters {
        self.tally.counters()
    }
}
