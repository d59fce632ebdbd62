//! Tokens on the command line: made, checked, and shown by the clients, but never typed there.

use std::{
    fs,
    io::Write,
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use signalbox::core::access::TokenHash;
use tempfile::TempDir;

use super::{PRODUCER, STRANGER, WALL, router};
use crate::support::router::Router;

pub fn signalbox(folder: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_signalbox"));
    command.args(arguments).current_dir(folder.path()).env_remove("SIGNALBOX_TOKEN");
    command
}

/// Runs it with something on standard input; the code, and what it says.
pub fn run(mut command: Command, input: &str) -> (Option<i32>, String, String) {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // It may end without having read it.
    drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn a_token_that_is_made_is_the_one_that_its_line_knows() {
    let folder = TempDir::new().unwrap();
    let mint = ["token", "--name", "wall", "--scope", "read,ingest", "--expires-in", "1d"];
    let (code, said, _) = run(signalbox(&folder, &mint), "");
    assert_eq!(code, Some(0));
    let (token, line) = (said.lines().next().unwrap(), said.lines().last().unwrap());
    assert!(token.starts_with("sbx_") && token.len() == 68, "{said}");
    assert_eq!(said.matches(token).count(), 1, "shown once: {said}");
    let start = format!("wall ingest,read {} 2", TokenHash::of(token));
    assert!(line.starts_with(&start) && line.ends_with('Z'), "{said}");

    fs::write(folder.path().join("tokens"), format!("{line}\n")).unwrap();
    let check = |arguments: &[&str], input: &str| {
        let mut command = signalbox(&folder, &[&["token", "check"], arguments].concat());
        command.env("SIGNALBOX__AUTH__TOKENS_FILE", "tokens");
        run(command, input)
    };
    let (code, said, _) = check(&[], &format!("{token}\n"));
    assert_eq!(code, Some(0));
    assert!(said.starts_with("wall may ingest,read, until 2"), "{said}");
    let (_, said, _) = check(&["--json"], token);
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&said["name"], &said["scopes"][1]), (&"wall".into(), &"read".into()));
    let (code, said, complaint) = check(&[], STRANGER);
    assert_eq!((code, &*said), (Some(1), ""));
    assert!(complaint.contains("none of those") && !complaint.contains(STRANGER), "{complaint}");
    let past = line.rsplit_once(' ').unwrap().0.to_owned() + " 2020-01-01T00:00:00Z";
    fs::write(folder.path().join("tokens"), past).unwrap();
    let (code, _, complaint) = check(&[], token);
    assert_eq!(code, Some(1));
    assert!(complaint.contains("expired: it was that of wall"), "{complaint}");
}

#[test]
fn no_two_tokens_are_the_same_and_json_has_all_of_it() {
    let folder = TempDir::new().unwrap();
    let mint = || {
        let arguments = ["token", "--name", "a", "--scope", "admin", "--json"];
        let (code, said, _) = run(signalbox(&folder, &arguments), "");
        assert_eq!(code, Some(0));
        serde_json::from_str::<Value>(&said).unwrap()
    };
    let (one, other) = (mint(), mint());
    assert_ne!(one["token"], other["token"]);
    assert_eq!(one["hash"], TokenHash::of(one["token"].as_str().unwrap()).to_string());
    assert_eq!(one["line"], format!("a admin {}", one["hash"].as_str().unwrap()));
    assert_eq!(one["expires_at"], Value::Null);
    for arguments in [
        &["token"][..],
        &["token", "--name", "a"],
        &["token", "--name", "a b", "--scope", "read"],
        &["token", "--name", "a", "--scope", "write"],
        &["token", "--name", "a", "--scope", "read", "--expires-in", "soon"],
    ] {
        assert_eq!(run(signalbox(&folder, arguments), "").0, Some(2), "{arguments:?}");
    }
}

/// Sends an event with what the environment or a file says.
fn send(
    router: &Router,
    folder: &TempDir,
    more: &[&str],
    variable: Option<&str>,
) -> (Option<i32>, String) {
    let url = format!("http://{}", router.address);
    let event = ["send", "--url", &url, "--event-type", "a", "--source", "s", "--data", "{}"];
    let mut command = signalbox(folder, &[&event, more].concat());
    if let Some(token) = variable {
        command.env("SIGNALBOX_TOKEN", token);
    }
    let (code, _, said) = run(command, "");
    (code, said)
}

#[tokio::test]
async fn clients_show_the_token_of_the_environment_or_of_a_file() {
    let (router, folder) = (router(&[]), TempDir::new().unwrap());
    fs::write(folder.path().join("producer"), format!("{PRODUCER}\n")).unwrap();
    assert_eq!(send(&router, &folder, &[], Some(PRODUCER)).0, Some(0));
    let file = ["--token-file", "producer"];
    assert_eq!(send(&router, &folder, &file, None).0, Some(0));
    assert_eq!(send(&router, &folder, &file, Some(STRANGER)).0, Some(0), "the file wins");
    let (code, said) = send(&router, &folder, &["--token-file", "none"], None);
    assert_eq!(code, Some(2));
    assert!(said.contains("cannot be read"), "{said}");
    assert_eq!(send(&router, &folder, &["--token", PRODUCER], None).0, Some(2), "never typed");
}

#[tokio::test]
async fn clients_that_are_refused_say_what_to_do_and_exit_with_1() {
    let (router, folder) = (router(&[]), TempDir::new().unwrap());
    for (variable, part) in [
        (None, "SIGNALBOX_TOKEN"),
        (Some(STRANGER), "SIGNALBOX_TOKEN"),
        (Some(WALL), "--scope ingest"),
    ] {
        let (code, said) = send(&router, &folder, &[], variable);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(part) && said.lines().count() == 1, "{said}");
        assert!(!said.contains(STRANGER) && !said.contains(WALL), "{said}");
    }
    let url = format!("http://{}", router.address);
    for command in ["tail", "bench"] {
        for (token, part) in [(STRANGER, "--token-file"), (PRODUCER, "--scope read")] {
            let mut command = signalbox(&folder, &[command, "--url", &url]);
            command.env("SIGNALBOX_TOKEN", token);
            let (code, _, said) = run(command, "");
            assert_eq!(code, Some(1), "{said}");
            assert!(said.contains(part) && !said.contains(token), "{said}");
        }
    }
}
