//! What browsers ask before they let a page of another origin use the router, and what they must be
//! told after it. Closed but for `auth.cors_origins`; there are no cookies, so nothing is said about
//! credentials, and never `*`.

use actix_http::RequestHead;
use actix_web::{
    HttpResponse,
    http::{
        Method,
        header::{self, HeaderMap, HeaderValue},
    },
};

use crate::{http::routes::ROUTES, settings::Settings};

/// Headers of answers that a page may read besides the few it may read anyhow.
const EXPOSED: &str =
    "RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, Location, Link, Allow";
/// How many seconds a browser may remember the answer.
const MAX_AGE: &str = "600";

/// Whether pages of this origin may use the router.
pub(super) fn is_listed(settings: &Settings, origin: &str) -> bool {
    settings.auth.cors_origins.iter().any(|listed| listed.as_str() == origin)
}

/// Whether a browser only asks whether a page may.
#[must_use]
pub fn is_preflight(head: &RequestHead) -> bool {
    let has = |name| head.headers().contains_key(name);
    head.method == Method::OPTIONS
        && has(header::ORIGIN)
        && has(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer to a browser that asks for a page that may.
#[must_use]
pub fn preflight(head: &RequestHead, pattern: Option<&str>) -> HttpResponse {
    let routes = ROUTES.iter().filter(|route| Some(route.path) == pattern);
    let methods: Vec<_> = routes.map(|route| route.method).collect();
    let mut response = HttpResponse::NoContent();
    response.insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, methods.join(", ")));
    response.insert_header((header::ACCESS_CONTROL_MAX_AGE, MAX_AGE));
    if let Some(asked) = head.headers().get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        response.insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone()));
    }
    response.finish()
}

/// Tells a browser in the headers of an answer that the page may read it, if so.
pub fn tell(settings: &Settings, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
    if settings.auth.cors_origins.is_empty() {
        return;
    }
    // What is remembered for one origin is not for another.
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    let Some(origin) = origin else { return };
    if origin.to_str().is_ok_and(|origin| is_listed(settings, origin)) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        let exposed = HeaderValue::from_static(EXPOSED);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }
}
