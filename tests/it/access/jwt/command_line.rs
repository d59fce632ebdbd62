//! JSON Web Tokens on the command line: made with a key that is never typed there, and checked.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use super::super::{
    STRANGER, ask,
    command_line::{run, signalbox},
};
use crate::support::{
    jwt::{SigningKey, claims},
    router::Router,
};

type Said = (Option<i32>, String, String);

/// `signalbox token`, with settings as variables and something on standard input.
fn token(folder: &TempDir, words: &str, settings: &[(&str, &str)], input: &str) -> Said {
    let words: Vec<_> = ["token"].into_iter().chain(words.split_whitespace()).collect();
    let mut command = signalbox(folder, &words);
    command.env_remove("SIGNALBOX_JWT_KEY").envs(settings.iter().copied());
    run(command, input)
}

const MODE: (&str, &str) = ("SIGNALBOX__AUTH__MODE", "jwt");
const MINT: &str = "--jwt --role authenticated --sub u1 --expires-in 1h";

#[tokio::test]
async fn a_token_that_is_made_by_the_settings_opens_their_router() {
    let (folder, key) = (TempDir::new().unwrap(), SigningKey::secret());
    fs::write(folder.path().join("secret"), format!("{}\n", key.secret_text())).unwrap();
    let settings = [
        MODE,
        ("SIGNALBOX__AUTH__JWT_SECRET_FILE", "secret"),
        ("SIGNALBOX__AUTH__JWT_AUDIENCE", "authenticated"),
        ("SIGNALBOX__AUTH__JWT_ISSUER", "https://a.example.org"),
    ];
    let (code, said, complaint) = token(&folder, MINT, &settings, "");
    assert_eq!(code, Some(0), "{complaint}");
    let made = said.lines().next().unwrap().to_owned();
    assert_eq!(said.matches(&made).count(), 1, "shown once: {said}");
    assert!(said.contains("signed by HS256") && said.contains("they let it read"), "{said}");
    assert!(!said.contains(key.secret_text()));

    let (code, said, _) = token(&folder, "check", &settings, &format!("{made}\n"));
    assert_eq!(code, Some(0));
    assert!(said.starts_with("u1 may read, until 2"), "{said}");
    let key_told = ": role authenticated, signed by HS256 with the key of auth.jwt_secret_file\n";
    assert!(said.ends_with(key_told), "{said}");
    let (_, said, _) = token(&folder, "check --json", &settings, &made);
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&said["name"], &said["scopes"][0]), (&"u1".into(), &"read".into()));
    assert_eq!((&said["role"], &said["algorithm"]), (&"authenticated".into(), &"HS256".into()));

    let file = folder.path().join("secret");
    let router = Router::with(&[
        ("auth.mode", "jwt"),
        ("auth.jwt_secret_file", file.to_str().unwrap()),
        ("auth.jwt_audience", "authenticated"),
        ("auth.jwt_issuer", "https://a.example.org"),
    ]);
    assert_eq!(ask(&router, "GET", "/v1/stats", Some(&made)).await.status, 200);
}

#[test]
fn private_keys_come_from_a_file_or_the_environment() {
    let folder = TempDir::new().unwrap();
    let (rsa, p256) = (SigningKey::rsa(2048), SigningKey::p256());
    let jwks = serde_json::json!({ "keys": [rsa.named("r"), p256.named("e")] });
    fs::write(folder.path().join("keys"), jwks.to_string()).unwrap();
    let settings = [MODE, ("SIGNALBOX__AUTH__JWT_KEYS_FILE", "keys")];
    for (key, kid, algorithm) in [(&rsa, "r", "RS256"), (&p256, "e", "ES256")] {
        fs::write(folder.path().join("private"), key.private_text()).unwrap();
        let by_file = format!("{MINT} --kid {kid} --key-file private --json");
        let by_variable = [&settings[..], &[("SIGNALBOX_JWT_KEY", key.private_text())]].concat();
        for (words, settings) in
            [(by_file, &settings[..]), (format!("{MINT} --kid {kid} --json"), &*by_variable)]
        {
            let (code, said, complaint) = token(&folder, &words, settings, "");
            assert_eq!(code, Some(0), "{complaint}");
            let said: Value = serde_json::from_str(&said).unwrap();
            assert_eq!((&said["algorithm"], &said["fault"]), (&algorithm.into(), &Value::Null));
            let made = said["token"].as_str().unwrap();
            let (_, said, _) = token(&folder, "check", settings, made);
            let place = format!("auth.jwt_keys_file keys[{}] (kid {kid})", u8::from(kid == "e"));
            assert!(said.contains(algorithm) && said.contains(&place), "{said}");
        }
    }
    let other = format!("{MINT} --kid r --key-file private");
    let (code, said, _) = token(&folder, &other, &settings, "");
    assert_eq!(code, Some(0));
    assert!(said.contains("they do not take it: the token's algorithm"), "{said}");
    for (name, text) in [("public", &*p256.public), ("weak", "weak"), ("empty", "")] {
        fs::write(folder.path().join(name), text).unwrap();
        let words = format!("{MINT} --key-file {name}");
        let (code, said, complaint) = token(&folder, &words, &settings, "");
        assert_eq!((code, &*said), (Some(2), ""), "{complaint}");
        assert!(complaint.contains(name) && complaint.lines().count() == 1, "{complaint}");
    }
    let (code, _, complaint) = token(&folder, MINT, &settings, "");
    assert_eq!(code, Some(2), "public keys sign nothing");
    assert!(complaint.contains("there is no key to sign with"), "{complaint}");
}

#[test]
fn check_says_precisely_why_a_token_is_not_taken() {
    let (folder, key) = (TempDir::new().unwrap(), SigningKey::secret());
    let secret = ("SIGNALBOX__AUTH__JWT_SECRET", key.secret_text());
    let check = |input: &str| token(&folder, "check", &[MODE, secret], input);
    for (made, why) in [
        (key.token(&claims("authenticated", -60)), "the token has expired, at 2"),
        (SigningKey::secret().token(&claims("authenticated", 60)), "signature is not good"),
        (SigningKey::p256().token(&claims("authenticated", 60)), "not that of its key"),
        (key.token(&serde_json::json!({ "role": "a" })), "lacks the claim exp"),
        ("a.b.c".to_owned(), "malformed"),
        (STRANGER.to_owned(), "none of those in these settings"),
        (format!("{}.e30.AA", "x".repeat(10_000)), "larger than 8 KiB"),
    ] {
        let (code, said, complaint) = check(&made);
        assert_eq!((code, &*said), (Some(1), ""), "{complaint}");
        assert!(complaint.contains(why) && !complaint.contains(&made), "{complaint}");
    }
    let anon = key.token(&claims("anon", 60));
    assert!(check(&anon).1.starts_with("anon may do nothing, until"));
    let (code, _, complaint) = token(&folder, "check", &[secret], &anon);
    assert_eq!(code, Some(1));
    assert!(complaint.contains("auth.mode = \"jwt\" only"), "{complaint}");
}

#[test]
fn what_makes_no_sense_together_is_refused() {
    let folder = TempDir::new().unwrap();
    for words in [
        "--jwt",
        "--jwt --role a",
        "--jwt --expires-in 1h",
        "--jwt --role a --expires-in 1h --name a",
        "--jwt --role a --expires-in 1h --scope read",
        "--name a --scope read --role a",
        "--name a --scope read --key-file secret",
        "--jwt --role a --expires-in 90000y",
        "--jwt --role a --expires-in 1h --secret x",
    ] {
        assert_eq!(token(&folder, words, &[MODE], "").0, Some(2), "{words}");
    }
}
