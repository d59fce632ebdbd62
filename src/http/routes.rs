//! The whole surface: [`ROUTES`] says what there is and who may use it, [`configure`] who answers.

use actix_web::{HttpRequest, HttpResponse, Resource, guard as methods, http::header, web};

use super::{
    adapters, audit, auth, broadcast, connect, contract, dashboard, dead_letters, event_trace,
    events, flags, history, ingest, ledger, legacy, ops,
    problem::{Code, Problem},
    rehearsal, rollout, settings, stats, stream, upgrade, validation,
};
use crate::core::access::{Need, Scope};

/// A route, for the documentation and the tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The method.
    pub method: &'static str,
    /// The pattern of the path.
    pub path: &'static str,
    /// What it needs of whoever calls it.
    pub need: Need,
    /// What it is for.
    pub what: &'static str,
}

const ANYBODY: Need = Need::Nothing;
const KNOWN: Need = Need::Identity;
const INGEST: Need = Need::Scope(Scope::Ingest);
const READ: Need = Need::Scope(Scope::Read);
const ADMIN: Need = Need::Scope(Scope::Admin);

const fn route(method: &'static str, path: &'static str, need: Need, what: &'static str) -> Route {
    Route { method, path, need, what }
}

/// Every route.
pub const ROUTES: &[Route] = &[
    route(
        "POST",
        "/v1/events",
        INGEST,
        "one event, an array, NDJSON, or CloudEvents; 202 once they are committed",
    ),
    route("GET", "/v1/events", READ, "events read back, by place, time, type, source and category"),
    route("GET", "/v1/events/{id}", READ, "one event"),
    route("GET", "/v1/events/{id}/trace", READ, "its whole path, durable or as far as remembered"),
    route("GET", "/v1/stream", READ, "live events as server-sent events"),
    route("GET", "/v1/ws", READ, "the session protocol: live events over a WebSocket"),
    route("GET", "/realtime/v1/websocket", READ, "Supabase Realtime, as supabase-js opens it"),
    route("GET", "/socket/websocket", READ, "the same, as realtime-js opens it by itself"),
    route("POST", "/realtime/v1/api/broadcast", INGEST, "broadcasts on topics of Realtime"),
    route("POST", "/api/broadcast", INGEST, "the same, beside /socket"),
    route(
        "POST",
        "/realtime/v1/api/broadcast/{topic}/events/{event}",
        INGEST,
        "one broadcast, of JSON or any bytes",
    ),
    route("POST", "/api/broadcast/{topic}/events/{event}", INGEST, "the same, beside /socket"),
    route(
        "POST",
        "/v1/tickets",
        KNOWN,
        "a ticket, for sockets and streams that a browser opens without headers",
    ),
    route("GET", "/v1/sessions", READ, "who is connected"),
    route("DELETE", "/v1/sessions/{id}", ADMIN, "close a session"),
    route("GET", "/v1/stats", READ, "everything at a glance"),
    route(
        "GET",
        "/v1/history",
        READ,
        "what was measured in the last day, and what changed meanwhile",
    ),
    route("GET", "/v1/adapters", READ, "every delivery path: how it is, how far, what it has done"),
    route(
        "POST",
        "/v1/adapters/{name}/breaker",
        ADMIN,
        "open or close a breaker, or let it decide",
    ),
    route("GET", "/v1/validation", READ, "how the paths compare with what was committed"),
    route("GET", "/v1/dead-letters", READ, "events that a destination refused for good"),
    route("GET", "/v1/dead-letters/{id}", READ, "one of them"),
    route("DELETE", "/v1/dead-letters/{id}", ADMIN, "delete one of them"),
    route("POST", "/v1/dead-letters/{id}/replay", ADMIN, "send it to its destination again"),
    route("GET", "/v1/validation/rehearsal", ADMIN, "faults that are planted on purpose"),
    route("PUT", "/v1/validation/rehearsal", ADMIN, "plant some, for a while, to see them found"),
    route("DELETE", "/v1/validation/rehearsal", ADMIN, "plant no more"),
    route("GET", "/v1/connect", READ, "which path a client belongs on, why, and how to get there"),
    route(
        "GET",
        "/v1/rollout",
        READ,
        "the share of clients on the realtime path, and what it waits for",
    ),
    route("POST", "/v1/rollout", ADMIN, "advance, pause, resume, rollback, or set the rollout"),
    route("GET", "/v1/rollout/preview", READ, "who would move at another share"),
    route("GET", "/v1/rollout/report", READ, "what the rollout has done, step by step"),
    route("GET", "/v1/audit", ADMIN, "who or what changed how the router works, and why"),
    route("GET", "/v1/flags", READ, "every flag, what follows from them, and contradictions"),
    route("PUT", "/v1/flags/{name}", ADMIN, "set a flag at run time"),
    route("DELETE", "/v1/flags/{name}", ADMIN, "clear what was set at run time"),
    route("GET", "/v1/settings", READ, "every setting in force, and where it comes from"),
    route("POST", "/v1/settings/reload", ADMIN, "read Settings.toml again, now"),
    route("GET", "/v1/ledger", READ, "matched = delivered + dropped + pending"),
    route("GET", "/ws", READ, "dashboards of the original system, over a WebSocket"),
    route("GET", "/events", INGEST, "producers of the original system, over a WebSocket"),
    route("GET", "/status", READ, "who is there, as the original system said it"),
    route("GET", "/health", ANYBODY, "whether all works, as the original system said it"),
    route("GET", "/health/flags", READ, "whether flags contradict each other, likewise"),
    route("GET", "/flags/status", READ, "the flags, under the names they had there"),
    route("GET", "/metrics/validation", READ, "what validation found at ingest, likewise"),
    route("GET", "/metrics/adapter", READ, "what the delivery paths did, likewise"),
    route("POST", "/metrics/flush", ADMIN, "write what waits to be written, and say what was"),
    route("GET", "/livez", ANYBODY, "the process is alive"),
    route("GET", "/readyz", ANYBODY, "events are taken"),
    route("GET", "/metrics", READ, "metrics for Prometheus"),
    route("GET", "/openapi.json", ANYBODY, "this contract, for programs: OpenAPI"),
    route("GET", "/asyncapi.yaml", ANYBODY, "the contract of the sockets: AsyncAPI"),
    route("GET", "/docs", ANYBODY, "this contract, for people"),
    route("GET", "/docs/{file}", ANYBODY, "what that page is made of"),
    route("GET", "/client.js", ANYBODY, "the client for browsers, as an ES module"),
    route("GET", "/assets/{file}", ANYBODY, "what the dashboard is made of"),
    route("GET", "/", ANYBODY, "the dashboard; where to look, for those who do not take HTML"),
];

