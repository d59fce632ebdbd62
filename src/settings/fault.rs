//! Where a value comes from, and what is wrong with it.

use std::{fmt, path::Path, sync::Arc};

use chrono::{DateTime, Utc};

/// Where a value comes from. Ordered as faults are told: by place in the file, then by variable.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The settings file.
    File {
        /// The file, as it was named.
        path: Arc<Path>,
        /// Where in it; nothing when it could not be read at all.
        place: Option<Place>,
    },
    /// An environment variable of that name.
    Variable(String),
    /// Set at run time.
    Override {
        /// Who set it.
        by: Arc<str>,
        /// When.
        at: DateTime<Utc>,
        /// Until when.
        until: Option<DateTime<Utc>>,
    },
    /// Nobody set it.
    Default,
}

/// A place in a text, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The character within the line.
    pub column: usize,
}

impl Place {
    /// The place of a byte offset, or the end of the text when it lies beyond.
    pub(super) fn at(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.rsplit('\n').next().unwrap_or_default();
        Self { line: before.matches('\n').count() + 1, column: line.chars().count() + 1 }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, place: Some(Place { line, column }) } => {
                write!(f, "{}:{line}:{column}", path.display())
            }
            Self::File { path, place: None } => write!(f, "{}", path.display()),
            Self::Variable(name) => f.write_str(name),
            Self::Override { by, .. } => write!(f, "override by {by}"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// Where it was written.
    pub origin: Origin,
    /// The section or key it is about, where it is about one.
    pub key: Option<String>,
    /// What is wrong, what is allowed, and what was probably meant; without a secret.
    pub message: String,
}

/// `file:line:column: key: message`, or the variable's name in place of the file.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.origin)?;
        if let Some(key) = &self.key {
            write!(f, "{key}: ")?;
        }
        f.write_str(&self.message)
    }
}

/// Everything that is wrong, one fault a line; never empty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(Fault::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Faults(pub(super) Vec<Fault>);

impl Faults {
    /// The one thing that is wrong.
    #[must_use]
    pub fn one(fault: Fault) -> Self {
        Self(vec![fault])
    }

    /// The faults, by place.
    #[must_use]
    pub fn list(&self) -> &[Fault] {
        &self.0
    }
}
