//! How a connection to the server is made and set up, and which servers will not do.

use std::time::Duration;

use diesel::{ConnectionError, ConnectionResult};
use diesel_async::{
    AsyncPgConnection, SimpleAsyncConnection as _, async_connection_wrapper::AsyncConnectionWrapper,
};
use tokio_postgres::{
    Config, NoTls,
    config::{Host, SslMode},
};

use crate::storage::{Durability, StorageError, fault::Fault, migrate};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(4);
/// A connection whose other end is gone is noticed after about three of these, on both ends.
const KEEPALIVE: Duration = Duration::from_secs(5);
/// Supabase's pooler in transaction mode.
const TRANSACTION_POOLER: u16 = 6543;

/// Every session: our tables, and a server that notices when we are gone.
const SESSION: &str = "
    SET search_path = monitoring;
    SET tcp_keepalives_idle = 5;
    SET tcp_keepalives_interval = 5;
    SET tcp_keepalives_count = 3;
    SET idle_in_transaction_session_timeout = '60s';";
const READING: &str = "SET statement_timeout = '5s'; SET default_transaction_read_only = on;";
const WRITING: &str = "SET statement_timeout = '20s'; SET lock_timeout = '10s';";
/// A server may be set to acknowledge what it has not written yet.
const FULL: &str = "
    SELECT set_config('synchronous_commit', 'on', false)
    WHERE current_setting('synchronous_commit') = 'off';";
const PROCESS: &str = "SET synchronous_commit = off;";
/// One router at a time. The schema is made only when absent: that asks for a right on the
/// database.
const MIGRATING: &str = "
    SET lock_timeout = '10s';
    DO $$ BEGIN
        IF to_regnamespace('monitoring') IS NULL THEN CREATE SCHEMA monitoring; END IF;
    END $$;
    SELECT pg_advisory_lock(8316291910694888057);";

/// A PostgreSQL database that can be connected to.
#[derive(Clone)]
pub(super) struct Server {
    config: Config,
    durability: Durability,
    /// Which database this is, without a secret.
    pub(super) what: String,
}

impl Server {
    /// Parses a URL, and refuses what would not work or not be as safe as it says.
    pub(super) fn parse(url: &str, durability: Durability) -> Result<Self, StorageError> {
        let unsuitable = |why: &str| Err(StorageError::Unsuitable(why.to_owned()));
        let mut config: Config = match url.parse() {
            Ok(config) => config,
            // It knows no other modes of TLS than `require`.
            Err(_) if url.contains("sslmode=verify-") => return unsuitable(NO_TLS),
            // The parser's own text may quote the URL.
            Err(_) => return unsuitable(MALFORMED),
        };
        if config.get_ssl_mode() == SslMode::Require {
            return unsuitable(NO_TLS);
        }
        if config.get_ports().contains(&TRANSACTION_POOLER) {
            return unsuitable(POOLER);
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
        Ok(Self { config, durability, what })
    }

    /// For readers: it can change nothing, and no query lasts.
    pub(super) async fn reading(&self) -> ConnectionResult<AsyncPgConnection> {
        self.session(&[READING]).await
    }

    /// For the writer.
    pub(super) async fn writing(&self) -> ConnectionResult<AsyncPgConnection> {
        let durability = match self.durability {
            Durability::Full => FULL,
            Durability::Process => PROCESS,
        };
        self.session(&[WRITING, durability]).await
    }

    /// Runs the migrations that are missing, one router at a time.
    pub(super) async fn migrate(&self) -> Result<Vec<String>, Fault> {
        let connection = self.session(&[MIGRATING]).await.map_err(|error| fault(&error))?;
        let migrated = tokio::task::spawn_blocking(move || {
            let mut connection = AsyncConnectionWrapper::<AsyncPgConnection>::from(connection);
            migrate::run(&mut connection, migrate::POSTGRES)
        });
        migrated.await.unwrap_or_else(|error| Err(Fault::Lost(error.to_string())))
    }

    async fn session(&self, settings: &[&str]) -> ConnectionResult<AsyncPgConnection> {
        let connecting = async {
            let (client, connection) =
                self.config.connect(NoTls).await.map_err(|error| failed(&error))?;
            AsyncPgConnection::try_from_client_and_connection(client, connection).await
        };
        let mut connection = match tokio::time::timeout(CONNECT, connecting).await {
            Ok(connection) => connection?,
            Err(_) => return Err(ConnectionError::BadConnection("no answer in time".to_owned())),
        };
        for setting in [SESSION].iter().chain(settings) {
            let set = connection.batch_execute(setting).await;
            set.map_err(ConnectionError::CouldntSetupConfiguration)?;
        }
        Ok(connection)
    }
}

const MALFORMED: &str = "the storage URL cannot be read: write it as \
     `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, with special characters percent-encoded";
const NO_TLS: &str = "the storage URL asks for TLS, which this router does not speak to \
     PostgreSQL: put a TLS proxy on this machine in between, or leave `sslmode` out where the \
     network is safe";
pub(super) const POOLER: &str = "the storage URL leads to a transaction-mode pooler, which cannot \
     hold a lock: use a direct connection or a session-mode pooler (Supabase: port 5432)";

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
fn failed(error: &tokio_postgres::Error) -> ConnectionError {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    ConnectionError::BadConnection(text)
}

/// A connection that could not be made.
pub(super) fn fault(error: &ConnectionError) -> Fault {
    let text = error.to_string();
    if text.contains("prepared statement \"") || text.contains("unsupported startup parameter") {
        return StorageError::Unsuitable(POOLER.to_owned()).into();
    }
    Fault::Lost(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Server, StorageError> {
        Server::parse(url, Durability::Full)
    }

    #[test]
    fn a_server_is_described_without_its_password() {
        let server = parse("postgres://me:secret@db.example:5433/events").unwrap();
        assert_eq!(server.what, "PostgreSQL db.example:5433/events");
        assert_eq!(parse("postgres://me@h").unwrap().what, "PostgreSQL h:5432/me");
    }

    #[test]
    fn what_cannot_work_says_what_would() {
        for (url, advice) in [
            ("postgres://u:secret@h/d?sslmode=require", "TLS"),
            ("postgres://u:secret@h/d?sslmode=verify-full", "TLS"),
            ("postgres://u:secret@h:6543/d", "5432"),
            ("postgres://u:secret@h:port/d", "percent-encoded"),
        ] {
            let text = parse(url).err().unwrap().to_string();
            assert!(text.contains(advice) && !text.contains("secret"), "{text}");
        }
    }
}
