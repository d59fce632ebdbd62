//! Tokens, known by their hashes only.
//!
//! A token of ours has 256 random bits: there is nothing to guess, so SHA-256 keeps it as well as a
//! slow hash would, which is for passwords, and a request pays a microsecond for it instead of
//! milliseconds. Every entry is compared, each in constant time: how long that takes tells nothing.

use std::{fmt, str::FromStr, sync::Arc};

use chrono::{DateTime, SecondsFormat, Utc};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{identity::Identity, scope::Scopes};

/// What a hash begins with in text.
const PREFIX: &str = "sha256:";

/// The SHA-256 of a token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// The hash of a token.
    #[must_use]
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token).into())
    }
}

/// `sha256:` and 64 hexadecimal digits.
impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", hex::encode(self.0))
    }
}

/// A hash may be written down, but has no business in a log.
impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(hidden)")
    }
}

/// The text is no hash; it is not repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a hash is sha256: and 64 hexadecimal digits")]
pub struct NotATokenHash;

impl FromStr for TokenHash {
    type Err = NotATokenHash;

    fn from_str(text: &str) -> Result<Self, NotATokenHash> {
        let digits = text.strip_prefix(PREFIX).ok_or(NotATokenHash)?;
        let mut hash = [0; 32];
        hex::decode_to_slice(digits, &mut hash).map_err(|_invalid| NotATokenHash)?;
        Ok(Self(hash))
    }
}

/// A token that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenEntry {
    /// Who has it.
    pub name: Arc<str>,
    /// What it allows.
    pub scopes: Scopes,
    /// What it is known by.
    pub hash: TokenHash,
    /// From when on it is not taken any more; never without it.
    pub expires_at: Option<DateTime<Utc>>,
}

/// The entry's line in a file of tokens.
impl fmt::Display for TokenEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, scopes, hash, expires_at } = self;
        write!(f, "{name} {scopes} {hash}")?;
        match expires_at {
            Some(at) => write!(f, " {}", at.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
            None => Ok(()),
        }
    }
}

/// Why a token is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadToken {
    /// It is none of those that are known.
    #[error("the token is not known here")]
    Unknown,
    /// Its time is over.
    #[error("the token has expired")]
    Expired {
        /// Since when.
        at: DateTime<Utc>,
    },
}

/// All tokens that are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenTable(Vec<TokenEntry>);

impl TokenTable {
    /// The table of these entries.
    #[must_use]
    pub fn new(entries: Vec<TokenEntry>) -> Self {
        Self(entries)
    }

    /// The entry of a token, expired or not.
    #[must_use]
    pub fn find(&self, token: &str) -> Option<&TokenEntry> {
        let hash = TokenHash::of(token);
        let same = |entry: &TokenEntry| bool::from(entry.hash.0.ct_eq(&hash.0));
        // Not `find`, which would stop at the first.
        self.0.iter().fold(None, |found, entry| if same(entry) { Some(entry) } else { found })
    }

    /// Who shows a token.
    ///
    /// # Errors
    /// When the token is not known, or not any more.
    pub fn identify(&self, token: &str, now: DateTime<Utc>) -> Result<Identity, BadToken> {
        let entry = self.find(token).ok_or(BadToken::Unknown)?;
        if let Some(at) = entry.expires_at.filter(|at| *at <= now) {
            return Err(BadToken::Expired { at });
        }
        Ok(Identity {
            name: Some(entry.name.clone()),
            scopes: entry.scopes,
            expires_at: entry.expires_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn entry(name: &str, token: &str, expires_at: Option<DateTime<Utc>>) -> TokenEntry {
        let scopes = "read".parse().unwrap();
        TokenEntry { name: name.into(), scopes, hash: TokenHash::of(token), expires_at }
    }

    #[test]
    fn a_token_is_known_by_its_hash_until_it_expires() {
        let (now, second) = (DateTime::UNIX_EPOCH, TimeDelta::seconds(1));
        let table = TokenTable::new(vec![
            entry("first", "one", None),
            entry("second", "two", Some(now + second)),
        ]);
        let name = |token, now| table.identify(token, now).map(|identity| identity.name.unwrap());
        assert_eq!(name("one", now), Ok("first".into()));
        assert_eq!(name("two", now), Ok("second".into()));
        assert_eq!(name("two", now + second), Err(BadToken::Expired { at: now + second }));
        for unknown in ["", "three", "One", "one ", &TokenHash::of("one").to_string()] {
            assert_eq!(name(unknown, now), Err(BadToken::Unknown), "{unknown}");
        }
        assert_eq!(table.find("two").unwrap().name, "second".into());
    }

    #[test]
    fn a_hash_is_read_as_it_is_shown_and_the_known_one() {
        let hash = TokenHash::of("abc");
        let shown = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!((hash.to_string().as_str(), shown.parse()), (shown, Ok(hash)));
        for text in ["", "sha256:", &shown[7..], &shown[..70], "sha512:00", &format!("{shown}00")] {
            assert_eq!(text.parse::<TokenHash>(), Err(NotATokenHash), "{text}");
        }
        assert_eq!(format!("{hash:?}"), "TokenHash(hidden)");
    }
}
