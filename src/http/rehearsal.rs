//! Faults planted on a path on purpose: `GET`, `PUT` and `DELETE /v1/validation/rehearsal`.
//!
//! It lasts for a while and ends by itself. Who began it and what was planted stands in the audit log.

mod ending;

use std::{sync::Arc, time::Duration};

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::json;
use utoipa::ToSchema;

pub use self::ending::{find_unended, stopped};
use super::{
    Caller, Router, audit,
    contract::problems,
    problem::{Code, Problem},
    query::body,
};
use crate::{
    actors::journal::Record,
    adapters::rehearsal::Running,
    core::{
        event::rfc3339,
        matching::Path,
        millis,
        rehearsal::{ByFault, Fault, Rehearsal, USUAL, USUAL_DELAY, share},
        share::Share,
    },
    settings::{Paths, TransportKind},
};

problems!(
    /// Why no rehearsal begins.
    RehearsalProblems: BadRehearsal, RehearsalImpossible, ShuttingDown
);
problems!(
    /// Why no rehearsal ends.
    EndProblems: NotFound
);

/// Which faults are planted, where, and for how long. An event meets with one of them at most.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RehearsalRequest)]
pub struct Wanted {
    /// `realtime`: where events are sent, so that everybody there meets with the faults. `websocket`:
    /// at the ear of the probe alone.
    #[schema(value_type = Path)]
    path: String,
    /// Share of events that are not sent.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1, example = 0.002)]
    drop: f64,
    /// Share that is sent twice.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1)]
    duplicate: f64,
    /// Share that is held back for `delay_ms`.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1)]
    delay: f64,
    /// Share that comes behind the event after it.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 0.5)]
    reorder: f64,
    /// Share that has another value in `data`.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1)]
    alter: f64,
    /// How long delayed events are held back, in milliseconds.
    #[schema(minimum = 1, maximum = 300_000, default = 1000)]
    #[serde(default, deserialize_with = "whole")]
    delay_ms: Option<u64>,
    /// How long it lasts, in seconds.
    #[schema(minimum = 1, maximum = 3600, default = 300)]
    #[serde(default, deserialize_with = "whole")]
    seconds: Option<u64>,
}

/// A whole number, however JSON writes it: 60 and 60.0 are one.
fn whole<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    let Some(number) = Option::<f64>::deserialize(from)? else { return Ok(None) };
    let whole = format!("{number}").parse();
    whole.map(Some).map_err(|_none| D::Error::custom("a time must be a whole number"))
}

/// What is rehearsed.
#[derive(Debug, Serialize, ToSchema)]
pub struct RehearsalView {
    /// `null` when nothing is.
    #[schema(required)]
    rehearsal: Option<RehearsalRow>,
}

/// A rehearsal under way.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Rehearsal)]
pub struct RehearsalRow {
    /// Where faults are planted.
    path: Path,
    /// The share of events for each fault.
    shares: FaultShares,
    /// How long delayed events are held back, in milliseconds.
    delay_ms: u64,
    /// Who began it.
    by: String,
    /// When it began.
    #[schema(format = DateTime)]
    began_at: String,
    /// When it ends by itself.
    #[schema(format = DateTime)]
    until: String,
    /// Faults planted so far.
    planted: FaultCounts,
    /// Events of the realtime path that are held back now.
    held_events: u64,
}

/// A share of events for each fault, from 0 to 1.
#[derive(Debug, Serialize, ToSchema)]
struct FaultShares {
    /// Not sent.
    drop: f64,
    /// Sent twice.
    duplicate: f64,
    /// Held back.
    delay: f64,
    /// Sent behind the event after it.
    reorder: f64,
    /// With another value in `data`.
    alter: f64,
}

/// Events for each fault.
#[derive(Debug, Serialize, ToSchema)]
struct FaultCounts {
    /// Not sent: on the realtime path they count as delivered all the same.
    drop: u64,
    /// Sent twice.
    duplicate: u64,
    /// Held back.
    delay: u64,
    /// Sent behind the event after it.
    reorder: u64,
    /// With another value in `data`.
    alter: u64,
}

impl RehearsalView {
    /// What is rehearsed now.
    #[must_use]
    pub fn of(router: &Router) -> Self {
        Self { rehearsal: RehearsalRow::of(router) }
    }
}

impl RehearsalRow {
    /// What is rehearsed now, if anything is.
    #[must_use]
    pub fn of(router: &Router) -> Option<Self> {
        let held = router.rehearsals.held();
        router.rehearsals.running().map(|running| Self::new(&running, held))
    }

