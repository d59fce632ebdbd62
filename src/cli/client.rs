//! What the client commands share: where the router is, how to reach it, and what went wrong.
//!
//! Nothing here prints, retries or decides when to give up: that is each command's.

use std::{error::Error, io, str::FromStr, sync::Arc};

use reqwest::Url;
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use serde_json::Value;
use tokio_tungstenite::tungstenite::{
    self, client::IntoClientRequest, handshake::client::Request, http::HeaderValue,
};

use super::{
    CliError,
    credentials::{self, Token, VARIABLE},
    tail::line::visible,
};

/// The subprotocol of the session protocol.
pub const SUBPROTOCOL: &str = "signalbox.v1.json";

/// Most characters of what somebody else said.
const MAX_REASON: usize = 2000;

/// Where the router is, and as whom to speak to it.
#[derive(Clone, Debug, clap::Args)]
pub struct Target {
    /// The router's address
    #[arg(long, default_value = "http://127.0.0.1:8080", value_name = "URL")]
    pub url: RouterUrl,
    /// File with the token, for a router that asks for one; without it, `SIGNALBOX_TOKEN` is used.
    /// A token on the command line could be read by everybody on this machine
    #[arg(long, value_name = "PATH", value_parser = credentials::of_file)]
    pub token_file: Option<Token>,
}

/// An `http` or `https` address of a router, perhaps below a path prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouterUrl(Url);

/// Why a client command ends without having done its work.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No connection, or an answer that says to come back later.
    #[error("the router at {url} cannot be reached: {reason}")]
    Unreachable {
        /// Its address.
        url: String,
        /// The cause.
        reason: String,
    },
    /// The router is there, and says no for good.
    #[error("the router at {url} refused: {reason}")]
    Refused {
        /// Its address.
        url: String,
        /// What it said.
        reason: String,
    },
    /// The arguments make no sense together.
    #[error("{0}")]
    Usage(String),
    /// What was to be shown was shown to be wrong.
    #[error("verification failed: {0}")]
    Failed(String),
    /// This machine does not give what is needed.
    #[error("{what}: {reason}")]
    Local {
        /// What was tried.
        what: &'static str,
        /// The cause.
        reason: String,
    },
    /// Standard output is gone.
    #[error("standard output cannot be written")]
    Output(#[from] io::Error),
    /// Ctrl-C. Nothing needs to be said about it.
    #[error("interrupted")]
    Interrupted,
}

impl From<ClientError> for CliError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Unreachable { .. } => Self::unreachable(error),
            ClientError::Usage(text) => Self::Usage(text),
            ClientError::Output(error) => Self::Output(error),
            ClientError::Interrupted => Self::Interrupted,
            ClientError::Refused { .. } | ClientError::Failed(_) | ClientError::Local { .. } => {
                Self::failed(error)
            }
        }
    }
}

impl FromStr for RouterUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|e| format!("not an address: {e}"))?;
        let plain = url.query().is_none() && url.username().is_empty() && url.password().is_none();
        match url.scheme() {
            "http" | "https" if url.has_host() && plain => Ok(Self(url)),
            "http" | "https" => Err("an address has a host, and neither user nor query".into()),
            _ => Err("an address begins with http:// or https://".into()),
        }
    }
}

impl RouterUrl {
    /// The address of a route, such as `/v1/events`.
    #[must_use]
    pub fn route(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(&format!("{}{path}", self.0.path().trim_end_matches('/')));
        url
    }

    /// The address of a WebSocket's route, such as `/v1/ws`.
    #[must_use]
    pub fn socket(&self, path: &str) -> String {
        let url = self.route(path);
        let scheme = if self.is_plain() { "ws" } else { "wss" };
        format!("{scheme}{}", url.as_str().trim_start_matches(url.scheme()))
    }

    /// Host and port to open a socket to.
    #[must_use]
    pub fn host_and_port(&self) -> (String, u16) {
        let host = self.0.host_str().unwrap_or_default().trim_matches(['[', ']']);
        (host.to_owned(), self.0.port_or_known_default().unwrap_or_default())
    }

    /// Whether nothing encrypts the way there.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.0.scheme() == "http"
    }
}

impl Target {
    /// The WebSocket handshake's request, with the subprotocol and the token.
    ///
    /// # Errors
    /// When the address cannot be one of a WebSocket.
    pub fn handshake(&self) -> Result<Request, ClientError> {
        install_crypto();
        let mut request = self.upgrade("/v1/ws")?;
        let headers = request.headers_mut();
        headers.insert("Sec-WebSocket-Protocol", HeaderValue::from_static(SUBPROTOCOL));
        if let Some(token) = credentials::choose(self.token_file.as_ref())? {
            headers.insert("Authorization", token.into_header());
        }
        Ok(request)
    }

    /// The handshake's request of the built-in Realtime, with the token as its key.
    ///
    /// # Errors
    /// When the address cannot be one of a WebSocket.
    pub fn realtime_handshake(&self) -> Result<Request, ClientError> {
        let mut request = self.upgrade("/realtime/v1/websocket?vsn=2.0.0")?;
        let token = credentials::choose(self.token_file.as_ref())?;
        // Where nobody asks who it is, a key must be there all the same.
        let key = token.map_or(HeaderValue::from_static("bench"), Token::into_key);
        request.headers_mut().insert("x-api-key", key);
        Ok(request)
    }

    fn upgrade(&self, route: &str) -> Result<Request, ClientError> {
        install_crypto();
        let (path, query) = route.split_once('?').unwrap_or((route, ""));
        let address = format!("{}?{query}", self.url.socket(path));
        address.into_client_request().map_err(|e| self.handshake_failed(e))
    }

