//! The built-in Realtime: the rules of [`core::realtime`](crate::core::realtime) with sockets, a
//! clock and the journal.
//!
//! [`topics`] is what all sockets share, [`session`] is one of them, [`gate`] says what its tokens
//! allow, `broadcast` takes messages over HTTP.

pub mod gate;
pub mod session;
pub mod topics;

/// Whether a route, by its pattern, is one of Realtime: it takes keys where its clients put them.
#[must_use]
pub fn is_route(pattern: &str) -> bool {
    pattern.starts_with("/realtime/v1/")
        || pattern.starts_with("/socket/")
        || pattern.starts_with("/api/broadcast")
}

/// Whether a route, by its pattern, is a socket of Realtime: what may be done there is decided channel
/// by channel.
#[must_use]
pub fn is_socket(pattern: &str) -> bool {
    is_route(pattern) && pattern.ends_with("/websocket")
}
