//! What tests stand on: a real router, real dashboards, a real PostgreSQL.

pub mod channel;
pub mod collector;
pub mod dashboard;
pub mod destination;
pub mod history;
pub mod jwt;
pub mod legacy_client;
pub mod load;
pub mod postgres;
pub mod process;
pub mod proxy;
pub mod router;
pub mod source;
pub mod suite;
pub mod wire;
