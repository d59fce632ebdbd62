//! Who or what changed how the router works: `GET /v1/audit`.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use super::{
    Router,
    contract::problems,
    problem::{Code, Problem, unreadable},
    query::{Pairs, RecordParameters, records, stored_json, unknown},
};
use crate::{
    actors::journal::Record,
    core::event::rfc3339,
    storage::{AuditEntry, AuditQuery},
};

problems!(
    /// What a look into the audit log may end in.
    AuditProblems: BadParameter, UnknownParameter, StorageUnavailable
);

const PARAMETERS: [&str; 4] = ["after", "before", "action", "limit"];

/// What [`query`] reads beside [`RecordParameters`].
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only described")]
struct Parameters {
    /// Of this action.
    action: Option<String>,
}

/// A line of the audit log.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditEntry)]
struct EntryBody {
    /// Its number: later ones have greater ones.
    #[schema(minimum = 1)]
    id: u64,
    /// When it happened.
    #[schema(format = DateTime)]
    at: String,
    /// Who did it: a client's identity, or a part of the router.
    actor: String,
    /// What was done.
    #[schema(example = "dead_letter.deleted")]
    action: String,
    /// To what.
    subject: String,
    /// Before, after, and why.
    #[schema(value_type = Object)]
    detail: Box<RawValue>,
}

impl EntryBody {
    fn new(entry: AuditEntry) -> Result<Self, Problem> {
        let detail = stored_json(entry.detail.into(), "the audit log's line", entry.id)?;
        Ok(Self {
            id: entry.id,
            at: rfc3339(entry.at),
            actor: entry.actor,
            action: entry.action,
            subject: entry.subject,
            detail,
        })
    }
}

/// Lines of the audit log, and where to go on.
#[derive(Serialize, ToSchema)]
struct EntryPage {
    /// In the order that was asked for.
    entries: Vec<EntryBody>,
    /// What to give as `after`, or as `before`, for the next; `null` at the end.
    #[schema(required)]
    next: Option<u64>,
}

fn query(pairs: &[(String, String)]) -> Result<AuditQuery, Problem> {
    let (from, limit) = records(pairs)?;
    let mut query = AuditQuery { from, limit, action: None };
    for (name, value) in pairs {
        match name.as_str() {
            "after" | "before" | "limit" => {}
            "action" => query.action = Some(value.clone()),
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
    get, path = "/v1/audit", operation_id = "list_audit", tag = "operating", params(RecordParameters, Parameters),
    responses((status = 200, description = "A page of it.", body = EntryPage), AuditProblems)
)]
pub async fn list(
    router: web::Data<Router>,
    pairs: web::Query<Pairs>,
) -> Result<HttpResponse, Problem> {
    let page = router.storage.audit(&query(&pairs)?).await;
    let page = page.map_err(|error| unreadable(&router.metrics, &error))?;
    let entries = page.records.into_iter().map(EntryBody::new).collect::<Result<_, _>>()?;
    Ok(HttpResponse::Ok().json(EntryPage { entries, next: page.next }))
}

/// Longest reason that somebody may give for what is done, in characters.
const MAX_REASON: usize = 500;

/// Whether a reason can be written down.
pub(super) fn check_reason(reason: &str, code: Code) -> Result<(), Problem> {
    if reason.chars().count() > MAX_REASON {
        let detail = format!("`reason` may have {MAX_REASON} characters");
        return Err(Problem::new(code, detail));
    }
    Ok(())
}

/// Tells the audit log what was done. It waits while the database is away, and the client does not
/// wait for it.
pub(super) async fn tell(router: &Router, record: Record) {
    let subject = record.subject.clone();
    if let Err(error) = router.write(record).await {
        tracing::error!(%error, %subject, "the audit log may not say what was done");
    }
}
