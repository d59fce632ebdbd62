//! What the router says about itself: log lines and metrics.
//!
//! Every metric stands in one table, in `metrics.rs`; nobody else makes one. Nothing here is global
//! but the subscriber of the log lines, which a process has once.

mod family;
mod logging;
mod metrics;

pub use ::metrics::{Counter, Gauge, Histogram};
pub use family::{Definition, Family, Kind, Unit};
pub use logging::{LoggingError, init_logging};
pub use metrics::{METRICS, Metrics};
