//! `GET /v1/connect`: which path a client belongs on, why, and how to connect there.

use std::time::Duration;

use actix_web::web;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::{
    Router,
    contract::problems,
    problem::Problem,
    query::{self, Pairs, bad, unknown},
};
use crate::{
    actors::rollout::{Placed, realtime_url},
    adapters::TransportKind,
    core::rollout::{Path, Rule},
    settings::{Paths, Snapshot},
};

problems!(
    /// What a question where to connect may end in.
    ConnectProblems: BadParameter, UnknownParameter
);

const PARAMETERS: [&str; 3] = ["client_id", "on", "ticket"];

/// The parameters of [`connect`].
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only described")]
struct Parameters {
    /// What the client calls itself: always the same, and different from all others.
    #[param(min_length = 1, max_length = 128)]
    client_id: String,
    /// Where it is connected now; with it, a client that must move gets its turn.
    #[param(nullable = false)]
    on: Option<Path>,
}

/// Where a client belongs, and how to get there.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Connect)]
pub struct ConnectBody {
    /// The client.
    client_id: String,
    /// The path that it belongs on.
    path: Path,
    /// Why.
    reason: ConnectReason,
    /// The generation of the settings that say so.
    generation: u64,
    /// Milliseconds from now, before which it must not move; it asks again then. 0 when it need not
    /// move, or may at once.
    not_before_ms: u64,
    /// Milliseconds after which to ask again, on the realtime path.
    recheck_ms: u64,
    /// How to connect on the direct path.
    direct: DirectPlace,
    /// How to connect on the realtime path; `null` when it is off.
    #[schema(required)]
    realtime: Option<RealtimePlace>,
}

/// Why a client belongs on a path.
#[derive(Debug, Serialize, ToSchema)]
struct ConnectReason {
    /// What decided.
    rule: Rule,
    /// The same in a sentence.
    detail: String,
    /// The client's bucket; it never changes.
    #[schema(maximum = 9999)]
    bucket: u16,
    /// The share that counts for it, in percent.
    #[schema(maximum = 100)]
    percent: u8,
}

/// The direct path.
#[derive(Debug, Serialize, ToSchema)]
struct DirectPlace {
    /// The session protocol, relative to the router.
    #[schema(example = "/v1/ws")]
    url: &'static str,
}

/// The realtime path.
#[derive(Debug, Serialize, ToSchema)]
struct RealtimePlace {
    /// What a client of Supabase Realtime is given; relative to the router when it is the router's own.
    #[schema(example = "/realtime/v1")]
    url: String,
    /// The topic.
    topic: String,
    /// `broadcast`, or `postgres_changes`.
    kind: &'static str,
    /// What to be known by there; `null` for the router's own.
    #[schema(required)]
    key: Option<String>,
}

/// Which path a client belongs on, why, and how to connect there. The same client is always told the
/// same, as long as the settings are the same and the realtime path is up.
///
/// # Errors
/// When the query makes no sense.
#[utoipa::path(
    get, path = "/v1/connect", operation_id = "connect", tag = "sessions", params(Parameters),
    responses((status = 200, description = "Where it belongs.", body = ConnectBody), ConnectProblems)
)]
pub async fn connect(
    router: web::Data<Router>,
    pairs: web::Query<Pairs>,
) -> Result<web::Json<ConnectBody>, Problem> {
    let (mut client_id, mut on) = (None, None);
    for (name, value) in pairs.iter() {
        match name.as_str() {
            "client_id" => client_id = Some(query::client_id(value)?),
            "on" => on = Some(path(value)?),
            "ticket" => {}
            other => return Err(unknown(other, &PARAMETERS)),
        }
    }
    let client_id = client_id.ok_or_else(|| bad("client_id", "given"))?;
    let settings = router.settings();
    let Placed { assignment, wait, moves } =
        router.rollout.placing.place(&client_id, on, &settings);
    if moves {
        router.metrics.rollout_moves_total.with([way(assignment.path)]).increment(1);
    }
    Ok(web::Json(ConnectBody {
        client_id,
        path: assignment.path,
        reason: ConnectReason {
            rule: assignment.rule,
            detail: assignment.detail(),
            bucket: assignment.bucket,
            percent: assignment.percent,
        },
        generation: settings.generation,
        not_before_ms: millis(wait),
        recheck_ms: millis(settings.rollout.recheck),
        direct: DirectPlace { url: "/v1/ws" },
        realtime: realtime(&settings),
    }))
}

/// How clients connect on the realtime path, when it is on.
fn realtime(settings: &Snapshot) -> Option<RealtimePlace> {
    Paths::of(&settings.flags).realtime.then(|| RealtimePlace {
        url: realtime_url(settings),
        topic: settings.realtime.topic.to_string(),
        kind: match settings.realtime.transport {
            TransportKind::Broadcast | TransportKind::Channel => "broadcast",
            TransportKind::Postgres => "postgres_changes",
        },
        key: settings.realtime.client_key.clone(),
    })
}

fn path(value: &str) -> Result<Path, Problem> {
    let known = [Path::Direct, Path::Realtime].into_iter().find(|path| path.name() == value);
    known.ok_or_else(|| bad("on", "direct, or realtime"))
}

/// How a move is called in metrics.
fn way(to: Path) -> &'static str {
    match to {
        Path::Direct => "to_direct",
        Path::Realtime => "to_realtime",
    }
}

fn millis(duration: Duration) -> u64 {
    // Rounded up: who comes at that time must not be early.
    u64::try_from(duration.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX)
}
