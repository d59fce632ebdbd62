//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07): a client that does not know
//! what became of a request repeats it under the same key, and nothing happens twice.
//!
//! Two things make that true. Events without an id get one from the key and their place in the
//! request ([`Key::event_id`]), so that the journal knows them again, also after a crash. And a
//! [`Memory`] of the newest requests answers a repetition with the very same answer, or says that
//! the key was used for something else. The memory may forget; the journal does not.
//!
//! Pure: time is an argument, and an answer is whatever the caller wants back.

mod memory;

use sha2::{Digest, Sha256};
use uuid::{Uuid, uuid};

pub use memory::{Begin, Limits, Memory};

/// The namespace of all clients: see [`Key::event_id`].
pub const NAMESPACE: Uuid = uuid!("2f6a3f0c-6b0b-4f0e-9d5e-0b1a7f6f4b52");

/// Longest key, in characters.
pub const MAX_KEY: usize = 255;

/// A key, as its client's own: the same text of another client is another key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key(Uuid);

/// A header that is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an Idempotency-Key is one string of 1 to {MAX_KEY} ASCII characters, such as \
     \"8e03978e-40d5-43e8-bc93-6894a57f9324\", with or without the quotes"
)]
pub struct BadKey;

impl Key {
    /// Reads the header's value: a string of RFC 8941 in its quotes, or the same without them, as
    /// many clients send it. `client` is who sends it; empty where nobody is told apart.
    ///
    /// # Errors
    /// When it is neither, or too long.
    pub fn read(client: &str, value: &[u8]) -> Result<Self, BadKey> {
        let value = value.trim_ascii();
        let text = match value.strip_prefix(b"\"") {
            Some(rest) => unquoted(rest.strip_suffix(b"\"").ok_or(BadKey)?)?,
            // What would end it there, or be a list or a parameter, is no part of it.
            None if value.iter().all(|b| b.is_ascii_graphic() && !b"\",;\\".contains(b)) => {
                value.to_vec()
            }
            None => return Err(BadKey),
        };
        if text.is_empty() || text.len() > MAX_KEY {
            return Err(BadKey);
        }
        Ok(Self(Uuid::new_v5(&Uuid::new_v5(&NAMESPACE, client.as_bytes()), &text)))
    }

    /// The id of the event at `index` in the request, when it brings none of its own:
    /// `uuid5(uuid5(uuid5(NAMESPACE, client), key), index)`.
    #[must_use]
    pub fn event_id(self, index: usize) -> Uuid {
        Uuid::new_v5(&self.0, index.to_string().as_bytes())
    }
}

/// What is between the quotes of a string of RFC 8941.
fn unquoted(inner: &[u8]) -> Result<Vec<u8>, BadKey> {
    let mut text = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(&byte) = bytes.next() {
        text.push(match byte {
            b'\\' => *bytes.next().filter(|next| matches!(next, b'"' | b'\\')).ok_or(BadKey)?,
            b' '..=b'~' if byte != b'"' => byte,
            _ => return Err(BadKey),
        });
    }
    Ok(text)
}

/// What tells a request from another one under the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Of all that makes the request what it is, in an order that is always the same.
    #[must_use]
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_may_be_quoted_or_bare() {
        let key = Key::read("", b"\"8e03978e\"").unwrap();
        assert_eq!(Key::read("", b"8e03978e"), Ok(key));
        assert_eq!(Key::read("", b" \t8e03978e "), Ok(key));
        assert_ne!(Key::read("", b"8e03978f"), Ok(key));
        assert_ne!(Key::read("anna", b"8e03978e"), Ok(key), "keys are a client's own");
        assert_eq!(
            Key::read("", br#""a\"b\\ c""#).unwrap(),
            Key::read("", br#""a\"b\\ c""#).unwrap()
        );
        assert!(Key::read("", &[b'x'; MAX_KEY]).is_ok());
        for bad in [
            &b""[..],
            b"\"\"",
            b"\"",
            b"\"a",
            b"a\"",
            b"\"a\"b\"",
            b"\"a\\b\"",
            b"\"a\\\"",
            b"\"a\x7f\"",
            b"\"a\n\"",
            b"\"\xc3\xa9\"",
            b"\xc3\xa9",
            b"a b",
            b"a, b",
            b"\"a\", \"b\"",
            b"\"a\";n=1",
            b"a;n=1",
            &[b'x'; MAX_KEY + 1],
        ] {
            assert_eq!(Key::read("", bad), Err(BadKey), "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn an_event_gets_the_id_that_its_key_and_its_place_say() {
        let key = Key::read("", b"\"k\"").unwrap();
        assert_ne!(key.event_id(0), key.event_id(1));
        // As `uuid.uuid5` of Python says.
        assert_eq!(key.event_id(11).to_string(), "c775c2ae-8eaf-5bb0-864d-14ecc775f8c9");
    }

    #[test]
    fn what_is_moved_from_one_part_to_the_next_is_another_request() {
        let of = |parts: [&[u8]; 2]| Fingerprint::of(parts);
        assert_eq!(of([b"a", b"bc"]), of([b"a", b"bc"]));
        assert_ne!(of([b"a", b"bc"]), of([b"ab", b"c"]));
    }
}