/// Puts the routes of [`ROUTES`] into an app, all but the sockets: those are upgrades.
pub fn configure(app: &mut web::ServiceConfig) {
    app.configure(events_and_clients).configure(realtime).configure(original);
    app.configure(operate).configure(migrate);
    app.service(resource("/livez").route(get().to(ops::livez)))
        .service(resource("/readyz").route(get().to(ops::readyz)))
        .service(resource("/metrics").route(get().to(ops::metrics)))
        .service(resource("/openapi.json").route(get().to(contract::openapi_json)))
        .service(resource("/asyncapi.yaml").route(get().to(contract::asyncapi_yaml)))
        .service(resource("/docs").route(get().to(contract::page)))
        .service(resource("/docs/{file}").route(get().to(contract::file)))
        .service(resource("/client.js").route(get().to(dashboard::client)))
        .service(resource("/assets/{file}").route(get().to(dashboard::asset)))
        .service(resource("/").route(get().to(dashboard::index)))
        .default_service(web::to(nowhere));
}

/// Events in and out, and whoever is connected.
fn events_and_clients(app: &mut web::ServiceConfig) {
    app.service(
        resource("/v1/events").route(web::post().to(ingest::post)).route(get().to(events::list)),
    )
    .service(resource("/v1/events/{id}").route(get().to(events::one)))
    .service(resource("/v1/events/{id}/trace").route(get().to(event_trace::trace)))
    .service(resource("/v1/stream").route(get().to(stream::stream)))
    .service(resource("/v1/ws").route(get().to(upgrade::expected)))
    .service(resource("/v1/tickets").route(web::post().to(auth::post_ticket)))
    .service(resource("/v1/sessions").route(get().to(ops::sessions)))
    .service(resource("/v1/sessions/{id}").route(web::delete().to(ops::close_session)));
}

