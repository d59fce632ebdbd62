//! What a caller is known as, however it has shown that.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::scope::Scopes;

/// A caller: every way to authenticate ends in one of these.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Its name, for operators; nothing when nobody was asked.
    pub name: Option<Arc<str>>,
    /// What it may do.
    pub scopes: Scopes,
    /// When it stops being known; never without it.
    pub expires_at: Option<DateTime<Utc>>,
}

impl Identity {
    /// Whoever comes, where nobody is asked who they are: may do everything.
    #[must_use]
    pub fn anybody() -> Self {
        Self { scopes: Scopes::ALL, ..Self::nobody() }
    }

    /// Whoever has not shown who they are: may do nothing that asks for a scope.
    #[must_use]
    pub fn nobody() -> Self {
        Self::default()
    }

    /// Whether it is somebody, who may do nothing all the same.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.name.is_some() || !self.scopes.is_empty()
    }
}
