//! Where a PostgreSQL database is and how it is connected to: for the journal, and for whoever
//! else writes to one.

use std::{error::Error as _, time::Duration};

use tokio_postgres::{
    Client, Config, Connection, Error, Socket,
    config::{self, Host, SslMode},
};

use super::tls::{Stream, Tls, Trust};

/// How long a connection may take to be made.
pub(super) const CONNECT: Duration = Duration::from_secs(4);
/// A connection whose other end is gone is noticed after about three of these, on both ends.
const KEEPALIVE: Duration = Duration::from_secs(5);
/// Supabase's pooler in transaction mode.
const TRANSACTION_POOLER: u16 = 6543;

/// For a new session: the server notices too when we are gone.
pub(crate) const KEEPALIVES: &str = "
    SET tcp_keepalives_idle = 5;
    SET tcp_keepalives_interval = 5;
    SET tcp_keepalives_count = 3;";
/// For a new session: a server may be set to acknowledge what it has not written yet.
pub(crate) const FULL: &str = "
    SELECT set_config('synchronous_commit', 'on', false)
    WHERE current_setting('synchronous_commit') = 'off';";

/// Why a URL will not do, to follow the name of the URL. It never quotes the URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UnsuitableUrl {
    /// It is no URL of a database.
    #[error(
        "cannot be read: write it as `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, with special \
         characters percent-encoded"
    )]
    Malformed,
    /// Statements of one session would go to many.
    #[error(
        "leads to a transaction-mode pooler, which keeps no session: use a direct connection or a \
         session-mode pooler (Supabase: port 5432 rather than 6543)"
    )]
    Pooler,
    /// An unknown `sslmode`.
    #[error("has an unknown `sslmode`: use disable, prefer, require, verify-ca or verify-full")]
    Mode,
    /// `sslrootcert` cannot be used.
    #[error("names certificates in `sslrootcert` that cannot be used: {0}")]
    Roots(String),
    /// The handshake would have to prove what it cannot.
    #[error(
        "asks for channel binding, which is not spoken here: use `sslmode=verify-full` instead"
    )]
    ChannelBinding,
}

/// A PostgreSQL database that can be connected to. It has no `Debug`: it holds a password.
#[derive(Clone)]
pub(crate) struct Address {
    config: Config,
    tls: Tls,
    /// Which database this is, without a secret.
    pub(crate) what: String,
}

impl Address {
    /// Parses a URL, and refuses what would not work or not be as safe as it says.
    pub(crate) fn parse(url: &str) -> Result<Self, UnsuitableUrl> {
        let url = Url::split(url);
        // The parser's own text may quote the URL.
        let Ok(mut config) = url.rest.parse::<Config>() else {
            return Err(UnsuitableUrl::Malformed);
        };
        let (mode, trust) = url.safety()?;
        config.ssl_mode(mode);
        if config.get_channel_binding() == config::ChannelBinding::Require {
            return Err(UnsuitableUrl::ChannelBinding);
        }
        if config.get_ports().contains(&TRANSACTION_POOLER) {
            return Err(UnsuitableUrl::Pooler);
        }
        let what = describe(&config);
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        if config.get_application_name().is_none() {
            config.application_name("signalbox");
        }
        config.keepalives_idle(KEEPALIVE).keepalives_interval(KEEPALIVE).keepalives_retries(3);
        config.tcp_user_timeout(KEEPALIVE * 4);
        let roots = url.roots.filter(|roots| *roots != "system");
        let tls = Tls::new(trust, roots).map_err(UnsuitableUrl::Roots)?;
        Ok(Self { config, tls, what })
    }

    /// Connects; the connection must be driven for the client to work.
    pub(crate) async fn connect(
        &self,
    ) -> Result<(Client, Connection<Socket, Stream<Socket>>), Error> {
        self.config.connect(self.tls.clone()).await
    }
}

/// A URL without what the driver does not know.
struct Url<'a> {
    rest: String,
    mode: Option<&'a str>,
    roots: Option<&'a str>,
}

