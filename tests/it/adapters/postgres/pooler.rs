//! A real `PgBouncer` in between: in session mode it will do, in transaction mode it is refused.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
};

use signalbox::adapters::Transport as _;
use tempfile::TempDir;

use super::place::{There, batch, events, misconfigured, transport};

/// A pooler before a database. It ends with this process: it waits for the end of a pipe.
struct Pooler {
    url: String,
    guard: Child,
    _folder: TempDir,
}

impl Pooler {
    fn start(database: &str, mode: &str) -> Self {
        let (server, name) = database.rsplit_once('/').unwrap();
        let port = server.rsplit_once(':').unwrap().1;
        let own = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("pgbouncer.ini");
        let settings = format!(
            "[databases]\n* = host=127.0.0.1 port={port} user=postgres\n[pgbouncer]\n\
             listen_addr = 127.0.0.1\nlisten_port = {}\nunix_socket_dir =\nauth_type = any\n\
             pool_mode = {mode}\n",
            own.port()
        );
        fs::write(&file, settings).unwrap();
        // It never runs as root.
        let script = "chmod -R a+rX \"$1\"; [ \"$(id -u)\" -ne 0 ] || user='-u postgres'; \
                      PATH=$PATH:/usr/sbin; pgbouncer -q $user \"$1/pgbouncer.ini\" & \
                      read _; kill $!";
        let mut guard = Command::new("sh");
        guard.args(["-c", script, "guard"]).arg(folder.path()).stdin(Stdio::piped());
        let guard = guard.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut pooler = Self {
            url: format!("postgres://postgres@127.0.0.1:{}/{name}", own.port()),
            guard,
            _folder: folder,
        };
        while TcpStream::connect(own).is_err() {
            assert!(pooler.guard.try_wait().unwrap().is_none(), "tests/setup.sh finds pgbouncer");
            std::thread::yield_now();
        }
        pooler
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        self.guard.wait().unwrap();
    }
}

#[actix::test]
async fn a_transaction_mode_pooler_is_recognised_and_advice_is_given() {
    let there = There::new().await;
    for mode in ["transaction", "statement"] {
        let pooler = Pooler::start(&there.url, mode);
        let reason = misconfigured(&pooler.url).await;
        assert!(reason.contains("transaction-mode pooler"), "{reason}");
        assert!(reason.contains("port 5432 rather than 6543"), "{reason}");
    }
    assert_eq!(there.count().await, 0);
}

#[actix::test]
async fn a_session_mode_pooler_will_do() {
    let there = There::new().await;
    let pooler = Pooler::start(&there.url, "session");
    let transport = transport(&pooler.url);
    transport.health().await.unwrap();
    for start in [1, 4] {
        transport.deliver(&batch(&events(start..=start + 2))).await.unwrap();
    }
    assert_eq!(there.seqs().await, [1, 2, 3, 4, 5, 6]);
}
