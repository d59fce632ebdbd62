//! The only one who changes the settings in force: reads every layer again, validates all of it, and
//! swaps one snapshot, or keeps the old one and says exactly what is wrong.

use std::{ffi::OsString, future::Future, path::PathBuf, pin::Pin, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::sync::{Mutex, watch};

use crate::settings::{Faults, LiveSettings, Loaded, Override, Settings, Snapshot};

/// Where settings are read from.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file that was named, if one was.
    pub path: Option<PathBuf>,
    /// The environment, as it was at the start.
    pub environment: Vec<(String, String)>,
}

impl Source {
    /// That file, and the environment of this process.
    #[must_use]
    pub fn of(path: Option<PathBuf>) -> Self {
        // What is not UTF-8 is kept as far as it goes, so that it is told as a fault.
        let text = |text: OsString| text.to_string_lossy().into_owned();
        let variables = std::env::vars_os().map(|(name, value)| (text(name), text(value)));
        Self { path, environment: variables.collect() }
    }

    /// Reads it, under what was set at run time.
    ///
    /// # Errors
    /// With every fault of all layers, when there is one.
    pub fn load(&self, overrides: &[Override]) -> Result<Loaded, Faults> {
        let environment = self.environment.iter().cloned();
        Settings::load_under(self.path.as_deref(), environment, overrides)
    }
}

/// A change of the settings.
#[derive(Clone, Debug)]
pub enum Change {
    /// All layers are read again.
    Reload,
    /// A value is set at run time.
    Override(Override),
    /// What was set at run time counts no more.
    Clear {
        /// The key's path.
        key: String,
        /// Who clears it.
        by: Arc<str>,
    },
}

/// A change that took effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The generation in force.
    pub generation: u64,
    /// Keys with another value than before.
    pub changed: Vec<&'static str>,
    /// Keys whose new value takes effect with the next start.
    pub needs_restart: Vec<&'static str>,
}

/// Why a change did not take effect: everything is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The settings would not be valid.
    #[error(transparent)]
    Invalid(#[from] Faults),
    /// They are valid, and cannot be followed here and now.
    #[error(transparent)]
    Unfit(#[from] Unfit),
}

/// The last attempt.
#[derive(Debug)]
pub struct Attempt {
    /// When it was made.
    pub at: DateTime<Utc>,
    /// What became of it.
    pub result: Result<Applied, ReloadError>,
}

/// What is made from the settings, and follows them.
#[async_trait]
pub trait Followers: Send + Sync + 'static {
    /// Makes all that can fail, without a change that anybody could see.
    ///
    /// # Errors
    /// When these settings cannot be followed: then they do not take effect.
    async fn prepare(&self, next: &Settings) -> Result<Adopt, Unfit>;

    /// Somebody wants the settings read again, and they are the same: what waits for that tries
    /// again.
    async fn try_again(&self);
}

/// Follows settings that were prepared for, once they are in force.
pub type Adopt = Box<dyn FnOnce(Arc<Snapshot>) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// Why settings that are valid by themselves cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Unfit {
    /// The key that most of it hangs on; `None` when it is not the settings' fault.
    pub key: Option<&'static str>,
    /// What is wrong.
    pub message: String,
}

/// See the module.
pub struct Reloader {
    source: Source,
    live: Arc<LiveSettings>,
    followers: Box<dyn Followers>,
    /// What is set at run time. Held while a change is made: one at a time.
    overrides: Mutex<Vec<Override>>,
    /// The generation in force, for those who follow it.
    generation: watch::Sender<u64>,
}

impl Reloader {
    /// Changes `live`, which was loaded from `source`.
    #[must_use]
    pub fn new(source: Source, live: Arc<LiveSettings>, followers: impl Followers) -> Self {
        let generation = watch::Sender::new(live.load().generation);
        let followers = Box::new(followers);
        Self { source, live, followers, overrides: Mutex::default(), generation }
    }

    /// Says when there is another generation.
    #[must_use]
    pub fn follow(&self) -> watch::Receiver<u64> {
        self.generation.subscribe()
    }

    /// Makes a change, or changes nothing.
    ///
    /// # Errors
    /// See [`ReloadError`].
    pub async fn apply(&self, change: Change) -> Result<Applied, ReloadError> {
        let mut overrides = self.overrides.lock().await;
        let now = Utc::now();
        let next = after(&overrides, change, now);
        let mut loaded = self.source.load(&next)?;
        let running = self.live.load();
        let needs_restart = loaded.settings.keep_running(&running.settings);
        let changed = loaded.settings.differing(&running.settings);
        let adopt = self.followers.prepare(&loaded.settings).await?;
        *overrides = next;
        let generation = running.generation + 1;
        let Loaded { settings, origins, file, .. } = loaded;
        let snapshot = Snapshot {
            settings,
            generation,
            loaded_at: now,
            file,
            origins,
            needs_restart: needs_restart.clone(),
        };
        self.live.store(snapshot);
        adopt(self.live.load()).await;
        self.generation.send_replace(generation);
        Ok(Applied { generation, changed, needs_restart })
    }
}

/// What is set at run time after a change.
fn after(overrides: &[Override], change: Change, now: DateTime<Utc>) -> Vec<Override> {
    let without = |key: &str| {
        let others = overrides.iter().filter(|it| it.key != key && it.counts_at(now));
        others.cloned().collect::<Vec<_>>()
    };
    match change {
        Change::Reload => without(""),
        Change::Clear { key, .. } => without(&key),
        Change::Override(set) => {
            let mut next = without(&set.key);
            next.push(set);
            next
        }
    }
}
