//! The beginning of a router: the database, the right to write to it, and the settings in force.

use std::{sync::Arc, time::Duration};

use chrono::Utc;
use tokio::sync::watch;
use uuid::Uuid;

use super::{AppError, options::Common};
use crate::{
    actors::journal::tell_proof,
    settings::{FileText, LiveSettings, Loaded, Override, Settings, Snapshot},
    storage::{self, OpenWriter, Opened, Storage, StorageError, StorageOptions, Writer},
    tasks::reloader::{Source, restore},
};

/// How long another router on the same database may take to end: a server may notice late that one
/// was killed.
const LOCK_WAIT: Duration = Duration::from_secs(5);

/// What everything else is made of.
pub(super) struct Opening {
    pub(super) common: Common,
    pub(super) pen: Pen,
    pub(super) restored: Restored,
}

/// What the journal alone has: it writes, and says that it has.
pub(super) struct Pen {
    pub(super) writer: Box<dyn Writer>,
    pub(super) advanced: watch::Sender<()>,
}

/// What the settings in force were made of.
pub(super) struct Restored {
    pub(super) source: Source,
    pub(super) read: FileText,
    pub(super) overrides: Vec<Override>,
}

impl Opening {
    /// Opens the database, waits for the right to write to it, and lays what is set at run time over
    /// the settings that were loaded from `source`.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub(super) async fn of(source: Source, loaded: Loaded) -> Result<Self, AppError> {
        let storage = open(&loaded.settings).await?;
        let Opened { writer, head, proof } = take_writer(&*storage).await?;
        tell_proof(&*storage, proof);
        let (loaded, overrides) = restore(&source, storage.overrides().await?, loaded);
        let restored = Restored { source, read: loaded.read.clone(), overrides };
        let live = Arc::new(LiveSettings::new(Snapshot::first(loaded, Utc::now())));
        let (advanced, follow) = watch::channel(());
        let common = Common::new(live, storage, head, follow);
        Ok(Self { common, pen: Pen { writer, advanced }, restored })
    }
}

async fn open(settings: &Settings) -> Result<Arc<dyn Storage>, StorageError> {
    let storage = storage::open(&StorageOptions::from(&settings.storage)).await?;
    for migration in storage.migrate().await? {
        tracing::info!(migration, "migrated the database");
    }
    Ok(storage)
}

/// Takes the lock; another router that is just ending has a moment to let it go.
async fn take_writer(storage: &dyn Storage) -> Result<Opened, StorageError> {
    let request = OpenWriter { wait: Duration::ZERO, fresh: Uuid::new_v4(), last_seen: None };
    match storage.open_writer(request).await {
        Err(StorageError::Locked { what }) => {
            tracing::info!("another router is writing to {what}: waiting for its end");
            storage.open_writer(OpenWriter { wait: LOCK_WAIT, ..request }).await
        }
        opened => opened,
    }
}
