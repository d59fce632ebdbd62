//! All keys, and which of them signed a token.

use super::{
    fault::BadJwt,
    key::{BadKey, JwtAlgorithm, JwtKey},
    parts::Parts,
};

/// Most keys: a token that names none is tried with each of its algorithm.
const MAX_KEYS: usize = 32;

/// The keys that tokens may be signed with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JwtKeys(Vec<JwtKey>);

impl JwtKeys {
    /// Takes a key.
    ///
    /// # Errors
    /// When it is there already, by its name or as it is, or there are enough.
    pub fn admit(&mut self, key: JwtKey) -> Result<(), BadKey> {
        if self.0.iter().any(|other| other.is_same(&key)) {
            return Err(BadKey::Same);
        }
        if key.kid().is_some_and(|kid| self.is_known(kid)) {
            return Err(BadKey::SameKid);
        }
        if self.0.len() >= MAX_KEYS {
            return Err(BadKey::TooMany);
        }
        self.0.push(key);
        Ok(())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys, as they were taken.
    pub fn iter(&self) -> impl Iterator<Item = &JwtKey> {
        self.0.iter()
    }

    /// The key that signed a token.
    ///
    /// # Errors
    /// When none of them did.
    pub(super) fn signer(&self, parts: &Parts<'_>) -> Result<&JwtKey, BadJwt> {
        let algorithm = JwtAlgorithm::named(&parts.header.alg).ok_or(BadJwt::Algorithm)?;
        let meant = || self.meant(parts.header.kid.as_deref());
        if meant().next().is_none() {
            return Err(BadJwt::UnknownKey);
        }
        let mut fitting = meant().filter(|key| key.algorithm() == algorithm).peekable();
        if fitting.peek().is_none() {
            return Err(BadJwt::OtherAlgorithm);
        }
        fitting.find(|key| key.signed(parts)).ok_or(BadJwt::Signature)
    }

    /// The keys that a token may mean: the one it names; those without a name, which may have one
    /// elsewhere; or any, when it names none.
    fn meant(&self, kid: Option<&str>) -> impl Iterator<Item = &JwtKey> {
        let known = kid.filter(|kid| self.is_known(kid));
        self.0.iter().filter(move |key| kid.is_none() || key.kid() == known)
    }

    fn is_known(&self, kid: &str) -> bool {
        self.0.iter().any(|key| key.kid() == Some(kid))
    }
}
