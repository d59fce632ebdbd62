//! Who is asking: from the credentials of a request to an [`Identity`], and tickets for those who
//! can show theirs in a URL only.
//!
//! Whose a token is, `credentials` says. Tokens are looked for in `Authorization`, and tickets in
//! `?ticket=` on the few routes that browsers open without headers. Nothing of them is ever logged,
//! counted or repeated in an answer.

mod credentials;

use std::time::Duration;

use actix_http::RequestHead;
use actix_web::{
    Error, HttpResponse,
    http::header::{self, HeaderMap},
    web,
};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use rustls::crypto::{GetRandomFailed, ring};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Caller, Router,
    contract::problems,
    door::PrivateKey,
    problem::{Code, Problem},
};
use crate::{
    core::{
        access::{BadTicket, Identity, Need, Scope, Scopes, TicketKey},
        event::rfc3339,
    },
    realtime,
    settings::AuthSettings,
};

pub use credentials::{BadCredentials, Credentials};

/// Routes that take a ticket in their URL, where a browser can send no header.
pub const TICKETED: [&str; 4] = ["/v1/ws", "/v1/stream", "/ws", "/events"];

/// The operating system gives no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random bytes for a key")]
pub struct NoRandomness;

/// Random bytes that nobody can guess.
///
/// # Errors
/// When the operating system gives none.
pub fn random<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    let filled = ring::default_provider().secure_random.fill(&mut bytes);
    filled.map_err(|GetRandomFailed| NoRandomness)?;
    Ok(bytes)
}

/// How callers are known.
#[derive(Debug)]
pub struct Authenticator {
    credentials: Credentials,
    tickets: TicketKey,
    ticket_ttl: Duration,
    private: PrivateKey,
}

impl Authenticator {
    /// As the settings say; the key of its tickets is new, and that of the private listener.
    ///
    /// # Errors
    /// When no key can be drawn.
    pub fn new(settings: &AuthSettings) -> Result<Self, NoRandomness> {
        Ok(Self {
            credentials: Credentials::new(settings),
            tickets: TicketKey::new(&random()?),
            ticket_ttl: settings.ticket_ttl,
            private: PrivateKey::mint()?,
        })
    }

    /// Who asks for the route with this pattern. Without credentials that is nobody.
    ///
    /// # Errors
    /// When there are credentials, and they are not good.
    pub fn identify(
        &self,
        head: &RequestHead,
        pattern: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<Identity, Problem> {
        if matches!(self.credentials, Credentials::Open) {
            return Ok(Identity::anybody());
        }
        if pattern.is_some_and(realtime::is_route) {
            return match realtime::gate::shown(head) {
                Some(key) => self.identify_key(&key, now),
                None => Ok(Identity::nobody()),
            };
        }
        if let Some(token) = bearer(head.headers())? {
            let identity = self.credentials.identify(token, now);
            return identity.map_err(|error| refused(&error.to_string()));
        }
        if pattern.is_some_and(|pattern| TICKETED.contains(&pattern))
            && let Some(ticket) = ticket(head.uri.query().unwrap_or_default())
        {
            return self.tickets.check(ticket, now).map_err(|error| refused(&error.to_string()));
        }
        Ok(Identity::nobody())
    }

    /// Whether a caller may have what the route with this pattern needs. A socket of Realtime is opened
    /// with a project's key, which may be one that allows nothing by itself: with `auth.mode = "jwt"`
    /// it opens to whoever is known, and what may be done there each channel's token decides.
    ///
    /// # Errors
    /// 401 when it is nobody, 403 when it is somebody who may not.
    pub fn authorize(
        &self,
        identity: &Identity,
        pattern: Option<&str>,
        need: Need,
    ) -> Result<(), Problem> {
        let is_key = matches!(self.credentials, Credentials::Jwt(..)) && identity.is_known();
        if is_key && pattern.is_some_and(realtime::is_socket) {
            return Ok(());
        }
        authorize(identity, need)
    }

    /// The key of the private listener.
    #[must_use]
    pub fn private_key(&self) -> &PrivateKey {
        &self.private
    }

    /// The tokens that are taken, for who finds one elsewhere than in a header.
    #[must_use]
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Who shows a token or a ticket in the place of a project's key.
    fn identify_key(&self, key: &str, now: DateTime<Utc>) -> Result<Identity, Problem> {
        match self.tickets.check(key, now) {
            Err(BadTicket::Invalid) => {
                self.credentials.identify(key, now).map_err(|error| refused(&error.to_string()))
            }
            known => known.map_err(|error| refused(&error.to_string())),
        }
    }
}

/// The token that a request shows.
///
/// # Errors
/// When it shows something else, or several.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut values = headers.get_all(header::AUTHORIZATION);
    let Some(value) = values.next() else { return Ok(None) };
    let words = value.to_str().ok().and_then(|value| value.split_once(' '));
    let token = words.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    match (token, values.next()) {
        (Some((_, token)), None) => Ok(Some(token.trim_ascii())),
        _ => Err(refused("the form is `Authorization: Bearer TOKEN`, once")),
    }
}

