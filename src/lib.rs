//! Signalbox routes monitoring events from HTTP producers to live dashboards over two delivery
//! paths, and proves that nothing is lost, doubled, reordered or changed between them.

pub mod actors;
pub mod app;
pub mod cli;
pub mod core;
pub mod http;
pub mod settings;
pub mod storage;
pub mod tasks;
pub mod telemetry;
