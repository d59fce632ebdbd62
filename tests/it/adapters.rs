//! The transports of the realtime path, each before a real Realtime: a router's own.

mod contract;
mod realtime;
