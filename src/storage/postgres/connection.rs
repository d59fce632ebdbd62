//! How a connection to the journal's server is made and set up, and which servers will not do.

use diesel::{ConnectionError, ConnectionResult};
use diesel_async::{
    AsyncPgConnection, SimpleAsyncConnection as _, async_connection_wrapper::AsyncConnectionWrapper,
};

use super::address::{Address, CONNECT, FULL, KEEPALIVES, UnsuitableUrl, is_of_pooler, reasons};
use crate::storage::{Durability, StorageError, fault::Fault, migrate};

/// Every session: our tables.
const SESSION: &str = "
    SET search_path = monitoring;
    SET idle_in_transaction_session_timeout = '60s';";
const READING: &str = "SET statement_timeout = '5s'; SET default_transaction_read_only = on;";
const WRITING: &str = "SET statement_timeout = '20s'; SET lock_timeout = '10s';";
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
    address: Address,
    durability: Durability,
    /// Which database this is, without a secret.
    pub(super) what: String,
}

impl Server {
    /// Parses a URL, and refuses what would not work or not be as safe as it says.
    pub(super) fn parse(url: &str, durability: Durability) -> Result<Self, StorageError> {
        let address = Address::parse(url).map_err(|error| unsuitable(&error))?;
        Ok(Self { what: address.what.clone(), address, durability })
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
                self.address.connect().await.map_err(|error| failed(&error))?;
            AsyncPgConnection::try_from_client_and_connection(client, connection).await
        };
        let mut connection = match tokio::time::timeout(CONNECT, connecting).await {
            Ok(connection) => connection?,
            Err(_) => return Err(ConnectionError::BadConnection("no answer in time".to_owned())),
        };
        for setting in [SESSION, KEEPALIVES].iter().chain(settings) {
            let set = connection.batch_execute(setting).await;
            set.map_err(ConnectionError::CouldntSetupConfiguration)?;
        }
        Ok(connection)
    }
}

fn unsuitable(error: &UnsuitableUrl) -> StorageError {
    StorageError::Unsuitable(format!("the storage URL {error}"))
}

/// What is said when the connection turns out to keep no session.
pub(super) fn pooler() -> StorageError {
    unsuitable(&UnsuitableUrl::Pooler)
}

fn failed(error: &tokio_postgres::Error) -> ConnectionError {
    ConnectionError::BadConnection(reasons(error))
}

/// A connection that could not be made.
pub(super) fn fault(error: &ConnectionError) -> Fault {
    let text = error.to_string();
    if is_of_pooler(&text) {
        return pooler().into();
    }
    Fault::Lost(text)
}
