//! Tokens that are made with real keys, and with all that somebody may make up.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const SECRET: &[u8] = b"a secret of at least thirty-two bytes";
const EXP: i64 = 1_800_000_000;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(EXP - 60, 0).unwrap()
}

fn claims() -> Value {
    json!({ "role": "authenticated", "sub": "u1", "exp": EXP })
}

/// A token whose header and claims may be anything.
fn token(header: &Value, claims: &Value, key: &EncodingKey, algorithm: Algorithm) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    format!("{message}.{}", crypto::sign(message.as_bytes(), key, algorithm).unwrap())
}

fn by_secret(header: &Value, secret: &[u8]) -> String {
    token(header, &claims(), &EncodingKey::from_secret(secret), Algorithm::HS256)
}

/// A public key on P-256 in DER, which everybody knows: the base point of the curve.
fn public() -> Vec<u8> {
    let x = "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296";
    let y = "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";
    spki::tests::p256(&hex::decode(format!("04{x}{y}")).unwrap())
}

fn rules(keys: impl IntoIterator<Item = JwtKey>) -> JwtRules {
    let mut rules = JwtRules::default();
    keys.into_iter().for_each(|key| rules.keys.admit(key).unwrap());
    rules
}

fn secret(kid: Option<&str>, secret: &[u8]) -> JwtKey {
    JwtKey::secret(secret).unwrap().with_kid(kid.map(Into::into))
}

fn fault(rules: &JwtRules, token: &str) -> BadJwt {
    rules.verify(token, now()).unwrap_err()
}

#[test]
fn a_token_says_who_shows_it_and_its_role_what_that_one_may() {
    let rules = rules([secret(None, SECRET)]);
    let shown =
        rules.verify(&by_secret(&json!({ "alg": "HS256" }), SECRET), now()).unwrap().identity;
    let scopes = "read".parse().unwrap();
    let expires_at = DateTime::from_timestamp(EXP, 0);
    assert_eq!(shown, Identity { name: Some("u1".into()), scopes, expires_at });
    let key = EncodingKey::from_secret(SECRET);
    for (role, scopes) in [("service_role", "ingest,read,admin"), ("anon", ""), ("other", "")] {
        let claims = json!({ "role": role, "exp": EXP });
        let token = token(&json!({ "alg": "HS256" }), &claims, &key, Algorithm::HS256);
        let verified = rules.verify(&token, now()).unwrap();
        assert_eq!(verified.identity.scopes.to_string(), scopes);
        assert_eq!((&*verified.role, verified.identity.name.as_deref()), (role, Some(role)));
    }
}

#[test]
fn the_key_fixes_the_algorithm_whatever_the_token_says() {
    let public = public();
    let rules = rules([JwtKey::public(&public).unwrap()]);
    let header = json!({ "alg": "ES256", "typ": "JWT" });
    // The public key is public: whoever takes it for a secret is open to everybody.
    let hs = json!({ "alg": "HS256" });
    assert_eq!(fault(&rules, &by_secret(&hs, &public)), BadJwt::OtherAlgorithm);
    let rs = json!({ "alg": "RS256" });
    assert_eq!(fault(&rules, &by_secret(&rs, &public)), BadJwt::OtherAlgorithm);
    assert_eq!(fault(&rules, &by_secret(&header, &public)), BadJwt::Signature);
    for alg in ["none", "None", "NONE", "", "HS512", "RS512", "PS256", "EdDSA", "hs256", "es256"] {
        let made = by_secret(&json!({ "alg": alg }), &public);
        assert_eq!(fault(&rules, &made), BadJwt::Algorithm, "{alg}");
        let unsigned = format!("{}.", made.rsplit_once('.').unwrap().0);
        assert_eq!(fault(&rules, &unsigned), BadJwt::Algorithm, "{alg}");
    }
    let unsigned = format!("{}.", by_secret(&header, SECRET).rsplit_once('.').unwrap().0);
    assert_eq!(fault(&rules, &unsigned), BadJwt::Signature);
}

