//! The command line as a shell sees it: output, sentences on stderr, exit codes.

use std::{
    fs,
    io::{BufRead, BufReader, Lines},
    process::{Child, ChildStderr, ChildStdout, Command, Output, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    postgres,
    router::{Router, command, event},
};

/// Runs a command that ends by itself, in a folder of its own.
fn run(settings: &[(&str, &str)], arguments: &[&str]) -> (Option<i32>, String, String) {
    run_in(&TempDir::new().unwrap(), settings, arguments)
}

fn run_in(
    folder: &TempDir,
    settings: &[(&str, &str)],
    arguments: &[&str],
) -> (Option<i32>, String, String) {
    let settings: Vec<_> = settings.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
    let mut command = command(folder, &settings, "127.0.0.1:0");
    let Output { status, stdout, stderr } = command.args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

/// What `serve` says on stderr when it does not start, without its log lines.
fn failure(settings: &[(&str, &str)]) -> (Option<i32>, Vec<String>) {
    let (code, stdout, stderr) = run(settings, &["serve"]);
    assert_eq!(stdout, "");
    let said = stderr.lines().filter(|line| !line.starts_with('{')).map(ToOwned::to_owned);
    (code, said.collect())
}

#[test]
fn a_router_that_cannot_start_says_why_in_one_sentence() {
    let router = Router::start();
    let address = router.address.to_string();
    let file = tempfile::NamedTempFile::new().unwrap();
    let below_a_file = format!("sqlite:{}/data/journal.db", file.path().display());
    for (key, value, code, says) in [
        ("server.bind", &*address, 1, "the port is taken"),
        ("storage.url", &*below_a_file, 4, "cannot be reached"),
        ("storage.url", "postgres://nobody@127.0.0.1:1/none", 4, "cannot be reached"),
    ] {
        let (exit, said) = failure(&[(key, value)]);
        assert_eq!((exit, said.len()), (Some(code), 1), "{key}={value}: {said:?}");
        assert!(said[0].starts_with("error: ") && said[0].contains(says), "{said:?}");
    }
}

/// What a second router says on the database of one that runs, after it has waited a while.
async fn second_router(url: String) {
    let first = Router::with(&[("storage.url", &url)]);
    let (exit, said) = failure(&[("storage.url", &url)]);
    assert_eq!((exit, said.len()), (Some(1), 1), "{said:?}");
    assert!(said[0].starts_with("error: another router is writing to"), "{said:?}");
    assert_eq!(first.publish("a").await, 1);
}

#[tokio::test]
async fn a_second_router_on_a_sqlite_file_gives_up() {
    let folder = TempDir::new().unwrap();
    second_router(format!("sqlite:{}/journal.db", folder.path().display())).await;
}

#[tokio::test]
async fn a_second_router_on_a_postgres_database_gives_up() {
    second_router(postgres::database()).await;
}

#[test]
fn settings_that_are_wrong_are_all_told_at_once() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("Settings.toml");
    fs::write(&file, "[session]\nheartbeet = \"1s\"\nmax_frame = \"big\"\n\n[journal]\n").unwrap();
    let environment = [("server.workers", "many"), ("nothing.at_all", "1")];
    for command in ["serve", "check-config", "migrate"] {
        let (code, stdout, said) = run_in(&folder, &environment, &[command]);
        assert_eq!((code, &*stdout), (Some(3), ""), "{said}");
        for part in [
            "Settings.toml:2",
            "heartbeat",
            "Settings.toml:3",
            "max_frame",
            "SERVER__WORKERS",
            "NOTHING__AT_ALL",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
    fs::write(&file, "[session\n").unwrap();
    let (code, _, said) = run_in(&folder, &[], &["check-config"]);
    assert_eq!(code, Some(3));
    assert!(said.contains("Settings.toml:1"), "{said}");
    let (code, _, said) = run(&[], &["--config", "/nowhere/Settings.toml", "check-config"]);
    assert_eq!(code, Some(3));
    assert!(said.contains("/nowhere/Settings.toml"), "{said}");
    let (code, _, said) = run(&[("server.bind", "0.0.0.0:8080")], &["check-config"]);
    assert_eq!(code, Some(3));
    assert!(said.contains("loopback"), "an open router listens on loopback only: {said}");
}

#[test]
fn check_config_shows_what_is_in_force_and_where_it_comes_from() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("Settings.toml"), "[session]\nheartbeat = \"20s\"\n").unwrap();
    let settings = [("storage.url", "postgres://me:hunter2@127.0.0.1/db"), ("server.workers", "3")];
    let (code, shown, said) = run_in(&folder, &settings, &["check-config"]);
    assert_eq!((code, &*said), (Some(0), ""));
    for part in
        ["heartbeat = \"20s\" # ", "Settings.toml", "workers = 3 # ", "SIGNALBOX__SERVER__WORKERS"]
    {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(!shown.contains("hunter2"), "{shown}");
    // What it prints is a settings file.
    let (code, example, _) = run(&[], &["check-config", "--example"]);
    assert_eq!(code, Some(0));
    fs::write(folder.path().join("Settings.toml"), example).unwrap();
    assert_eq!(run_in(&folder, &[], &["check-config"]).0, Some(0));
}

#[test]
fn migrate_prepares_a_database_and_then_has_nothing_to_do() {
    let url = postgres::database();
    let folder = TempDir::new().unwrap();
    for settings in [&[][..], &[("storage.url", &*url)]] {
        let (code, first, said) = run_in(&folder, settings, &["migrate"]);
        assert_eq!((code, first.contains("applied")), (Some(0), true), "{said}");
        let (code, second, _) = run_in(&folder, settings, &["migrate"]);
        assert_eq!((code, second.contains("nothing to do")), (Some(0), true), "{second}");
    }
}

#[test]
fn arguments_that_make_no_sense_are_a_usage_error() {
    for arguments in [
        &["tale"][..],
        &["tail", "--from", "then"],
        &["tail", "--url", "ftp://127.0.0.1"],
        &["bench", "--clients", "0"],
        &["serve", "now"],
    ] {
        let (code, stdout, said) = run(&[], arguments);
        assert_eq!((code, &*stdout), (Some(2), ""), "{arguments:?}: {said}");
        assert!(said.starts_with("error: "), "{said}");
    }
    for arguments in [&["--help"][..], &["tail", "--help"], &["--version"]] {
        let (code, stdout, said) = run(&[], arguments);
        assert_eq!((code, stdout.is_empty(), &*said), (Some(0), false, ""));
    }
}

#[test]
fn what_is_mistyped_is_guessed() {
    for (arguments, meant) in [
        (&["sned"][..], "'send'"),
        (&["tail", "--form", "now"], "'--from'"),
        (&["send", "--event-typ", "error"], "'--event-type'"),
        (&["completions", "fisch"], "'fish'"),
    ] {
        let (code, _, said) = run(&[], arguments);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("similar") && said.contains(meant), "{said}");
    }
}

#[test]
fn every_shell_gets_completions_of_every_command() {
    let (_, help, _) = run(&[], &["--help"]);
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands = commands.map_while(|line| line.split_whitespace().next()).collect::<Vec<_>>();
    assert!(commands.contains(&"check-config"), "{help}");
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let (code, script, said) = run(&[], &["completions", shell]);
        assert_eq!((code, &*said), (Some(0), ""));
        for command in commands.iter().chain(&["event-type"]) {
            assert!(script.contains(command), "{shell} does not know {command}");
        }
    }
}

