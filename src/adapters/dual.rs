//! Both paths, side by side: neither delays, blocks or fails the other, and nothing is delivered
//! twice on one path. It is as well as the better of the two.

use std::sync::Arc;

use async_trait::async_trait;

use super::{AdapterKind, MonitoringAdapter, PathCounters};

/// Two paths that know nothing of each other.
pub struct DualAdapter {
    primary: Arc<dyn MonitoringAdapter>,
    secondary: Arc<dyn MonitoringAdapter>,
}

impl DualAdapter {
    /// Both of these.
    #[must_use]
    pub fn new(primary: Arc<dyn MonitoringAdapter>, secondary: Arc<dyn MonitoringAdapter>) -> Self {
        Self { primary, secondary }
    }
}

#[async_trait]
impl MonitoringAdapter for DualAdapter {
    fn kind(&self) -> AdapterKind {
        AdapterKind::Dual
    }

    fn describe(&self) -> String {
        format!("{} and {}", self.primary.describe(), self.secondary.describe())
    }

    async fn health(&self) -> Result<(), String> {
        let Err(first) = self.primary.health().await else { return Ok(()) };
        self.secondary.health().await.map_err(|second| format!("{first}; {second}"))
    }

    fn counters(&self) -> PathCounters {
        let (first, second) = (self.primary.counters(), self.secondary.counters());
        PathCounters {
            delivered: first.delivered + second.delivered,
            failed: first.failed + second.failed,
            dead: first.dead + second.dead,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Path(Result<(), &'static str>, u64);

    #[async_trait]
    impl MonitoringAdapter for Path {
        fn kind(&self) -> AdapterKind {
            AdapterKind::Realtime
        }

        fn describe(&self) -> String {
            self.1.to_string()
        }

        async fn health(&self) -> Result<(), String> {
            self.0.map_err(str::to_owned)
        }

        fn counters(&self) -> PathCounters {
            PathCounters { delivered: self.1, failed: 1, dead: 0 }
        }
    }

    #[actix::test]
    async fn fault_4_each_path_keeps_its_own_failures() {
        let health = async |first, second| {
            DualAdapter::new(Arc::new(Path(first, 2)), Arc::new(Path(second, 3))).health().await
        };
        assert_eq!(health(Err("a"), Ok(())).await, Ok(()));
        assert_eq!(health(Ok(()), Err("b")).await, Ok(()));
        assert_eq!(health(Err("a"), Err("b")).await, Err("a; b".to_owned()));
        let dual = DualAdapter::new(Arc::new(Path(Ok(()), 2)), Arc::new(Path(Ok(()), 3)));
        assert_eq!(dual.counters(), PathCounters { delivered: 5, failed: 2, dead: 0 });
        assert_eq!(dual.describe(), "2 and 3");
    }
}
