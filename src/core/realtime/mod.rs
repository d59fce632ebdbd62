//! The rules of the built-in Realtime: a server that unmodified Supabase Realtime clients talk to.
//!
//! [`phoenix`] is the wire, [`topic`] what stands on a topic, [`changes`] and [`replay`] what is said
//! of the journal. Whoever holds sockets and the journal feeds what it decodes to the rules here and
//! does what they answer; nothing here reads a clock, draws a number or sends.

pub mod changes;
pub mod channel;
pub mod join;
pub mod limits;
pub mod phoenix;
pub mod presence;
pub mod replay;
pub mod topic;
