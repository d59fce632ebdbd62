//! Types of values that are more than a number, each of which holds only what is valid.

use std::{borrow::Cow, fmt, str::FromStr};

use tracing_subscriber::EnvFilter;

/// What an accepted event survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// A loss of power.
    Full,
    /// The end of the process, but not a loss of power.
    Process,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// `Pretty` on a terminal, `Json` elsewhere.
    Auto,
    /// For people.
    Pretty,
    /// One JSON object a line.
    Json,
}

/// How clients prove who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMode {
    /// Not at all: for loopback addresses only.
    Open,
    /// By a token that is known here.
    Token,
    /// By a JSON Web Token, or one that is known here.
    Jwt,
}

/// Where the journal is kept: `sqlite:PATH` or a `postgres://` URL. Shown without its password.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(Cow<'static, str>);

impl DatabaseUrl {
    pub(super) const DEFAULT: Self = Self(Cow::Borrowed("sqlite:data/signalbox.db"));
    pub(super) const FORM: &'static str = "\"sqlite:PATH\" or \"postgres://USER@HOST/DATABASE\"";

    /// The whole URL, with its password: for the database's driver only.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// The text is neither form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be {}", DatabaseUrl::FORM)]
pub struct NotADatabaseUrl;

impl FromStr for DatabaseUrl {
    type Err = NotADatabaseUrl;

    fn from_str(text: &str) -> Result<Self, NotADatabaseUrl> {
        let (scheme, rest) = text.split_once(':').ok_or(NotADatabaseUrl)?;
        let valid = match scheme {
            // A journal in memory would be gone with the process.
            "sqlite" => !matches!(rest.strip_prefix("//").unwrap_or(rest), "" | ":memory:"),
            "postgres" | "postgresql" => rest.strip_prefix("//").is_some_and(|it| !it.is_empty()),
            _ => false,
        };
        if valid { Ok(Self(Cow::Owned(text.to_owned()))) } else { Err(NotADatabaseUrl) }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_password(&self.0))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

/// Which adapter events are delivered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdapterType {
    /// What the other flags mean: `Realtime`.
    Auto,
    /// The router's own sessions, which get everything anyhow.
    Websocket,
    /// A Realtime.
    Realtime,
    /// Both, side by side.
    Dual,
}

/// How a Realtime is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportKind {
    /// By requests over HTTP.
    Broadcast,
    /// By a channel over a WebSocket.
    Channel,
    /// By rows in its database.
    Postgres,
}

/// A PostgreSQL database that is not the journal's own, or none. Shown without its password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherDatabase(Option<DatabaseUrl>);

impl OtherDatabase {
    pub(super) const NONE: Self = Self(None);
    pub(super) const FORM: &'static str = "\"postgres://USER@HOST/DATABASE\"";

    /// The database, where one is named.
    #[must_use]
    pub fn url(&self) -> Option<&DatabaseUrl> {
        self.0.as_ref()
    }
}

impl FromStr for OtherDatabase {
    type Err = NotADatabaseUrl;

    fn from_str(text: &str) -> Result<Self, NotADatabaseUrl> {
        match text {
            "" => Ok(Self::NONE),
            text if text.starts_with("sqlite:") => Err(NotADatabaseUrl),
            text => text.parse().map(|url| Self(Some(url))),
        }
    }
}

impl fmt::Display for OtherDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |url| url.fmt(f))
    }
}

/// What stands in the place of a secret.
pub(super) const HIDDEN: &str = "***";

/// Hides all that could be a password in a URL, however the URL is broken.
pub(super) fn without_password(url: &str) -> String {
    if url.starts_with("sqlite:") {
        return url.to_owned();
    }
    let (scheme, rest) = url.split_at(url.find("://").map_or(0, |at| at + "://".len()));
    let rest = match rest.rsplit_once('@') {
        Some((login, host)) => match login.split_once(':') {
            Some((user, _)) => format!("{user}:{HIDDEN}@{host}"),
            None => rest.to_owned(),
        },
        None => rest.to_owned(),
    };
    let shown = rest.split_inclusive(['?', '&']).map(|part| match part.split_once("password=") {
        Some((before, secret)) => {
            format!("{before}password={HIDDEN}{}", if secret.ends_with('&') { "&" } else { "" })
        }
        None => part.to_owned(),
    });
    format!("{scheme}{}", shown.collect::<String>())
}

/// The name of a topic, as clients of Realtime call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicName(Cow<'static, str>);

impl TopicName {
    pub(super) const DEFAULT: Self = Self(Cow::Borrowed("monitoring"));
    pub(super) const FORM: &'static str = "a name of 1 to 200 bytes, without what begins a topic";

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text is no name of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be {}", TopicName::FORM)]
pub struct NotATopicName;

impl FromStr for TopicName {
    type Err = NotATopicName;

    fn from_str(text: &str) -> Result<Self, NotATopicName> {
        let fits = (1..=200).contains(&text.len()) && !text.contains(char::is_control);
        if fits && !text.starts_with("realtime:") {
            Ok(Self(Cow::Owned(text.to_owned())))
        } else {
            Err(NotATopicName)
        }
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which log lines are written: a level, or levels by module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFilter(Cow<'static, str>);

impl LogFilter {
    /// The servers below us say little that is not said here, and call what any client sends an error.
    pub(super) const DEFAULT: Self = Self(Cow::Borrowed("info,actix_server=warn,actix_http=off"));
    pub(super) const FORM: &'static str =
        "a level, or levels by module as in \"info,signalbox::actors=debug\"";

    /// The filter, as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for LogFilter {
    type Err = tracing_subscriber::filter::ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        EnvFilter::try_new(text).map(|_| Self(Cow::Owned(text.to_owned())))
    }
}

impl fmt::Display for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        for (url, shown) in [
            ("postgres://me:se@cr?et@host:5432/db", "postgres://me:***@host:5432/db"),
            ("postgres://me@host/db?sslmode=require", "postgres://me@host/db?sslmode=require"),
            ("postgres://host/db?password=secret&a=b", "postgres://host/db?password=***&a=b"),
            ("postgres://host/db?a=b&sslpassword=secret", "postgres://host/db?a=b&sslpassword=***"),
            ("mysql:me:secret@host", "mysql:***@host"),
            ("sqlite:/data/me@home/a:b.db", "sqlite:/data/me@home/a:b.db"),
            ("", ""),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }

    #[test]
    fn only_the_two_forms_are_database_urls() {
        for url in ["sqlite:x.db", "sqlite:///a/x.db", "postgres://host/db", "postgresql://host/db"]
        {
            assert_eq!(url.parse::<DatabaseUrl>().unwrap().expose(), url);
        }
        for url in [
            "",
            "x.db",
            "sqlite:",
            "sqlite://",
            "sqlite::memory:",
            "postgres:host",
            "postgres://",
            "mysql://host/db",
        ] {
            assert_eq!(url.parse::<DatabaseUrl>(), Err(NotADatabaseUrl), "{url}");
        }
    }

    #[test]
    fn a_log_filter_is_checked_when_it_is_read() {
        assert!("warn,signalbox::actors=debug".parse::<LogFilter>().is_ok());
        assert!("info,signalbox=loud".parse::<LogFilter>().is_err());
    }
}
