//! What a destination refused for good: `GET /v1/dead-letters`, and one of them to read, replay or
//! delete.

mod counts;
mod drain;
mod replay;

use actix_web::{HttpResponse, web};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use super::{
    Caller, Router, audit,
    contract::{problems, schemas::EventBody},
    problem::{Code, Problem, not_written, unreadable},
    query::{Pairs, RecordParameters, bad, records, stored_json, unknown},
};
use crate::{
    actors::journal::{ChangeDeadLetter, Record},
    core::event::rfc3339,
    storage::{DeadLetter, DeadLetterChange, DeadLetterQuery, DeadLetterStatus, Noted},
};

pub(super) use self::counts::dead_letter_counts;
pub use self::{
    counts::DeadLetterCounts,
    drain::drain,
    replay::{__path_replay, replay},
};

problems!(
    /// What a list of dead letters may end in.
    ListProblems: BadParameter, UnknownParameter, StorageUnavailable
);

problems!(
    /// What a look at one dead letter may end in.
    LetterProblems: BadId, NotFound, StorageUnavailable
);

problems!(
    /// What the deletion of a dead letter may end in.
    DeleteProblems: BadId, NotFound, OutcomeUnknown, QueueFull, ShuttingDown, StorageFull,
        StorageUnavailable
);

const PARAMETERS: [&str; 5] = ["after", "before", "adapter", "status", "limit"];

/// What [`query`] reads beside [`RecordParameters`].
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only described")]
struct Parameters {
    /// Of this adapter.
    adapter: Option<String>,
    /// Of this status.
    status: Option<DeadLetterStatus>,
}

/// An event that a destination refused for good.
#[derive(Serialize, ToSchema)]
#[schema(as = DeadLetter)]
struct LetterBody {
    #[serde(flatten)]
    letter: Letter,
    /// Whose destination.
    adapter: String,
    /// The event, whole, even when retention has taken it.
    #[schema(value_type = EventBody)]
    event: Box<RawValue>,
}

/// What became of a dead letter.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Letter {
    /// Its number: later ones have greater ones.
    #[schema(minimum = 1)]
    id: u64,
    /// `pending` waits for somebody or is being replayed, `failed` was refused again in a replay;
    /// both can be replayed.
    status: DeadLetterStatus,
    /// What the destination said last.
    reason: String,
    /// How often it was sent, replays included.
    attempts: u32,
    /// When it was first set aside.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was last replayed.
    #[schema(format = DateTime, required)]
    replayed_at: Option<String>,
    /// When a replay delivered it.
    #[schema(format = DateTime, required)]
    recovered_at: Option<String>,
}

impl From<&DeadLetter> for Letter {
    fn from(letter: &DeadLetter) -> Self {
        Self {
            id: letter.id,
            status: letter.status,
            reason: letter.reason.clone(),
            attempts: letter.attempts,
            created_at: rfc3339(letter.created_at),
            replayed_at: letter.replayed_at.map(rfc3339),
            recovered_at: letter.recovered_at.map(rfc3339),
        }
    }
}

impl LetterBody {
    fn new(letter: DeadLetter) -> Result<Self, Problem> {
        let json = String::from_utf8_lossy(&letter.event.json).into_owned();
        let event = stored_json(json, "dead letter", letter.id)?;
        Ok(Self { letter: Letter::from(&letter), adapter: letter.adapter, event })
    }
}

/// Dead letters, and where to go on.
#[derive(Serialize, ToSchema)]
struct LetterPage {
    /// In the order that was asked for.
    dead_letters: Vec<LetterBody>,
    /// What to give as `after`, or as `before`, for the next; `null` at the end.
    #[schema(required)]
    next: Option<u64>,
}

fn query(pairs: &[(String, String)]) -> Result<DeadLetterQuery, Problem> {
    let (from, limit) = records(pairs)?;
    let mut query = DeadLetterQuery { from, limit, adapter: None, status: None };
    for (name, value) in pairs {
        match name.as_str() {
            "after" | "before" | "limit" => {}
            "adapter" => query.adapter = Some(value.clone()),
            "status" => {
                let status = DeadLetterStatus::parse(value);
                let names = DeadLetterStatus::ALL.map(DeadLetterStatus::as_str).join(", ");
                query.status =
                    Some(status.ok_or_else(|| bad(name, format_args!("one of {names}")))?);
            }
            other => return Err(unknown(other, &PARAMETERS)),
        }
    }
    Ok(query)
}

