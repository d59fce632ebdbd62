//! What has happened lately: how much a second, how long it took, and what validation found.
//!
//! Everything here has a fixed size, however much happens; the time is an argument, counted from
//! the router's start.

mod history;
mod latencies;
mod rates;
mod validation;

pub use history::{Columns, History, Join, Row};
pub use latencies::{Latencies, Quantiles};
pub use rates::{PerSecond, Rates};
pub use validation::{MAX_TYPES, Tally, Validation, ValidationRow, Validations};
