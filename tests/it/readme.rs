//! The README holds: its first commands are run as they stand, and the links in all of the
//! documentation lead somewhere.

use std::{
    env,
    fs::{self, File},
    net::TcpListener,
    os::unix::{fs::symlink, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;
use signalbox::cli::Exit;
use tempfile::TempDir;

use crate::support::router::PATIENCE;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn readme() -> String {
    fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap()
}

/// The section under a heading, up to the next one.
fn section(heading: &str) -> String {
    let text = readme();
    let (_, rest) = text.split_once(&format!("\n## {heading}\n")).expect("the section is there");
    rest.split("\n## ").next().unwrap().to_owned()
}

/// The commands of a section, block by block.
fn blocks(heading: &str) -> Vec<String> {
    let section = section(heading);
    let blocks = section.split("```sh\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap().trim_end().to_owned()).collect()
}

#[test]
fn sixty_seconds_are_as_the_readme_says() {
    let taken = TcpListener::bind("127.0.0.1:8080");
    assert!(taken.is_ok(), "the README's port 8080 is taken: stop what listens there");
    drop(taken);
    let checkout = checkout();
    let [run, tail, curl]: [String; 3] = blocks("Sixty seconds").try_into().unwrap();
    let mut router = Terminal::open(&checkout, "router", &run);
    router.wait_for("listening on http://127.0.0.1:8080");
    let mut watching = Terminal::open(&checkout, "tail", &tail);
    watching.wait_for("listening after event 0");
    let mut sending = Terminal::open(&checkout, "curl", &curl);
    assert_eq!(sending.wait(), Some(0), "{}", sending.said());
    let said = sending.out();
    let answer: Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}"));
    let members: Vec<_> = answer.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!((members.len(), &answer["seq"]), (4, &1.into()), "{answer}");
    for member in members {
        assert!(section("Sixty seconds").contains(&format!("\"{member}\":")), "{answer}");
    }
    assert_eq!(answer["duplicate"], false, "{answer}");
    watching.wait_for(r#"redis  cache_metrics  {"hit_rate":0.97}"#);
    watching.interrupt();
    assert!(watching.said().contains("to go on from here"), "{}", watching.said());
    router.interrupt();
    assert!(router.said().contains("stopped"), "{}", router.said());
    assert!(checkout.path().join("data").is_dir(), "SQLite in ./data");
}

/// What somebody has after `git clone`, but for what was built already.
fn checkout() -> TempDir {
    let folder = TempDir::new().unwrap();
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(ROOT).output().unwrap();
    assert!(listed.status.success(), "git lists the files");
    for name in String::from_utf8(listed.stdout).unwrap().split_terminator('\0') {
        let (from, to) = (Path::new(ROOT).join(name), folder.path().join(name));
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        // As they are, with their times: nothing is to be built again.
        symlink(from, to).unwrap();
    }
    symlink(target(), folder.path().join("target")).unwrap();
    for made in ["dashboard/node_modules", "dashboard/dist/client.js", "dashboard/dist/page"] {
        symlink(Path::new(ROOT).join(made), folder.path().join(made)).unwrap();
    }
    folder
}

/// Where this test was built.
fn target() -> PathBuf {
    let binary = Path::new(env!("CARGO_BIN_EXE_signalbox"));
    binary.ancestors().nth(2).unwrap().to_owned()
}

/// A terminal with a command that runs in it.
struct Terminal {
    shell: Child,
    out: PathBuf,
    err: PathBuf,
}

impl Terminal {
    fn open(checkout: &TempDir, name: &str, command: &str) -> Self {
        let logs = checkout.path();
        let (out, err) = (logs.join(format!("{name}.out")), logs.join(format!("{name}.err")));
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).current_dir(checkout.path()).process_group(0);
        // What cargo told this test is nothing a user has, and would make it build anew.
        let told = |name: &str| name.starts_with("CARGO") && name != "CARGO_HOME";
        for (name, _) in env::vars().filter(|(name, _)| told(name)) {
            shell.env_remove(name);
        }
        shell.stdin(Stdio::null());
        shell.stdout(File::create(&out).unwrap()).stderr(File::create(&err).unwrap());
        Self { shell: shell.spawn().unwrap(), out, err }
    }

    fn out(&self) -> String {
        fs::read_to_string(&self.out).unwrap()
    }

    fn said(&self) -> String {
        self.out() + &fs::read_to_string(&self.err).unwrap()
    }

    fn wait_for(&mut self, text: &str) {
        let began = Instant::now();
        while !self.said().contains(text) {
            let ended = self.shell.try_wait().unwrap();
            let given_up = ended.is_some() || began.elapsed() > 4 * PATIENCE;
            assert!(!given_up, "no `{text}`, {ended:?}:\n{}", self.said());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn wait(&mut self) -> Option<i32> {
        self.shell.wait().unwrap().code()
    }

    /// Ctrl-C: everything in the terminal gets it, and ends.
    fn interrupt(&mut self) {
        kill_process_group(Pid::from_child(&self.shell), Signal::INT).unwrap();
        self.wait();
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if self.shell.try_wait().unwrap().is_none() {
            kill_process_group(Pid::from_child(&self.shell), Signal::KILL).unwrap();
            self.shell.wait().unwrap();
        }
    }
}

#[test]
fn every_exit_code_is_documented() {
    let text = fs::read_to_string(Path::new(ROOT).join("docs/command-line.md")).unwrap();
    for exit in Exit::ALL {
        assert!(text.contains(&format!("\n| {} | ", exit as u8)), "{exit:?}");
    }
}

#[test]
fn every_link_in_the_documentation_leads_somewhere() {
    let docs = fs::read_dir(Path::new(ROOT).join("docs")).unwrap();
    let docs = docs.map(|entry| entry.unwrap().path());
    let pages = docs.chain(["README.md", "ARCHITECTURE.md"].map(|name| Path::new(ROOT).join(name)));
    let mut links = 0;
    for page in pages.filter(|page| page.extension().is_some_and(|end| end == "md")) {
        let text = fs::read_to_string(&page).unwrap();
        let targets = text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap());
        for target in targets.filter(|target| !target.contains("://")) {
            let (file, _) = target.split_once('#').unwrap_or((target, ""));
            assert!(page.parent().unwrap().join(file).exists(), "{target} in {}", page.display());
            links += 1;
        }
    }
    assert!(links > 10);
}
