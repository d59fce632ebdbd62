//! What the router says about itself: log lines, metrics and traces.
//!
//! Every metric stands in one table, in `metrics.rs`; nobody else makes one. Nothing here is global
//! but the subscriber of the log lines, which a process has once.

mod family;
mod logging;
mod memory;
mod metrics;
mod stats;
mod traces;

pub use ::metrics::{Counter, Gauge, Histogram};
pub use family::{Definition, Family, Kind, Unit};
pub use logging::{LoggingError, init_logging};
pub use memory::resident_memory;
pub use metrics::{METRICS, Metrics};
pub use stats::{DeliveryStats, HttpStats, IngestStats, Stats};
pub use traces::{CommitSpan, PassSpan, RequestSpan, SpanContext, Traces, TracesError};
