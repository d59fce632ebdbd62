//! Everything that speaks HTTP. [`routes::ROUTES`] is the whole surface; each noun has its file.

pub mod adapters;
pub mod audit;
pub mod auth;
pub mod broadcast;
pub mod budget;
pub mod connect;
pub mod connection;
pub mod contract;
pub mod dashboard;
pub mod dead_letters;
pub mod door;
pub mod event_trace;
pub mod events;
pub mod flags;
pub mod guard;
pub mod history;
pub mod in_flight;
pub mod ingest;
pub mod ledger;
pub mod legacy;
pub mod limits;
pub mod ops;
pub mod problem;
pub mod query;
pub mod rehearsal;
pub mod rollout;
mod room;
pub mod routes;
pub mod server;
pub mod settings;
pub mod stats;
pub mod stream;
pub mod trace;
pub mod upgrade;
pub mod validation;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Instant,
};

use actix::{Addr, Handler, Message};
use actix_http::ConnectionType;
use actix_web::{
    Error, HttpMessage,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{Method, StatusCode, header},
    middleware::Next,
    web,
};
use arc_swap::ArcSwap;
use tokio::sync::Mutex;

use self::{
    adapters::Delivery,
    auth::Authenticator,
    budget::Budget,
    connection::Pace,
    door::Door,
    guard::cors,
    history::Past,
    in_flight::InFlight,
    ingest::Idempotent,
    ledger::LedgerState,
    limits::{Account, Limits},
    problem::{Code, Problem},
    rollout::RolloutDesk,
};
use crate::{
    actors::{
        broadcaster::Broadcaster,
        journal::{Journal, PublishError},
        legacy::board::Board,
        validator::Validator,
    },
    adapters::rehearsal::Rehearsals,
    core::{access::Identity, tail::SharedTail},
    realtime::{self, topics::Topics},
    settings::{LiveSettings, Snapshot},
    storage::Storage,
    tasks::reloader::Reloader,
    telemetry::{Metrics, Traces},
};

/// What every request can reach.
pub struct Router {
    /// The settings in force, read by [`Router::settings`].
    pub live: Arc<LiveSettings>,
    /// Who changes them.
    pub reloader: Arc<Reloader>,
    /// Where events are read.
    pub storage: Arc<dyn Storage>,
    /// Where events go.
    pub journal: Addr<Journal>,
    /// Who is connected.
    pub broadcaster: Addr<Broadcaster>,
    /// Who compares the delivery paths.
    pub validator: Addr<Validator>,
    /// Faults that are planted on purpose, if any are.
    pub rehearsals: Arc<Rehearsals>,
    /// The delivery paths, read by [`Router::delivery`].
    pub delivery: Arc<ArcSwap<Delivery>>,
    /// Held by the one who replays a dead letter.
    pub replays: Mutex<()>,
    /// Where clients belong, and who moves them.
    pub rollout: RolloutDesk,
    /// The newest events.
    pub tail: Arc<SharedTail>,
    /// The topics of the built-in Realtime.
    pub topics: Arc<Topics>,
    /// What clients of the old protocol are shown.
    pub legacy: Arc<Board>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Where spans are made, if they are asked for.
    pub traces: Option<Arc<Traces>>,
    /// How callers are known.
    pub auth: Authenticator,
    /// How much each may take.
    pub limits: Arc<Limits>,
    /// Open sessions, to be held under `session.max_sessions`.
    pub sessions: AtomicUsize,
    /// Requests that are being answered.
    pub requests: InFlight,
    /// Bytes of bodies that are being received and read.
    pub bodies: Budget,
    /// Requests that had an `Idempotency-Key`.
    pub idempotent: Idempotent,
    /// What was measured in the last day.
    pub history: Past,
    /// Whether it all adds up, as far as was looked.
    pub ledger: LedgerState,
    /// Set when the router stops: nothing new is taken.
    pub draining: AtomicBool,
    /// When the router started.
    pub started: Instant,
}

impl Router {
    /// The settings in force: ask once a request.
    #[must_use]
    pub fn settings(&self) -> Arc<Snapshot> {
        self.live.load()
    }

    /// The delivery paths as they are now.
    #[must_use]
    pub fn delivery(&self) -> Arc<Delivery> {
        self.delivery.load_full()
    }

