//! The realtime path, as it reports itself.

use std::sync::Arc;

use async_trait::async_trait;

use crate::adapters::{AdapterKind, MonitoringAdapter, PathCounters, Tally, Transport};

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
        self.transport.health().await.map_err(|error| error.to_string())
    }

    fn counters(&self) -> PathCounters {
        self.tally.counters()
    }
}
