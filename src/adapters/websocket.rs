//! The direct path: it delivers nothing by itself, and reports what the shards do for sessions.
//!
//! Without a session it is as well as with a thousand: nobody watching is no fault.

use std::sync::Arc;

use async_trait::async_trait;

use super::{AdapterKind, MonitoringAdapter, PathCounters};
use crate::telemetry::Metrics;

/// The router's own sessions.
pub struct WebsocketAdapter {
    metrics: Arc<Metrics>,
}

impl WebsocketAdapter {
    /// Reports what is counted in `metrics`.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics }
    }
}

#[async_trait]
impl MonitoringAdapter for WebsocketAdapter {
    fn kind(&self) -> AdapterKind {
        AdapterKind::Websocket
    }

    fn describe(&self) -> String {
        "the router's own sessions".to_owned()
    }

    async fn health(&self) -> Result<(), String> {
        Ok(())
    }

    fn counters(&self) -> PathCounters {
        let (delivered, failed) = self.metrics.stats.deliveries();
        PathCounters { delivered, failed, dead: 0 }
    }
}
