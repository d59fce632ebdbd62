//! What the tokens of one socket allow: the router's own callers, in the words of Realtime.
//!
//! A channel is joined with the key that the socket came with, or with a token of its own. To read
//! a private topic a token needs the scope `read`, to write there `ingest`.

use actix_http::RequestHead;
use actix_web::web;
use chrono::{DateTime, Utc};

use crate::{
    core::{
        access::{Identity, Scope},
        realtime::{
            channel::{Gate, Grant, TokenFault},
            phoenix::Vsn,
        },
    },
    http::{
        Router,
        problem::{Code, Problem},
    },
};

/// What a client asks for in the URL of its socket.
pub struct Asked {
    /// The protocol's version.
    pub vsn: Vsn,
    /// Its key.
    pub key: Box<str>,
}

impl Asked {
    /// Reads it; parameters of other names are not looked at.
    ///
    /// # Errors
    /// When there is no key, or the version is not spoken here.
    pub fn read(head: &RequestHead) -> Result<Self, Problem> {
        let key =
            shown(head).ok_or_else(|| Problem::new(Code::Unauthenticated, "API key is missing"))?;
        let vsn = Vsn::parse(parameter(head, "vsn").as_deref())
            .ok_or_else(|| Problem::new(Code::UnknownVersion, "vsn must be 1.0.0 or 2.0.0"))?;
        Ok(Self { vsn, key: key.into() })
    }
}

/// There are too many sockets, of this client or in all.
#[must_use]
pub fn crowded() -> Problem {
    Problem::new(Code::TooManyConnections, "Too many connected users")
}

/// The key of a socket, and who knows about others.
pub struct Key {
    router: web::Data<Router>,
    /// What it shows. It was looked at when the socket came: a ticket is good for that moment only.
    shown: Box<str>,
    /// What that is known as.
    identity: Identity,
}

impl Key {
    /// The key that a socket came with.
    #[must_use]
    pub fn new(router: web::Data<Router>, shown: Box<str>, identity: Identity) -> Self {
        Self { router, shown, identity }
    }
}

impl Gate for Key {
    fn admit(&self, token: Option<&str>, now: DateTime<Utc>) -> Result<Grant, TokenFault> {
        if let Some(token) = token.filter(|token| **token != *self.shown) {
            return self.router.auth.credentials().grant(token, now);
        }
        let Identity { scopes, expires_at, .. } = self.identity;
        match expires_at.filter(|at| *at <= now) {
            Some(at) => Err(TokenFault::expired(at, now)),
            None => Ok(Grant {
                read: scopes.allow(Scope::Read),
                write: scopes.allow(Scope::Ingest),
                expires: expires_at,
            }),
        }
    }
}

/// The key that a request shows: in a header, or in the URL, where browsers must put it.
#[must_use]
pub fn shown(head: &RequestHead) -> Option<String> {
    let header = |name: &str| head.headers().get(name)?.to_str().ok();
    let bearer = header("authorization").and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_ascii())
    });
    let headers = [bearer, header("x-api-key"), header("apikey")];
    let shown = headers.into_iter().flatten().find(|key| !key.is_empty());
    shown.map(str::to_owned).or_else(|| parameter(head, "apikey"))
}

/// A parameter of the URL that is not empty.
#[must_use]
pub fn parameter(head: &RequestHead, name: &str) -> Option<String> {
    let pairs = web::Query::<Vec<(String, String)>>::from_query(head.uri.query()?).ok()?;
    let mut pairs = pairs.into_inner().into_iter();
    let (_, value) = pairs.find(|(key, value)| key == name && !value.is_empty())?;
    Some(value)
}
