//! Tokens as they are written down: an entry a line, `NAME SCOPES HASH [EXPIRES]`.
//!
//! ```text
//! # who     may do   known by        until
//! producer  ingest   sha256:3f0a…
//! wallboard read     sha256:91bc…    2027-01-01T00:00:00Z
//! ```
//!
//! In the environment, entries may stand between semicolons too, with the token itself in the
//! place of its hash: it is hashed here, and forgotten.

use chrono::{DateTime, Utc};

use super::{
    scope::{Scopes, UnknownScope},
    token::{NotATokenHash, TokenEntry, TokenHash},
};

/// Longest name of an entry, in characters.
const MAX_NAME: usize = 64;
/// Shortest token that is taken: a shorter one could be guessed, and has no slow hash to help it.
const MIN_TOKEN: usize = 32;

/// Whether a token may stand in the place of its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plain {
    /// In the environment.
    Allowed,
    /// In a file.
    Forbidden,
}

/// What is wrong with an entry. No text repeats what was written: it may be a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum BadEntry {
    /// Too few words, or too many.
    #[error("an entry is NAME SCOPES HASH, and perhaps when it expires")]
    Form,
    /// A name with other characters, or too long.
    #[error("a name has 1 to 64 letters, digits, dots, hyphens and underscores")]
    Name,
    /// A word that is no scope.
    #[error("{UnknownScope}")]
    Scope,
    /// No hash, where nothing else may stand.
    #[error("{NotATokenHash}; `signalbox token` makes a token, and the line with its hash")]
    Hash,
    /// A token that could be guessed.
    #[error("a token has at least 32 characters; `signalbox token` makes one")]
    Short,
    /// No time.
    #[error("an entry expires at an RFC 3339 time such as 2027-01-01T00:00:00Z")]
    Expiry,
    /// The name of an earlier entry.
    #[error("the name stands twice")]
    Twice,
    /// The token of an earlier entry.
    #[error("the token is that of another name")]
    Shared,
}

/// An entry that is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryFault {
    /// Its line, from 1; among semicolons, its place.
    pub line: usize,
    /// What is wrong.
    pub reason: BadEntry,
}

/// What was written down: what is right, and what is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenList {
    /// The entries that can be used.
    pub entries: Vec<TokenEntry>,
    /// Those that cannot.
    pub faults: Vec<EntryFault>,
}

impl TokenList {
    /// Reads the entries of a text. Empty ones count for the line only, as do comments after `#`.
    #[must_use]
    pub fn read(text: &str, plain: Plain) -> Self {
        let mut list = Self::default();
        let is_end = |c| c == '\n' || (c == ';' && plain == Plain::Allowed);
        for (line, text) in (1..).zip(text.split(is_end)) {
            if text.trim().is_empty() || text.trim_start().starts_with('#') {
                continue;
            }
            match entry(text, plain).and_then(|entry| list.admit(entry)) {
                Ok(entry) => list.entries.push(entry),
                Err(reason) => list.faults.push(EntryFault { line, reason }),
            }
        }
        list
    }

    /// The entry itself, unless its name or its token is in the list already.
    ///
    /// # Errors
    /// When it is.
    pub fn admit(&self, entry: TokenEntry) -> Result<TokenEntry, BadEntry> {
        if self.entries.iter().any(|other| other.name == entry.name) {
            return Err(BadEntry::Twice);
        }
        if self.entries.iter().any(|other| other.hash == entry.hash) {
            return Err(BadEntry::Shared);
        }
        Ok(entry)
    }
}

/// Whether a text can be the name of an entry.
#[must_use]
pub fn is_token_name(text: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    (1..=MAX_NAME).contains(&text.len()) && text.chars().all(is_allowed)
}

fn entry(text: &str, plain: Plain) -> Result<TokenEntry, BadEntry> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let (name, scopes, secret, expires_at) = match *words {
        [name, scopes, secret] => (name, scopes, secret, None),
        [name, scopes, secret, expires_at] => (name, scopes, secret, Some(expires_at)),
        _ => return Err(BadEntry::Form),
    };
    if !is_token_name(name) {
        return Err(BadEntry::Name);
    }
    let scopes: Scopes = scopes.parse().map_err(|UnknownScope| BadEntry::Scope)?;
    let hash = match secret.parse() {
        Ok(hash) => hash,
        Err(NotATokenHash) if plain == Plain::Forbidden => return Err(BadEntry::Hash),
        Err(NotATokenHash) if secret.len() < MIN_TOKEN => return Err(BadEntry::Short),
        Err(NotATokenHash) => TokenHash::of(secret),
    };
    let time = |text: &str| text.parse::<DateTime<Utc>>().map_err(|_invalid| BadEntry::Expiry);
    let expires_at = expires_at.map(time).transpose()?;
    Ok(TokenEntry { name: name.into(), scopes, hash, expires_at })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef0123456789abcdef";

    fn hash(token: &str) -> String {
        TokenHash::of(token).to_string()
    }

    #[test]
    fn a_file_has_an_entry_a_line() {
        let text = format!(
            "# tokens\n\nproducer ingest {}\n  wall.board-2 read,admin\t{} 2027-01-01T00:00:00Z\r\n",
            hash("a"),
            hash("b"),
        );
        let TokenList { entries, faults } = TokenList::read(&text, Plain::Forbidden);
        assert_eq!(faults, []);
        let lines: Vec<_> = entries.iter().map(TokenEntry::to_string).collect();
        let second = format!("wall.board-2 read,admin {} 2027-01-01T00:00:00Z", hash("b"));
        assert_eq!(lines, [format!("producer ingest {}", hash("a")), second]);
    }

    #[test]
    fn the_environment_may_hold_tokens_and_keeps_their_hashes() {
        let text = format!("a read {TOKEN}; b ingest {};\nc read {TOKEN}x", hash("b"));
        let TokenList { entries, faults } = TokenList::read(&text, Plain::Allowed);
        assert_eq!((entries.len(), faults.len()), (3, 0));
        assert_eq!(entries[0].hash, TokenHash::of(TOKEN));
        assert!(!format!("{entries:?}").contains(TOKEN));
    }

    #[test]
    fn every_fault_is_told_with_its_line_and_without_what_was_written() {
        let good = format!("a read {}", hash("a"));
        for (entry, plain, reason) in [
            ("a read", Plain::Forbidden, BadEntry::Form),
            (TOKEN, Plain::Allowed, BadEntry::Form),
            (&*format!("{good} 2027-01-01T00:00:00Z x"), Plain::Forbidden, BadEntry::Form),
            (&*good.replace("a read", "a/b read"), Plain::Forbidden, BadEntry::Name),
            (&*good.replace("a read", "b red"), Plain::Forbidden, BadEntry::Scope),
            (&*format!("b read {TOKEN}"), Plain::Forbidden, BadEntry::Hash),
            ("b read sha256:12", Plain::Forbidden, BadEntry::Hash),
            ("b read guessable", Plain::Allowed, BadEntry::Short),
            (&*format!("b read {} tomorrow", hash("b")), Plain::Forbidden, BadEntry::Expiry),
            (&*format!("a read {}", hash("b")), Plain::Forbidden, BadEntry::Twice),
            (&*format!("b read {}", hash("a")), Plain::Forbidden, BadEntry::Shared),
        ] {
            let list = TokenList::read(&format!("{good}\n\n{entry}\n"), plain);
            assert_eq!(list.faults, [EntryFault { line: 3, reason }], "{entry}");
            assert_eq!(list.entries.len(), 1);
            assert!(!reason.to_string().contains(TOKEN));
        }
    }
}
