//! Changes of the settings, what becomes of them, and who follows.

use std::{future::Future, pin::Pin, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::{
    actors::journal::PublishError,
    settings::{Faults, Override, Settings, Snapshot},
};

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
        /// Why, for the audit log.
        reason: Arc<str>,
    },
}

/// A change that is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The generation in force.
    pub generation: u64,
    /// Whether anything is otherwise than before.
    pub outcome: Outcome,
    /// Keys with another value than before.
    pub changed: Vec<&'static str>,
    /// Keys whose new value takes effect with the next start.
    pub needs_restart: Vec<&'static str>,
}

/// What became of settings that are good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// They are in force, with a generation of their own.
    Applied,
    /// They are those that were in force.
    Unchanged,
}

impl Outcome {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Unchanged => "unchanged",
        }
    }
}

/// Why a change was not made: everything is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReloadError {
    /// The settings would not be valid, or nothing could be built from them.
    #[error(transparent)]
    Invalid(#[from] Faults),
    /// They are good, and cannot be followed now: later they may.
    #[error("{0}")]
    Unfit(String),
    /// It cannot be stored. With [`PublishError::Unknown`] it may be stored all the same, until it
    /// is taken back: it would count if the router were started again before that.
    #[error("it cannot be stored: {0}")]
    Storage(PublishError),
    /// There is nothing to clear.
    #[error("{0} is not set at run time")]
    NotSet(String),
}

impl ReloadError {
    /// Whether the same may succeed later.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Unfit(_) | Self::Storage(_))
    }
}

/// An attempt to load the settings again.
#[derive(Clone, Debug)]
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
