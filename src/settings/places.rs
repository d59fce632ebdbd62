//! Names by which the router is reached, and origins of pages that may use it.

use std::{fmt, str::FromStr};

/// A name or address by which clients may call the router, with a port or for every port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName(String);

impl HostName {
    pub(super) const FORM: &'static str = "hosts such as \"events.example.org\" or \"[::1]:8080\"";

    /// Whether it is the one that a `Host` header names.
    #[must_use]
    pub fn is(&self, host: &str) -> bool {
        host.eq_ignore_ascii_case(&self.0) || without_port(host).eq_ignore_ascii_case(&self.0)
    }
}

/// A host without its port, if it has one.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// The text is no host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a host is a name or an address, without a scheme or a path")]
pub struct NotAHost;

impl FromStr for HostName {
    type Err = NotAHost;

    fn from_str(text: &str) -> Result<Self, NotAHost> {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
        let valid = !text.is_empty() && text.chars().all(is_allowed);
        if valid { Ok(Self(text.to_owned())) } else { Err(NotAHost) }
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The origin of a page, as browsers name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebOrigin(String);

impl WebOrigin {
    pub(super) const FORM: &'static str = "origins such as \"https://wall.example.org\"";

    /// As a browser sends it in `Origin`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text is no origin. `*` is none either: a page that may use this router has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an origin is http:// or https:// and a host, without a path")]
pub struct NotAnOrigin;

impl FromStr for WebOrigin {
    type Err = NotAnOrigin;

    fn from_str(text: &str) -> Result<Self, NotAnOrigin> {
        let text = text.to_ascii_lowercase();
        let (scheme, host) = text.split_once("://").ok_or(NotAnOrigin)?;
        let valid = matches!(scheme, "http" | "https") && host.parse::<HostName>().is_ok();
        if valid { Ok(Self(text)) } else { Err(NotAnOrigin) }
    }
}

impl fmt::Display for WebOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which Realtime events are delivered to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RealtimeUrl {
    /// The router's own.
    Builtin,
    /// A project's, such as `https://ref.supabase.co`, without a slash at its end.
    Project(String),
}

impl RealtimeUrl {
    pub(super) const FORM: &'static str =
        "\"builtin\" or a project's URL such as \"https://REF.supabase.co\"";
}

/// The text is no URL of a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be {}", RealtimeUrl::FORM)]
pub struct NotARealtimeUrl;

impl FromStr for RealtimeUrl {
    type Err = NotARealtimeUrl;

    fn from_str(text: &str) -> Result<Self, NotARealtimeUrl> {
        if text == "builtin" {
            return Ok(Self::Builtin);
        }
        let url = reqwest::Url::parse(text).map_err(|_bad| NotARealtimeUrl)?;
        let is_bare = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        if matches!(url.scheme(), "http" | "https") && url.has_host() && is_bare {
            Ok(Self::Project(url.as_str().trim_end_matches('/').to_owned()))
        } else {
            Err(NotARealtimeUrl)
        }
    }
}

impl fmt::Display for RealtimeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Builtin => "builtin",
            Self::Project(url) => url,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_without_a_port_is_meant_for_every_port() {
        let host = |text: &str| text.parse::<HostName>().unwrap();
        assert!(
            host("example.org").is("Example.org:8080") && host("example.org").is("example.org")
        );
        assert!(host("example.org:80").is("example.org:80"));
        assert!(!host("example.org:80").is("example.org:81"));
        assert!(
            !host("example.org").is("a.example.org") && !host("example.org").is("example.orga")
        );
        assert!(host("[::1]").is("[::1]:80") && host("[::1]").is("[::1]"));
    }

    #[test]
    fn what_is_no_host_or_origin_is_refused() {
        for text in ["", "http://a", "a/b", "a b", "*", "a,b"] {
            assert!(text.parse::<HostName>().is_err(), "{text}");
        }
        assert_eq!("HTTPS://A.org".parse::<WebOrigin>().unwrap().as_str(), "https://a.org");
        for text in ["", "*", "null", "a.org", "https://", "https://a/", "ftp://a", "https://*.a"] {
            assert!(text.parse::<WebOrigin>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_project_has_a_url_without_secrets() {
        let url = |text: &str| text.parse::<RealtimeUrl>();
        assert_eq!(url("builtin"), Ok(RealtimeUrl::Builtin));
        for text in ["https://ref.supabase.co", "https://ref.supabase.co/"] {
            assert_eq!(url(text).unwrap().to_string(), "https://ref.supabase.co");
        }
        assert_eq!(
            url("http://127.0.0.1:54321/base/").unwrap().to_string(),
            "http://127.0.0.1:54321/base"
        );
        for text in
            ["", "built-in", "ws://a", "https://", "https://me:secret@a", "https://a?apikey=b"]
        {
            assert_eq!(url(text), Err(NotARealtimeUrl), "{text}");
        }
    }
}
