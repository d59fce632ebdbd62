//! `POST /v1/dead-letters/{id}/replay`: a dead letter is sent to its destination again.
//!
//! Whatever dies in between, the letter can be replayed again: it is pending from before it is sent
//! until its outcome is durable, and only what the destination has taken is recovered.

use std::time::Duration;

use actix_web::{HttpResponse, rt, web};
use chrono::Utc;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{LetterBody, change, nothing, number};
use crate::{
    actors::{
        adapter::{GetAdapter, Redeliver, RedeliverError},
        journal::Record,
    },
    core::{
        breaker::BreakerState,
        delivery::{Batch, Item, REALTIME},
    },
    http::{
        Caller, Router,
        adapters::Realtime,
        audit,
        contract::problems,
        problem::{Code, Problem, unreadable},
    },
    storage::{DeadLetter, DeadLetterChange, DeadLetterStatus, Noted},
};

problems!(
    /// What a replay may end in.
    ReplayProblems: BadId, NotFound, DeadLetterRecovered, DestinationRefused,
        DestinationUnavailable, OutcomeUnknown, QueueFull, ShuttingDown, StorageFull,
        StorageUnavailable
);

/// Sends it to its destination again, at once. While the breaker is not closed it is not sent, and
/// stays as it is. Where the destination does not take it now, it is pending and can be replayed
/// later; where it refuses it again, it is failed and can be replayed too. Who reads at the
/// destination gets it late, behind events that came after it. The audit log says who did it.
///
/// # Errors
/// When there is none of that number, it is recovered already, it was not taken, or storage cannot
/// be reached.
#[utoipa::path(
    post, path = "/v1/dead-letters/{id}/replay", operation_id = "replay_dead_letter",
    tag = "operating",
    params((
        "id" = u64, Path, description = "As the list says it.",
        minimum = 1, maximum = 9_223_372_036_854_775_807_usize,
    )),
    responses(
        (status = 200, description = "The destination has it.", body = LetterBody),
        ReplayProblems,
    )
)]
pub async fn replay(
    router: web::Data<Router>,
    caller: web::ReqData<Caller>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = number(&id)?;
    let replay = Replay { router: router.clone(), id, by: caller.name().into(), failed_too: true };
    // A task of its own: a client that goes away does not leave the letter without its outcome.
    let replayed = rt::spawn(replay.run()).await.map_err(|error| {
        tracing::error!(%error, id, "the replay of a dead letter broke off");
        router.stopping()
    })?;
    Ok(HttpResponse::Ok().json(LetterBody::new(replayed?)?))
}

/// How often it is tried to store an outcome.
const TRIES: u32 = 5;
/// How long between two tries.
const PAUSE: Duration = Duration::from_secs(1);

/// A replay under way.
pub(super) struct Replay {
    pub(super) router: web::Data<Router>,
    pub(super) id: u64,
    /// Who wants it, for the audit log.
    pub(super) by: Box<str>,
    /// Whether one that failed is sent as well, or left to somebody who looks at it.
    pub(super) failed_too: bool,
}

impl Replay {
    pub(super) async fn run(self) -> Result<DeadLetter, Problem> {
        let router = self.router.clone();
        // One at a time: of two that want the same letter, the second finds it recovered.
        let _turn = router.replays.lock().await;
        let letter = self.read().await?.ok_or_else(|| nothing(self.id))?;
        if letter.status == DeadLetterStatus::Recovered {
            return Err(recovered(self.id));
        }
        if letter.status == DeadLetterStatus::Failed && !self.failed_too {
            return Ok(letter);
        }
        let realtime = self.destination(&letter).await?;
        match change(&router, self.id, DeadLetterChange::Replayed).await? {
            Noted::Done => {}
            Noted::Absent => return Err(nothing(self.id)),
            Noted::Settled => return Err(recovered(self.id)),
        }
        self.write_down("replayed", &letter, json!({ "status": letter.status })).await;
        let sent = realtime.adapter.send(Redeliver(batch(&letter))).await;
        self.settle(letter, sent.map_err(|_gone| router.stopping())?).await
    }

