//! Who may speak to the router at all, and do what: the same check for every request of the app and
//! every upgrade.
//!
//! With `auth.mode = "open"` the router listens on loopback only, and yet any web page that a
//! browser on this machine shows can reach it. So the `Host` must be a name of this machine (which a
//! page that rebinds its own name does not have), and an `Origin`, which browsers send with
//! everything that could do harm, must be the router's own or one of `auth.cors_origins`. With
//! tokens, the `Host` may be any of `server.hosts`.

pub mod cors;

use std::net::{IpAddr, Ipv6Addr};

use actix_http::RequestHead;
use actix_web::http::{
    Method, StatusCode,
    header::{self, HeaderMap, HeaderName},
};
use chrono::Utc;

use super::{
    Caller, Router,
    door::Door,
    limits::Account,
    problem::{Code, Problem},
    routes::ROUTES,
};
use crate::{
    core::access::{ClientKey, Identity, Need, Scope},
    settings::{AuthMode, Settings},
};

/// Lets a request that comes by this door to the route with this pattern pass, as whom; or says why
/// not.
///
/// # Errors
/// When it is not for this router, comes from a page of another origin, shows no good credentials,
/// may not do what it asks for, or goes beyond a limit.
pub fn admit(
    router: &Router,
    door: Door,
    head: &RequestHead,
    pattern: Option<&str>,
) -> Result<Caller, Problem> {
    let admitted = check_place(&router.settings(), head.headers()).and_then(|()| match door {
        Door::Public => caller(router, head, pattern),
        Door::Private => private_caller(router, head, pattern),
    });
    if let Err(problem) = &admitted
        && problem.code().status() != StatusCode::TOO_MANY_REQUESTS
    {
        router.metrics.access_refused_total.with([problem.code().as_str()]).increment(1);
    }
    admitted
}

/// Who asks, if it may ask for that, and now.
fn caller(router: &Router, head: &RequestHead, pattern: Option<&str>) -> Result<Caller, Problem> {
    let need = need(&head.method, pattern);
    let identity = router.auth.identify(head, pattern, Utc::now());
    // Whoever guesses tokens is held by its address.
    let key = client_key(head, identity.as_ref().ok());
    let account = router.limits.request(key, pattern)?;
    let identity = match identity {
        Ok(identity) => router.auth.authorize(&identity, pattern, need).map(|()| identity),
        // What is for everybody is also for those with a token of yesterday.
        Err(_) if need == Need::Nothing => Ok(Identity::nobody()),
        Err(problem) => Err(problem),
    };
    match identity {
        Ok(identity) => Ok(Caller { identity, account, door: Door::Public }),
        Err(problem) => Err(router.limits.tell_problem(&account, problem)),
    }
}

/// The router itself, which is charged for nothing.
fn private_caller(
    router: &Router,
    head: &RequestHead,
    pattern: Option<&str>,
) -> Result<Caller, Problem> {
    let identity = router.auth.private_key().identify(head)?;
    if pattern.is_some_and(|pattern| !Door::Private.leads_to(pattern)) {
        return Err(Problem::new(Code::NotFound, "there is nothing of that here"));
    }
    Ok(Caller { identity, account: Account::exempt(), door: Door::Private })
}

/// What a request needs. A resource that the table of routes does not know is closed to all but
/// operators: whoever adds one must say whom it is for.
fn need(method: &Method, pattern: Option<&str>) -> Need {
    let method = if *method == Method::HEAD { &Method::GET } else { method };
    let mut resource = ROUTES.iter().filter(|route| Some(route.path) == pattern).peekable();
    if pattern.is_some() && resource.peek().is_none() {
        return Need::Scope(Scope::Admin);
    }
    // No such method, or nothing there: that may be told to everybody.
    resource.find(|route| route.method == method).map_or(Need::Nothing, |route| route.need)
}

fn client_key(head: &RequestHead, identity: Option<&Identity>) -> ClientKey {
    // A key that allows nothing is one that everybody has, and no name of anybody.
    let somebody = identity.filter(|identity| !identity.scopes.is_empty());
    if let Some(name) = somebody.and_then(|identity| identity.name.clone()) {
        return ClientKey::Named(name);
    }
    match head.peer_addr.map(|peer| peer.ip()) {
        Some(IpAddr::V4(address)) => ClientKey::V4(address.octets()),
        Some(IpAddr::V6(address)) => ClientKey::v6(address.octets()),
        None => ClientKey::Unknown,
    }
}

/// Whether a request is for this router, and from a page that may use it if from any.
pub(super) fn check_place(settings: &Settings, headers: &HeaderMap) -> Result<(), Problem> {
    let host = text(headers, &header::HOST).unwrap_or_default();
    check_host(settings, host)?;
    if !headers.contains_key(header::ORIGIN) {
        return Ok(());
    }
    let origin = text(headers, &header::ORIGIN).unwrap_or_default();
    if is_own(settings, origin, host) || cors::is_listed(settings, origin) {
        return Ok(());
    }
    let detail = "pages of other origins may not use this router: see auth.cors_origins";
    Err(Problem::new(Code::OriginNotAllowed, detail))
}