    /// Whether the router is stopping.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Why nothing new is taken by a router that stops, and when to come to the next one.
    #[must_use]
    pub fn stopping(&self) -> Problem {
        let after = self.settings().server.reconnect_window;
        Problem::new(Code::ShuttingDown, "the router is shutting down").after(after)
    }

    /// Has the journal write something; what is not answered in time, or by a journal that is gone,
    /// may be written all the same.
    ///
    /// # Errors
    /// Why it is not written, or may not be.
    pub async fn write<M, T>(&self, what: M) -> Result<T, PublishError>
    where
        M: Message<Result = Result<T, PublishError>> + Send + 'static,
        T: Send + 'static,
        Journal: Handler<M>,
    {
        let within = self.settings().journal.answer_timeout;
        match tokio::time::timeout(within, self.journal.send(what)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Err(PublishError::Unknown),
        }
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

/// Who was let in. Handlers find it in the request, as `web::ReqData<Caller>`.
#[derive(Clone)]
pub struct Caller {
    /// What it is known as, and may do.
    pub identity: Identity,
    /// What it takes is charged to.
    pub account: Account,
    /// By which listener it comes.
    pub door: Door,
}

impl Caller {
    /// Who acts, for the audit log and for those who ask later.
    #[must_use]
    pub fn name(&self) -> &str {
        self.identity.name.as_deref().unwrap_or("anybody")
    }
}

/// Lets no request pass that [`guard::admit`] refuses, and counts all but the router's own.
///
/// # Errors
/// What the next service fails with.
pub async fn watch(
    router: web::Data<Router>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse, Error> {
    let pace = request.conn_data::<Pace>();
    let (began, answering) = (Instant::now(), (router.requests.begin(), pace.map(Pace::begin)));
    let door = request.app_data::<Door>().copied().unwrap_or_default();
    if door == Door::Private {
        let pattern = request.resource_map().match_pattern(request.match_info().as_str());
        let (response, _) = answer(&router, door, request, pattern.as_deref(), next).await?;
        return Ok(response.map_body(|_, body| in_flight::until_sent(body, answering)));
    }
    let method = request.method().clone();
    let span = trace::begin(&router, &method, request.headers());
    trace::remember(&request, span.as_ref());
    let origin = request.headers().get(header::ORIGIN).cloned();
    // Of the path as it will be routed: what is escaped in the URL is not escaped any more.
    let pattern = request.resource_map().match_pattern(request.match_info().as_str());
    let (mut response, account) = answer(&router, door, request, pattern.as_deref(), next).await?;
    cors::tell(&router.settings(), origin.as_ref(), response.headers_mut());
    router.limits.tell(account.as_ref(), response.headers_mut());
    let route = pattern.as_deref().unwrap_or("none");
    router.count(route, &method, response.status());
    if let Some(span) = span {
        span.answered(pattern.as_deref(), response.status().as_u16());
    }
    let took = began.elapsed();
    router.metrics.http_request_seconds.with([route]).record(took);
    router.metrics.stats.answered(took, response.status().is_server_error());
    if router.is_draining() {
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    Ok(response.map_body(|_, body| in_flight::until_sent(body, answering)))
}

/// Answers a request: itself, or by whoever is next; with the account of who was let in.
async fn answer(
    router: &Router,
    door: Door,
    mut request: ServiceRequest,
    pattern: Option<&str>,
    next: Next<impl MessageBody + 'static>,
) -> Result<(ServiceResponse, Option<Account>), Error> {
    if cors::is_preflight(request.head())
        && guard::check_place(&router.settings(), request.headers()).is_ok()
    {
        let response = cors::preflight(request.head(), pattern);
        return Ok((request.into_response(response), None));
    }
    match guard::admit(router, door, request.head(), pattern) {
        Ok(caller) => {
            let account = caller.account.clone();
            request.extensions_mut().insert(caller);
            Ok((next.call(request).await?.map_into_boxed_body(), Some(account)))
        }
        Err(problem) => {
            let deadline = Instant::now() + router.settings().limits.body_timeout;
            ingest::drain(&mut request.take_payload(), deadline.into()).await;
            let problem = match pattern {
                Some(pattern) if realtime::is_route(pattern) => problem.for_realtime(),
                _ => problem,
            };
            Ok((request.error_response(problem), None))
        }
    }
}

/// A method for a label: whatever a client makes up is `other`.
fn known_method(method: &str) -> &'static str {
    let known = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
    known.into_iter().find(|known| *known == method).unwrap_or("other")
}
