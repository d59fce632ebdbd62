//! How a connection to the file is set up.

use std::path::Path;

use diesel::{Connection as _, SqliteConnection, connection::SimpleConnection as _};

use super::super::{Durability, fault::Fault};

/// A statement waits this long for another process, such as a backup, to let go of the file.
const BUSY: &str = "PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON;";

/// For the writer and for migrations.
pub(super) fn writing(path: &Path, durability: Durability) -> Result<SqliteConnection, Fault> {
    let mut connection = establish(path)?;
    connection.batch_execute("PRAGMA journal_mode = WAL; PRAGMA journal_size_limit = 67108864;")?;
    connection.batch_execute(match durability {
        Durability::Full => "PRAGMA synchronous = FULL;",
        Durability::Process => "PRAGMA synchronous = NORMAL;",
    })?;
    Ok(connection)
}

/// For readers: it can change nothing.
pub(super) fn reading(path: &Path) -> Result<SqliteConnection, Fault> {
    let mut connection = establish(path)?;
    connection.batch_execute("PRAGMA query_only = ON;")?;
    Ok(connection)
}

fn establish(path: &Path) -> Result<SqliteConnection, Fault> {
    let mut connection = SqliteConnection::establish(&path.to_string_lossy())
        .map_err(|error| Fault::Lost(error.to_string()))?;
    connection.batch_execute(BUSY)?;
    Ok(connection)
}