#[test]
fn a_token_names_its_key_and_no_other_is_tried_then() {
    let other = b"another secret, and as long as it must be";
    let rules = rules([secret(Some("a"), SECRET), secret(Some("b"), other)]);
    let verify = |header: Value, by: &[u8]| {
        rules.verify(&by_secret(&header, by), now()).map(|verified| verified.key.kid())
    };
    assert_eq!(verify(json!({ "alg": "HS256", "kid": "b" }), other), Ok(Some("b")));
    assert_eq!(verify(json!({ "alg": "HS256" }), other), Ok(Some("b")), "each is tried");
    let named = |kid: &str| json!({ "alg": "HS256", "kid": kid });
    assert_eq!(verify(named("a"), other), Err(BadJwt::Signature));
    assert_eq!(verify(named("c"), SECRET), Err(BadJwt::UnknownKey));
    let nameless = self::rules([secret(Some("a"), other), secret(None, SECRET)]);
    let token = by_secret(&named("c"), SECRET);
    assert!(nameless.verify(&token, now()).is_ok(), "a key without a name may have one elsewhere");
    assert_eq!(fault(&nameless, &by_secret(&named("a"), SECRET)), BadJwt::Signature);
    let none = JwtRules::default();
    assert_eq!(fault(&none, &token), BadJwt::UnknownKey);
}

#[test]
fn what_has_not_the_form_of_a_token_is_malformed() {
    let rules = rules([secret(None, SECRET)]);
    let good = by_secret(&json!({ "alg": "HS256" }), SECRET);
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = message.split_once('.').unwrap();
    for bad in [
        "",
        ".",
        "..",
        "a.b.c",
        message,
        &format!("{good}.{signature}"),
        &format!("{header}=.{payload}.{signature}"),
        &format!("{header} .{payload}.{signature}"),
        &format!("{}.{payload}.{signature}", URL_SAFE_NO_PAD.encode("[\"HS256\",null,null,null]")),
        &format!(
            "{}.{payload}.{signature}",
            URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","alg":"HS256"}"#)
        ),
        &by_secret(&json!({ "alg": "HS256", "crit": ["b64"], "b64": false }), SECRET),
        &by_secret(&json!({ "alg": ["HS256"] }), SECRET),
        &by_secret(&json!({ "alg": "HS256", "kid": 7 }), SECRET),
        &by_secret(&json!({ "typ": "JWT" }), SECRET),
        &by_secret(&json!({ "alg": "HS256", "typ": "logout+jwt" }), SECRET),
        &by_secret(&json!({ "alg": "HS256", "typ": "dpop+jwt" }), SECRET),
    ] {
        assert!(matches!(fault(&rules, bad), BadJwt::Malformed(_)), "{bad:.60}");
    }
    for kind in ["JWT", "jwt", "at+JWT", "application/at+jwt"] {
        let token = by_secret(&json!({ "alg": "HS256", "typ": kind }), SECRET);
        assert!(rules.verify(&token, now()).is_ok(), "{kind}");
    }
    for broken in [signature.to_owned() + "=", signature[1..].to_owned(), "A".repeat(43)] {
        assert_eq!(fault(&rules, &format!("{message}.{broken}")), BadJwt::Signature);
    }
    let claims = json!(["authenticated"]);
    let key = EncodingKey::from_secret(SECRET);
    let list = token(&json!({ "alg": "HS256" }), &claims, &key, Algorithm::HS256);
    assert!(matches!(fault(&rules, &list), BadJwt::Malformed(_)));
}

