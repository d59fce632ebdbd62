//! Why a JSON Web Token is not taken.

use chrono::{DateTime, Utc};

use crate::core::event::rfc3339;

/// Why a token is not taken. The texts are for a header too: ASCII without quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadJwt {
    /// It is not even looked at.
    #[error("the token is larger than 8 KiB")]
    TooLarge,
    /// It has not the form of one.
    #[error("the token is malformed: {0}")]
    Malformed(&'static str),
    /// It is signed in a way that is never taken, `none` among them.
    #[error("the token's algorithm is none of HS256, RS256 and ES256")]
    Algorithm,
    /// It says another algorithm than that of the key it is meant for.
    #[error("the token's algorithm is not that of its key")]
    OtherAlgorithm,
    /// It names a key that is not there.
    #[error("the token's kid is that of no key here")]
    UnknownKey,
    /// Somebody else signed it, or it was changed.
    #[error("the token's signature is not good")]
    Signature,
    /// Its time is over.
    #[error("the token has expired, at {}", rfc3339(*at))]
    Expired {
        /// Since when.
        at: DateTime<Utc>,
    },
    /// Its time has not come.
    #[error("the token is not yet valid, but from {} on", rfc3339(*at))]
    NotYetValid {
        /// From when on.
        at: DateTime<Utc>,
    },
    /// It does not say what it must.
    #[error("the token lacks the claim {0}")]
    MissingClaim(&'static str),
    /// It says it in another form.
    #[error("the token's claim {claim} is malformed: it is {form}")]
    BadClaim {
        /// Which claim.
        claim: &'static str,
        /// What it must be.
        form: &'static str,
    },
    /// It is for somebody else.
    #[error("the token is for another audience than auth.jwt_audience")]
    Audience,
    /// It comes from somebody else.
    #[error("the token is of another issuer than auth.jwt_issuer")]
    Issuer,
}
