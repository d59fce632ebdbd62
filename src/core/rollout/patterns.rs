//! Lists of clients: ids, and patterns of ids.

use std::collections::HashSet;

use crate::core::filter::Glob;

/// Ids as they are, and patterns in which `*` stands for any run of characters. Ids are looked up;
/// patterns are tried one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patterns {
    ids: HashSet<Box<str>>,
    globs: Vec<Glob>,
}

/// What is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{pattern}`: {why}")]
pub struct BadPattern {
    /// As given.
    pub pattern: String,
    /// What to do about it.
    pub why: String,
}

impl Patterns {
    /// Reads a list.
    ///
    /// # Errors
    /// At the first that is no pattern.
    pub fn try_new<'a>(list: impl IntoIterator<Item = &'a str>) -> Result<Self, BadPattern> {
        let mut patterns = Self::default();
        for pattern in list {
            let bad = |why| BadPattern { pattern: pattern.to_owned(), why };
            let glob = Glob::try_new(pattern).map_err(bad)?;
            match glob.literal() {
                Some(id) => drop(patterns.ids.insert(id.into())),
                None => patterns.globs.push(glob),
            }
        }
        Ok(patterns)
    }

    /// Whether a client is on the list.
    #[must_use]
    pub fn contain(&self, client_id: &str) -> bool {
        self.ids.contains(client_id) || self.globs.iter().any(|glob| glob.matches(client_id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_themselves_and_patterns_match_whole_ids() {
        let list = Patterns::try_new(["a.b", "wall-*", "*-x-*"]).unwrap();
        for client in ["a.b", "wall-", "wall-7", "1-x-2"] {
            assert!(list.contain(client), "{client}");
        }
        for client in ["aXb", "a.b2", "the-wall-7", "x", ""] {
            assert!(!list.contain(client), "{client}");
        }
        assert!(!Patterns::default().contain(""));
    }

    #[test]
    fn what_is_no_pattern_is_named() {
        let fault = Patterns::try_new(["a", ""]).unwrap_err();
        assert_eq!(fault.to_string(), "``: an empty pattern matches nothing: leave it out");
    }
}
