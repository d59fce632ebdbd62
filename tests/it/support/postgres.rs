//! A temporary PostgreSQL, made with the programs of an installed one.
//!
//! It never outlives the process that started it: a watchdog waits for the end of a pipe that only
//! this process holds, then stops the server and removes its folder.

use std::{
    env, fs,
    net::TcpListener,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    },
};

use tempfile::TempDir;

/// The cluster that most tests share, each with databases of its own.
static SHARED: LazyLock<Cluster> = LazyLock::new(Cluster::start);

/// Names of databases, never twice in a process.
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// The URL of a new, empty database in the shared cluster.
pub(crate) fn database() -> String {
    SHARED.url(&format!("test_{}", DATABASES.fetch_add(1, Ordering::Relaxed)))
}

/// A PostgreSQL server of its own.
pub(crate) struct Cluster {
    folder: PathBuf,
    port: u16,
    fsync: bool,
    watchdog: Child,
}

impl Cluster {
    /// A running server that does not wait for the disk.
    pub(crate) fn start() -> Self {
        Self::start_with(false)
    }

    /// A running server; with `fsync` it keeps what it acknowledged through a loss of power.
    pub(crate) fn start_with(fsync: bool) -> Self {
        let folder = TempDir::new().unwrap().keep();
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(&folder));
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let watchdog = watch(&folder);
        let cluster = Self { folder, port, fsync, watchdog };
        run(program("initdb")
            .args(["--auth=trust", "--no-sync", "-U", "postgres", "-D"])
            .arg(cluster.data()));
        cluster.start_again();
        cluster
    }

    /// The URL of a new, empty database.
    pub(crate) fn url(&self, database: &str) -> String {
        let port = self.port.to_string();
        let server = ["-h", "127.0.0.1", "-U", "postgres", "-T", "template0", "-p", &port];
        run(program("createdb").args(server).arg(database));
        format!("postgres://postgres@127.0.0.1:{port}/{database}")
    }

    /// Stops the server as a crash does: without a word to anybody.
    pub(crate) fn stop_immediate(&self) {
        run(program("pg_ctl").args(["-w", "-m", "immediate", "stop", "-D"]).arg(self.data()));
    }

    /// Starts the server that was stopped, on the same port.
    pub(crate) fn start_again(&self) {
        let (port, folder) = (self.port, self.folder.display());
        let fsync = if self.fsync { "on" } else { "off" };
        let options = format!(
            "-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c wal_level=logical \
             -c fsync={fsync} -c full_page_writes={fsync} -c max_connections=200"
        );
        let log = self.folder.join("log");
        let mut start = program("pg_ctl");
        run(start.args(["-w", "-o", &options, "start", "-D"]).arg(self.data()).arg("-l").arg(log));
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        self.watchdog.wait().unwrap();
    }
}

/// Stops the server and removes its folder when this process ends or lets go of the pipe.
fn watch(folder: &Path) -> Child {
    let stop = program("pg_ctl");
    // More than once: the process may end while the server is only starting.
    let script = "trap '' INT TERM HUP; read _; folder=$1; shift; \
                  for try in 1 2 3; do \
                      \"$@\" -m immediate stop -D \"$folder/data\" && break; sleep 1; \
                  done; rm -rf \"$folder\"";
    Command::new("sh")
        .args(["-c", script, "watchdog"])
        .arg(folder)
        .arg(stop.get_program())
        .args(stop.get_args())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// A program of PostgreSQL, as a user that it accepts: never root.
fn program(name: &str) -> Command {
    let path = find(name);
    if !is_root() {
        return Command::new(path);
    }
    let mut command = Command::new("runuser");
    command.args(["-u", "postgres", "--"]).arg(path);
    command
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
}

/// Debian keeps most of them out of PATH.
fn find(name: &str) -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let folders = env::split_paths(&path).chain(debian.map(|entry| entry.path().join("bin")));
    let found = folders.map(|folder| folder.join(name)).find(|file| file.is_file());
    found.unwrap_or_else(|| panic!("install PostgreSQL 15 or newer: `{name}` is not there"))
}

fn run(command: &mut Command) {
    // A server that was started inherits these: a pipe would never end.
    let output = TempDir::new().unwrap();
    let file = output.path().join("output");
    let writer = fs::File::create(&file).unwrap();
    command.stdin(Stdio::null()).stdout(writer.try_clone().unwrap()).stderr(writer);
    let status = command.current_dir("/").status().unwrap();
    assert!(status.success(), "{command:?}: {}", fs::read_to_string(&file).unwrap());
}