    async fn read(&self) -> Result<Option<DeadLetter>, Problem> {
        let letter = self.router.storage.dead_letter(self.id).await;
        letter.map_err(|error| unreadable(&self.router.metrics, &error))
    }

    /// Where the letter goes, when something would be sent there now.
    async fn destination(&self, letter: &DeadLetter) -> Result<Realtime, Problem> {
        let realtime = self.router.delivery().realtime.clone();
        let Some(realtime) = realtime.filter(|_| letter.adapter == REALTIME) else {
            return Err(unavailable(&format!("the adapter {} is not on", letter.adapter)));
        };
        let view = realtime.adapter.send(GetAdapter).await;
        let breaker = view.map_err(|_gone| self.router.stopping())?.breaker;
        if breaker.state == BreakerState::Closed {
            return Ok(realtime);
        }
        let problem = unavailable(&RedeliverError::Open(breaker.state.name()).to_string());
        let until = breaker.until.and_then(|until| (until - Utc::now()).to_std().ok());
        Err(until.map_or(problem.clone(), |until| problem.after(until)))
    }

    /// Writes the outcome down, and says it.
    async fn settle(
        &self,
        letter: DeadLetter,
        sent: Result<(), RedeliverError>,
    ) -> Result<DeadLetter, Problem> {
        match sent {
            Ok(()) => {
                self.conclude(DeadLetterChange::Recovered).await?;
                self.write_down("recovered", &letter, json!({})).await;
                let now = self.router.storage.dead_letter(self.id).await.ok().flatten();
                let status = DeadLetterStatus::Recovered;
                Ok(now.unwrap_or(DeadLetter { status, ..letter }))
            }
            Err(RedeliverError::Rejected(reason)) => {
                let failed = DeadLetterChange::Failed { reason: reason.as_str().into() };
                self.conclude(failed).await?;
                self.write_down("failed", &letter, json!({ "reason": reason })).await;
                let detail = RedeliverError::Rejected(reason).to_string();
                Err(Problem::new(Code::DestinationRefused, detail))
            }
            Err(error) => Err(unavailable(&error.to_string())),
        }
    }

    /// Stores the outcome; not at the first try, when the database is away for a moment: a letter
    /// without its outcome would be sent once more.
    async fn conclude(&self, outcome: DeadLetterChange) -> Result<Noted, Problem> {
        let mut tries = 1;
        loop {
            let concluded = change(&self.router, self.id, outcome.clone()).await;
            match concluded {
                Err(problem) if problem.code().retryable() && tries < TRIES => {
                    tracing::warn!(%problem, id = self.id, "the outcome of a replay is not stored");
                    tries += 1;
                    sleep(PAUSE).await;
                }
                concluded => return concluded,
            }
        }
    }

    async fn write_down(&self, what: &str, letter: &DeadLetter, mut detail: Value) {
        if let Value::Object(members) = &mut detail {
            members.insert("adapter".into(), letter.adapter.as_str().into());
            members.insert("event_id".into(), letter.event.id.to_string().into());
        }
        let (action, subject) = (format!("dead_letter.{what}").into(), self.id.to_string().into());
        audit::tell(&self.router, Record { actor: self.by.clone(), action, subject, detail }).await;
    }
}

/// The event alone. It comes late: whoever reads at the destination has passed its place, and with
/// the `prev` of an event that was next to it, it is a hole to nobody.
fn batch(letter: &DeadLetter) -> Batch {
    let prev = letter.position.seq.saturating_sub(1);
    let item = Item { event: letter.event.clone().into(), prev };
    Batch { epoch: letter.position.epoch, items: vec![item] }
}

fn recovered(id: u64) -> Problem {
    let detail = format!("dead letter {id} is recovered: the destination has it");
    Problem::new(Code::DeadLetterRecovered, detail)
}

fn unavailable(why: &str) -> Problem {
    let detail = format!("{why}; the dead letter can be replayed later");
    Problem::new(Code::DestinationUnavailable, detail)
}
