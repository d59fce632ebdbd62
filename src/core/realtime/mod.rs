//! The rules of the built-in Realtime: a server that unmodified Supabase Realtime clients talk to.
//!
//! [`phoenix`] is the wire, [`changes`] what `postgres_changes` says of the journal. Whoever holds sockets and the journal feeds what it decodes to the
//! rules here and does what they answer; nothing here reads a clock, draws a number or sends.

pub mod changes;
pub mod channel;
pub mod join;
pub mod limits;
pub mod phoenix;
pub mod presence;
