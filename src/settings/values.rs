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
}

/// Where the journal is kept: `sqlite:PATH` or a `postgres://` URL. Shown without its password.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(Cow<'static, str>);

impl DatabaseUrl {
    pub(super) const DEFAULT: Self = Self(Cow::Borrowed("sqlite:data/signalbox.db"));
    pub(super) const FORM: &'static str =
        "`sqlite:PATH`, or a URL such as \"postgres://USER@HOST/DATABASE\"";

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
            "sqlite" => !rest.is_empty(),
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

/// Hides all that could be a password in a URL, however the URL is broken.
pub(super) fn without_password(url: &str) -> String {
    let (scheme, rest) = url.split_at(url.find("://").map_or(0, |at| at + "://".len()));
    let rest = match rest.rsplit_once('@') {
        Some((login, host)) => match login.split_once(':') {
            Some((user, _)) => format!("{user}:***@{host}"),
            None => rest.to_owned(),
        },
        None => rest.to_owned(),
    };
    let shown = rest.split_inclusive(['?', '&']).map(|part| match part.split_once("password=") {
        Some((before, secret)) => {
            format!("{before}password=***{}", if secret.ends_with('&') { "&" } else { "" })
        }
        None => part.to_owned(),
    });
    format!("{scheme}{}", shown.collect::<String>())
}

/// Which log lines are written: a level, or levels by module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFilter(Cow<'static, str>);

impl LogFilter {
    pub(super) const DEFAULT: Self = Self(Cow::Borrowed("info"));
    pub(super) const FORM: &'static str =
        "a level, or levels by module, such as \"info,signalbox::actors=debug\"";
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
