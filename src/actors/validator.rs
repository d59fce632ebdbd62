//! Compares what the paths show with what was committed.

pub mod messages;
pub mod news;
