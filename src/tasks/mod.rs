//! What happens by itself, now and then: plain tasks that hold no state anybody else needs.

pub mod probe;
pub mod reloader;
pub mod retention;
pub mod watchdog;