impl<'a> Url<'a> {
    fn split(url: &'a str) -> Self {
        let (mut mode, mut roots) = (None, None);
        let Some((rest, query)) = url.split_once('?') else {
            return Self { rest: url.to_owned(), mode, roots };
        };
        let mut others = Vec::new();
        for pair in query.split('&') {
            match pair.split_once('=') {
                Some(("sslmode", value)) => mode = Some(value),
                Some(("sslrootcert", value)) => roots = Some(value),
                _ => others.push(pair),
            }
        }
        let others = others.join("&");
        let rest = if others.is_empty() { rest.to_owned() } else { format!("{rest}?{others}") };
        Self { rest, mode, roots }
    }

    /// As libpq reads it; but that where it would look for a file of certificates in the user's
    /// home, public authorities are meant.
    fn safety(&self) -> Result<(SslMode, Trust), UnsuitableUrl> {
        Ok(match self.mode {
            Some("disable") => (SslMode::Disable, Trust::Any),
            None | Some("prefer") => (SslMode::Prefer, Trust::Any),
            Some("require") if self.roots.is_none() => (SslMode::Require, Trust::Any),
            Some("require" | "verify-ca") => (SslMode::Require, Trust::Authority),
            Some("verify-full") => (SslMode::Require, Trust::Host),
            Some(_) => return Err(UnsuitableUrl::Mode),
        })
    }
}

/// Host, port and database; never the user's password.
fn describe(config: &Config) -> String {
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(host)) => host.clone(),
        #[cfg(unix)]
        Some(Host::Unix(folder)) => folder.display().to_string(),
        None => "localhost".to_owned(),
    };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let database = config.get_dbname().or(config.get_user()).unwrap_or_default();
    format!("PostgreSQL {host}:{port}/{database}")
}

/// The whole chain of reasons: the first alone says only "error connecting to server".
pub(crate) fn reasons(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// Whether an error is what a transaction-mode pooler makes of a session.
pub(crate) fn is_of_pooler(text: &str) -> bool {
    text.contains("prepared statement \"") || text.contains("unsupported startup parameter")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_described_without_its_password() {
        let what = |url| Address::parse(url).ok().unwrap().what;
        assert_eq!(
            what("postgres://me:secret@db.example:5433/events?sslmode=require"),
            "PostgreSQL db.example:5433/events"
        );
        assert_eq!(what("postgres://me@h"), "PostgreSQL h:5432/me");
    }

    #[test]
    fn what_cannot_work_says_what_would() {
        for (url, advice) in [
            ("postgres://u:secret@h/d?sslmode=allow", "verify-full"),
            ("postgres://u:secret@h/d?sslmode=verify-ca&sslrootcert=/none.crt", "sslrootcert"),
            ("postgres://u:secret@h/d?channel_binding=require", "verify-full"),
            ("postgres://u:secret@h:6543/d", "5432"),
            ("postgres://u:secret@h:port/d", "percent-encoded"),
        ] {
            let text = Address::parse(url).err().unwrap().to_string();
            assert!(text.contains(advice) && !text.contains("secret"), "{text}");
        }
    }

    #[test]
    fn a_url_says_how_safe_its_connection_must_be() {
        for (query, expected) in [
            ("", (SslMode::Prefer, Trust::Any)),
            ("?sslmode=disable", (SslMode::Disable, Trust::Any)),
            ("?application_name=x&sslmode=require", (SslMode::Require, Trust::Any)),
            ("?sslmode=require&sslrootcert=a", (SslMode::Require, Trust::Authority)),
            ("?sslrootcert=a&sslmode=verify-ca", (SslMode::Require, Trust::Authority)),
            ("?sslmode=verify-full&application_name=x", (SslMode::Require, Trust::Host)),
        ] {
            let url = format!("postgres://h/d{query}");
            let url = Url::split(&url);
            assert_eq!(url.safety(), Ok(expected), "{query}");
            let left = if query.contains("application") { "?application_name=x" } else { "" };
            assert_eq!(url.rest, format!("postgres://h/d{left}"));
        }
    }
}
