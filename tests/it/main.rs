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

mod access;
mod adapters;
mod browser;
mod clients;
mod command_line;
mod contract;
mod crash;
mod dashboard_page;
mod dead_letters;
mod delivery;
mod delivery_outage;
mod delivery_routes;
mod destination;
mod docs;
mod flags;
mod history;
mod hostile;
mod ingest;
mod layering;
mod legacy;
mod moves;
mod operating;
mod original;
mod outage;
mod probes;
mod reading;
mod readme;
mod realtime;
mod reload;
mod rollout;
mod send;
mod sessions;
mod settings;
mod settings_route;
mod slow_clients;
mod stats;
mod storage;
mod stream;
mod support;
mod traces;
mod validation;
mod web_client;