fn check_host(settings: &Settings, host: &str) -> Result<(), Problem> {
    let hosts = &settings.server.hosts;
    let (allowed, detail) = match settings.auth.mode {
        AuthMode::Open => (
            is_loopback(host),
            "the Host must be localhost or a loopback address: the router is open to this machine \
             only",
        ),
        AuthMode::Token | AuthMode::Jwt => (
            hosts.is_empty() || is_loopback(host) || hosts.iter().any(|name| name.is(host)),
            "the Host is none of server.hosts",
        ),
    };
    if allowed {
        return Ok(());
    }
    Err(Problem::new(Code::HostNotAllowed, detail))
}

/// Whether a page comes from the router itself; where it may be reached from elsewhere, something
/// before it may speak TLS.
fn is_own(settings: &Settings, origin: &str, host: &str) -> bool {
    let Some((scheme, name)) = origin.split_once("://") else { return false };
    let is_scheme = match settings.auth.mode {
        AuthMode::Open => scheme == "http",
        AuthMode::Token | AuthMode::Jwt => matches!(scheme, "http" | "https"),
    };
    is_scheme && name.eq_ignore_ascii_case(host)
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Whether `host`, with or without a port, names this machine's loopback.
fn is_loopback(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, port)) => {
                return address.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback())
                    && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port));
            }
            None => return false,
        },
        None => host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port))),
    };
    port.is_none_or(is_port)
        && (name.eq_ignore_ascii_case("localhost")
            || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()))
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn headers(host: &'static str, origin: Option<&'static str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static(host));
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
        }
        headers
    }

    fn code(host: &'static str, origin: Option<&'static str>) -> Option<Code> {
        code_with(&Settings::default(), host, origin)
    }

    fn code_with(
        settings: &Settings,
        host: &'static str,
        origin: Option<&'static str>,
    ) -> Option<Code> {
        check_place(settings, &headers(host, origin)).err().map(|problem| problem.code())
    }

    #[test]
    fn only_this_machine_is_the_host() {
        for host in ["localhost", "LOCALHOST:8080", "127.0.0.1:1", "127.9.9.9", "[::1]", "[::1]:80"]
        {
            assert_eq!(code(host, None), None, "{host}");
        }
        for host in [
            "",
            "example.org",
            "localhost.example.org",
            "127.0.0.1.example.org:8080",
            "10.0.0.1",
            "[::2]:80",
            "[::1]x",
            "[::1",
            "localhost:x",
            "0.0.0.0",
        ] {
            assert_eq!(code(host, None), Some(Code::HostNotAllowed), "{host}");
        }
        assert!(check_place(&Settings::default(), &HeaderMap::new()).is_err());
    }

    #[test]
    fn only_the_routers_own_pages_may_speak() {
        assert_eq!(code("localhost:80", Some("http://localhost:80")), None);
        for origin in ["null", "http://localhost:81", "https://localhost:80", "http://a.org", ""] {
            assert_eq!(
                code("localhost:80", Some(origin)),
                Some(Code::OriginNotAllowed),
                "{origin}"
            );
        }
    }

    #[test]
    fn with_tokens_the_host_is_any_or_of_the_list_and_pages_may_come_by_tls() {
        let mut settings = Settings::default();
        settings.auth.mode = AuthMode::Token;
        let own = Some("https://a.org");
        assert_eq!(code_with(&settings, "a.org", own), None);
        assert_eq!(
            code_with(&settings, "a.org", Some("https://b.org")),
            Some(Code::OriginNotAllowed)
        );
        settings.server.hosts = vec!["a.org".parse().unwrap()];
        settings.auth.cors_origins = vec!["https://b.org".parse().unwrap()];
        assert_eq!(code_with(&settings, "a.org:8080", Some("https://b.org")), None);
        assert_eq!(code_with(&settings, "127.0.0.1:8080", None), None, "this machine itself");
        assert_eq!(code_with(&settings, "b.org", None), Some(Code::HostNotAllowed));
    }

    #[test]
    fn a_resource_that_is_in_no_table_is_closed() {
        assert_eq!(need(&Method::GET, Some("/v1/secret")), Need::Scope(Scope::Admin));
        assert_eq!(need(&Method::GET, None), Need::Nothing);
        assert_eq!(need(&Method::HEAD, Some("/v1/events")), Need::Scope(Scope::Read));
        assert_eq!(need(&Method::POST, Some("/v1/events")), Need::Scope(Scope::Ingest));
        assert_eq!(need(&Method::PUT, Some("/v1/events")), Need::Nothing);
    }
}
