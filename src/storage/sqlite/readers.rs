//! The pool of reading connections, opened as they are needed.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use diesel::SqliteConnection;
use tokio::{sync::Semaphore, time::timeout};

use super::{blocking, connection};
use crate::storage::fault::Fault;

/// How long a query waits for a free connection.
const ACQUIRE: Duration = Duration::from_secs(5);

/// Reading connections to one file.
pub(super) struct Readers {
    path: PathBuf,
    permits: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<SqliteConnection>>>,
}

impl Readers {
    /// At most `size` connections at a time.
    pub(super) fn new(path: PathBuf, size: usize) -> Self {
        Self { path, permits: Arc::new(Semaphore::new(size)), idle: Arc::default() }
    }

    /// Runs `query` on a free connection.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut SqliteConnection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let permit = match timeout(ACQUIRE, Arc::clone(&self.permits).acquire_owned()).await {
            Ok(Ok(permit)) => permit,
            Ok(Err(closed)) => return Err(Fault::Lost(closed.to_string())),
            Err(_) => return Err(Fault::Lost("all reading connections are busy".to_owned())),
        };
        let (path, idle) = (self.path.clone(), Arc::clone(&self.idle));
        blocking(move || {
            let _permit = permit;
            let pooled = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut connection = match pooled {
                Some(connection) => connection,
                None => connection::reading(&path)?,
            };
            let outcome = query(&mut connection)?;
            // One that failed is not kept: it may be inside a transaction.
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            Ok(outcome)
        })
        .await
    }
}
