//! What a token allows. Whoever knows the keys says it; the texts are those of the real server.

use chrono::{DateTime, Utc};

/// Says what a token allows.
pub trait Gate {
    /// What this token allows; `None` is the key the socket came with.
    ///
    /// # Errors
    /// When it allows nothing.
    fn admit(&self, token: Option<&str>, now: DateTime<Utc>) -> Result<Grant, TokenFault>;
}

/// What a token allows. Who may read may also write, on public topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Whether its role may read.
    pub read: bool,
    /// Whether its role may write on private topics.
    pub write: bool,
    /// When it allows nothing any more.
    pub expires: Option<DateTime<Utc>>,
}

/// Why a token allows nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// Its time is over.
    #[error("Token has expired {seconds} seconds ago")]
    Expired {
        /// Since when.
        seconds: i64,
    },
    /// It does not say what it must.
    #[error("Fields `role` and `exp` are required in JWT")]
    MissingClaims,
    /// It is no token.
    #[error("The token provided is not a valid JWT")]
    Malformed,
    /// It is not signed by who must have signed it.
    #[error("Failed to validate JWT signature")]
    Signature,
}

impl TokenFault {
    /// The fault of a token that expired then.
    #[must_use]
    pub fn expired(at: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        Self::Expired { seconds: (now - at).num_seconds() }
    }

    /// The code in front of the text when a join is refused.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Expired { .. } | Self::MissingClaims => "InvalidJWTToken",
            Self::Malformed => "MalformedJWT",
            Self::Signature => "JwtSignatureError",
        }
    }
}