/// Newest first, or oldest first when asked for what comes after a number.
///
/// # Errors
/// When the query makes no sense, or storage cannot be read.
#[utoipa::path(
    get, path = "/v1/dead-letters", operation_id = "list_dead_letters", tag = "operating",
    params(RecordParameters, Parameters),
    responses((status = 200, description = "A page of them.", body = LetterPage), ListProblems)
)]
pub async fn list(
    router: web::Data<Router>,
    pairs: web::Query<Pairs>,
) -> Result<HttpResponse, Problem> {
    let query = query(&pairs)?;
    let page = router.storage.dead_letters(&query).await;
    let page = page.map_err(|error| unreadable(&router.metrics, &error))?;
    let letters = page.records.into_iter().map(LetterBody::new).collect::<Result<_, _>>()?;
    Ok(HttpResponse::Ok().json(LetterPage { dead_letters: letters, next: page.next }))
}

/// One of them.
///
/// # Errors
/// When there is none of that number, or storage cannot be read.
#[utoipa::path(
    get, path = "/v1/dead-letters/{id}", operation_id = "get_dead_letter", tag = "operating",
    params((
        "id" = u64, Path, description = "As the list says it.",
        minimum = 1, maximum = 9_223_372_036_854_775_807_usize,
    )),
    responses((status = 200, description = "The dead letter.", body = LetterBody), LetterProblems)
)]
pub async fn one(
    router: web::Data<Router>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = number(&id)?;
    match router.storage.dead_letter(id).await {
        Ok(Some(letter)) => Ok(HttpResponse::Ok().json(LetterBody::new(letter)?)),
        Ok(None) => Err(nothing(id)),
        Err(error) => Err(unreadable(&router.metrics, &error)),
    }
}

/// Nobody wants it any more. It is gone for good, and the audit log says who deleted it.
///
/// # Errors
/// When there is none of that number, or storage cannot be reached.
#[utoipa::path(
    delete, path = "/v1/dead-letters/{id}", operation_id = "delete_dead_letter", tag = "operating",
    params((
        "id" = u64, Path, description = "As the list says it.",
        minimum = 1, maximum = 9_223_372_036_854_775_807_usize,
    )),
    responses((status = 204, description = "It is deleted."), DeleteProblems)
)]
pub async fn delete(
    router: web::Data<Router>,
    caller: web::ReqData<Caller>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = number(&id)?;
    let letter = router.storage.dead_letter(id).await;
    let letter = letter.map_err(|error| unreadable(&router.metrics, &error))?;
    let letter = letter.ok_or_else(|| nothing(id))?;
    remove(&router, &letter, caller.name().into()).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Deletes a dead letter, and says in the audit log who did.
async fn remove(router: &Router, letter: &DeadLetter, actor: Box<str>) -> Result<(), Problem> {
    match change(router, letter.id, DeadLetterChange::Deleted).await? {
        Noted::Absent => Err(nothing(letter.id)),
        Noted::Done | Noted::Settled => {
            let detail = serde_json::json!({
                "adapter": letter.adapter, "event_id": letter.event.id,
                "status": letter.status, "reason": letter.reason,
            });
            let (action, subject) = ("dead_letter.deleted".into(), letter.id.to_string().into());
            audit::tell(router, Record { actor, action, subject, detail }).await;
            Ok(())
        }
    }
}

/// Changes a dead letter; what became of that.
async fn change(router: &Router, id: u64, change: DeadLetterChange) -> Result<Noted, Problem> {
    let changed = router.write(ChangeDeadLetter { id, change }).await;
    changed.map_err(|error| not_written(&error))
}

fn number(text: &str) -> Result<u64, Problem> {
    text.parse().map_err(|error| {
        Problem::new(Code::BadId, format!("the id of a dead letter is a number: {error}"))
    })
}

fn nothing(id: u64) -> Problem {
    Problem::new(Code::NotFound, format!("there is no dead letter {id}, or no longer"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::From;

    fn parse(pairs: &[(&str, &str)]) -> Result<DeadLetterQuery, Problem> {
        let pairs: Vec<_> = pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        query(&pairs)
    }

    #[test]
    fn a_query_is_read_or_refused() {
        let all = parse(&[]).unwrap();
        assert_eq!((all.from, all.limit), (From::Before(u64::MAX), 100));
        let some = [("after", "5"), ("limit", "2"), ("adapter", "realtime"), ("status", "failed")];
        let expected = DeadLetterQuery {
            from: From::After(5),
            limit: 2,
            adapter: Some("realtime".into()),
            status: Some(DeadLetterStatus::Failed),
        };
        assert_eq!(parse(&some).unwrap(), expected);
        for pairs in [
            &[("after", "-1")][..],
            &[("limit", "0")],
            &[("limit", "1001")],
            &[("status", "retrying")],
            &[("adaptr", "x")],
            &[("after", "1"), ("before", "9")],
        ] {
            assert!(parse(pairs).is_err(), "{pairs:?}");
        }
    }
}
