//! Everything end to end: real processes, real sockets, real databases. One binary, so that it is
//! linked once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on ends where it stands"
)]

mod storage;
mod support;
