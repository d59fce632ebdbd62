//! The transports of the realtime path, each before what it leads to: a router's own Realtime, and
//! another PostgreSQL.

mod contract;
mod postgres;
mod realtime;
