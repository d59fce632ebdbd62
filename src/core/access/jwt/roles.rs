//! What each role of a token may do, as it is written down: `ROLE SCOPES`, several with semicolons
//! between. A role that is not there may do nothing.

use std::{borrow::Cow, fmt, str::FromStr};

use crate::core::access::{is_token_name, scope::Scopes};

type Entry = (Cow<'static, str>, Scopes);

/// What each role may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleTable(Cow<'static, [Entry]>);

/// The text is no table of roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("roles are {}", RoleTable::FORM)]
pub struct BadRoles;

impl RoleTable {
    /// What a text must be.
    pub const FORM: &'static str = "\"ROLE SCOPES\", several roles with semicolons between, \
                                     several of ingest, read and admin with commas";

    /// The roles that Supabase has: a service may do everything, who has signed in may read, and
    /// `anon`, whose key is public, may do nothing.
    pub const DEFAULT: Self = Self(Cow::Borrowed(&[
        (Cow::Borrowed("service_role"), Scopes::ALL),
        (Cow::Borrowed("authenticated"), Scopes::READ),
    ]));

    /// What a role may do.
    #[must_use]
    pub fn scopes(&self, role: &str) -> Scopes {
        let entry = self.0.iter().find(|(name, _)| name == role);
        entry.map(|(_, scopes)| *scopes).unwrap_or_default()
    }
}

impl Default for RoleTable {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl FromStr for RoleTable {
    type Err = BadRoles;

    fn from_str(text: &str) -> Result<Self, BadRoles> {
        let mut roles: Vec<Entry> = Vec::new();
        for entry in text.split(';').map(str::trim).filter(|entry| !entry.is_empty()) {
            let (role, scopes) = entry.split_once(char::is_whitespace).ok_or(BadRoles)?;
            if !is_token_name(role) || roles.iter().any(|(other, _)| other == role) {
                return Err(BadRoles);
            }
            let scopes = scopes.trim().parse().map_err(|_unknown| BadRoles)?;
            roles.push((role.to_owned().into(), scopes));
        }
        Ok(Self(roles.into()))
    }
}

impl fmt::Display for RoleTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries: Vec<_> =
            self.0.iter().map(|(role, scopes)| format!("{role} {scopes}")).collect();
        f.write_str(&entries.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::access::Scope;

    #[test]
    fn roles_are_shown_as_they_are_read_and_others_may_do_nothing() {
        let table = RoleTable::default();
        assert_eq!(table.to_string(), "service_role ingest,read,admin; authenticated read");
        assert_eq!(table.to_string().parse(), Ok(table.clone()));
        assert!(Scope::ALL.iter().all(|scope| table.scopes("service_role").allow(*scope)));
        assert!(table.scopes("authenticated").allow(Scope::Read));
        for role in ["anon", "", "Authenticated", "authenticated "] {
            assert!(table.scopes(role).is_empty(), "{role}");
        }
        let own: RoleTable = " ops admin ;anon  read;".parse().unwrap();
        assert_eq!(own.to_string(), "ops admin; anon read");
        assert!("".parse::<RoleTable>().unwrap().scopes("authenticated").is_empty());
    }

    #[test]
    fn a_role_that_cannot_be_read_is_a_fault() {
        for text in ["anon", "anon write", "anon read admin", "a read; a admin", "a: read"] {
            assert_eq!(text.parse::<RoleTable>(), Err(BadRoles), "{text}");
        }
    }
}
