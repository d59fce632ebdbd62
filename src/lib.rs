//! Signalbox routes monitoring events from HTTP producers to live dashboards: what was accepted is
//! durable, what is shown is in order, each event once, and whatever cannot be shown is named.
//!
//! Rules are in [`core`], which does no I/O; [`storage`] keeps the journal; [`actors`] and
//! [`tasks`] run the rules; [`http`], [`realtime`] and [`cli`] are what others see; [`app`] puts all
//! together.
//! Routes are listed in [`http::routes::ROUTES`], settings in [`settings::KEYS`], metrics in
//! [`telemetry::METRICS`]. `ARCHITECTURE.md` tells the story.

pub mod actors;
pub mod adapters;
pub mod app;
pub mod cli;
pub mod core;
pub mod http;
pub mod realtime;
pub mod settings;
pub mod storage;
pub mod tasks;
pub mod telemetry;
