//! Who may speak to the router at all: the same check for every request and every upgrade.
//!
//! In open mode the router listens on loopback only, and yet any web page that a browser on this
//! machine shows can reach it. So the `Host` must be a name of this machine (which a page that
//! rebinds its own name does not have), and an `Origin`, which browsers send with everything that
//! could do harm, must be the router's own.

use std::net::{IpAddr, Ipv6Addr};

use actix_web::http::header::{self, HeaderMap};

use super::problem::{Code, Problem};

/// Lets a request pass, or says why not.
///
/// # Errors
/// When the request is not for this machine, or comes from a page of another origin.
pub fn admit(headers: &HeaderMap) -> Result<(), Problem> {
    let host = text(headers, &header::HOST).unwrap_or_default();
    if !is_loopback(host) {
        let detail = "the Host must be localhost or a loopback address: the router is open to \
                      this machine only";
        return Err(Problem::new(Code::HostNotAllowed, detail));
    }
    if !headers.contains_key(header::ORIGIN) {
        return Ok(());
    }
    let origin = text(headers, &header::ORIGIN).and_then(|origin| origin.strip_prefix("http://"));
    if origin.is_some_and(|origin| origin.eq_ignore_ascii_case(host)) {
        return Ok(());
    }
    let detail = "pages of other origins may not use this router";
    Err(Problem::new(Code::OriginNotAllowed, detail))
}

fn text<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> Option<&'a str> {
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
        admit(&headers(host, origin)).err().map(|problem| problem.code())
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
        assert!(admit(&HeaderMap::new()).is_err());
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
}
