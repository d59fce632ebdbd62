//! What went wrong at the other database, and what follows for the batch: a table of SQLSTATEs.

use tokio_postgres::{Error, error::DbError};

use crate::{
    core::delivery::{DeliveryError, Which},
    storage::postgres::address::{UnsuitableUrl, is_of_pooler, reasons},
};

/// A failure on its way out.
#[derive(Debug)]
pub(super) enum Fault {
    /// Of the driver or the server, about no rows.
    Database(Error),
    /// The same, of a statement with rows.
    Rows {
        error: Error,
        /// How many rows it was about.
        rows: usize,
    },
    /// At the journal's database, in its words.
    Elsewhere(String),
    /// There is something that must be changed first.
    Misconfigured(String),
    /// No answer in time.
    Late,
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}

/// What an error means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// It may pass.
    Passing,
    /// The values are refused.
    Values,
    /// Somebody must change something; what, where it is known.
    Setting(&'static str),
}

const LOGIN: &str = "check the user and the password in realtime.database_url, and what \
     pg_hba.conf lets in";
const DATABASE: &str = "name a database that is there in realtime.database_url";
const PRIVILEGE: &str = "use the owner of the table in realtime.database_url, or `GRANT USAGE ON \
     SCHEMA monitoring TO …; GRANT SELECT, INSERT ON monitoring.monitoring_events TO …`";
const SHAPE: &str = "compare the table with what `signalbox migrate` makes";
const TLS: &str = "check `sslmode` and `sslrootcert` in realtime.database_url";
const TENANT: &str = "check the user's name in realtime.database_url: a pooler of Supabase wants \
     `postgres.PROJECT`";

/// By SQLSTATE: the longest prefix counts. Anything else may pass.
///
/// 53300, too many connections, passes too: we hold one, so that fewer requests of ours would not
/// help, and a breaker that opens leaves the server alone. 25006, read-only, is what a standby
/// says, and what a full disk may make of a server.
const MEANINGS: &[(&str, Meaning)] = &[
    ("0A", Meaning::Setting(SHAPE)),
    ("22", Meaning::Values),
    ("23", Meaning::Values),
    ("23502", Meaning::Setting(SHAPE)),
    ("28", Meaning::Setting(LOGIN)),
    ("3D", Meaning::Setting(DATABASE)),
    ("3F", Meaning::Setting(SHAPE)),
    ("42", Meaning::Setting(SHAPE)),
    ("42501", Meaning::Setting(PRIVILEGE)),
    ("54", Meaning::Values),
    ("P0", Meaning::Values),
];

fn meaning(code: &str) -> Meaning {
    let fitting = MEANINGS.iter().filter(|(prefix, _)| code.starts_with(prefix));
    fitting.max_by_key(|(prefix, _)| prefix.len()).map_or(Meaning::Passing, |(_, it)| *it)
}

impl Fault {
    /// Whether the connection can be used again: only a refusal of values is known to be of
    /// nothing else.
    pub(super) fn leaves_the_session(&self) -> bool {
        let Self::Rows { error, .. } = self else { return false };
        error.as_db_error().is_some_and(|db| meaning(db.code().code()) == Meaning::Values)
    }

    /// In the words of the trait; `what` is the database, without a secret.
    pub(super) fn delivery(self, what: &str) -> DeliveryError {
        match self {
            Self::Misconfigured(why) => {
                DeliveryError::Misconfigured { reason: format!("{what}: {why}") }
            }
            Self::Late => DeliveryError::Transient { reason: format!("{what}: no answer in time") },
            Self::Elsewhere(reason) => DeliveryError::Transient { reason },
            Self::Database(error) => sorted(&error, None, what),
            Self::Rows { error, rows } => sorted(&error, Some(rows), what),
        }
    }
}

fn sorted(error: &Error, rows: Option<usize>, what: &str) -> DeliveryError {
    let reason = match error.as_db_error() {
        // Its detail may quote an event.
        Some(db) => format!("{what}: {} (SQLSTATE {})", db.message(), db.code().code()),
        None => format!("{what}: {}", reasons(error)),
    };
    if error.as_db_error().is_some_and(of_pooler) {
        return pooler().delivery(what);
    }
    match (error.as_db_error().map_or_else(|| unspoken(error), spoken), rows) {
        (Meaning::Setting(advice), _) => {
            DeliveryError::Misconfigured { reason: format!("{reason}: {advice}") }
        }
        (Meaning::Values, Some(1)) => {
            DeliveryError::Rejected { which: Which::These(vec![0]), reason }
        }
        (Meaning::Values, Some(_)) => DeliveryError::Rejected { which: Which::Unknown, reason },
        (Meaning::Values, None) | (Meaning::Passing, _) => DeliveryError::Transient { reason },
    }
}

/// What a transaction-mode pooler leads to.
pub(super) fn pooler() -> Fault {
    Fault::Misconfigured(format!("realtime.database_url {}", UnsuitableUrl::Pooler))
}

/// Whether an error comes of a statement that another session has, or has not. The text alone does
/// not tell: it may quote an event.
fn of_pooler(error: &DbError) -> bool {
    matches!(error.code().code(), "26000" | "42P05" | "08P01") && is_of_pooler(error.message())
}

fn spoken(error: &DbError) -> Meaning {
    // Supabase's pooler has no SQLSTATE of its own for it.
    if error.message().contains("Tenant or user not found") {
        return Meaning::Setting(TENANT);
    }
    meaning(error.code().code())
}

/// Of an error that the server did not send. The driver hides its kinds but in their texts.
fn unspoken(error: &Error) -> Meaning {
    let text = error.to_string();
    if text.starts_with("invalid configuration") || text.starts_with("authentication error") {
        return Meaning::Setting(LOGIN);
    }
    let handshake = text.starts_with("error performing TLS handshake");
    let reasons = reasons(error);
    if handshake && (reasons.contains("certificate") || reasons.contains("not support TLS")) {
        return Meaning::Setting(TLS);
    }
    Meaning::Passing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_meaning() {
        for (code, expected) in [
            ("08006", Meaning::Passing),
            ("40001", Meaning::Passing),
            ("40P01", Meaning::Passing),
            ("53100", Meaning::Passing),
            ("53300", Meaning::Passing),
            ("55P03", Meaning::Passing),
            ("57014", Meaning::Passing),
            ("57P01", Meaning::Passing),
            ("25006", Meaning::Passing),
            ("XX000", Meaning::Passing),
            ("22001", Meaning::Values),
            ("22P05", Meaning::Values),
            ("23514", Meaning::Values),
            ("54000", Meaning::Values),
            ("P0001", Meaning::Values),
            ("23502", Meaning::Setting(SHAPE)),
            ("28P01", Meaning::Setting(LOGIN)),
            ("3D000", Meaning::Setting(DATABASE)),
            ("42501", Meaning::Setting(PRIVILEGE)),
            ("42P01", Meaning::Setting(SHAPE)),
            ("42703", Meaning::Setting(SHAPE)),
        ] {
            assert_eq!(meaning(code), expected, "{code}");
        }
    }
}
