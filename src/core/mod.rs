//! The rules, and nothing else: no actor, database, file, socket or clock. Time, randomness and
//! ids come in as arguments, decisions go out as values.

pub mod batching;
pub mod canonical;
pub mod classify;
pub mod event;
pub mod filter;
pub mod intake;
pub mod numbering;