#[test]
fn size_and_depth_are_bounded() {
    let rules = rules([secret(None, SECRET)]);
    let sized = |size: usize| {
        let header = json!({ "alg": "HS256", "x": "y".repeat(size) });
        by_secret(&header, SECRET)
    };
    let largest = sized(MAX_JWT * 3 / 4 - 150);
    assert!(largest.len() <= MAX_JWT && rules.verify(&largest, now()).is_ok());
    assert_eq!(fault(&rules, &sized(MAX_JWT)), BadJwt::TooLarge);
    for depth in [2_000, 10_000] {
        let deep = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        for header in [&deep, &format!(r#"{{"alg":{deep}}}"#)] {
            let bad = fault(&rules, &format!("{}.e30.AA", URL_SAFE_NO_PAD.encode(header)));
            let is_malformed = matches!(bad, BadJwt::Malformed(_));
            assert!(if depth > 3_000 { bad == BadJwt::TooLarge } else { is_malformed });
        }
    }
}

#[test]
fn keys_stand_once_and_there_are_not_too_many() {
    let mut keys = JwtKeys::default();
    assert_eq!(keys.admit(secret(Some("a"), SECRET)), Ok(()));
    assert_eq!(keys.admit(secret(Some("b"), SECRET)), Err(BadKey::Same));
    assert_eq!(keys.admit(secret(Some("a"), &[7; 32])), Err(BadKey::SameKid));
    for n in 0..31 {
        assert_eq!(keys.admit(secret(None, &[n; 40])), Ok(()));
    }
    assert_eq!(keys.admit(secret(None, &[99; 40])), Err(BadKey::TooMany));
    assert!(!format!("{keys:?}").contains("thirty-two"));
}

#[test]
fn what_stands_in_the_place_of_a_secret_or_a_key_is_told() {
    assert_eq!(JwtKey::secret(&[7; 31]), Err(BadKey::ShortSecret));
    let pem = b"-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE";
    assert_eq!(JwtKey::secret(pem), Err(BadKey::NotASecret));
    assert_eq!(
        JwtKey::secret(&[b"{\"keys\":[]}", &[b' '; 40][..]].concat()),
        Err(BadKey::NotASecret)
    );
    let der = |modulus: &[u8]| JwtKey::public(&spki::tests::rsa(modulus, &[1, 0, 1]));
    assert_eq!(der(&[0xff; 128]), Err(BadKey::Rsa), "1024 bits");
    let key = der(&[&[0], &[0xff; 256][..]].concat()).unwrap();
    assert_eq!(key.algorithm(), JwtAlgorithm::Rs256);
    assert_eq!(JwtKey::public(&spki::tests::p256(&[2; 33])), Err(BadKey::Point), "compressed");
    assert_eq!(JwtKey::public(SECRET), Err(BadKey::Kind));
}

#[test]
fn texts_of_faults_fit_into_a_header() {
    let at = now();
    for fault in [
        BadJwt::TooLarge,
        BadJwt::Malformed("its typ is neither JWT nor at+jwt"),
        BadJwt::Algorithm,
        BadJwt::OtherAlgorithm,
        BadJwt::UnknownKey,
        BadJwt::Signature,
        BadJwt::Expired { at },
        BadJwt::NotYetValid { at },
        BadJwt::MissingClaim("exp"),
        BadJwt::BadClaim { claim: "exp", form: "a number" },
        BadJwt::Audience,
        BadJwt::Issuer,
    ] {
        let text = fault.to_string();
        let fits = |c: char| (c.is_ascii_graphic() || c == ' ') && !"\"\\".contains(c);
        assert!(text.chars().all(fits), "{text}");
    }
}

proptest! {
    #[test]
    fn a_token_that_was_changed_anywhere_is_none(place: prop::sample::Index, bit in 0..7_u8) {
        let rules = rules([secret(None, SECRET)]);
        let mut bytes = by_secret(&json!({ "alg": "HS256" }), SECRET).into_bytes();
        let place = place.index(bytes.len());
        bytes[place] ^= 1_u8 << bit;
        prop_assert!(rules.verify(&String::from_utf8(bytes).unwrap(), now()).is_err());
    }

    #[test]
    fn what_anybody_makes_up_is_none(text in ".{0,200}", parts in "[A-Za-z0-9_-]{0,90}\\.[A-Za-z0-9_-]{0,90}\\.[A-Za-z0-9_-]{0,90}") {
        let rules = rules([secret(None, SECRET)]);
        prop_assert!(rules.verify(&text, now()).is_err());
        prop_assert!(rules.verify(&parts, now()).is_err());
    }
}
