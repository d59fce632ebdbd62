//! The rollout: `GET` and `POST /v1/rollout`, its preview and its report; and what looks at the
//! realtime path for it.

mod watch;

use std::{collections::HashSet, sync::Arc};

use actix::Addr;
use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, ContentType},
    web,
};
use serde::{Deserialize, Deserializer, de::Error as _};
use utoipa::{IntoParams, ToSchema};

pub use self::watch::watch;
use super::{
    Caller, Router,
    audit::check_reason,
    contract::problems,
    ops::{StoppingProblems, list_sessions},
    problem::{Code, Problem, stopping},
    query::{Pairs, bad, body, unknown},
};
use crate::{
    actors::rollout::{Conductor, GetReport, GetRollout, Order, Placing, RolloutView},
    core::rollout::{self, Command, Preview, Report, Situation},
};

/// Where clients belong, and who moves them.
pub struct RolloutDesk {
    /// Where they belong.
    pub placing: Arc<Placing>,
    /// Who moves them.
    pub conductor: Addr<Conductor>,
}

problems!(
    /// What an order to the rollout may end in.
    OrderProblems: BadRolloutRequest, RolloutRefused, ShuttingDown
);
problems!(
    /// What a preview may end in.
    PreviewProblems: BadParameter, UnknownParameter, ShuttingDown
);

/// What the rollout is to do.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(tag = "action", rename_all = "lowercase", deny_unknown_fields)]
pub enum RolloutRequest {
    /// The next step, if all gates hold, without waiting for the rest of the hold time.
    Advance {
        /// Also when gates do not hold; coverage always must.
        #[serde(default)]
        force: bool,
        /// Why, for the audit log.
        #[serde(default)]
        reason: Words,
    },
    /// Nothing moves up by itself until it is resumed; it may still come back.
    Pause {
        /// Why, for the audit log.
        #[serde(default)]
        reason: Words,
    },
    /// It goes on by itself again, with the whole hold time from now on.
    Resume {
        /// Why, for the audit log.
        #[serde(default)]
        reason: Words,
    },
    /// The step before.
    Rollback {
        /// Why, for the audit log.
        #[serde(default)]
        reason: Words,
    },
    /// Another step.
    Set {
        /// Which, in percent.
        #[schema(maximum = 100)]
        #[serde(deserialize_with = "whole")]
        percent: u8,
        /// Why, for the audit log.
        #[serde(default)]
        reason: Words,
    },
}

/// A whole number, however JSON writes it: 25 and 25.0 are one.
fn whole<'de, D: Deserializer<'de>>(from: D) -> Result<u8, D::Error> {
    let number = f64::deserialize(from)?;
    let whole = (0..=u8::MAX).find(|whole| f64::from(*whole).total_cmp(&number).is_eq());
    whole.ok_or_else(|| D::Error::custom("`percent` must be a whole number from 0 to 100"))
}

/// Why somebody does something: nothing, or up to 500 characters.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(as = RolloutReasonGiven, max_length = 500)]
pub struct Words(String);

/// What the body of an order must be.
const FORM: &str = r#"{"action": "advance", "pause", "resume", "rollback" or "set"}"#;

impl RolloutRequest {
    fn read(sent: &[u8]) -> Result<(Command, Option<String>), Problem> {
        let (command, Words(reason)) = match body(sent, Code::BadRolloutRequest, FORM)? {
            Self::Advance { force, reason } => (Command::Advance { force }, reason),
            Self::Pause { reason } => (Command::Pause, reason),
            Self::Resume { reason } => (Command::Resume, reason),
            Self::Rollback { reason } => (Command::Rollback, reason),
            Self::Set { percent: 101.., .. } => {
                return Err(Problem::new(Code::BadRolloutRequest, "`percent` is at most 100"));
            }
            Self::Set { percent, reason } => (Command::Set { percent }, reason),
        };
        check_reason(&reason, Code::BadRolloutRequest)?;
        let reason = reason.trim();
        Ok((command, (!reason.is_empty()).then(|| reason.to_owned())))
    }
}

/// How the rollout is: its step, its gates, what it waits for, and how it came here.
///
/// # Errors
/// When the router is stopping.
#[utoipa::path(
    get, path = "/v1/rollout", operation_id = "get_rollout", tag = "operating",
    responses((status = 200, description = "The rollout.", body = RolloutView), StoppingProblems)
)]
pub async fn show(router: web::Data<Router>) -> Result<web::Json<RolloutView>, Problem> {
    Ok(web::Json(router.rollout.conductor.send(GetRollout).await.map_err(stopping)?))
}

/// Moves the rollout, pauses or resumes it. The audit log says who did it, and why.
///
/// # Errors
/// When the body makes no sense, or it must not be done.
#[utoipa::path(
    post, path = "/v1/rollout", operation_id = "order_rollout", tag = "operating",
    request_body = RolloutRequest,
    responses((status = 200, description = "The rollout, as it is now.", body = RolloutView), OrderProblems)
)]
pub async fn post(
    router: web::Data<Router>,
    caller: web::ReqData<Caller>,
    sent: web::Bytes,
) -> Result<web::Json<RolloutView>, Problem> {
    let (command, reason) = RolloutRequest::read(&sent)?;
    let order = Order { command, by: caller.name().into(), reason };
    match router.rollout.conductor.send(order).await.map_err(stopping)? {
        Ok(view) => Ok(web::Json(view)),
        Err(error) => Err(Problem::new(Code::RolloutRefused, error.to_string())),
    }
}

