//! The settings in force: one immutable value, swapped whole, so that whoever reads it twice reads
//! one generation or knows that there are two.

use std::{ops::Deref, path::PathBuf, sync::Arc};

use arc_swap::ArcSwap;
use chrono::{DateTime, Utc};

use super::{Loaded, Origins, Settings};

/// Settings, and where they come from.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The settings.
    pub settings: Settings,
    /// Their number: 1 at the start, one more with each change that took effect.
    pub generation: u64,
    /// When they were loaded.
    pub loaded_at: DateTime<Utc>,
    /// The file that was read, if there was one.
    pub file: Option<PathBuf>,
    /// Where each value comes from that somebody set.
    pub origins: Origins,
    /// Keys with another value by now, which takes effect with the next start.
    pub needs_restart: Vec<&'static str>,
}

impl Snapshot {
    /// The first one.
    #[must_use]
    pub fn first(Loaded { settings, origins, file, .. }: Loaded, loaded_at: DateTime<Utc>) -> Self {
        Self { settings, generation: 1, loaded_at, file, origins, needs_restart: Vec::new() }
    }
}

impl Deref for Snapshot {
    type Target = Settings;

    fn deref(&self) -> &Settings {
        &self.settings
    }
}

/// Where the settings in force are read: once a request, or a turn.
#[derive(Debug)]
pub struct LiveSettings(ArcSwap<Snapshot>);

impl LiveSettings {
    /// These, until others are put in their place.
    #[must_use]
    pub fn new(first: Snapshot) -> Self {
        Self(ArcSwap::from_pointee(first))
    }

    /// Those in force now.
    #[must_use]
    pub fn load(&self) -> Arc<Snapshot> {
        self.0.load_full()
    }

    /// Puts others in their place.
    pub fn store(&self, next: Snapshot) {
        self.0.store(Arc::new(next));
    }
}
