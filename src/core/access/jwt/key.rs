//! One key, and the one algorithm it is for.

use std::fmt;

use jsonwebtoken::{Algorithm, DecodingKey, crypto};

use super::{parts::Parts, spki};

/// Shortest secret, in bytes: as long as what HMAC-SHA-256 makes of it (RFC 7518).
const MIN_SECRET: usize = 32;
/// Sizes of an RSA modulus that are taken, in bits.
const MODULUS: std::ops::RangeInclusive<usize> = 2048..=8192;
/// Exponents of RSA that are taken.
const EXPONENT: std::ops::Range<u64> = 3..1 << 33;
/// Bytes of a coordinate on P-256.
const COORDINATE: usize = 32;

/// How a token may be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwtAlgorithm {
    /// HMAC with SHA-256, by a secret that both sides know.
    Hs256,
    /// RSA with PKCS #1 v1.5 and SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
}

impl JwtAlgorithm {
    const ALL: [Self; 3] = [Self::Hs256, Self::Rs256, Self::Es256];

    /// Its name in tokens and keys.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
        }
    }

    /// The algorithm of that name, if it is one that is taken.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name)
    }
}

impl fmt::Display for JwtAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A key that tokens may be signed with.
#[derive(Clone, PartialEq, Eq)]
pub struct JwtKey {
    source: String,
    kid: Option<String>,
    material: Material,
}

/// What is checked with. Its kind is what fixes the algorithm.
#[derive(Clone, PartialEq, Eq)]
enum Material {
    Secret(Vec<u8>),
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    P256(Vec<u8>),
}

/// What is wrong with a key. No text repeats a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// A secret that could be guessed.
    #[error("a secret has at least 32 bytes, and they are random")]
    ShortSecret,
    /// A key in the place of a secret: its public half would be a secret that everybody knows.
    #[error("is a key in PEM or JSON, not a secret: it belongs into auth.jwt_keys_file")]
    NotASecret,
    /// The half that signs.
    #[error("is a private key: whoever only checks tokens must not have it; take its public half")]
    Private,
    /// A key of another kind.
    #[error("is no public key of RSA or of ECDSA on P-256")]
    Kind,
    /// An RSA key that is not safe, or not whole.
    #[error("an RSA key has 2048 to 8192 bits, and an odd exponent from 3 to 33 bits")]
    Rsa,
    /// A point that is not one.
    #[error("a key on P-256 has two coordinates of 32 bytes, uncompressed")]
    Point,
    /// An algorithm that is not that of its kind.
    #[error("`alg` must be RS256 with `kty` RSA, ES256 with EC, HS256 with oct")]
    Algorithm,
    /// A value that is missing, or not as it must be.
    #[error("its member `{0}` is missing, or not as RFC 7518 has it")]
    Member(&'static str),
    /// Not an object with strings.
    #[error("is no JSON Web Key")]
    Form,
    /// A file without keys.
    #[error("holds no public key, neither in PEM nor as a JSON Web Key Set")]
    Nothing,
    /// A block of PEM that is broken.
    #[error("is no PEM that can be read")]
    Pem,
    /// A block of PEM that holds something else.
    #[error("is no public key: such a block begins with BEGIN PUBLIC KEY")]
    Block,
    /// JSON that is no set of keys.
    #[error("is no JSON object with a list `keys`")]
    Set,
    /// The `kid` of an earlier key.
    #[error("its `kid` is that of another key")]
    SameKid,
    /// An earlier key.
    #[error("is the same as another key")]
    Same,
    /// More than are ever needed.
    #[error("is one too many: there may be 32 keys")]
    TooMany,
}

impl JwtKey {
    /// The key of a secret that both sides know.
    ///
    /// # Errors
    /// When it could be guessed, or is a key of another kind.
    pub fn secret(secret: &[u8]) -> Result<Self, BadKey> {
        let text = secret.trim_ascii_start();
        if text.starts_with(b"-----BEGIN") || text.starts_with(b"{") {
            return Err(BadKey::NotASecret);
        }
        if secret.len() < MIN_SECRET {
            return Err(BadKey::ShortSecret);
        }
        Ok(Self::of(Material::Secret(secret.to_vec())))
    }