/// Most clients that a preview names.
const MAX_MOVERS: usize = 1_000;

/// The parameters of [`preview`].
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only described")]
struct PreviewParameters {
    /// The share to look at, in percent: any, not only a step.
    #[param(minimum = 0, maximum = 100)]
    percent: u8,
}

/// Who would move at another share, of those that are connected here or asked `/v1/connect` lately.
/// Nobody does. How things are otherwise is taken as it is now.
///
/// # Errors
/// When the query makes no sense, or the router is stopping.
#[utoipa::path(
    get, path = "/v1/rollout/preview", operation_id = "preview_rollout", tag = "operating",
    params(PreviewParameters),
    responses((status = 200, description = "Who would move; at most 1000 are named.", body = Preview), PreviewProblems)
)]
pub async fn preview(
    router: web::Data<Router>,
    pairs: web::Query<Pairs>,
) -> Result<web::Json<Preview>, Problem> {
    let mut percent = None;
    for (name, value) in pairs.iter() {
        match name.as_str() {
            "percent" => percent = value.parse::<u8>().ok().filter(|percent| *percent <= 100),
            other => return Err(unknown(other, &["percent"])),
        }
    }
    let percent = percent.ok_or_else(|| bad("percent", "a whole number from 0 to 100"))?;
    let placing = &router.rollout.placing;
    let sessions = list_sessions(&router).await?;
    let connected = sessions.into_iter().filter_map(|session| session.client_id);
    let clients: HashSet<String> =
        connected.chain(placing.asked().into_iter().map(String::from)).collect();
    let mut clients: Vec<_> = clients.into_iter().collect();
    clients.sort_unstable();
    let settings = router.settings();
    let (audience, now) = (placing.audience(&settings), placing.circumstances(&settings));
    let mut then = audience.1.clone();
    then.percent = percent;
    Ok(web::Json(rollout::preview(
        clients.iter().map(String::as_str),
        Situation { audience: &audience.1, now },
        Situation { audience: &then, now },
        MAX_MOVERS,
    )))
}

/// The parameters of [`report`].
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only described")]
struct ReportParameters {
    /// Markdown also with `Accept: text/markdown`.
    #[param(nullable = false, inline)]
    format: Option<ReportFormat>,
}

/// In which form a report is.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "only described")]
enum ReportFormat {
    Json,
    Md,
}

/// What the rollout has done, step by step: the gates, the verdicts, the moves and the reasons.
///
/// # Errors
/// When the query makes no sense, or the router is stopping.
#[utoipa::path(
    get, path = "/v1/rollout/report", operation_id = "report_rollout", tag = "operating",
    params(ReportParameters),
    responses(
        (status = 200, description = "The report.", content((Report = "application/json"), (String = "text/markdown"))),
        PreviewProblems,
    )
)]
pub async fn report(
    router: web::Data<Router>,
    request: HttpRequest,
    pairs: web::Query<Pairs>,
) -> Result<HttpResponse, Problem> {
    let mut format = None;
    for (name, value) in pairs.iter() {
        match name.as_str() {
            "format" => format = Some(value.as_str()),
            other => return Err(unknown(other, &["format"])),
        }
    }
    let accept = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let markdown = match format {
        Some("md") => true,
        Some("json") => false,
        Some(_) => return Err(bad("format", "json, or md")),
        None => accept.is_some_and(|accept| accept.contains("text/markdown")),
    };
    let report = router.rollout.conductor.send(GetReport).await.map_err(stopping)?;
    Ok(if markdown {
        let markdown = "text/markdown; charset=utf-8";
        HttpResponse::Ok().content_type(markdown).body(report.markdown())
    } else {
        HttpResponse::Ok().insert_header(ContentType::json()).json(report)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_is_refused() {
        for body in [
            "",
            "{}",
            r#"{"action":"jump"}"#,
            r#"{"action":"set"}"#,
            r#"{"action":"set","percent":101}"#,
            r#"{"action":"set","percent":256}"#,
            r#"{"action":"set","percent":50.5}"#,
            r#"{"action":"set","percent":-1}"#,
            r#"{"action":"advance","percent":50}"#,
            r#"{"action":"pause","force":true}"#,
            r#"{"action":"pause","x":1}"#,
        ] {
            let problem = RolloutRequest::read(body.as_bytes()).unwrap_err();
            assert_eq!(problem.code(), Code::BadRolloutRequest, "{body}");
        }
        let long = format!(r#"{{"action":"pause","reason":"{}"}}"#, "ü".repeat(501));
        assert!(RolloutRequest::read(long.as_bytes()).is_err());
        let said =
            RolloutRequest::read(br#"{"action":"set","percent":50,"reason":"try"}"#).unwrap();
        assert_eq!(said, (Command::Set { percent: 50 }, Some("try".to_owned())));
        let said = RolloutRequest::read(br#"{"action":"advance","reason":" "}"#).unwrap();
        assert_eq!(said, (Command::Advance { force: false }, None));
    }
}
