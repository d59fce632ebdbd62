//! Keys in settings: every fault is told by its place, and without what stands there.

use std::fs;

use serde_json::json;
use tempfile::TempDir;

use super::super::settings::check;
use crate::support::jwt::SigningKey;

/// What `check-config` says of files, each named by its setting; they must be at fault.
fn faults(files: &[(&str, &str)], more: &[(&str, &str)]) -> String {
    let folder = TempDir::new().unwrap();
    let mut settings = vec![("auth.mode", "jwt")];
    for (key, text) in files {
        fs::write(folder.path().join(key), text).unwrap();
        settings.push((key, key));
    }
    settings.extend(more);
    let (code, said) = check(&folder, &settings);
    assert_eq!(code, Some(3), "{said}");
    said
}

#[test]
fn jwt_mode_needs_a_key_and_files_that_can_be_read() {
    let said = faults(&[], &[]);
    assert!(said.contains("auth.mode: is \"jwt\", and no key is known: name the file"), "{said}");
    let said = faults(&[], &[("auth.jwt_secret_file", "none"), ("auth.jwt_keys_file", "neither")]);
    assert!(said.contains("auth.jwt_secret_file: none cannot be read"), "{said}");
    assert!(said.contains("auth.jwt_keys_file: neither cannot be read"), "{said}");
    assert_eq!(said.lines().count(), 2, "{said}");
}

#[test]
fn a_secret_that_is_weak_or_none_is_refused() {
    let weak = "a-secret-of-thirty-one-bytes-xx";
    let said = faults(&[("auth.jwt_secret_file", &format!("{weak}\r\n"))], &[]);
    assert!(said.contains("auth.jwt_secret_file: a secret has at least 32 bytes"), "{said}");
    assert!(!said.contains(weak), "{said}");
    let said = faults(&[], &[("auth.jwt_secret", weak)]);
    assert!(said.contains("auth.jwt_secret: must be empty in a file; in"), "{said}");
    assert!(said.contains("not what was given") && !said.contains(weak), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    let public = SigningKey::p256().public;
    let said = faults(&[("auth.jwt_secret_file", &public)], &[]);
    assert!(said.contains("not a secret: it belongs into auth.jwt_keys_file"), "{said}");
}

#[test]
fn a_secret_does_not_stand_in_a_settings_file() {
    let (folder, key) = (TempDir::new().unwrap(), SigningKey::secret());
    let text = format!("[auth]\njwt_secret = \"{}\"\n", key.secret_text());
    fs::write(folder.path().join("Settings.toml"), text).unwrap();
    let (code, said) = check(&folder, &[]);
    assert_eq!(code, Some(3));
    assert!(
        said.contains("Settings.toml:2:14: auth.jwt_secret: must be empty in a file"),
        "{said}"
    );
    assert!(!said.contains(key.secret_text()), "{said}");
}

#[test]
fn every_key_that_is_wrong_is_told_by_its_place() {
    let key = SigningKey::p256();
    let blocks = [
        key.public.clone(),
        key.private_text().to_owned(),
        SigningKey::rsa(1024).public,
        key.public.clone(),
        key.public.replace("PUBLIC KEY", "CERTIFICATE"),
        "-----BEGIN PUBLIC KEY-----\n!!!!\n-----END PUBLIC KEY-----\n".to_owned(),
    ];
    let said = faults(&[("auth.jwt_keys_file", &blocks.concat())], &[]);
    for line in [
        "auth.jwt_keys_file: block 2: is a private key",
        "auth.jwt_keys_file: block 3: an RSA key has 2048 to 8192 bits",
        "auth.jwt_keys_file: block 4: is the same as another key",
        "auth.jwt_keys_file: block 5: is no public key",
        "auth.jwt_keys_file: block 6: is no PEM that can be read",
    ] {
        assert!(said.contains(line), "{line}\n{said}");
    }
    assert_eq!(said.lines().count(), 5, "{said}");

    let mut private = SigningKey::p256().jwk;
    private["d"] = "AQAB".into();
    let weak = json!({ "kty": "oct", "k": "d2Vhaw" });
    let named = SigningKey::p256().named("a");
    let jwks = json!({ "keys": [key.named("a"), private, 7, weak, named] }).to_string();
    let said = faults(&[("auth.jwt_keys_file", &jwks)], &[]);
    for line in [
        "keys[1]: is a private key",
        "keys[2]: is no JSON Web Key",
        "keys[3]: a secret has at least 32 bytes",
        "keys[4]: its `kid` is that of another key",
    ] {
        assert!(said.contains(line), "{line}\n{said}");
    }
    assert_eq!(said.lines().count(), 4, "{said}");
    for (text, fault) in [
        ("", "holds no public key"),
        ("{\"keys\":[]}", "holds no public key"),
        ("{\"keys\":7}", "is no JSON object with a list `keys`"),
    ] {
        let said = faults(&[("auth.jwt_keys_file", text)], &[]);
        assert!(said.contains(fault), "{said}");
    }
}

#[test]
fn settings_that_are_right_are_shown_without_the_secret() {
    let (folder, key) = (TempDir::new().unwrap(), SigningKey::secret());
    fs::write(folder.path().join("secret"), format!("{}\n", SigningKey::secret().secret_text()))
        .unwrap();
    fs::write(folder.path().join("keys"), SigningKey::rsa(2048).public).unwrap();
    let (code, said) = check(
        &folder,
        &[
            ("auth.mode", "jwt"),
            ("server.bind", "0.0.0.0:8080"),
            ("auth.jwt_secret", key.secret_text()),
            ("auth.jwt_secret_file", "secret"),
            ("auth.jwt_keys_file", "keys"),
            ("auth.jwt_audience", "authenticated"),
            ("auth.jwt_roles", "ops admin"),
        ],
    );
    assert_eq!(code, Some(0), "{said}");
    for line in [
        "mode = \"jwt\"",
        "jwt_secret = \"***\"",
        "jwt_audience = \"authenticated\"",
        "jwt_roles = \"ops admin\"",
    ] {
        assert!(said.contains(line), "{line}\n{said}");
    }
    assert!(!said.contains(key.secret_text()), "{said}");
    let (code, said) = check(&folder, &[("auth.jwt_roles", "ops root")]);
    assert_eq!(code, Some(3));
    assert!(said.contains("auth.jwt_roles: must be \"ROLE SCOPES\""), "{said}");
}
