//! Whether it all adds up: `GET /v1/ledger`, and a look at it by the router itself.

use std::{
    iter,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use actix_web::web;
use serde::Serialize;
use tokio::time::{MissedTickBehavior, interval};
use utoipa::ToSchema;

use super::{
    Router,
    ops::StoppingProblems,
    problem::{Problem, stopping},
};
use crate::{
    actors::{batcher::GetBatcher, broadcaster::GetLedger},
    core::ledger::Balance,
};

/// How often the router looks by itself.
const LOOK: Duration = Duration::from_secs(10);

/// What the last look at the ledger found, by whoever it was made.
#[derive(Debug, Default)]
pub struct LedgerState {
    /// Events that are nowhere.
    imbalance: AtomicU64,
}

impl LedgerState {
    /// Whether everything was accounted for.
    #[must_use]
    pub fn balances(&self) -> bool {
        self.imbalance.load(Ordering::Relaxed) == 0
    }

    /// Takes note of a look; what it was before.
    fn see(&self, imbalance: u64) -> u64 {
        self.imbalance.swap(imbalance, Ordering::Relaxed)
    }
}

/// The accounts, and whether they add up.
#[derive(Debug, Serialize, ToSchema)]
pub struct Ledger {
    /// `false` would be a defect.
    balances: bool,
    /// What subscribers of this router are given by itself: events by sessions and streams, and rows
    /// and messages of topics by channels of the built-in Realtime, each counted by subscription.
    direct: Balance,
    /// What is delivered to a Realtime, while that is on: `matched` is what was routed there since
    /// the router started, `delivered` what its destination has, `dropped` holds dead letters, and
    /// what retention took first.
    #[schema(required)]
    realtime: Option<Balance>,
}

/// Whether what matched was delivered, dropped by name, or is still to come.
///
/// # Errors
/// When the router is stopping.
#[utoipa::path(
    get, path = "/v1/ledger", operation_id = "get_ledger", tag = "operating",
    responses((status = 200, description = "The accounts.", body = Ledger), StoppingProblems)
)]
pub async fn ledger(router: web::Data<Router>) -> Result<web::Json<Ledger>, Problem> {
    let (direct, realtime) = balances(&router).await?;
    let mut all = iter::once(&direct).chain(&realtime);
    Ok(web::Json(Ledger { balances: all.all(|it| it.imbalance == 0), direct, realtime }))
}

/// The sums of all accounts, of the direct path and of the realtime one when that is on; the metric
/// follows.
#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
pub(super) async fn balances(router: &Router) -> Result<(Balance, Option<Balance>), Problem> {
    let direct = router.broadcaster.send(GetLedger).await.map_err(stopping)?;
    let realtime = match &router.delivery().realtime {
        Some(realtime) => Some(realtime.batcher.send(GetBatcher).await.map_err(stopping)?.balance),
        None => None,
    };
    let imbalance: u64 = iter::once(&direct).chain(&realtime).map(|it| it.imbalance).sum();
    router.metrics.ledger_imbalance.set(imbalance as f64);
    let before = router.ledger.see(imbalance);
    if imbalance != before {
        tell(imbalance);
    }
    Ok((direct, realtime))
}

/// A difference is a defect of the router, so it is said once, and that it is over.
fn tell(imbalance: u64) {
    if imbalance > 0 {
        tracing::error!(imbalance, "the ledger does not balance: events are nowhere");
    } else {
        tracing::info!("the ledger balances again");
    }
}

/// Looks at the ledger now and then, for as long as the router runs.
pub async fn watch(router: web::Data<Router>) {
    let mut tick = interval(LOOK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        // What a stopping router cannot be asked is looked at no more.
        if balances(&router).await.is_err() {
            return;
        }
    }
}
