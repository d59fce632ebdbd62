//! How many sessions there are, of whatever protocol: `session.max_sessions` is for all together,
//! `limits.client_connections` for each client.

use std::sync::atomic::Ordering;

use actix_web::web;

use super::{
    Router,
    limits::{Account, Connection},
    problem::{Code, Problem},
};

/// A session's place, given back when dropped. The router's own takes none.
pub(super) struct Room {
    _taken: Option<Taken>,
}

struct Taken {
    router: web::Data<Router>,
    _connection: Connection,
}

impl Room {
    /// Takes a place, if one is left for all and for the client that the account is of.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn take(router: web::Data<Router>, account: &Account) -> Result<Self, Problem> {
        if account.is_exempt() {
            return Ok(Self { _taken: None });
        }
        let connection = router.limits.connect(account)?;
        let taken = router.sessions.fetch_add(1, Ordering::Relaxed);
        let room = Taken { router, _connection: connection };
        if taken < room.router.settings().session.max_sessions {
            return Ok(Self { _taken: Some(room) });
        }
        Err(Problem::new(Code::TooManySessions, "there are as many sessions as may be"))
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.router.sessions.fetch_sub(1, Ordering::Relaxed);
    }
}
