//! What operators look at: health, metrics, and who is connected.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Caller, Router,
    contract::problems,
    dead_letters::dead_letter_counts,
    problem::{self, Code, Problem, stopping},
};
use crate::actors::{
    broadcaster::{CloseSession, ListSessions},
    journal::GetStatus,
    shard::SessionRow,
};

problems!(
    /// What is asked of actors that a stopping router does not have any more.
    pub(super) StoppingProblems: ShuttingDown
);

problems!(
    /// Events are not taken.
    ReadyProblems: NotReady
);

problems!(
    /// A session that cannot be closed.
    CloseProblems: BadId, NotFound, ShuttingDown
);

/// Who is connected.
#[derive(Debug, Serialize, ToSchema)]
pub struct Sessions {
    /// By id.
    sessions: Vec<SessionRow>,
}

/// The process answers: that is all this says.
#[utoipa::path(
    get, path = "/livez", tag = "operating",
    responses((status = 200, description = "Alive.", body = String, example = "ok\n"))
)]
pub async fn livez() -> &'static str {
    "ok\n"
}

/// Whether events are taken.
///
/// # Errors
/// 503 with the reason when they are not.
#[utoipa::path(
    get, path = "/readyz", tag = "operating",
    responses(
        (status = 200, description = "Events are taken.", body = String, example = "ready\n"),
        ReadyProblems,
    )
)]
pub async fn readyz(router: web::Data<Router>) -> Result<&'static str, Problem> {
    let status = router.journal.send(GetStatus).await;
    let state = status.map_or("gone", |status| status.state);
    if state == "ready" && !router.is_draining() {
        return Ok("ready\n");
    }
    let state = if router.is_draining() { "draining" } else { state };
    Err(Problem::new(Code::NotReady, format!("the journal is {state}")))
}

/// All metrics.
#[utoipa::path(
    get, path = "/metrics", operation_id = "get_metrics", tag = "operating",
    responses((
        status = 200, description = "The text format of Prometheus.", body = String,
        content_type = "text/plain",
    ))
)]
pub async fn metrics(router: web::Data<Router>) -> HttpResponse {
    // Where they are counted; a database that is away leaves the last number.
    dead_letter_counts(&router).await;
    let body = router.metrics.render();
    HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(body)
}

/// Who is connected.
///
/// # Errors
/// When the router is stopping.
#[utoipa::path(
    get, path = "/v1/sessions", operation_id = "list_sessions", tag = "sessions",
    responses((status = 200, description = "All of them.", body = Sessions), StoppingProblems)
)]
pub async fn sessions(router: web::Data<Router>) -> Result<web::Json<Sessions>, Problem> {
    let mut sessions = list_sessions(&router).await?;
    sessions.sort_by_key(|session| session.id);
    Ok(web::Json(Sessions { sessions }))
}

/// Closes a session.
///
/// # Errors
/// When there is none of that id.
#[utoipa::path(
    delete, path = "/v1/sessions/{id}", tag = "sessions",
    params(("id" = Uuid, Path, description = "As `welcome` and the list of sessions say it.")),
    responses((status = 204, description = "It is closed, with code 1000."), CloseProblems)
)]
pub async fn close_session(
    router: web::Data<Router>,
    caller: web::ReqData<Caller>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = problem::uuid("a session", &id)?;
    match router.broadcaster.send(CloseSession(id)).await {
        Ok(true) => {
            tracing::info!(session = %id, by = caller.name(), "an operator closed a session");
            Ok(HttpResponse::NoContent().finish())
        }
        Ok(false) => Err(Problem::new(Code::NotFound, format!("there is no session {id}"))),
        Err(error) => Err(stopping(error)),
    }
}

/// Every session of every worker.
pub(super) async fn list_sessions(router: &Router) -> Result<Vec<SessionRow>, Problem> {
    router.broadcaster.send(ListSessions).await.map_err(stopping)
}
