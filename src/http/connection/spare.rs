//! A way to a connection's socket for a response that lasts: the server owns the socket, and has no
//! word for cutting it. So each connection keeps a clone for its life, or until it is taken.

use std::cell::Cell;

use actix_web::{HttpRequest, dev::Extensions, rt::net::TcpStream};
use socket2::{SockRef, Socket};

struct Spare(Cell<Option<Socket>>);

/// Keeps a clone of the socket with what the connection's requests can reach. Where the system has
/// no descriptor for it, nothing is kept.
pub(super) fn keep(socket: &TcpStream, connection: &mut Extensions) {
    match SockRef::from(socket).try_clone() {
        Ok(clone) => drop(connection.insert(Spare(Cell::new(Some(clone))))),
        Err(error) => tracing::debug!(%error, "a connection has no second descriptor"),
    }
}

/// Takes the clone, once: whoever has it may end the connection.
pub(in crate::http) fn take(request: &HttpRequest) -> Option<Socket> {
    request.conn_data::<Spare>()?.0.take()
}
