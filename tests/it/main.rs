//! Everything end to end: real processes, real sockets, real databases. One binary, so that it is
//! linked once.

#![cfg(test)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]
#![allow(unreachable_pub, reason = "every module of a test is private to it")]

mod clients;
mod crash;
mod layering;
mod outage;
mod sessions;
mod settings;
mod storage;
mod support;
