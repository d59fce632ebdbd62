//! The contract, for programs: OpenAPI, made of what stands at the handlers, and AsyncAPI for the
//! sockets, which is written by hand and compared with the code.
//!
//! An operation is described where it is handled, by `#[utoipa::path]`, and named in `Contract`.
//! What is the same for all is added here: summaries and security from the route table, and the
//! problems that the guard answers.

mod page;
mod problems;
pub mod schemas;

use std::sync::LazyLock;

use actix_web::HttpResponse;
use bytes::Bytes;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        self, RefOr, Schema,
        path::Operation,
        schema::AdditionalProperties,
        security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};

pub use page::{__path_file, __path_page, file, page};
pub(super) use problems::{problems, responses};

use self::schemas::NewEvent;
use super::{
    adapters, audit, auth, broadcast, connect, dashboard, dead_letters, event_trace, events, flags,
    history, ingest, ledger, legacy, ops,
    problem::{Body, Code, FaultBody, Outcome},
    rehearsal, rollout,
    routes::{ROUTES, Route},
    settings, stats, stream, upgrade, validation,
};
use crate::core::{access::Need, event::Category};

/// What is answered wherever somebody must be known.
const KNOWN: [Code; 2] = [Code::Unauthenticated, Code::NotAllowed];
/// What the guard answers, whatever the route.
const EVERYWHERE: [Code; 6] = [
    Code::BadHttp,
    Code::OriginNotAllowed,
    Code::HeadTimeout,
    Code::HostNotAllowed,
    Code::TooManyRequests,
    Code::HeadTooLarge,
];

/// The name of the security scheme.
const TOKEN: &str = "token";

#[derive(OpenApi)]
#[openapi(
    info(title = "Signalbox", description = include_str!("openapi.md"), license(name = "MIT", identifier = "MIT")),
    tags(
        (name = "events", description = "Events, in and out."),
        (name = "sessions", description = "Who is connected."),
        (name = "realtime", description = "What clients of Supabase Realtime use."),
        (name = "access", description = "Who may do what."),
        (name = "operating", description = "Health, numbers, and whether they add up."),
        (name = "legacy", description = "What clients of the original system use."),
        (name = "contract", description = "This description, and that of the sockets."),
    ),
    paths(
        ingest::post, events::list, events::one, event_trace::trace, stream::stream,
        upgrade::expected, upgrade::expected_realtime, upgrade::expected_socket, broadcast::post,
        broadcast::post_realtime, broadcast::post_one, broadcast::post_one_realtime,
        auth::post_ticket, ops::sessions, ops::close_session,
        stats::stats, history::show, adapters::list, adapters::force, validation::show, dead_letters::list, dead_letters::one, dead_letters::delete,
        rehearsal::show, rehearsal::begin, rehearsal::end,
        dead_letters::replay, audit::list,
        connect::connect, rollout::show, rollout::post, rollout::preview, rollout::report,
        flags::list, flags::set, flags::clear, settings::settings, settings::reload, ledger::ledger,
        legacy::dashboard, legacy::producer, legacy::status, legacy::health,
        legacy::flags::flags_health, legacy::flags::flags_status, legacy::flags::validation_metrics,
        legacy::flags::adapter_metrics, legacy::flags::flush,
        ops::livez, ops::readyz, ops::metrics,
        openapi_json, asyncapi_yaml, page, file, dashboard::client, dashboard::asset, dashboard::index,
    ),
    components(schemas(Body, Category, FaultBody, flags::FlagName, NewEvent, Outcome)),
    modifiers(&FromRoutes),
)]
struct Contract;

/// The whole contract of what speaks HTTP.
#[must_use]
pub fn openapi() -> openapi::OpenApi {
    Contract::openapi()
}

/// The contract of what speaks over sockets.
pub const ASYNCAPI: &str = include_str!("../../../docs/asyncapi.yaml");

/// This contract.
#[utoipa::path(
    get, path = "/openapi.json", operation_id = "get_openapi", tag = "contract",
    responses((status = 200, description = "OpenAPI 3.1.", body = Object))
)]
pub async fn openapi_json() -> HttpResponse {
    static BODY: LazyLock<Bytes> = LazyLock::new(|| openapi().to_json().unwrap_or_default().into());
    HttpResponse::Ok().content_type("application/json").body(BODY.clone())
}

/// The contract of the sockets.
#[utoipa::path(
    get, path = "/asyncapi.yaml", operation_id = "get_asyncapi", tag = "contract",
    responses((
        status = 200, description = "AsyncAPI 3.", body = Object, content_type = "application/yaml",
    ))
)]
pub async fn asyncapi_yaml() -> HttpResponse {
    HttpResponse::Ok().content_type("application/yaml").body(ASYNCAPI)
}

/// Bodies of several forms, none of which has other members than it says: what describes a form knows
/// no way to say that beside what tells the forms apart.
const CLOSED: [&str; 1] = ["RolloutRequest"];

/// What the route table and the guard say about every operation.
struct FromRoutes;

impl Modify for FromRoutes {
    fn modify(&self, openapi: &mut openapi::OpenApi) {
        for route in ROUTES {
            if let Some(operation) = operation(openapi, route) {
                complete(operation, route);
            }
        }
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("A token of the router's settings, or a JSON Web Token."));
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme(TOKEN, SecurityScheme::Http(bearer.build()));
        for name in CLOSED {
            if let Some(body) = components.schemas.get_mut(name) {
                close(body);
            }
        }
    }
}

/// No form of it has other members.
fn close(body: &mut RefOr<Schema>) {
    let RefOr::T(Schema::OneOf(forms)) = body else { return };
    for form in &mut forms.items {
        if let RefOr::T(Schema::Object(form)) = form {
            form.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
        }
    }
}

/// The operation of a route; nothing when it is not described.
fn operation<'a>(openapi: &'a mut openapi::OpenApi, route: &Route) -> Option<&'a mut Operation> {
    let item = openapi.paths.paths.get_mut(route.path)?;
    let operation = match route.method {
        "GET" => &mut item.get,
        "POST" => &mut item.post,
        "PUT" => &mut item.put,
        "DELETE" => &mut item.delete,
        _ => return None,
    };
    operation.as_mut()
}

fn complete(operation: &mut Operation, route: &Route) {
    operation.summary = Some(route.what.to_owned());
    // What follows is for readers of the code.
    let description = operation.description.take().unwrap_or_default();
    let description = description.split("# Errors").next().unwrap_or_default().trim();
    operation.description = (!description.is_empty()).then(|| description.to_owned());
    let (refusals, scopes): (&[Code], Option<Vec<String>>) = match route.need {
        Need::Nothing => (&[], None),
        Need::Identity => (&KNOWN, Some(Vec::new())),
        Need::Scope(scope) => (&KNOWN, Some(vec![scope.to_string()])),
    };
    problems::add(operation, &[&EVERYWHERE, refusals].concat());
    let requirement = |scopes| SecurityRequirement::new(TOKEN, scopes);
    operation.security = Some(scopes.map(requirement).into_iter().collect());
}
