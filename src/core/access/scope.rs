//! What a caller may do, in the three kinds that routes ask for.

use std::{fmt, str::FromStr};

/// One kind of thing that a caller may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, utoipa::ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum Scope {
    /// Send events.
    Ingest,
    /// See events, sessions, statistics and metrics.
    Read,
    /// Change what the router does. It includes the others: who may close a session must see it.
    Admin,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ingest, Self::Read, Self::Admin];

    /// The name in files, answers and headers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Read => "read",
            Self::Admin => "admin",
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is no scope. It is not repeated: it may be a token in the wrong place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("scopes are ingest, read and admin, several with commas between")]
pub struct UnknownScope;

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text).ok_or(UnknownScope)
    }
}

/// What a route asks of whoever calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing: it is for everybody.
    Nothing,
    /// To be known, whatever one may do.
    Identity,
    /// That scope.
    Scope(Scope),
}

/// A set of scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    /// Everything.
    pub const ALL: Self = Self(0b111);
    /// To see, and no more.
    pub const READ: Self = Self(1 << Scope::Read as u8);

    /// Whether a caller with this set may do what asks for `scope`.
    #[must_use]
    pub fn allow(self, scope: Scope) -> bool {
        self.0 & (scope.bit() | Scope::Admin.bit()) != 0
    }

    /// Whether a caller with this set gives what a route needs.
    #[must_use]
    pub fn meet(self, need: Need) -> bool {
        match need {
            Need::Nothing => true,
            Need::Identity => !self.is_empty(),
            Need::Scope(scope) => self.allow(scope),
        }
    }

    /// Whether nothing is allowed.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The scopes of the set, as they were given.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.0 & scope.bit() != 0)
    }

    /// The set as bits, for a ticket.
    pub(super) fn bits(self) -> u8 {
        self.0
    }

    /// The set of those bits.
    pub(super) fn from_bits(bits: u8) -> Self {
        Self(bits & Self::ALL.0)
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | scope.bit()))
    }
}

impl FromStr for Scopes {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        text.split(',').map(str::parse::<Scope>).collect()
    }
}

/// With commas, as it is parsed.
impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.iter().map(Scope::as_str).collect();
        f.write_str(&names.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admin_includes_the_others_and_they_do_not_include_each_other() {
        let set = |text: &str| text.parse::<Scopes>().unwrap();
        assert!(Scope::ALL.into_iter().all(|scope| set("admin").allow(scope)));
        assert!(set("read").allow(Scope::Read) && !set("read").allow(Scope::Ingest));
        assert!(!set("ingest,read").allow(Scope::Admin));
        assert!(!Scopes::default().allow(Scope::Read));
        assert!(Scopes::default().meet(Need::Nothing) && !Scopes::default().meet(Need::Identity));
        assert!(
            set("ingest").meet(Need::Identity) && !set("ingest").meet(Need::Scope(Scope::Read))
        );
    }

    #[test]
    fn a_set_is_shown_as_it_is_written() {
        for text in ["ingest", "read", "admin", "ingest,read", "ingest,read,admin"] {
            let set: Scopes = text.parse().unwrap();
            assert_eq!(set.to_string(), text);
            assert_eq!(Scopes::from_bits(set.bits()), set);
        }
        for text in ["", "write", "read,", "Read", "read ingest"] {
            assert_eq!(text.parse::<Scopes>(), Err(UnknownScope), "{text}");
        }
    }
}