    /// The header that shows the token, or nothing without one.
    ///
    /// # Errors
    /// When what the environment has is no token.
    pub(super) fn authorization(&self) -> Result<String, ClientError> {
        let token = credentials::choose(self.token_file.as_ref())?.map(Token::into_header);
        let token = token.as_ref().and_then(|token| token.to_str().ok());
        Ok(token.map(|token| format!("Authorization: {token}\r\n")).unwrap_or_default())
    }

    /// A client for the HTTP routes, that keeps its connections alive and sends the token.
    ///
    /// # Errors
    /// When this machine's certificates cannot be read.
    pub fn http(&self) -> Result<reqwest::Client, ClientError> {
        install_crypto();
        // A router sends nobody elsewhere, and the token is for no one else.
        let builder = reqwest::Client::builder().no_proxy();
        let mut builder = builder.redirect(reqwest::redirect::Policy::none());
        if let Some(token) = credentials::choose(self.token_file.as_ref())? {
            let headers = [(reqwest::header::AUTHORIZATION, token.into_header())];
            builder = builder.default_headers(headers.into_iter().collect());
        }
        if self.url.is_plain() {
            // Without it, a machine that has no certificates could not even speak plain HTTP.
            builder = builder.tls_backend_preconfigured(trusting_nobody()?);
        }
        builder.build().map_err(|e| local(root_cause(&e)))
    }

    /// Says why a handshake failed, and whether it may pass later.
    #[must_use]
    pub fn handshake_failed(&self, error: tungstenite::Error) -> ClientError {
        let tungstenite::Error::Http(response) = error else {
            return self.unreachable(root_cause(&error));
        };
        let status = response.status();
        let reason = answer(status, response.body().as_deref().unwrap_or_default());
        if status.is_server_error() || status.as_u16() == 429 {
            self.unreachable(reason)
        } else {
            self.refused(reason)
        }
    }

    /// The router cannot be reached.
    #[must_use]
    pub fn unreachable(&self, reason: String) -> ClientError {
        ClientError::Unreachable { url: self.url.0.to_string(), reason: told(reason) }
    }

    /// The router said no.
    #[must_use]
    pub fn refused(&self, reason: String) -> ClientError {
        ClientError::Refused { url: self.url.0.to_string(), reason: told(reason) }
    }
}

/// What somebody else said, as it can be shown: it must not steer the terminal, or fill it.
fn told(mut reason: String) -> String {
    if let Some((end, _)) = reason.char_indices().nth(MAX_REASON) {
        reason.truncate(end);
    }
    if reason.chars().any(char::is_control) { visible(&reason) } else { reason }
}

/// What an HTTP answer that is no success says, in a few words: the problem's `detail` if it has
/// one, and what to do where that is done here.
#[must_use]
pub fn answer(status: reqwest::StatusCode, body: &[u8]) -> String {
    let problem: Value = serde_json::from_slice(body).unwrap_or_default();
    let member = |name| problem.get(name).and_then(Value::as_str);
    let said = match member("detail") {
        Some(detail) => format!("{status}: {detail}"),
        None => status.to_string(),
    };
    match (status.as_u16(), member("scope")) {
        (401, _) => format!(
            "{said}; put a token that is known there into {VARIABLE}, or its file into \
             --token-file"
        ),
        (403, Some(scope)) => {
            format!("{said}; ask for one, made by `signalbox token --scope {scope}`")
        }
        _ => said,
    }
}

/// The innermost cause: what the operating system said, usually.
#[must_use]
pub fn root_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// TLS needs to be told once which cryptography to use; a second time changes nothing.
fn install_crypto() {
    drop(ring::default_provider().install_default());
}

fn trusting_nobody() -> Result<ClientConfig, ClientError> {
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map(|tls| tls.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
        .map_err(|e| local(e.to_string()))
}

fn local(reason: String) -> ClientError {
    ClientError::Local { what: "the HTTP client cannot be made", reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Result<RouterUrl, String> {
        text.parse()
    }

    #[test]
    fn routes_follow_the_address_and_its_prefix() {
        let plain = url("http://127.0.0.1:8080").unwrap();
        assert_eq!(plain.route("/v1/events").as_str(), "http://127.0.0.1:8080/v1/events");
        assert_eq!(plain.socket("/v1/ws"), "ws://127.0.0.1:8080/v1/ws");
        let prefixed = url("https://example.org/box/").unwrap();
        assert_eq!(prefixed.socket("/v1/ws"), "wss://example.org/box/v1/ws");
        assert_eq!(prefixed.host_and_port(), ("example.org".into(), 443));
        assert_eq!(url("http://[::1]:9").unwrap().host_and_port(), ("::1".into(), 9));
    }

    #[test]
    fn what_is_no_router_address_is_refused() {
        for text in ["127.0.0.1:8080", "ftp://x", "http://u:p@x", "http://x?a=b", ""] {
            assert!(url(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_answer_is_told_by_its_problem_detail() {
        let status = reqwest::StatusCode::UNAUTHORIZED;
        let said = answer(status, br#"{"detail":"no token"}"#);
        assert!(said.starts_with("401 Unauthorized: no token; put a token"), "{said}");
        let status = reqwest::StatusCode::FORBIDDEN;
        assert_eq!(answer(status, b"<html>"), "403 Forbidden");
        let said = answer(status, br#"{"detail":"no", "scope":"read"}"#);
        assert_eq!(said, "403 Forbidden: no; ask for one, made by `signalbox token --scope read`");
    }
}
