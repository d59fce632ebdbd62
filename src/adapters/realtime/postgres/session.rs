//! One connection to the other database: how it is set up, and what is asked over it.

use std::time::Duration;

use tokio::{task::AbortHandle, time::timeout};
use tokio_postgres::{Client, Statement, error::SqlState, types::Type};

use super::{
    faults::Fault,
    place::{LOOK, Place},
    rows::{Column, Rows, insert},
};
use crate::storage::postgres::address::{Address, FULL, KEEPALIVES};

/// Rows of one statement are in one snapshot, and a row that somebody else is inserting is waited
/// for, whatever the server's defaults are.
const ISOLATION: &str = "SET default_transaction_isolation = 'read committed';";
/// Which database this is. The timeline is left out: a server that was just promoted is the same.
const IDENTITY: &str = "SELECT concat_ws('/', system_identifier, oid) \
     FROM pg_control_system(), pg_database WHERE datname = current_database()";
/// The same of the database in which the journal beside the table was written.
const JOURNALS: &str = "SELECT concat_ws('/', split_part(identity, '/', 1), \
     split_part(identity, '/', 3)) FROM monitoring.journal";
const PID: &str = "SELECT pg_backend_pid()";
/// A row that has a place of ours and is not ours.
const TAKEN: &str = "SELECT there.seq, there.id::text FROM monitoring.monitoring_events there \
     JOIN unnest($1::int8[], $2::uuid[]) AS new (seq, id) ON there.seq = new.seq \
     WHERE there.id <> new.id LIMIT 1";

/// A connection. When it is dropped, its socket is closed at once.
pub(super) struct Link {
    client: Client,
    driver: AbortHandle,
}

impl Drop for Link {
    fn drop(&mut self) {
        // By itself it would wait for the answer to what was asked.
        self.driver.abort();
    }
}

impl Link {
    /// Connects. The server gives up every statement after nine tenths of `deadline`: who waits no
    /// longer leaves nothing running behind.
    pub(super) async fn open(address: &Address, deadline: Duration) -> Result<Self, Fault> {
        let link = Self::connect(address).await?;
        let limit = (deadline * 9 / 10).as_millis().max(1);
        let limits = format!(
            "SET statement_timeout = {limit}; SET idle_in_transaction_session_timeout = {limit};"
        );
        let settings = [KEEPALIVES, ISOLATION, FULL, &limits].concat();
        link.client.batch_execute(&settings).await?;
        Ok(link)
    }

    async fn connect(address: &Address) -> Result<Self, Fault> {
        let (client, connection) = address.connect().await?;
        // How it ended is told to whoever asked something over it.
        let driver = tokio::spawn(async move { drop(connection.await) }).abort_handle();
        Ok(Self { client, driver })
    }

    /// Whether a second connection is served by the same process of the server: only a
    /// transaction-mode pooler does that, as it lends a process for one transaction. One that is
    /// busy may go unnoticed here, and shows later by statements that it forgets.
    pub(super) async fn is_shared_with(
        &self,
        address: &Address,
        wait: Duration,
    ) -> Result<bool, Fault> {
        let second = async { Self::connect(address).await?.pid().await };
        match timeout(wait, second).await {
            Ok(Err(Fault::Database(error)))
                if error.code() == Some(&SqlState::TOO_MANY_CONNECTIONS) =>
            {
                tracing::debug!("too many connections for one to look for a pooler by");
                Ok(false)
            }
            Ok(second) => Ok(self.pid().await? == second?),
            // A session-mode pooler may have one process, and we have it.
            Err(_) => {
                tracing::debug!("no second connection in time to look for a pooler by");
                Ok(false)
            }
        }
    }

    async fn pid(&self) -> Result<i32, Fault> {
        Ok(self.client.query_typed_one(PID, &[]).await?.try_get(0)?)
    }

    /// Which database this is.
    pub(super) async fn identity(&self) -> Result<String, Fault> {
        Ok(self.client.query_typed_one(IDENTITY, &[]).await?.try_get(0)?)
    }

    /// Whether a router keeps its journal here: one that was only copied here does not count.
    pub(super) async fn holds_a_journal(&self) -> Result<bool, Fault> {
        match self.client.query_typed_opt(JOURNALS, &[]).await? {
            Some(row) => Ok(row.try_get::<_, String>(0)? == self.identity().await?),
            None => Ok(false),
        }
    }

    /// Looks at the table.
    pub(super) async fn look(&self) -> Result<Place, Fault> {
        Ok(Place::read(self.client.query_typed_opt(LOOK, &[]).await?.as_ref())?)
    }
}

/// A connection that is ready to insert.
pub(super) struct Session {
    pub(super) link: Link,
    insert: Statement,
    columns: Vec<&'static Column>,
}

impl Session {
    /// Prepares to fill the columns that are there.
    pub(super) async fn prepare(link: Link, place: &Place) -> Result<Self, Fault> {
        let columns = place.columns();
        let types: Vec<Type> = columns.iter().map(|column| column.array.clone()).collect();
        let statement = insert(&columns, |at| format!("${at}"));
        let insert = link.client.prepare_typed(&statement, &types).await?;
        Ok(Self { link, insert, columns })
    }

    /// Whether it was not closed, as far as is known.
    pub(super) fn is_open(&self) -> bool {
        !self.link.client.is_closed()
    }

    /// Inserts what is not there yet, all or nothing; how many rows that were.
    pub(super) async fn insert(&self, rows: &Rows<'_>) -> Result<usize, Fault> {
        let values: Vec<_> = self.columns.iter().map(|column| column.values(rows)).collect();
        let error = match self.link.client.execute(&self.insert, &values).await {
            Ok(inserted) => return Ok(usize::try_from(inserted).unwrap_or(usize::MAX)),
            Err(error) => error,
        };
        if error.code() == Some(&SqlState::UNIQUE_VIOLATION)
            && let Some(taken) = self.taken(rows).await?
        {
            return Err(taken);
        }
        Err(Fault::Rows { error, rows: rows.len() })
    }

    /// A place in the journal that is another event's there.
    async fn taken(&self, rows: &Rows<'_>) -> Result<Option<Fault>, Fault> {
        if !self.columns.iter().any(|column| column.name == "seq") {
            return Ok(None);
        }
        let (seq, id) = ((&rows.seq as _, Type::INT8_ARRAY), (&rows.id as _, Type::UUID_ARRAY));
        let Some(row) = self.link.client.query_typed_opt(TAKEN, &[seq, id]).await? else {
            return Ok(None);
        };
        let (seq, id): (i64, String) = (row.try_get(0)?, row.try_get(1)?);
        Ok(Some(Fault::Misconfigured(format!(
            "this database holds another journal: seq {seq} is the event {id} there. Name another \
             database; or, if that journal is gone for good, `DELETE FROM \
             monitoring.monitoring_events WHERE seq >= {seq}` there"
        ))))
    }

    /// Has the server plan an insert of nothing: it checks the statement and the right to it.
    pub(super) async fn rehearse(&self) -> Result<(), Fault> {
        let statement = insert(&self.columns, |_| "NULL".to_owned());
        self.link.client.query_typed(&format!("EXPLAIN {statement}"), &[]).await?;
        Ok(())
    }
}

/// Which database is at an address, by a connection of its own.
pub(super) async fn identity(address: &Address) -> Result<String, Fault> {
    let identity = async { Link::connect(address).await?.identity().await };
    identity.await.map_err(|fault| Fault::Elsewhere(fault.delivery(&address.what).to_string()))
}
