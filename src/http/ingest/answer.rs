//! What a request to take events is answered with. Members stand in the order of their names.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    actors::journal::{PublishError, Published},
    core::{
        event::Seq,
        intake::{Parsed, Rejected},
    },
    http::{
        contract::problems,
        problem::{Code, FaultBody, Problem, listed},
    },
};

problems!(
    /// Why nothing (or perhaps nothing) was stored.
    pub(super) IngestProblems: BadBody, BadEncoding, BadIdempotencyKey, BadParameter, UnknownParameter, BodyTimeout, RequestInFlight, IdempotencyKeyReused,
    BodyTooLarge, CompressionRatio, UnsupportedEncoding, UnsupportedMediaType, InvalidEvents,
    RefusedByStorage, OutcomeUnknown, QueueFull, ShuttingDown, StorageFull, StorageUnavailable,
    TooManyBytes,
);

/// Where the events of a request are.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum Accepted {
    One(AcceptedEvent),
    Several(AcceptedBatch),
}

/// The answer to one event.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AcceptedEvent {
    /// `true` when it is not the same as the first event of its id, which stays.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    differs: bool,
    /// Whether its id was in the journal already; `seq` is then that of the first.
    duplicate: bool,
    /// The journal that `seq` counts in.
    epoch: Uuid,
    /// Its id, or the one that it was given.
    id: Uuid,
    /// Its place.
    #[schema(value_type = u64, minimum = 1)]
    seq: Seq,
}

/// The answer to a list of events.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AcceptedBatch {
    /// How many are new.
    accepted: usize,
    /// How many duplicates are not the same as the first event of their id.
    #[serde(skip_serializing_if = "is_zero")]
    differs: usize,
    /// How many were in the journal already.
    duplicates: usize,
    /// The journal that places count in.
    epoch: Uuid,
    /// The place of the first new event; the others follow in the order of the request.
    #[schema(value_type = Option<u64>, required, minimum = 1)]
    first_seq: Option<Seq>,
    /// The place of the last new event.
    #[schema(value_type = Option<u64>, required, minimum = 1)]
    last_seq: Option<Seq>,
    /// Those that are invalid, when they were to be skipped.
    rejected: Vec<RejectedEvent>,
}

/// An event that was skipped.
#[derive(Debug, Serialize, ToSchema)]
struct RejectedEvent {
    /// What is wrong with it.
    errors: Vec<FaultBody>,
    /// How many more faults it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1)]
    errors_omitted: Option<usize>,
    /// Which of the list it is, from 0.
    index: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl Accepted {
    pub(super) fn new(published: &Published, ids: &[Uuid], parsed: &Parsed) -> Self {
        let Published { epoch, outcomes } = published;
        if let (false, [outcome], [id]) = (parsed.many, &**outcomes, ids) {
            return Self::One(AcceptedEvent {
                differs: outcome.differs,
                duplicate: outcome.duplicate,
                epoch: *epoch,
                id: *id,
                seq: outcome.seq,
            });
        }
        let fresh: Vec<_> = outcomes.iter().filter(|outcome| !outcome.duplicate).collect();
        Self::Several(AcceptedBatch {
            accepted: fresh.len(),
            differs: outcomes.iter().filter(|outcome| outcome.differs).count(),
            duplicates: outcomes.len() - fresh.len(),
            epoch: *epoch,
            first_seq: fresh.first().map(|outcome| outcome.seq),
            last_seq: fresh.last().map(|outcome| outcome.seq),
            rejected: parsed.rejected.iter().map(RejectedEvent::new).collect(),
        })
    }
}

impl RejectedEvent {
    fn new(event: &Rejected) -> Self {
        let (errors, errors_omitted) = listed(&event.faults);
        Self { errors, errors_omitted, index: event.index }
    }
}

/// The answer to a request that was not, or perhaps not, committed. `outcome` says which.
pub(in crate::http) fn refused(error: &PublishError, ids: &[Uuid]) -> Problem {
    let problem = match error {
        PublishError::QueueFull => {
            Problem::new(Code::QueueFull, "too many events wait to be committed")
        }
        PublishError::Unavailable => {
            Problem::new(Code::StorageUnavailable, "the storage cannot be reached")
        }
        PublishError::StorageFull => Problem::new(Code::StorageFull, "the storage is full"),
        PublishError::ShuttingDown => {
            Problem::new(Code::ShuttingDown, "the router is shutting down")
        }
        PublishError::Refused(reason) => {
            let detail = format!("the database refused the events: {reason}");
            Problem::new(Code::RefusedByStorage, detail)
        }
        PublishError::Unknown => {
            let detail = "whether the events were stored is not known: post them again with these \
                          ids, which stores none of them twice";
            return Problem::new(Code::OutcomeUnknown, detail).perhaps_stored(ids);
        }
    };
    problem.not_stored()
}
