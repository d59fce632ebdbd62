//! Unmodified Supabase clients against the router: the suites of `tests/realtime-js` and
//! `tests/python`, each a process that prints a TAP line for each of its cases, and asks for what
//! only the owner of the router can do.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read as _, Write as _},
    process::{Child, ChildStdout, Command, Stdio},
};

use chrono::{TimeDelta, Utc};

use crate::support::{jwt::SigningKey, router::Router};

const NODE: &str = "node";
const PYTHON: &str = "tests/python/.venv/bin/python";

/// Runs a suite, whose cases must all pass, against a router of its own.
fn run(program: &str, script: &str) {
    run_with(program, &[script], Router::start());
}

/// The same, with arguments after the script's, against a router that is set up for it.
fn run_with(program: &str, script: &[&str], mut router: Router) {
    let mut suite = Process::start(program, script, &router);
    let mut peers = Vec::new();
    let mut said = Vec::new();
    while let Some(line) = suite.line() {
        match line.strip_prefix("? ") {
            Some(request) => {
                peers.extend(obey(request, &mut router));
                writeln!(suite.0.stdin.as_ref().unwrap(), "done").unwrap();
            }
            None => said.push(line),
        }
    }
    let status = suite.0.wait().unwrap();
    let passed = said.iter().filter(|line| line.starts_with("ok ")).count();
    let all_passed = said.last() == Some(&format!("1..{passed}")) && passed > 0;
    let complaints = fs::read_to_string(router.folder.path().join(COMPLAINTS)).unwrap();
    assert!(status.success() && all_passed, "{}\n{complaints}", said.join("\n"));
}

/// Does what a suite asks for; the process that it may start lives as long as the suite.
fn obey(request: &str, router: &mut Router) -> Option<Process> {
    match request {
        "kill" => router.kill(),
        "terminate" => assert!(router.terminate().success()),
        "start" => router.restart(),
        peer => {
            let part = peer.strip_prefix("python_").expect("a request that is known");
            let mut peer = Process::start(PYTHON, &["tests/python/realtime_peer.py", part], router);
            assert_eq!(peer.line().as_deref(), Some("ready"));
            return Some(peer);
        }
    }
    None
}

/// What suites and their peers write to standard error, in the router's folder.
const COMPLAINTS: &str = "complaints.log";

/// A script that is given the router's URL; killed when dropped.
struct Process(Child, BufReader<ChildStdout>);

impl Process {
    fn start(program: &str, script: &[&str], router: &Router) -> Self {
        let log = router.folder.path().join(COMPLAINTS);
        let complaints = File::options().create(true).append(true).open(log).unwrap();
        let (script, arguments) = script.split_first().unwrap();
        let mut command = Command::new(program);
        command.arg(script).arg(router.url("")).args(arguments);
        command.env("NO_PROXY", "127.0.0.1").env("PYTHONDONTWRITEBYTECODE", "1");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(complaints);
        let mut child = command.spawn().expect("what tests/setup.sh installs");
        let out = BufReader::new(child.stdout.take().unwrap());
        Self(child, out)
    }

    /// The next line it says, until it has ended.
    fn line(&mut self) -> Option<String> {
        self.1.by_ref().lines().next().transpose().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn javascript_clients_broadcast_to_each_other_and_to_python() {
    run(NODE, "tests/realtime-js/broadcast.mjs");
}

#[test]
fn javascript_clients_see_who_is_present() {
    run(NODE, "tests/realtime-js/presence.mjs");
}

#[test]
fn javascript_clients_are_told_of_changes() {
    run(NODE, "tests/realtime-js/changes.mjs");
}

#[test]
fn javascript_clients_come_back_by_themselves() {
    run(NODE, "tests/realtime-js/reconnecting.mjs");
}

#[test]
fn javascript_clients_resume_without_a_hole_or_a_double() {
    run(NODE, "tests/realtime-js/resuming.mjs");
}

#[test]
fn supabase_js_needs_nothing_but_the_url_and_a_key() {
    run(NODE, "tests/realtime-js/supabase.mjs");
}

#[test]
fn the_python_client_does_what_it_does_elsewhere() {
    run(PYTHON, "tests/python/realtime_client.py");
}

#[test]
fn the_python_client_misses_nothing_that_it_asks_for_again() {
    run(PYTHON, "tests/python/realtime_history.py");
}

/// Runs a suite that makes JSON Web Tokens itself, against a router that takes them.
fn run_with_secret(program: &str, script: &str) {
    let key = SigningKey::secret();
    let secret = key.secret_text();
    let router = Router::with(&[("auth.mode", "jwt"), ("auth.jwt_secret", secret)]);
    run_with(program, &[script, secret], router);
}

#[test]
fn javascript_clients_join_with_what_the_role_of_their_token_allows() {
    run_with_secret(NODE, "tests/realtime-js/jwt.mjs");
}

#[test]
fn the_python_client_joins_with_what_the_role_of_its_token_allows() {
    run_with_secret(PYTHON, "tests/python/realtime_jwt.py");
}

/// The suite of tokens, and how long its brief ones last.
const TOKENS: &str = "tests/realtime-js/tokens.mjs";
const BRIEF: TimeDelta = TimeDelta::seconds(10);

#[test]
fn tokens_are_renewed_expire_and_are_refused_as_javascript_clients_expect() {
    let names = ["reader", "producer", "both", "brief", "briefly", "forged"];
    let tokens = names.map(|name| format!("sbx_{name}_{}", "0123456789abcdef".repeat(2)));
    let [reader, producer, both, brief, briefly, forged] = &tokens;
    let until = (Utc::now() + BRIEF).to_rfc3339();
    let entries = format!(
        "reader read {reader}; producer ingest {producer}; both ingest,read {both}; \
         brief read {brief} {until}; briefly read {briefly} {until}"
    );
    let router = Router::with(&[("auth.mode", "token"), ("auth.tokens", &entries)]);
    run_with(NODE, &[TOKENS, reader, producer, both, brief, briefly, forged], router);
}
