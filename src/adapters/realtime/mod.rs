//! The realtime path: the transports by which a Realtime is reached.

pub mod adapter;
mod answers;
pub mod broadcast;
pub mod channel;
mod destination;
pub mod postgres;

pub use self::destination::{Destination, NoClient};
