//! Keys that sign JSON Web Tokens, made as the tests run: none stands in a file of the project.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use chrono::Utc;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use ring::{
    rand::{SecureRandom, SystemRandom},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use serde_json::{Value, json};

/// What a public key of P-256 begins with, before its point.
const P256: &str = "3059301306072a8648ce3d020106082a8648ce3d030107034200";

/// A key that signs, and what whoever checks needs.
pub struct SigningKey {
    algorithm: Algorithm,
    /// The secret, or the private key in PEM.
    private: String,
    /// The public key in PEM; empty for a secret.
    pub public: String,
    /// As a JSON Web Key, without a name.
    pub jwk: Value,
}

impl SigningKey {
    /// A secret.
    pub fn secret() -> Self {
        let mut bytes = [0; 24];
        SystemRandom::new().fill(&mut bytes).unwrap();
        let private = hex::encode(bytes);
        let jwk = json!({ "kty": "oct", "k": URL_SAFE_NO_PAD.encode(&private) });
        Self { algorithm: Algorithm::HS256, private, public: String::new(), jwk }
    }

    /// A pair of P-256.
    pub fn p256() -> Self {
        let (kind, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let private = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(kind, private.as_ref(), &random).unwrap();
        let point = pair.public_key().as_ref();
        let (x, y) = point[1..].split_at(32);
        let [x, y] = [x, y].map(|bytes| URL_SAFE_NO_PAD.encode(bytes));
        Self {
            algorithm: Algorithm::ES256,
            private: pem("PRIVATE KEY", private.as_ref()),
            public: pem("PUBLIC KEY", &[&*hex::decode(P256).unwrap(), point].concat()),
            jwk: json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y, "use": "sig" }),
        }
    }

    /// A pair of RSA with so many bits.
    pub fn rsa(bits: usize) -> Self {
        let private = openssl(&["genrsa", &bits.to_string()], "");
        let modulus = openssl(&["rsa", "-noout", "-modulus"], &private);
        let modulus = hex::decode(modulus.trim().trim_start_matches("Modulus=")).unwrap();
        let n = URL_SAFE_NO_PAD.encode(modulus);
        Self {
            algorithm: Algorithm::RS256,
            public: openssl(&["rsa", "-pubout"], &private),
            private,
            jwk: json!({ "kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256" }),
        }
    }

    /// The secret, as it is written down.
    pub fn secret_text(&self) -> &str {
        assert_eq!(self.algorithm, Algorithm::HS256);
        &self.private
    }

    /// What signs, as it is written down.
    pub fn private_text(&self) -> &str {
        &self.private
    }

    /// The same key with a name.
    pub fn named(&self, kid: &str) -> Value {
        let mut jwk = self.jwk.clone();
        jwk["kid"] = kid.into();
        jwk
    }

    /// A token with these claims.
    pub fn token(&self, claims: &Value) -> String {
        self.token_with(&json!({ "alg": format!("{:?}", self.algorithm), "typ": "JWT" }), claims)
    }

    /// A token with any header, signed as this key does it whatever the header says.
    pub fn token_with(&self, header: &Value, claims: &Value) -> String {
        let private = self.private.as_bytes();
        let key = match self.algorithm {
            Algorithm::ES256 => EncodingKey::from_ec_pem(private).unwrap(),
            Algorithm::RS256 => EncodingKey::from_rsa_pem(private).unwrap(),
            _ => EncodingKey::from_secret(private),
        };
        sign(header, claims, &key, self.algorithm)
    }
}

/// A token that takes the public key of a pair for a secret that everybody knows.
pub fn forged(public: &str, claims: &Value) -> String {
    let header = json!({ "alg": "HS256", "typ": "JWT" });
    sign(&header, claims, &EncodingKey::from_secret(public.as_bytes()), Algorithm::HS256)
}

/// The claims of a role, for so many seconds from now on.
pub fn claims(role: &str, seconds: i64) -> Value {
    json!({ "role": role, "exp": Utc::now().timestamp() + seconds })
}

fn sign(header: &Value, claims: &Value, key: &EncodingKey, algorithm: Algorithm) -> String {
    let [header, claims] = [header, claims].map(|it| URL_SAFE_NO_PAD.encode(it.to_string()));
    let message = format!("{header}.{claims}");
    let signature = crypto::sign(message.as_bytes(), key, algorithm).unwrap();
    format!("{message}.{signature}")
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|it| str::from_utf8(it).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// Runs openssl with something on standard input; what it prints.
fn openssl(arguments: &[&str], input: &str) -> String {
    let mut command = Command::new("openssl");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("tests/setup.sh finds openssl");
    // What needs no input may end before it is written.
    drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "openssl {arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}
