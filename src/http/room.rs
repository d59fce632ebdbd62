//! How many sessions there are, of whatever protocol: `session.max_sessions` is for all together.

use std::sync::atomic::Ordering;

use actix_web::web;

use super::Router;

/// A session's place, given back when dropped.
pub(super) struct Room(web::Data<Router>);

impl Room {
    /// Takes a place, if one is left.
    pub(super) fn take(router: web::Data<Router>) -> Option<Self> {
        let taken = router.sessions.fetch_add(1, Ordering::Relaxed);
        let is_there = taken < router.settings.session.max_sessions;
        let room = Self(router);
        is_there.then_some(room)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.0.sessions.fetch_sub(1, Ordering::Relaxed);
    }
}
