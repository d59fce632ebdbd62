//! What every request can reach, put together.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize},
    },
    time::Instant,
};

use actix::Addr;
use actix_web::web;
use tokio::sync::Mutex;

use super::{live::Works, options::Common};
use crate::{
    actors::{legacy::board::Board, validator::Validator},
    http::{
        Router, auth::Authenticator, budget::Budget, history::Past, in_flight::InFlight,
        ingest::Idempotent, ledger::LedgerState, rollout::RolloutDesk,
    },
    tasks::reloader::Reloader,
};

/// What requests are answered by, beside what takes events and shows them.
pub(super) struct RouterParts {
    pub(super) auth: Authenticator,
    pub(super) reloader: Arc<Reloader>,
    pub(super) rollout: RolloutDesk,
    pub(super) validator: Addr<Validator>,
}

impl RouterParts {
    /// A router that has answered nothing yet, and is reached at `address`.
    pub(super) fn assemble(
        self,
        common: &Common,
        works: &Works,
        address: SocketAddr,
    ) -> web::Data<Router> {
        let Common { live, storage, tail, rehearsals, metrics, traces, .. } = common.clone();
        let Works { rails, topics, journal, broadcaster, limits } = works.clone();
        let board = Board::new(storage.clone(), tail.clone(), metrics.clone(), address.port());
        web::Data::new(Router {
            auth: self.auth,
            limits,
            legacy: Arc::new(board),
            reloader: self.reloader,
            live,
            storage,
            journal,
            broadcaster,
            validator: self.validator,
            rehearsals,
            delivery: rails.shown(),
            rollout: self.rollout,
            replays: Mutex::default(),
            tail,
            topics,
            metrics,
            traces,
            sessions: AtomicUsize::new(0),
            requests: InFlight::default(),
            bodies: Budget::default(),
            idempotent: Idempotent::default(),
            history: Past::default(),
            ledger: LedgerState::default(),
            draining: AtomicBool::new(false),
            started: Instant::now(),
        })
    }
}
