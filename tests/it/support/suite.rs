//! Suites in other languages: each a process that prints a TAP line for each of its cases, and asks for
//! what only the owner of the router can do.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read as _, Write as _},
    process::{Child, ChildStdout, Command, Stdio},
};

use super::router::Router;

pub const NODE: &str = "node";
pub const PYTHON: &str = "tests/python/.venv/bin/python";

/// Runs a suite, whose cases must all pass, with arguments after the script's, against a router that is
/// set up for it.
pub fn run_with(program: &str, script: &[&str], mut router: Router) {
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