/// A command that goes on until it is stopped; killed when dropped.
struct Running {
    child: Child,
    out: Lines<BufReader<ChildStdout>>,
    said: Lines<BufReader<ChildStderr>>,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap()).lines();
        let said = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, out, said }
    }

    /// The next line of stdout.
    fn line(&mut self) -> String {
        self.out.next().expect("a line, not the end").unwrap()
    }

    /// Reads stderr up to a line that has `text`.
    fn await_said(&mut self, text: &str) {
        while !self.said.next().expect("a line, not the end").unwrap().contains(text) {}
    }

    fn interrupt(&mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn tail(router: &Router, arguments: &[&str]) -> Running {
    let mut command = router.command();
    command.args(["tail", "--url", &router.url("")]).args(arguments);
    Running::start(command)
}

#[tokio::test]
async fn tail_shows_events_live_and_goes_on_over_a_restart() {
    let mut router = Router::with(&[("server.reconnect_window", "0s")]);
    router.publish("before").await;
    let mut tail = tail(&router, &["--event-type", "l*"]);
    tail.await_said("listening after event 1");
    router.post(&json!([event("live"), event("other"), event("later")])).await;
    for event_type in ["live", "later"] {
        let line = tail.line();
        assert!(line.contains(event_type) && line.ends_with(r#"{"n":1}"#), "{line}");
    }
    assert_eq!(router.terminate().code(), Some(0));
    router.restart();
    // It may come while the tail is away, or after it came back: both are shown, once.
    router.publish("last").await;
    let line = tail.line();
    assert!(line.contains("last"), "{line}");
    assert_eq!(tail.interrupt(), Some(130));
}

#[tokio::test]
async fn tail_prints_events_as_they_are_stored() {
    let router = Router::start();
    router.post(&json!([event("a"), event("b"), event("a")])).await;
    let mut tail = tail(&router, &["--json", "--from", "last=2", "--event-type", "a"]);
    let page = router.get("/v1/events?after=0&event_type=a").await;
    for stored in page["events"].as_array().unwrap() {
        assert_eq!(&serde_json::from_str::<Value>(&tail.line()).unwrap(), stored);
    }
    assert_eq!(tail.interrupt(), Some(130));
}

#[test]
fn bench_verifies_every_delivery() {
    let router = Router::start();
    let mut command = router.command();
    command.args(["bench", "--url", &router.url(""), "--json"]);
    command.args(["--clients=20", "--duration=2s", "--warmup=0s"]);
    let Output { status, stdout, stderr } = command.output().unwrap();
    let said = String::from_utf8_lossy(&stderr);
    assert_eq!(status.code(), Some(0), "{said}");
    let report: Value = serde_json::from_slice(&stdout).unwrap();
    assert_eq!(report["passed"], true, "{report}");
    let count = |name: &str| report[name].as_u64().unwrap();
    assert!(count("published") > 0, "{report}");
    assert_eq!(count("verified"), 20 * count("published"), "{report}");
}
