//! The router's two listeners. Clients come by the public one. By the private one, on a port of
//! loopback that nobody is told of, the router speaks to its own built-in Realtime as it
//! would to any other, and its probe listens to a session as any client does, over real sockets.
//!
//! Whoever comes by the private one must show a key that is made at each start, whatever
//! `auth.mode` says. Nothing there is counted as a client's: no limit holds it up, it is no session
//! in any list, and it goes on while the router stops, so that what is on its way can be finished.

use std::fmt::Write as _;

use actix_http::RequestHead;
use subtle::ConstantTimeEq;

use super::{
    auth::{self, NoRandomness},
    problem::{Code, Problem},
};
use crate::{
    core::access::{Identity, Scopes},
    realtime,
    settings::Secret,
};

/// By which listener a request comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Door {
    /// The one of `server.bind`.
    #[default]
    Public,
    /// The router's own.
    Private,
}

impl Door {
    /// Whether a route, by its pattern, is behind it.
    #[must_use]
    pub fn leads_to(self, pattern: &str) -> bool {
        let is_own = |pattern: &str| ["/v1/ws", "/livez"].contains(&pattern);
        self == Self::Public || realtime::is_route(pattern) || is_own(pattern)
    }
}

/// The key of the private listener. Good for one life of the router.
#[derive(Debug)]
pub struct PrivateKey(Secret);

impl PrivateKey {
    /// A new one.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn mint() -> Result<Self, NoRandomness> {
        let mut text = String::with_capacity(64);
        for byte in auth::random::<32>()? {
            // A string takes whatever is written.
            write!(text, "{byte:02x}").unwrap_or_default();
        }
        Ok(Self(Secret::new(text)))
    }

    /// The key, for whom it is made.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.0
    }

    /// Who asks at the private listener: the router, or nobody.
    ///
    /// # Errors
    /// When the key is not shown.
    pub fn identify(&self, head: &RequestHead) -> Result<Identity, Problem> {
        let shown = realtime::gate::shown(head).unwrap_or_default();
        if bool::from(shown.as_bytes().ct_eq(self.0.expose().as_bytes())) {
            return Ok(Identity {
                name: Some("signalbox".into()),
                scopes: Scopes::ALL,
                expires_at: None,
            });
        }
        Err(Problem::new(Code::Unauthenticated, "here the router speaks to itself only"))
    }
}

#[cfg(test)]
mod tests {
    use actix_http::header::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn only_its_own_key_is_known_wherever_realtime_keys_are_shown() {
        let key = PrivateKey::mint().unwrap();
        let text = key.secret().expose().to_owned();
        assert_eq!(text.len(), 64);
        assert_ne!(text, PrivateKey::mint().unwrap().secret().expose());
        assert!(!format!("{key:?}").contains(&text));
        let identify = |name: &'static str, value: &str| {
            let mut head = RequestHead::default();
            let value = HeaderValue::from_str(value).unwrap();
            head.headers_mut().insert(HeaderName::from_static(name), value);
            key.identify(&head)
        };
        for (name, value) in [
            ("apikey", text.clone()),
            ("x-api-key", text.clone()),
            ("authorization", format!("Bearer {text}")),
        ] {
            assert_eq!(identify(name, &value).unwrap().scopes, Scopes::ALL, "{name}");
        }
        for value in ["", "any", &text[1..], &format!("{text}0")] {
            let refused = identify("apikey", value).unwrap_err();
            assert_eq!(refused.code(), Code::Unauthenticated, "{value}");
        }
        assert!(key.identify(&RequestHead::default()).is_err());
    }

    #[test]
    fn behind_the_private_door_there_is_what_the_router_needs_of_itself() {
        for pattern in
            ["/realtime/v1/websocket", "/socket/websocket", "/api/broadcast", "/v1/ws", "/livez"]
        {
            assert!(Door::Private.leads_to(pattern), "{pattern}");
        }
        for pattern in ["/v1/events", "/v1/stream", "/metrics", "/readyz", "/"] {
            assert!(
                !Door::Private.leads_to(pattern) && Door::Public.leads_to(pattern),
                "{pattern}"
            );
        }
    }
}