    fn new(running: &Running, held: usize) -> Self {
        let Running { rehearsal, by, began_at, until, .. } = running;
        let share = |fault| rehearsal.share(fault).as_percent() / 100.0;
        Self {
            path: rehearsal.path(),
            shares: FaultShares {
                drop: share(Fault::Drop),
                duplicate: share(Fault::Duplicate),
                delay: share(Fault::Delay),
                reorder: share(Fault::Reorder),
                alter: share(Fault::Alter),
            },
            delay_ms: millis::whole(rehearsal.delay()),
            by: by.to_string(),
            began_at: rfc3339(*began_at),
            until: rfc3339(*until),
            planted: running.planted().into(),
            held_events: held as u64,
        }
    }
}

impl From<ByFault<u64>> for FaultCounts {
    fn from(of: ByFault<u64>) -> Self {
        Self {
            drop: of.get(Fault::Drop),
            duplicate: of.get(Fault::Duplicate),
            delay: of.get(Fault::Delay),
            reorder: of.get(Fault::Reorder),
            alter: of.get(Fault::Alter),
        }
    }
}

/// What is rehearsed, if anything is.
#[utoipa::path(
    get, path = "/v1/validation/rehearsal", operation_id = "get_rehearsal", tag = "operating",
    responses((status = 200, description = "What is planted.", body = RehearsalView))
)]
pub async fn show(router: web::Data<Router>) -> web::Json<RehearsalView> {
    web::Json(RehearsalView::of(&router))
}

/// Plants faults on a path on purpose, to see that they are found. Takes the place of what is
/// rehearsed already.
///
/// # Errors
/// When it makes no sense, or nothing could be planted there.
#[utoipa::path(
    put, path = "/v1/validation/rehearsal", operation_id = "begin_rehearsal", tag = "operating",
    request_body = Wanted,
    responses((status = 200, description = "It has begun.", body = RehearsalView), RehearsalProblems)
)]
pub async fn begin(
    router: web::Data<Router>,
    caller: web::ReqData<Caller>,
    sent: web::Bytes,
) -> Result<web::Json<RehearsalView>, Problem> {
    let rehearsal = read(&sent)?;
    check_possible(&router, &rehearsal).await?;
    let by: Box<str> = caller.name().into();
    let (running, before) = router.rehearsals.begin(rehearsal, by.clone(), chrono::Utc::now());
    let number = running.number;
    actix_rt::spawn(expire(router.clone(), number, rehearsal.lasts()));
    if let Some(before) = before {
        record_end(&router, &before, &by, "replaced").await;
    }
    let detail = json!({
        "shares": RehearsalRow::new(&running, 0).shares, "delay_ms": millis::whole(rehearsal.delay()),
        "began_at": rfc3339(running.began_at), "until": rfc3339(running.until),
    });
    record(&router, "rehearsal.began", by, &running, detail).await;
    Ok(web::Json(RehearsalView::of(&router)))
}

/// Plants no more faults. What is held back comes out at once.
///
/// # Errors
/// When nothing is rehearsed.
#[utoipa::path(
    delete, path = "/v1/validation/rehearsal", operation_id = "end_rehearsal", tag = "operating",
    responses((status = 204, description = "It is over."), EndProblems)
)]
pub async fn end(
    router: web::Data<Router>,
    caller: web::ReqData<Caller>,
) -> Result<HttpResponse, Problem> {
    let ended = router.rehearsals.end(None);
    let ended = ended.ok_or_else(|| Problem::new(Code::NotFound, "nothing is rehearsed"))?;
    record_end(&router, &ended, caller.name(), "ended").await;
    Ok(HttpResponse::NoContent().finish())
}

/// Ends it when its time is over, unless it has ended before.
async fn expire(router: web::Data<Router>, number: u64, lasts: Duration) {
    tokio::time::sleep(lasts).await;
    if let Some(ended) = router.rehearsals.end(Some(number)) {
        record_end(&router, &ended, "rehearsal", "expired").await;
    }
}

async fn record_end(router: &Router, ended: &Arc<Running>, by: &str, reason: &str) {
    let planted = FaultCounts::from(ended.planted());
    let began_at = rfc3339(ended.began_at);
    let detail = json!({ "reason": reason, "planted": planted, "began_at": began_at });
    record(router, "rehearsal.ended", by.into(), ended, detail).await;
}

async fn record(
    router: &Router,
    action: &str,
    actor: Box<str>,
    running: &Running,
    detail: serde_json::Value,
) {
    let subject = format!("adapter:{}", running.rehearsal.path()).into();
    audit::tell(router, Record { actor, action: action.into(), subject, detail }).await;
}

