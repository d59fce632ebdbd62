//! Everything that speaks HTTP. [`ROUTES`] is the whole surface; each noun has its file.

pub mod budget;
pub mod events;
pub mod guard;
pub mod in_flight;
pub mod ingest;
pub mod legacy;
pub mod ops;
pub mod problem;
pub mod server;
pub mod upgrade;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Instant,
};

use actix::Addr;
use actix_http::ConnectionType;
use actix_web::{
    Error, HttpRequest, HttpResponse, ResponseError,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    guard as methods,
    http::{Method, StatusCode, header},
    middleware::Next,
    web,
};

use self::{budget::Budget, in_flight::InFlight, problem::Problem};
use crate::{
    actors::{broadcaster::Broadcaster, journal::Journal, legacy::board::Board},
    core::tail::SharedTail,
    settings::Settings,
    storage::Storage,
    telemetry::Metrics,
};

/// What every request can reach.
pub struct Router {
    /// The settings in force.
    pub settings: Settings,
    /// Where events are read.
    pub storage: Arc<dyn Storage>,
    /// Where events go.
    pub journal: Addr<Journal>,
    /// Who is connected.
    pub broadcaster: Addr<Broadcaster>,
    /// The newest events.
    pub tail: Arc<SharedTail>,
    /// What clients of the old protocol are shown.
    pub legacy: Arc<Board>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Open sessions, to be held under `session.max_sessions`.
    pub sessions: AtomicUsize,
    /// Requests that are being answered.
    pub requests: InFlight,
    /// Bytes of bodies that are being received and read.
    pub bodies: Budget,
    /// Set when the router stops: nothing new is taken.
    pub draining: AtomicBool,
    /// When the router started.
    pub started: Instant,
}

impl Router {
    /// Whether the router is stopping.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    fn count(&self, route: &str, method: &Method, status: StatusCode) {
        let labels = [route, known_method(method.as_str()), status.as_str()];
        self.metrics.http_requests_total.with(labels).increment(1);
    }

    /// Whether there are sessions, or requests without an answer.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.requests.count() > 0 || self.sessions.load(Ordering::Relaxed) > 0
    }
}

/// A route, for the documentation and the tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The method.
    pub method: &'static str,
    /// The pattern of the path.
    pub path: &'static str,
    /// What it is for.
    pub what: &'static str,
}

const fn route(method: &'static str, path: &'static str, what: &'static str) -> Route {
    Route { method, path, what }
}

/// Every route.
pub const ROUTES: &[Route] = &[
    route(
        "POST",
        "/v1/events",
        "one event, an array, NDJSON, or CloudEvents; 202 once they are committed",
    ),
    route("GET", "/v1/events", "events read back, by place, time, type, source and category"),
    route("GET", "/v1/events/{id}", "one event"),
    route("GET", "/v1/ws", "the session protocol: live events over a WebSocket"),
    route("GET", "/v1/sessions", "who is connected"),
    route("DELETE", "/v1/sessions/{id}", "close a session"),
    route("GET", "/v1/stats", "everything at a glance"),
    route("GET", "/v1/ledger", "matched = delivered + dropped + pending"),
    route("GET", "/ws", "dashboards of the original system, over a WebSocket"),
    route("GET", "/events", "producers of the original system, over a WebSocket"),
    route("GET", "/status", "who is there, as the original system said it"),
    route("GET", "/health", "whether all works, as the original system said it"),
    route("GET", "/livez", "the process is alive"),
    route("GET", "/readyz", "events are taken"),
    route("GET", "/metrics", "metrics for Prometheus"),
    route("GET", "/", "where to look"),
];

/// Puts the routes of [`ROUTES`] into an app, all but the sockets: those are upgrades.
pub fn configure(app: &mut web::ServiceConfig) {
    let resource = |path| web::resource(path).default_service(web::to(method_not_allowed));
    // HEAD is GET without the body, which the server leaves out by itself.
    let get = || web::route().guard(methods::Any(methods::Get()).or(methods::Head()));
    app.service(
        resource("/v1/events").route(web::post().to(ingest::post)).route(get().to(events::list)),
    )
    .service(resource("/v1/events/{id}").route(get().to(events::one)))
    .service(resource("/v1/ws").route(get().to(upgrade::expected)))
    .service(resource("/v1/sessions").route(get().to(ops::sessions)))
    .service(resource("/v1/sessions/{id}").route(web::delete().to(ops::close_session)))
    .service(resource("/v1/stats").route(get().to(ops::stats)))
    .service(resource("/v1/ledger").route(get().to(ops::ledger)))
    .service(resource("/ws").route(get().to(upgrade::expected)))
    .service(resource("/events").route(get().to(upgrade::expected)))
    .service(resource("/status").route(get().to(legacy::status)))
    .service(resource("/health").route(get().to(legacy::health)))
    .service(resource("/livez").route(get().to(ops::livez)))
    .service(resource("/readyz").route(get().to(ops::readyz)))
    .service(resource("/metrics").route(get().to(ops::metrics)))
    .service(resource("/").route(get().to(ops::index)))
    .default_service(web::to(nowhere));
}

async fn nowhere(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let path = request.path();
    Err(Problem::not_found(format!("there is nothing at {path}; GET / tells where to look")))
}

async fn method_not_allowed(request: HttpRequest) -> HttpResponse {
    let pattern = request.match_pattern().unwrap_or_default();
    let routes = ROUTES.iter().filter(|route| route.path == pattern);
    let allowed = routes.map(|route| match route.method {
        "GET" => "GET, HEAD",
        method => method,
    });
    let allowed = allowed.collect::<Vec<_>>().join(", ");
    let status = StatusCode::METHOD_NOT_ALLOWED;
    let detail = format!("{} is not for {pattern}; use {allowed}", request.method());
    let problem = Problem::new(status, "method_not_allowed", detail);
    let mut response = problem.error_response();
    if let Ok(allowed) = allowed.parse() {
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    response
}

/// Lets no request pass that [`guard::admit`] refuses, and counts all.
///
/// # Errors
/// What the next service fails with.
pub async fn watch(
    router: web::Data<Router>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse, Error> {
    let (began, answering) = (Instant::now(), router.requests.begin());
    let method = request.method().clone();
    let mut response = match guard::admit(request.headers()) {
        Ok(()) => next.call(request).await?.map_into_boxed_body(),
        Err(problem) => request.error_response(problem),
    };
    let pattern = response.request().match_pattern();
    let route = pattern.as_deref().unwrap_or("none");
    router.count(route, &method, response.status());
    router.metrics.http_request_seconds.with([route]).record(began.elapsed());
    if router.is_draining() {
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    Ok(response.map_body(|_, body| answering.until_sent(body)))
}

/// A method for a label: whatever a client makes up is `other`.
fn known_method(method: &str) -> &'static str {
    let known = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
    known.into_iter().find(|known| *known == method).unwrap_or("other")
}
