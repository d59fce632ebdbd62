//! Tokens in settings: where they may stand, and that what is wrong is told without them.

use std::{fs, process::Output};

use signalbox::core::access::TokenHash;
use tempfile::TempDir;

use super::{PRODUCER, WALL, ask};
use crate::support::router::{Router, command};

/// `check-config` in a folder; the exit code, and all that it says.
pub fn check(folder: &TempDir, settings: &[(&str, &str)]) -> (Option<i32>, String) {
    let settings: Vec<_> = settings.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
    let mut command = command(folder, &settings, "127.0.0.1:0");
    let Output { status, stdout, stderr } = command.arg("check-config").output().unwrap();
    (status.code(), String::from_utf8([stdout, stderr].concat()).unwrap())
}

#[tokio::test]
async fn a_file_of_tokens_and_the_environment_are_taken_together() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("tokens");
    fs::write(&file, format!("# who\nwall read {}\n", TokenHash::of(WALL))).unwrap();
    let router = Router::with(&[
        ("auth.mode", "token"),
        ("auth.tokens_file", file.to_str().unwrap()),
        ("auth.tokens", &format!("producer ingest {PRODUCER}")),
    ]);
    assert_eq!(ask(&router, "GET", "/v1/stats", Some(WALL)).await.status, 200);
    assert_eq!(ask(&router, "GET", "/v1/stats", Some(PRODUCER)).await.status, 403);
}

#[test]
fn every_entry_that_is_wrong_is_told_by_its_line_and_not_shown() {
    let folder = TempDir::new().unwrap();
    let good = TokenHash::of(WALL);
    let text = format!("wall read {good}\nwall ingest {PRODUCER}\n\nx write {good}\nshort\n");
    fs::write(folder.path().join("tokens"), text).unwrap();
    let environment = format!("a read {PRODUCER}; wall read {PRODUCER}x; b read short");
    let settings = [("auth.tokens_file", "tokens"), ("auth.tokens", &*environment)];
    let (code, said) = check(&folder, &settings);
    assert_eq!(code, Some(3), "{said}");
    for line in [
        "tokens:1:1: the name stands twice",
        "tokens:2:1: a hash is sha256:",
        "tokens:4:1: scopes are ingest, read and admin",
        "tokens:5:1: an entry is NAME SCOPES HASH",
        "SIGNALBOX__AUTH__TOKENS: auth.tokens: entry 3: a token has at least 32 characters",
    ] {
        assert!(said.contains(line), "{line}\n{said}");
    }
    assert_eq!(said.lines().count(), 5, "{said}");
    assert!(!said.contains(PRODUCER) && !said.contains(&good.to_string()), "{said}");
}

#[test]
fn token_mode_without_a_token_and_a_file_that_is_not_there_are_faults() {
    let folder = TempDir::new().unwrap();
    let (code, said) = check(&folder, &[("auth.mode", "token")]);
    assert_eq!(code, Some(3));
    assert!(said.contains("auth.mode: is \"token\", and no token is known"), "{said}");
    let (code, said) = check(&folder, &[("auth.tokens_file", "none")]);
    assert_eq!(code, Some(3));
    assert!(said.contains("auth.tokens_file: none cannot be read"), "{said}");
    let open = [("server.bind", "0.0.0.0:8080"), ("auth.tokens", &*format!("a read {WALL}"))];
    assert_eq!(check(&folder, &open).0, Some(3), "open stays on this machine");
    assert_eq!(check(&folder, &[open[0], open[1], ("auth.mode", "token")]).0, Some(0));
}

#[test]
fn tokens_do_not_stand_in_settings_files() {
    let folder = TempDir::new().unwrap();
    let text = format!("[auth]\ntokens = \"wall read {WALL}\"\n");
    fs::write(folder.path().join("Settings.toml"), text).unwrap();
    let (code, said) = check(&folder, &[]);
    assert_eq!(code, Some(3));
    assert!(said.contains("Settings.toml:2:10: auth.tokens: must be empty in a file"), "{said}");
    assert!(!said.contains(WALL), "{said}");
}

#[test]
fn lists_are_read_from_both_layers_and_faults_name_the_form() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("Settings.toml");
    let text =
        "[server]\nhosts = [\"a.org\", \"[::1]:80\"]\n[auth]\ncors_origins = [\"https://a.org\"]\n";
    fs::write(&file, text).unwrap();
    let (code, said) = check(&folder, &[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("hosts = [\"a.org\", \"[::1]:80\"] # Settings.toml:2:9"), "{said}");
    let (_, said) = check(&folder, &[("server.hosts", "b.org")]);
    assert!(said.contains("hosts = [\"b.org\"] # SIGNALBOX__SERVER__HOSTS"), "{said}");
    fs::write(&file, "[server]\nhosts = \"a.org\"\n[auth]\ncors_origins = [\"*\", 7]\n").unwrap();
    let (code, said) = check(&folder, &[]);
    assert_eq!(code, Some(3));
    assert!(said.contains("server.hosts: must be a list of hosts such as"), "{said}");
    assert!(said.contains("auth.cors_origins: must be a list of origins such as"), "{said}");
}
