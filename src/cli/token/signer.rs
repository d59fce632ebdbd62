//! What a JSON Web Token is signed with: a secret, or a private key in PEM. Neither is ever shown,
//! nor what is said of one by whoever could not read it.

use std::{fs, path::Path};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::Serialize;

use super::CliError;
use crate::{core::access::JwtKey, settings::AuthSettings};

/// The variable that may hold the key.
const KEY_VARIABLE: &str = "SIGNALBOX_JWT_KEY";
const NO_KEY: &str = "there is no key to sign with: name the file of a secret, or of a private key \
                      in PEM, with --key-file, or a secret in the settings";
const BAD_KEY: &str = "is no private key of RSA or of ECDSA on P-256 in PEM; one that begins with \
                       BEGIN EC PRIVATE KEY is rewritten by `openssl pkcs8 -topk8 -nocrypt`";

/// What signs, and how.
pub(super) struct Signer {
    name: String,
    algorithm: Algorithm,
    key: EncodingKey,
}

impl Signer {
    /// The key of the file, else of the environment, else the secret of the settings.
    pub(super) fn find(file: Option<&Path>, settings: &AuthSettings) -> Result<Self, CliError> {
        if let Some(path) = file {
            let name = path.display();
            let unread = |error| CliError::Usage(format!("{name} cannot be read: {error}"));
            return Self::read(&fs::read(path).map_err(unread)?, name.to_string());
        }
        if let Some(text) = std::env::var_os(KEY_VARIABLE).filter(|text| !text.is_empty()) {
            return Self::read(text.as_encoded_bytes(), KEY_VARIABLE.to_owned());
        }
        let key = settings.jwt_secret.iter().find(|key| key.expose_secret().is_some());
        Self::with_secret(key.ok_or_else(|| CliError::Usage(NO_KEY.to_owned()))?)
    }

    fn read(text: &[u8], name: String) -> Result<Self, CliError> {
        if !text.trim_ascii_start().starts_with(b"-----BEGIN") {
            let key = JwtKey::secret_line(text);
            let key = key.map_err(|bad| CliError::Usage(format!("{name}: {bad}")))?;
            return Self::with_secret(&key.from_source(name));
        }
        let rsa = || EncodingKey::from_rsa_pem(text).map(|key| (Algorithm::RS256, key));
        let ec = EncodingKey::from_ec_pem(text).map(|key| (Algorithm::ES256, key));
        match ec.or_else(|_| rsa()) {
            Ok((algorithm, key)) => Ok(Self { name, algorithm, key }),
            Err(_hidden) => Err(CliError::Usage(format!("{name} {BAD_KEY}"))),
        }
    }

    fn with_secret(key: &JwtKey) -> Result<Self, CliError> {
        let secret = key.expose_secret().ok_or_else(|| CliError::Usage(NO_KEY.to_owned()))?;
        let (name, key) = (key.source().to_owned(), EncodingKey::from_secret(secret));
        Ok(Self { name, algorithm: Algorithm::HS256, key })
    }

    /// The name of the algorithm.
    pub(super) fn algorithm(&self) -> String {
        format!("{:?}", self.algorithm)
    }

    /// A token that claims this.
    pub(super) fn sign(
        &self,
        claims: &impl Serialize,
        kid: Option<String>,
    ) -> Result<String, CliError> {
        let header = Header { kid, ..Header::new(self.algorithm) };
        // A public key, or one of another curve, is found out only now.
        let bad = |_hidden| CliError::Usage(format!("{} {BAD_KEY}", self.name));
        encode(&header, claims, &self.key).map_err(bad)
    }
}
