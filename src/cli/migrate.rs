//! `signalbox migrate`: brings the database to what this version needs, and says what it did.

use std::{
    io::{self, Write},
    path::Path,
};

use super::{CliError, block_on, load};
use crate::storage::{self, StorageError, StorageOptions};

pub(super) fn run(config: Option<&Path>) -> Result<(), CliError> {
    let options = StorageOptions::from(&load(config)?.settings.storage);
    let report: String = block_on(async {
        let storage = storage::open(&options).await?;
        let applied = storage.migrate().await?;
        Ok::<_, StorageError>(report(&storage.describe(), &applied))
    })?;
    io::stdout().write_all(report.as_bytes()).map_err(CliError::Output)
}

fn report(database: &str, applied: &[String]) -> String {
    if applied.is_empty() {
        return format!("{database}: nothing to do\n");
    }
    applied.iter().flat_map(|name| [database, ": applied ", name, "\n"]).collect()
}
