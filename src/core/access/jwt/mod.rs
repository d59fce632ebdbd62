//! JSON Web Tokens: who shows one, by keys and rules that are given.
//!
//! The algorithm is that of the key, never what a token says of itself; a token only says which of
//! the keys is meant. Nothing of its claims is read before its signature is good. No text that is
//! made here holds a token or a part of one.

mod claims;
mod fault;
mod jwks;
mod key;
mod keys;
mod parts;
mod roles;
mod spki;

use chrono::{DateTime, Utc};

use super::identity::Identity;
use claims::Expected;
use parts::Parts;

pub use self::{
    claims::LEEWAY,
    fault::BadJwt,
    jwks::{PlacedKey, read_jwks},
    key::{BadKey, JwtAlgorithm, JwtKey},
    keys::JwtKeys,
    parts::MAX_JWT,
    roles::{BadRoles, RoleTable},
};

/// What makes a token good, and what its role then allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JwtRules {
    /// Whose signatures are taken.
    pub keys: JwtKeys,
    /// What each role may do.
    pub roles: RoleTable,
    /// What `aud` must hold; anything will do without it.
    pub audience: Option<String>,
    /// What `iss` must be; anything will do without it.
    pub issuer: Option<String>,
}

/// A token that is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<'a> {
    /// The key that it is signed with.
    pub key: &'a JwtKey,
    /// Its role.
    pub role: String,
    /// Who shows it: its `sub`, or its role where it has none.
    pub identity: Identity,
}

impl JwtRules {
    /// Who shows a token.
    ///
    /// # Errors
    /// When it is not one, is not signed with one of the keys, or is not for here and now.
    pub fn verify(&self, token: &str, now: DateTime<Utc>) -> Result<Verified<'_>, BadJwt> {
        let parts = Parts::of(token)?;
        let key = self.keys.signer(&parts)?;
        let expected =
            Expected { audience: self.audience.as_deref(), issuer: self.issuer.as_deref() };
        let claims = expected.check(&parts.payload()?, now)?;
        let identity = Identity {
            scopes: self.roles.scopes(&claims.role),
            name: Some(claims.subject.unwrap_or_else(|| claims.role.clone()).into()),
            expires_at: Some(claims.expires_at),
        };
        Ok(Verified { key, role: claims.role, identity })
    }
}

#[cfg(test)]
mod tests;
