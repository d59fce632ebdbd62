//! Who signs JSON Web Tokens: a secret of the environment or of a file, and public keys of another
//! file. All end in `auth.jwt_secret`. What was read is never shown.

use std::{fs, path::Path};

use rustls::pki_types::pem::{PemObject, SectionKind};

use super::{
    AuthMode, AuthSettings, PREFIX,
    fault::{Fault, Origin},
    layers::Origins,
    rules::{Raw, Rule},
};
use crate::core::access::{BadKey, JwtKey, JwtKeys, JwtRules, PlacedKey, read_jwks};

/// The key that all keys end in.
pub(super) const SECRET: &str = "auth.jwt_secret";
const SECRET_FILE: &str = "auth.jwt_secret_file";
const KEYS_FILE: &str = "auth.jwt_keys_file";

/// A secret in a variable, none in a settings file.
pub(super) struct Secret;

/// A secret in a variable, none in a settings file.
pub(super) const fn jwt_secret() -> Secret {
    Secret
}

impl Rule for Secret {
    type Value = JwtKeys;

    fn default(&self) -> JwtKeys {
        JwtKeys::default()
    }

    fn read(&self, raw: &Raw<'_>) -> Option<JwtKeys> {
        let mut keys = JwtKeys::default();
        match raw {
            Raw::Variable("") => Some(keys),
            Raw::Variable(text) => {
                let key = JwtKey::secret(text.as_bytes()).ok()?;
                keys.admit(key.from_source(SECRET)).ok()?;
                Some(keys)
            }
            Raw::Typed(_) => raw.text()?.is_empty().then_some(keys),
        }
    }

    fn show(&self, keys: &JwtKeys) -> String {
        let is_set = keys.iter().any(|key| key.source() == SECRET);
        if is_set { "\"***\"" } else { "\"\"" }.to_owned()
    }

    fn allowed(&self) -> String {
        format!("empty in a file; in {PREFIX}AUTH__JWT_SECRET it is a secret of 32 bytes or more")
    }

    fn is_secret(&self) -> bool {
        true
    }
}

impl AuthSettings {
    /// What makes a JSON Web Token good by these settings.
    #[must_use]
    pub fn jwt_rules(&self) -> JwtRules {
        JwtRules {
            keys: self.jwt_secret.clone(),
            roles: self.jwt_roles.clone(),
            audience: self.jwt_audience.clone(),
            issuer: self.jwt_issuer.clone(),
        }
    }
}

/// Adds what the files hold to `auth.jwt_secret`; what is wrong with them. Where the variable is
/// at fault, that is told already.
pub(super) fn complete(
    auth: &mut AuthSettings,
    origins: &Origins,
    is_at_fault: bool,
) -> Vec<Fault> {
    let origin = |key| origins.get(key).cloned().unwrap_or(Origin::Default);
    let of_key = |key: &'static str, message| Fault {
        origin: origin(key),
        key: Some(key.to_owned()),
        message,
    };
    let files = [
        (SECRET_FILE, &auth.jwt_secret_file, secret_key as fn(&[u8]) -> _),
        (KEYS_FILE, &auth.jwt_keys_file, public_keys),
    ];
    let mut faults = Vec::new();
    for (key, path, keys_of) in files {
        let Some(path) = path else { continue };
        match fs::read(path) {
            Ok(bytes) => faults.extend(add(&mut auth.jwt_secret, keys_of(&bytes), path)),
            Err(error) => {
                faults.push(of_key(key, format!("{} cannot be read: {error}", path.display())));
            }
        }
    }
    let is_told = is_at_fault || !faults.is_empty();
    if auth.mode == AuthMode::Jwt && auth.jwt_secret.is_empty() && !is_told {
        let message = format!(
            "is \"jwt\", and no key is known: name the file of a secret in {SECRET_FILE}, of public \
             keys in {KEYS_FILE}, or set {PREFIX}AUTH__JWT_SECRET"
        );
        faults.push(of_key("auth.mode", message));
    }
    faults
}

/// Takes the keys of a file; what is wrong with them.
fn add(keys: &mut JwtKeys, found: Vec<PlacedKey>, path: &Path) -> Vec<Fault> {
    let admitted = found.into_iter().map(|(place, key)| (place, key.and_then(|it| keys.admit(it))));
    let fault = |place: String, bad: BadKey| Fault {
        origin: Origin::File { path: path.into(), place: None },
        key: None,
        message: if place.is_empty() { bad.to_string() } else { format!("{place}: {bad}") },
    };
    admitted.filter_map(|(place, result)| result.err().map(|bad| fault(place, bad))).collect()
}

/// The secret of a file.
fn secret_key(bytes: &[u8]) -> Vec<PlacedKey> {
    vec![(String::new(), JwtKey::secret_line(bytes).map(|key| key.from_source(SECRET_FILE)))]
}

/// The keys of a file, each of which remembers its place.
fn public_keys(bytes: &[u8]) -> Vec<PlacedKey> {
    let found = if bytes.trim_ascii_start().starts_with(b"{") {
        read_jwks(bytes)
    } else {
        Ok(pem_keys(bytes))
    };
    let found = found.and_then(|it| if it.is_empty() { Err(BadKey::Nothing) } else { Ok(it) });
    let placed = |(place, key): PlacedKey| {
        let source = format!("{KEYS_FILE} {place}");
        (place, key.map(|key| key.from_source(source)))
    };
    match found {
        Ok(found) => found.into_iter().map(placed).collect(),
        Err(bad) => vec![(String::new(), Err(bad))],
    }
}

fn pem_keys(bytes: &[u8]) -> Vec<PlacedKey> {
    use SectionKind::{EcPrivateKey, PrivateKey, PublicKey, RsaPrivateKey};
    let key = |block: Result<(SectionKind, Vec<u8>), _>| match block {
        Ok((PublicKey, der)) => JwtKey::public(&der),
        Ok((PrivateKey | RsaPrivateKey | EcPrivateKey, _)) => Err(BadKey::Private),
        Ok(_) => Err(BadKey::Block),
        // What the reader says of it may show what stands there.
        Err(_) => Err(BadKey::Pem),
    };
    let blocks = PemObject::pem_slice_iter(bytes);
    (1..).zip(blocks).map(|(at, block)| (format!("block {at}"), key(block))).collect()
}
