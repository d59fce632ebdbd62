//! The realtime path: the transports by which a Realtime is reached, and what whoever listens there
//! shares with them.

pub mod adapter;
mod answers;
pub mod broadcast;
pub mod channel;
mod destination;
pub mod frames;
pub mod postgres;
pub mod socket;

pub use self::destination::{Destination, NoClient};
