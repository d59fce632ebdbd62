//! Which database to open, and how careful to be with it.
//!
//! Opening checks the URL and makes folders; it does not wait for a server. A text made here never
//! holds a password.

use std::{path::PathBuf, sync::Arc};

use super::{Durability, Storage, StorageError, postgres::PostgresStorage, sqlite::SqliteStorage};
use crate::settings::StorageSettings;

/// Which database, and how careful to be with it. It has no `Debug`: the URL may hold a password.
#[derive(Clone)]
pub struct StorageOptions {
    /// `sqlite:PATH` or `postgres://USER:PASSWORD@HOST:PORT/DATABASE`.
    pub url: String,
    /// What an acknowledged commit survives.
    pub durability: Durability,
    /// Connections for readers, at least 1; the writer has one of its own.
    pub pool_size: usize,
}

impl From<&StorageSettings> for StorageOptions {
    fn from(settings: &StorageSettings) -> Self {
        let (durability, pool_size) = (settings.durability, settings.pool_size);
        Self { url: settings.url.expose().to_owned(), durability, pool_size }
    }
}

/// Opens the database that `options.url` names. A PostgreSQL server may still be down: it is
/// reached when it is first needed.
///
/// # Errors
/// [`StorageError::Unsuitable`] when the URL cannot be used, [`StorageError::Unreachable`] when a
/// SQLite database's folder cannot be made or written.
pub async fn open(options: &StorageOptions) -> Result<Arc<dyn Storage>, StorageError> {
    let (durability, readers) = (options.durability, options.pool_size.max(1));
    Ok(match Place::parse(&options.url)? {
        Place::File(path) => Arc::new(SqliteStorage::open(path, durability, readers).await?),
        Place::Server(url) => Arc::new(PostgresStorage::open(url, durability, readers)?),
    })
}

/// What a storage URL names.
#[derive(Debug, PartialEq, Eq)]
enum Place<'a> {
    File(PathBuf),
    Server(&'a str),
}

impl<'a> Place<'a> {
    fn parse(url: &'a str) -> Result<Self, StorageError> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self::Server(url));
        }
        let Some(path) = url.strip_prefix("sqlite:") else {
            return Err(unsuitable(&format!("{} is no database", scheme(url))));
        };
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() || path == ":memory:" {
            return Err(unsuitable("a SQLite journal needs a file"));
        }
        // An absolute path is never taken for a `file:` URI or for `:memory:`.
        std::path::absolute(path)
            .map(Self::File)
            .map_err(|error| unsuitable(&format!("`{path}` is no path: {error}")))
    }
}

/// The part of a URL that can be shown: a password may stand in the rest.
fn scheme(url: &str) -> String {
    match url.split_once(':') {
        Some((scheme, _)) => format!("`{scheme}:`"),
        None => "a storage URL without a scheme".to_owned(),
    }
}

fn unsuitable(why: &str) -> StorageError {
    StorageError::Unsuitable(format!(
        "{why}: use `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/DATABASE`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_file_or_a_server() {
        let file = |path: &str| Place::File(PathBuf::from(path));
        assert_eq!(Place::parse("sqlite:/a/b.db").unwrap(), file("/a/b.db"));
        assert_eq!(Place::parse("sqlite:///a/b.db").unwrap(), file("/a/b.db"));
        assert_eq!(Place::parse("postgres://h/d").unwrap(), Place::Server("postgres://h/d"));
        let Place::File(relative) = Place::parse("sqlite:./data/x.db").unwrap() else { panic!() };
        assert!(relative.is_absolute() && relative.ends_with("data/x.db"));
    }

    #[test]
    fn what_is_no_database_is_named_without_its_password() {
        for url in ["mysql://u:secret@h/d", "secret", "sqlite:", "sqlite::memory:"] {
            let text = Place::parse(url).unwrap_err().to_string();
            assert!(text.contains("sqlite:PATH") && !text.contains("secret"), "{text}");
        }
    }
}
