//! A set of JSON Web Keys (RFC 7517).

use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

use super::{
    key::{BadKey, JwtAlgorithm, JwtKey},
    parts::{decode, object},
};

#[derive(Deserialize)]
struct Set {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Entry {
    kty: String,
    #[serde(rename = "use")]
    usage: Option<String>,
    alg: Option<String>,
    kid: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    k: Option<String>,
    d: Option<IgnoredAny>,
}

/// A key with its place, or what is wrong there.
pub type PlacedKey = (String, Result<JwtKey, BadKey>);

/// The keys of a set. Those that are for something else than signatures are left out.
///
/// # Errors
/// When it is no set of keys.
pub fn read_jwks(json: &[u8]) -> Result<Vec<PlacedKey>, BadKey> {
    let set: Set = object(json).ok_or(BadKey::Set)?;
    let entries = set.keys.into_iter().map(serde_json::from_value).enumerate();
    let placed = entries.filter_map(|(at, entry): (_, Result<Entry, _>)| {
        let key = match entry {
            Ok(entry) if !entry.is_for_signatures() => return None,
            Ok(entry) => entry.key(),
            Err(_) => Err(BadKey::Form),
        };
        Some((format!("keys[{at}]"), key))
    });
    Ok(placed.collect())
}

impl Entry {
    fn is_for_signatures(&self) -> bool {
        matches!(self.usage.as_deref(), None | Some("sig"))
    }

    fn key(self) -> Result<JwtKey, BadKey> {
        if self.d.is_some() {
            return Err(BadKey::Private);
        }
        let key = match &*self.kty {
            "oct" => JwtKey::secret(&member("k", self.k.as_deref())?)?,
            "RSA" => {
                let modulus = member("n", self.n.as_deref())?;
                JwtKey::rsa(&modulus, &member("e", self.e.as_deref())?)?
            }
            "EC" if self.crv.as_deref() == Some("P-256") => {
                let (x, y) = (member("x", self.x.as_deref())?, member("y", self.y.as_deref())?);
                if x.len() != y.len() {
                    return Err(BadKey::Point);
                }
                JwtKey::point(&[&[4], &*x, &*y].concat())?
            }
            _ => return Err(BadKey::Kind),
        };
        if self.alg.is_some_and(|alg| JwtAlgorithm::named(&alg) != Some(key.algorithm())) {
            return Err(BadKey::Algorithm);
        }
        Ok(key.with_kid(self.kid))
    }
}

fn member(name: &'static str, value: Option<&str>) -> Result<Vec<u8>, BadKey> {
    value.and_then(decode).ok_or(BadKey::Member(name))
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use serde_json::json;

    use super::*;

    fn text(bytes: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(bytes)
    }

    #[test]
    fn keys_for_signatures_are_taken_with_their_kid_and_algorithm() {
        let set = json!({ "keys": [
            { "kty": "oct", "k": text(&[7; 32]), "kid": "a", "alg": "HS256" },
            { "kty": "RSA", "n": text(&[0xff; 256]), "e": "AQAB", "use": "sig", "x5c": ["…"] },
            { "kty": "RSA", "n": text(&[0xfd; 256]), "e": "AQAB", "use": "enc", "alg": "RSA-OAEP" },
            { "kty": "EC", "crv": "P-256", "x": text(&[1; 32]), "y": text(&[2; 32]), "kid": "c" },
        ] });
        let keys = read_jwks(set.to_string().as_bytes()).unwrap();
        let shown = keys.iter().map(|(at, key)| {
            let key = key.as_ref().unwrap();
            (&**at, key.kid(), key.algorithm())
        });
        let (hs, rs, es) = (JwtAlgorithm::Hs256, JwtAlgorithm::Rs256, JwtAlgorithm::Es256);
        assert_eq!(
            shown.collect::<Vec<_>>(),
            [("keys[0]", Some("a"), hs), ("keys[1]", None, rs), ("keys[3]", Some("c"), es)]
        );
    }

    #[test]
    fn every_fault_of_a_key_is_told() {
        let (n, x) = (text(&[0xff; 256]), text(&[1; 32]));
        for (entry, fault) in [
            (json!(7), BadKey::Form),
            (json!({ "n": n, "e": "AQAB" }), BadKey::Form),
            (json!({ "kty": "RSA", "n": n }), BadKey::Member("e")),
            (json!({ "kty": "RSA", "n": format!("{n}="), "e": "AQAB" }), BadKey::Member("n")),
            (json!({ "kty": "RSA", "n": text(&[0xff; 128]), "e": "AQAB" }), BadKey::Rsa),
            (json!({ "kty": "RSA", "n": n, "e": "AQ" }), BadKey::Rsa),
            (json!({ "kty": "RSA", "n": text(&[0xfe; 256]), "e": "AQAB" }), BadKey::Rsa),
            (json!({ "kty": "RSA", "n": "", "e": "AQAB" }), BadKey::Rsa),
            (json!({ "kty": "RSA", "n": n, "e": "AQAB", "d": n }), BadKey::Private),
            (json!({ "kty": "RSA", "n": n, "e": "AQAB", "alg": "RS512" }), BadKey::Algorithm),
            (json!({ "kty": "RSA", "n": n, "e": "AQAB", "alg": "HS256" }), BadKey::Algorithm),
            (json!({ "kty": "EC", "crv": "P-256", "x": x }), BadKey::Member("y")),
            (json!({ "kty": "EC", "crv": "P-256", "x": x, "y": "AQ" }), BadKey::Point),
            (json!({ "kty": "EC", "crv": "P-384", "x": x, "y": x }), BadKey::Kind),
            (json!({ "kty": "OKP", "crv": "Ed25519", "x": x }), BadKey::Kind),
            (json!({ "kty": "oct", "k": text(&[7; 31]) }), BadKey::ShortSecret),
        ] {
            let set = json!({ "keys": [entry] }).to_string();
            assert_eq!(
                read_jwks(set.as_bytes()),
                Ok(vec![("keys[0]".to_owned(), Err(fault))]),
                "{set}"
            );
        }
        for set in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"kty":"oct"}"#] {
            assert_eq!(read_jwks(set.as_bytes()), Err(BadKey::Set), "{set}");
        }
    }
}
