//! The migrations, twins for both databases, embedded in the program.

use diesel::backend::Backend;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::{StorageError, fault::Fault};

/// For SQLite.
pub(super) const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
/// For PostgreSQL.
pub(super) const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// Whether any migration has not been run.
pub(super) fn are_pending<B: Backend>(
    connection: &mut impl MigrationHarness<B>,
    migrations: EmbeddedMigrations,
) -> Result<bool, Fault> {
    connection.has_pending_migration(migrations).map_err(refused)
}

/// Runs what has not been run, each in a transaction; the names, in order.
pub(super) fn run<B: Backend>(
    connection: &mut impl MigrationHarness<B>,
    migrations: EmbeddedMigrations,
) -> Result<Vec<String>, Fault> {
    let versions = connection.run_pending_migrations(migrations).map_err(refused)?;
    Ok(versions.iter().map(ToString::to_string).collect())
}

/// diesel hands migration errors on as text only.
fn refused(error: Box<dyn std::error::Error + Send + Sync>) -> Fault {
    match error.downcast::<diesel::result::Error>() {
        Ok(error) => Fault::Database(*error),
        Err(error) => StorageError::Refused(format!("a migration failed: {error}")).into(),
    }
}
