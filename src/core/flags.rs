//! What the flags mean: which paths are on, which events take which, and where flags contradict each
//! other.
//!
//! An event's [`Mode`] is decided once, at ingest, and kept in its metadata: whatever is set later,
//! everybody who reads the event knows whether it was meant for a Realtime. The router's own
//! sessions get every event in any case.
//!
//! Pure: flags are values here, whoever set them.

mod issues;
mod mode;
mod routing;

pub use issues::{Circumstances, Issue, Level, Only, issues};
pub use mode::{MODE, Mode};
pub use routing::{Lack, Paths, Reason, Routing, Rule};
