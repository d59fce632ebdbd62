//! The real router: the built binary as a process of its own, on a free port, in a folder of its
//! own. It is told what to do as an operator would, by environment and signals.

use std::{
    env,
    fs::{self, File},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

/// How long anything may take that takes milliseconds on a machine that is not busy.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A router; killed when dropped.
pub struct Router {
    child: Child,
    pub address: SocketAddr,
    pub folder: TempDir,
    settings: Vec<(String, String)>,
    /// What runs the binary, when not the test itself.
    under: Vec<String>,
    starts: usize,
}

impl Router {
    /// A router on SQLite, with the defaults.
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// A router with settings such as `("session.heartbeat", "1s")`.
    pub fn with(settings: &[(&str, &str)]) -> Self {
        Self::under(&[], settings)
    }

    /// A router that is started by another program, which gets the binary as its last argument
    /// and must become it.
    pub fn under(under: &[&str], settings: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().unwrap();
        let settings = settings.iter().map(|(key, value)| ((*key).into(), (*value).into()));
        let settings: Vec<_> = settings.collect();
        let under: Vec<_> = under.iter().map(|word| (*word).into()).collect();
        let child = spawn(&under, &folder, &settings, "127.0.0.1:0", 0);
        let address = "127.0.0.1:0".parse().unwrap();
        let mut router = Self { child, address, folder, settings, under, starts: 0 };
        router.address = router.await_listening();
        router
    }

    /// A command line of the binary, in this router's folder and with its settings.
    pub fn command(&self) -> Command {
        command(&self.folder, &self.settings, &self.address.to_string())
    }

    /// Starts again, at the same address, after [`Router::kill`] or [`Router::terminate`].
    pub fn restart(&mut self) {
        self.begin_restart();
        self.await_listening();
    }

    /// Like [`Router::restart`], without waiting until it listens.
    pub fn begin_restart(&mut self) {
        self.starts += 1;
        let bind = self.address.to_string();
        self.child = spawn(&self.under, &self.folder, &self.settings, &bind, self.starts);
    }

    /// Waits until the router listens; where.
    pub fn await_listening(&mut self) -> SocketAddr {
        let began = Instant::now();
        loop {
            let log = self.log();
            if let Some((_, rest)) = log.split_once("listening on http://") {
                return rest.split_once(' ').unwrap().0.parse().unwrap();
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the router ended with {status}:\n{log}");
            }
            assert!(began.elapsed() < PATIENCE, "the router does not listen:\n{log}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and waits for the end.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.wait()
    }

    /// Waits for the end of a router that was told to stop.
    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// [`Router::wait`], for a router that may not end.
    pub async fn wait_patiently(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(began.elapsed() < PATIENCE, "the router does not end");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Sends a signal by name.
    pub fn signal(&self, name: &str) {
        let signal = format!("-{name}");
        let status = Command::new("kill").arg(signal).arg(self.child.id().to_string()).status();
        assert!(status.unwrap().success());
    }

    /// Whether the process still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has logged since it started last.
    pub fn log(&self) -> String {
        fs::read_to_string(log_path(&self.folder, self.starts)).unwrap_or_default()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// GET, as JSON.
    pub async fn get(&self, path: &str) -> Value {
        http().get(self.url(path)).send().await.unwrap().json().await.unwrap()
    }

    /// A request without a body.
    pub async fn ask(&self, method: &str, path: &str) -> Answer {
        let method = method.parse().unwrap();
        Answer::of(http().request(method, self.url(path)).send().await.unwrap()).await
    }

    /// POST to `/v1/events`; status and answer.
    pub async fn post(&self, body: &Value) -> (u16, Value) {
        let answer = self.post_as("application/json", body.to_string()).await;
        (answer.status, answer.json)
    }

    /// POST of any bytes to `/v1/events`.
    pub async fn post_as(&self, content_type: &str, body: impl Into<reqwest::Body>) -> Answer {
        let request = http().post(self.url("/v1/events")).header("content-type", content_type);
        Answer::of(request.body(body).send().await.unwrap()).await
    }

    /// Posts one event of a type, which must be accepted; its seq.
    pub async fn publish(&self, event_type: &str) -> u64 {
        let (status, answer) = self.post(&event(event_type)).await;
        assert_eq!(status, 202, "{answer}");
        answer["seq"].as_u64().unwrap()
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
        if std::thread::panicking() {
            eprintln!("the router's log:\n{}", self.log());
        }
    }
}

/// An answer, as a whole.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
    /// `null` when it is not JSON.
    pub json: Value,
}

impl Answer {
    pub async fn of(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        // A stream of events does not end.
        let is_endless = headers.get("content-type").is_some_and(|it| it == "text/event-stream");
        let text = if is_endless { String::new() } else { response.text().await.unwrap() };
        let json = serde_json::from_str(&text).unwrap_or_default();
        Self { status, headers, text, json }
    }

    /// One header, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The code of the problem that this must be, complete as RFC 9457 wants it.
    pub fn problem(&self) -> &str {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let member = |name: &str| self.json[name].is_string();
        assert!(["type", "title", "code", "detail"].into_iter().all(member), "{self:?}");
        assert_eq!(self.json["status"], self.status);
        let retryable =
            matches!(self.status, 429 | 503) || self.json["code"] == "request_in_flight";
        assert_eq!(self.json["retryable"], retryable, "{self:?}");
        assert_eq!(self.headers.contains_key("retry-after"), retryable, "{self:?}");
        self.json["code"].as_str().unwrap()
    }
}

/// Asks until `ready` gives something; it has [`PATIENCE`].
pub async fn until<T, F: Future<Output = Option<T>>>(mut ready: impl FnMut() -> F) -> T {
    let began = Instant::now();
    loop {
        if let Some(value) = ready().await {
            return value;
        }
        assert!(began.elapsed() < PATIENCE, "it does not become so");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// An event of a type.
pub fn event(event_type: &str) -> Value {
    json!({ "event_type": event_type, "source": "test", "data": { "n": 1 } })
}

/// A client for HTTP; connections are not shared between tests.
pub fn http() -> reqwest::Client {
    http_builder().timeout(PATIENCE).build().unwrap()
}

/// The same, before it is known how long an answer may take.
pub fn http_builder() -> reqwest::ClientBuilder {
    // Only the first of a process installs it; all are the same.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder().no_proxy()
}

/// A command line of the binary, in `folder`.
pub fn command(folder: &TempDir, settings: &[(String, String)], bind: &str) -> Command {
    set_up(Command::new(binary()), folder, settings, bind)
}

/// The binary; `SIGNALBOX_BINARY` names another build of it.
pub fn binary() -> String {
    env::var("SIGNALBOX_BINARY").unwrap_or_else(|_| env!("CARGO_BIN_EXE_signalbox").to_owned())
}

fn set_up(
    mut command: Command,
    folder: &TempDir,
    settings: &[(String, String)],
    bind: &str,
) -> Command {
    command.current_dir(folder.path()).env("SIGNALBOX__SERVER__BIND", bind);
    for (key, value) in settings {
        let name = format!("SIGNALBOX__{}", key.replace('.', "__").to_uppercase());
        command.env(name, value);
    }
    command
}

fn spawn(
    under: &[String],
    folder: &TempDir,
    settings: &[(String, String)],
    bind: &str,
    starts: usize,
) -> Child {
    let log = File::create(log_path(folder, starts)).unwrap();
    let mut words = under.iter().cloned().chain([binary()]);
    let mut command = Command::new(words.next().unwrap());
    command.args(words);
    let mut command = set_up(command, folder, settings, bind);
    command.arg("serve").stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    command.spawn().unwrap()
}

fn log_path(folder: &TempDir, starts: usize) -> PathBuf {
    folder.path().join(format!("router-{starts}.log"))
}
