//! The three parts of a token, as far as they can be read before anybody vouches for them.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, de::DeserializeOwned};

use super::fault::BadJwt;

/// Largest token that is looked at, in bytes.
pub const MAX_JWT: usize = 8 * 1024;
/// What `typ` may say: a token of another kind is not meant as one that lets in.
const TYPES: [&str; 2] = ["jwt", "at+jwt"];

/// A token, in parts. Its payload is not to be read before its signature is good.
pub(super) struct Parts<'a> {
    pub(super) header: Header,
    /// What is signed: header and payload, as they came.
    pub(super) message: &'a str,
    payload: &'a str,
    /// As it came.
    pub(super) signature: &'a str,
}

/// What a token says of its signature.
#[derive(Deserialize)]
pub(super) struct Header {
    pub(super) alg: String,
    pub(super) kid: Option<String>,
    typ: Option<String>,
    crit: Option<serde::de::IgnoredAny>,
}

impl<'a> Parts<'a> {
    /// The parts of a token.
    pub(super) fn of(token: &'a str) -> Result<Self, BadJwt> {
        if token.len() > MAX_JWT {
            return Err(BadJwt::TooLarge);
        }
        let three = BadJwt::Malformed("it is three parts with dots between");
        let (message, signature) = token.rsplit_once('.').ok_or(three)?;
        let (header, payload) = message.split_once('.').ok_or(three)?;
        if payload.contains('.') {
            return Err(three);
        }
        let bad = BadJwt::Malformed("its header is no JSON object in base64url, with alg");
        let header: Header = object(&decode(header).ok_or(bad)?).ok_or(bad)?;
        let kind = header.typ.as_deref().unwrap_or("jwt").to_ascii_lowercase();
        if !TYPES.contains(&kind.strip_prefix("application/").unwrap_or(&kind)) {
            return Err(BadJwt::Malformed("its typ is neither JWT nor at+jwt"));
        }
        if header.crit.is_some() {
            return Err(BadJwt::Malformed(
                "its header has crit, and nothing of that is known here",
            ));
        }
        Ok(Self { header, message, payload, signature })
    }

    /// The claims as JSON, once somebody vouches for them.
    pub(super) fn payload(&self) -> Result<Vec<u8>, BadJwt> {
        decode(self.payload).ok_or(BadJwt::Malformed("its claims are no base64url"))
    }
}

/// The bytes of base64url in its one form, without padding.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// A JSON object; a list of the same values in order is none.
pub(super) fn object<T: DeserializeOwned>(json: &[u8]) -> Option<T> {
    json.trim_ascii_start().starts_with(b"{").then(|| serde_json::from_slice(json).ok())?
}
