//! The realtime path: the transports by which a Realtime is reached.

pub mod postgres;