/// The rehearsal that a body asks for.
fn read(sent: &[u8]) -> Result<Rehearsal, Problem> {
    let bad = |detail: String| Problem::new(Code::BadRehearsal, detail);
    let wanted: Wanted = body(sent, Code::BadRehearsal, r#"{"path": …, "drop": …}"#)?;
    let path = Path::parse(&wanted.path)
        .ok_or_else(|| bad("`path` is \"realtime\" or \"websocket\"".to_owned()))?;
    let number = |fault| match fault {
        Fault::Drop => wanted.drop,
        Fault::Duplicate => wanted.duplicate,
        Fault::Delay => wanted.delay,
        Fault::Reorder => wanted.reorder,
        Fault::Alter => wanted.alter,
    };
    let mut no_share = None;
    let shares = ByFault::of(|fault| {
        share(number(fault)).unwrap_or_else(|error| {
            no_share.get_or_insert(format!("`{}`: {error}", fault.name()));
            Share::NONE
        })
    });
    if let Some(detail) = no_share {
        return Err(bad(detail));
    }
    let delay = wanted.delay_ms.map_or(USUAL_DELAY, Duration::from_millis);
    let lasts = wanted.seconds.map_or(USUAL, Duration::from_secs);
    Rehearsal::try_new(path, shares, delay, lasts).map_err(|error| bad(error.to_string()))
}

/// Whether there is somebody to meet with the faults.
async fn check_possible(router: &Router, rehearsal: &Rehearsal) -> Result<(), Problem> {
    if router.is_draining() {
        return Err(router.stopping());
    }
    let settings = router.settings();
    let is_rows = settings.realtime.transport == TransportKind::Postgres;
    let impossible = match rehearsal.path() {
        _ if !Paths::of(&settings.flags).realtime => Some("the realtime path is off"),
        Path::Websocket if !settings.flags.enable_validation => {
            Some("flags.enable_validation is off, so there is no probe to meet with it")
        }
        Path::Realtime if is_rows && rehearsal.share(Fault::Duplicate) > Share::NONE => {
            Some("a table has each id once, so nothing comes twice by `postgres`")
        }
        Path::Realtime => {
            let path = router.delivery().realtime().await;
            let is_published = path.is_some_and(|(adapter, _)| adapter.published);
            is_published.then_some("nothing is sent: the destination is the journal's own database")
        }
        Path::Websocket => None,
    };
    impossible.map_or(Ok(()), |why| Err(Problem::new(Code::RehearsalImpossible, why)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why_not(body: &str) -> Option<Code> {
        read(body.as_bytes()).err().map(|problem| problem.code())
    }

    #[test]
    fn a_body_is_read_with_what_it_leaves_open() {
        let rehearsal = read(br#"{"path":"realtime","drop":0.002,"alter":1e-6}"#).unwrap();
        assert_eq!((rehearsal.path(), rehearsal.lasts()), (Path::Realtime, USUAL));
        assert_eq!(rehearsal.share(Fault::Drop), Share::parts(2_000));
        assert_eq!(rehearsal.share(Fault::Alter), Share::parts(1));
        assert_eq!(rehearsal.share(Fault::Delay), Share::NONE);
        let rehearsal =
            read(br#"{"path":"websocket","delay":1,"delay_ms":2000.0,"seconds":3600}"#).unwrap();
        assert_eq!(rehearsal.delay(), Duration::from_secs(2));
        assert_eq!(rehearsal.lasts(), Duration::from_hours(1));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for body in [
            "",
            "[]",
            "{}",
            r#"{"path":"dual","drop":1}"#,
            r#"{"path":"realtime"}"#,
            r#"{"path":"realtime","drop":"all"}"#,
            r#"{"path":"realtime","drop":1.1}"#,
            r#"{"path":"realtime","drop":-0.1}"#,
            r#"{"path":"realtime","drop":0.6,"alter":0.6}"#,
            r#"{"path":"realtime","reorder":0.6}"#,
            r#"{"path":"realtime","drop":0.5,"seconds":3601}"#,
            r#"{"path":"realtime","delay":0.5,"delay_ms":0}"#,
            r#"{"path":"realtime","delay":0.5,"delay_ms":1.5}"#,
            r#"{"path":"realtime","drop":0.5,"for":"ever"}"#,
        ] {
            assert_eq!(why_not(body), Some(Code::BadRehearsal), "{body}");
        }
    }
}