/// How the router works, and what can be done about it.
fn operate(app: &mut web::ServiceConfig) {
    app.service(resource("/v1/stats").route(get().to(stats::stats)))
        .service(resource("/v1/history").route(get().to(history::show)))
        .service(resource("/v1/ledger").route(get().to(ledger::ledger)))
        .service(resource("/v1/adapters").route(get().to(adapters::list)))
        .service(resource("/v1/adapters/{name}/breaker").route(web::post().to(adapters::force)))
        .service(resource("/v1/dead-letters").route(get().to(dead_letters::list)))
        .service(
            resource("/v1/dead-letters/{id}")
                .route(get().to(dead_letters::one))
                .route(web::delete().to(dead_letters::delete)),
        )
        .service(
            resource("/v1/dead-letters/{id}/replay").route(web::post().to(dead_letters::replay)),
        )
        .service(resource("/v1/audit").route(get().to(audit::list)))
        .service(resource("/v1/settings").route(get().to(settings::settings)))
        .service(resource("/v1/settings/reload").route(web::post().to(settings::reload)));
}

/// Which events and clients go where, and whether that is well.
fn migrate(app: &mut web::ServiceConfig) {
    app.service(resource("/v1/flags").route(get().to(flags::list)))
        .service(
            resource("/v1/flags/{name}")
                .route(web::put().to(flags::set))
                .route(web::delete().to(flags::clear)),
        )
        .service(resource("/v1/validation").route(get().to(validation::show)))
        .service(
            resource("/v1/validation/rehearsal")
                .route(get().to(rehearsal::show))
                .route(web::put().to(rehearsal::begin))
                .route(web::delete().to(rehearsal::end)),
        )
        .service(resource("/v1/connect").route(get().to(connect::connect)))
        .service(
            resource("/v1/rollout")
                .route(get().to(rollout::show))
                .route(web::post().to(rollout::post)),
        )
        .service(resource("/v1/rollout/preview").route(get().to(rollout::preview)))
        .service(resource("/v1/rollout/report").route(get().to(rollout::report)));
}

/// What clients of Supabase Realtime use.
fn realtime(app: &mut web::ServiceConfig) {
    app.service(resource("/realtime/v1/websocket").route(get().to(upgrade::expected_realtime)))
        .service(resource("/socket/websocket").route(get().to(upgrade::expected_socket)))
        .service(
            resource("/realtime/v1/api/broadcast").route(web::post().to(broadcast::post_realtime)),
        )
        .service(resource("/api/broadcast").route(web::post().to(broadcast::post)))
        .service(
            resource("/realtime/v1/api/broadcast/{topic}/events/{event}")
                .route(web::post().to(broadcast::post_one_realtime)),
        )
        .service(
            resource("/api/broadcast/{topic}/events/{event}")
                .route(web::post().to(broadcast::post_one)),
        );
}

/// What clients of the original system use.
fn original(app: &mut web::ServiceConfig) {
    app.service(resource("/ws").route(get().to(legacy::dashboard)))
        .service(resource("/events").route(get().to(legacy::producer)))
        .service(resource("/status").route(get().to(legacy::status)))
        .service(resource("/health").route(get().to(legacy::health)))
        .service(resource("/health/flags").route(get().to(legacy::flags::flags_health)))
        .service(resource("/flags/status").route(get().to(legacy::flags::flags_status)))
        .service(resource("/metrics/validation").route(get().to(legacy::flags::validation_metrics)))
        .service(resource("/metrics/adapter").route(get().to(legacy::flags::adapter_metrics)))
        .service(resource("/metrics/flush").route(web::post().to(legacy::flags::flush)));
}

/// What is at a path, and what is said where the method is none of it.
fn resource(path: &str) -> Resource {
    web::resource(path).default_service(web::to(method_not_allowed))
}

/// HEAD is GET without the body, which the server leaves out by itself.
fn get() -> actix_web::Route {
    web::route().guard(methods::Any(methods::Get()).or(methods::Head()))
}

async fn nowhere(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let path = request.path();
    Err(Problem::new(
        Code::NotFound,
        format!("there is nothing at {path}; GET / tells where to look"),
    ))
}

async fn method_not_allowed(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let pattern = request.match_pattern().unwrap_or_default();
    let routes = ROUTES.iter().filter(|route| route.path == pattern);
    let allowed = routes.map(|route| match route.method {
        "GET" => "GET, HEAD",
        method => method,
    });
    let allowed = allowed.collect::<Vec<_>>().join(", ");
    let detail = format!("{} is not for {pattern}; use {allowed}", request.method());
    Err(Problem::new(Code::MethodNotAllowed, detail).header(header::ALLOW, &allowed))
}