/// The ticket in a query. Tickets are hexadecimal digits, so nothing in them is escaped.
fn ticket(query: &str) -> Option<&str> {
    query.split('&').find_map(|pair| pair.strip_prefix("ticket="))
}

/// Credentials that are not good. Why must be ASCII without quotes: it stands in a header too.
fn refused(why: &str) -> Problem {
    let detail = format!("{why}; a token goes into `Authorization: Bearer TOKEN`");
    let challenge =
        format!("Bearer realm=\"signalbox\", error=\"invalid_token\", error_description=\"{why}\"");
    Problem::new(Code::Unauthenticated, detail).header(header::WWW_AUTHENTICATE, &challenge)
}

/// Whether a caller may have what a route needs.
fn authorize(identity: &Identity, need: Need) -> Result<(), Problem> {
    if identity.scopes.meet(need) {
        return Ok(());
    }
    if identity.is_known() {
        return Err(not_allowed(need));
    }
    let detail = "this router asks who you are: send `Authorization: Bearer TOKEN`";
    let problem = Problem::new(Code::Unauthenticated, detail);
    Err(problem.header(header::WWW_AUTHENTICATE, "Bearer realm=\"signalbox\""))
}

/// The answer to somebody who is known, and may not have what a route needs.
fn not_allowed(need: Need) -> Problem {
    let challenge = "Bearer realm=\"signalbox\", error=\"insufficient_scope\"";
    let Need::Scope(scope) = need else {
        let detail = "the role of your token allows nothing here";
        return Problem::new(Code::NotAllowed, detail).header(header::WWW_AUTHENTICATE, challenge);
    };
    let detail = format!("this needs the scope `{scope}`, which your token does not have");
    let challenge = format!("{challenge}, scope=\"{scope}\"");
    let problem = Problem::new(Code::NotAllowed, detail).needs(scope);
    problem.header(header::WWW_AUTHENTICATE, &challenge)
}

/// What a ticket is asked for.
#[derive(Default, Deserialize, ToSchema)]
#[schema(as = TicketRequest)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// What it allows, of `ingest`, `read` and `admin`; all that the caller may, without it.
    #[schema(value_type = Option<Vec<Scope>>, min_items = 1, example = json!(["read"]))]
    scopes: Option<Vec<String>>,
}

/// A ticket, good for as long as `auth.ticket_ttl`.
#[derive(Serialize, ToSchema)]
struct Ticket {
    /// When it is good no longer.
    #[schema(format = DateTime)]
    expires_at: String,
    /// For `?ticket=` in the URL of a socket or a stream.
    ticket: String,
}

problems!(
    /// Why there is no ticket.
    TicketProblems: BadTicketRequest
);

/// Makes a ticket for the caller, with all of its scopes or those it asks for.
///
/// # Errors
/// When the request is not understood, or asks for more than the caller may.
#[utoipa::path(
    post, path = "/v1/tickets", tag = "access",
    request_body(content = Option<Wanted>, description = "Nothing, or the scopes it is to have."),
    responses(
        (status = 200, description = "A ticket, to be used at once.", body = Ticket),
        TicketProblems,
    )
)]
pub async fn post_ticket(
    router: web::Data<Router>,
    caller: web::ReqData<Caller>,
    body: Result<Bytes, Error>,
) -> Result<HttpResponse, Problem> {
    let identity = &caller.identity;
    let scopes = wanted(body.as_deref().ok())?.unwrap_or(identity.scopes);
    scopes.iter().try_for_each(|scope| authorize(identity, Need::Scope(scope)))?;
    let auth = &router.auth;
    let expires_at = Utc::now() + auth.ticket_ttl;
    let expires_at = identity.expires_at.map_or(expires_at, |at| at.min(expires_at));
    let identity = Identity { scopes, ..identity.clone() };
    let ticket = auth.tickets.mint(&identity, expires_at);
    router.metrics.tickets_total.increment(1);
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CACHE_CONTROL, "no-store"));
    Ok(response.json(Ticket { expires_at: rfc3339(expires_at), ticket }))
}

/// The scopes that the body asks for; nothing when it leaves that open.
fn wanted(body: Option<&[u8]>) -> Result<Option<Scopes>, Problem> {
    let detail = "the body is nothing, or {\"scopes\": […]} with ingest, read or admin";
    let bad = || Problem::new(Code::BadTicketRequest, detail);
    let body = body.ok_or_else(bad)?;
    if body.is_empty() {
        return Ok(None);
    }
    let wanted: Option<Wanted> = serde_json::from_slice(body).map_err(|_unclear| bad())?;
    let Some(names) = wanted.unwrap_or_default().scopes else { return Ok(None) };
    let scopes: Scopes = names
        .iter()
        .map(|name| name.parse::<Scope>())
        .collect::<Result<_, _>>()
        .map_err(|_unknown| bad())?;
    if scopes.is_empty() { Err(bad()) } else { Ok(Some(scopes)) }
}