    /// The key of a secret as a file holds it: without the end of its line.
    ///
    /// # Errors
    /// As [`JwtKey::secret`].
    pub fn secret_line(text: &[u8]) -> Result<Self, BadKey> {
        let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
        let end = text.iter().rposition(|byte| !is_end(byte)).map_or(0, |last| last + 1);
        Self::secret(text.get(..end).unwrap_or_default())
    }

    /// The key of a `SubjectPublicKeyInfo`, which is what stands in a PEM block `PUBLIC KEY`.
    ///
    /// # Errors
    /// When it is of another kind, or unsafe.
    pub fn public(der: &[u8]) -> Result<Self, BadKey> {
        match spki::read(der).ok_or(BadKey::Kind)? {
            spki::Public::Rsa { modulus, exponent } => Self::rsa(modulus, exponent),
            spki::Public::P256(point) => Self::point(point),
        }
    }

    /// An RSA key of its two numbers, highest byte first.
    pub(super) fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self, BadKey> {
        let (modulus, exponent) = (without_zeros(modulus), without_zeros(exponent));
        let first = modulus.first().ok_or(BadKey::Rsa)?;
        let bits = modulus.len() * 8 - usize::try_from(first.leading_zeros()).unwrap_or_default();
        let number = exponent
            .iter()
            .fold(0, |sum: u64, byte| sum.saturating_mul(256).saturating_add(u64::from(*byte)));
        let is_odd = |bytes: &[u8]| bytes.last().is_some_and(|byte| byte % 2 == 1);
        let is_safe = MODULUS.contains(&bits) && EXPONENT.contains(&number);
        if !is_safe || !is_odd(modulus) || !is_odd(exponent) {
            return Err(BadKey::Rsa);
        }
        let (modulus, exponent) = (modulus.to_vec(), exponent.to_vec());
        Ok(Self::of(Material::Rsa { modulus, exponent }))
    }

    /// A key of P-256 of its uncompressed point.
    pub(super) fn point(point: &[u8]) -> Result<Self, BadKey> {
        if point.len() != 1 + 2 * COORDINATE || point.first() != Some(&4) {
            return Err(BadKey::Point);
        }
        Ok(Self::of(Material::P256(point.to_vec())))
    }

    fn of(material: Material) -> Self {
        Self { source: String::new(), kid: None, material }
    }

    /// The same key, with where it stands.
    #[must_use]
    pub fn from_source(self, source: impl Into<String>) -> Self {
        Self { source: source.into(), ..self }
    }

    /// The same key, with its name in tokens.
    #[must_use]
    pub(super) fn with_kid(self, kid: Option<String>) -> Self {
        Self { kid, ..self }
    }

    /// Where it stands, for operators.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What tokens call it.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The algorithm it is for, and no other.
    #[must_use]
    pub fn algorithm(&self) -> JwtAlgorithm {
        match self.material {
            Material::Secret(_) => JwtAlgorithm::Hs256,
            Material::Rsa { .. } => JwtAlgorithm::Rs256,
            Material::P256(_) => JwtAlgorithm::Es256,
        }
    }

    /// The secret, if it is one: only for who makes tokens with it.
    #[must_use]
    pub fn expose_secret(&self) -> Option<&[u8]> {
        match &self.material {
            Material::Secret(secret) => Some(secret),
            Material::Rsa { .. } | Material::P256(_) => None,
        }
    }

    /// Whether both are the same, whatever they are called.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.material == other.material
    }

    /// Whether a token is signed with it.
    pub(super) fn signed(&self, parts: &Parts<'_>) -> bool {
        let (algorithm, key) = match &self.material {
            Material::Secret(secret) => (Algorithm::HS256, DecodingKey::from_secret(secret)),
            Material::Rsa { modulus, exponent } => {
                (Algorithm::RS256, DecodingKey::from_rsa_raw_components(modulus, exponent))
            }
            Material::P256(point) => (Algorithm::ES256, DecodingKey::from_ec_der(point)),
        };
        // What is no base64url is no signature either.
        crypto::verify(parts.signature, parts.message.as_bytes(), &key, algorithm).unwrap_or(false)
    }
}

/// Neither a secret nor a public key has any business in a log.
impl fmt::Debug for JwtKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JwtKey({}, {}, hidden)", self.source, self.algorithm())
    }
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let start = number.iter().position(|byte| *byte != 0).unwrap_or(number.len());
    number.get(start..).unwrap_or_default()
}
