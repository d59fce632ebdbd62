//! Why a JSON text cannot be taken, and where in it.

use std::borrow::Cow;

/// Deepest nesting of objects and arrays. Readers commonly stop at 128; the rest is left for the
/// frames that carry an event.
pub const MAX_DEPTH: usize = 120;

/// Most decimals of a number, written out without an exponent. JSONB does write it out, and stops
/// at 16,383; every double needs 340 at most, and a body of short numbers must not become a flood.
pub const MAX_DECIMALS: i64 = 400;

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason} (at `{pointer}`)")]
pub struct Refusal {
    /// The value it is in (for a key: the object), as a JSON pointer (RFC 6901).
    pub pointer: String,
    /// What is wrong there.
    pub reason: Reason,
}

/// What is wrong with a JSON text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Postgres holds no such character.
    #[error("the character U+0000 cannot be stored: leave it out, or send the bytes as base64")]
    Nul,
    /// A `\uD800`–`\uDFFF` without its other half.
    #[error("half of a surrogate pair is no character: send the character whole")]
    LoneSurrogate,
    /// Not a finite double.
    #[error("the number is larger than a double can hold: send it as a string")]
    NumberTooLarge,
    /// See [`MAX_DECIMALS`].
    #[error("the number has more than {MAX_DECIMALS} decimals: send it as a string")]
    NumberTooLong,
    /// See [`MAX_DEPTH`].
    #[error("nested deeper than {MAX_DEPTH} levels: flatten it")]
    TooDeep,
    /// Not JSON.
    #[error("not valid JSON at byte {0}")]
    Syntax(usize),
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self { pointer: String::new(), reason }
    }
}

impl Refusal {
    /// The same refusal seen from one level up, where the value is the member `key`.
    #[must_use]
    pub(super) fn under(mut self, key: &str) -> Self {
        self.pointer.insert_str(0, &pointer_segment(key));
        self
    }
}

/// A key as one segment of a JSON pointer, with its slash.
#[must_use]
pub fn pointer_segment(key: &str) -> String {
    let escaped: Cow<'_, str> = if key.contains(['~', '/']) {
        key.replace('~', "~0").replace('/', "~1").into()
    } else {
        key.into()
    };
    format!("/{escaped}")
}
