//! What is done about dead letters without anybody asking: pending ones are sent again, where the
//! settings say how often, and recovered ones deleted in the end. What was refused again waits for
//! somebody to look at it.

use std::time::Duration;

use actix_web::web;
use chrono::{TimeDelta, Utc};
use tokio::time::{Instant, sleep};

use super::{remove, replay::Replay};
use crate::{
    http::{Router, problem::Code},
    storage::{DeadLetter, DeadLetterQuery, DeadLetterStatus, From, StorageError},
};

/// Who did it, in the audit log.
const BY: &str = "signalbox";
/// How often recovered letters are looked at, where none is sent again by itself.
const LOOK: Duration = Duration::from_hours(1);
/// How often it is looked whether the settings say otherwise.
const GLANCE: Duration = Duration::from_secs(1);

/// Does so now and then, for as long as the process lives.
pub async fn drain(router: web::Data<Router>) {
    loop {
        let every = router.settings().retry.dead_letters_interval;
        let done = async {
            if !every.is_zero() {
                replay_pending(&router).await?;
            }
            delete_recovered(&router).await
        };
        if let Err(error) = done.await {
            tracing::warn!(%error, "dead letters cannot be read now");
        }
        pause(&router).await;
    }
}

/// As long as the settings say, also when they say otherwise meanwhile.
async fn pause(router: &Router) {
    let began = Instant::now();
    loop {
        let every = router.settings().retry.dead_letters_interval;
        let every = if every.is_zero() { LOOK } else { every };
        let left = every.saturating_sub(began.elapsed());
        if left.is_zero() {
            return;
        }
        sleep(left.min(GLANCE)).await;
    }
}

/// Oldest first, until the destination does not take any.
async fn replay_pending(router: &web::Data<Router>) -> Result<(), StorageError> {
    let mut after = 0;
    while let Some(letter) = next(router, DeadLetterStatus::Pending, after).await? {
        after = letter.id;
        let (router, id, by) = (router.clone(), letter.id, BY.into());
        let replay = Replay { router, id, by, failed_too: false };
        match replay.run().await {
            Ok(_) => {}
            Err(problem) if problem.code() == Code::DestinationRefused => {}
            Err(problem) => {
                tracing::debug!(%problem, id = letter.id, "a dead letter was not sent again");
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Those that recovered long ago.
async fn delete_recovered(router: &web::Data<Router>) -> Result<(), StorageError> {
    let keep = TimeDelta::from_std(router.settings().retry.dead_letters_keep).ok();
    let Some(before) = keep.and_then(|keep| Utc::now().checked_sub_signed(keep)) else {
        return Ok(());
    };
    let mut after = 0;
    while let Some(letter) = next(router, DeadLetterStatus::Recovered, after).await? {
        after = letter.id;
        if letter.recovered_at.is_some_and(|at| at < before)
            && let Err(problem) = remove(router, &letter, BY.into()).await
        {
            tracing::debug!(%problem, id = letter.id, "a dead letter was not deleted");
            return Ok(());
        }
    }
    Ok(())
}

/// The first of a status after a number.
async fn next(
    router: &Router,
    status: DeadLetterStatus,
    after: u64,
) -> Result<Option<DeadLetter>, StorageError> {
    let from = From::After(after);
    let query = DeadLetterQuery { from, limit: 1, adapter: None, status: Some(status) };
    let page = router.storage.dead_letters(&query).await?;
    Ok(page.records.into_iter().next())
}
