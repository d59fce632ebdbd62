//! Routers that say what a test wants them to say, and that break their promises on request: the
//! clients must notice, and a real router gives them nothing to notice.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
        mpsc,
    },
    thread,
};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::broadcast,
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{ErrorResponse, Request, Response},
    },
};

pub(super) const EPOCH: &str = "00000000-0000-0000-0000-000000000009";

/// How a router breaks its promises, to its first session, at the event of `seq` 5.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fault {
    None,
    Lose,
    Double,
    Close,
}

/// A session plays the next script: frames, and then its end.
pub(super) type Script = Vec<Value>;

/// A router on a port of its own, for as long as the test process lives.
pub(super) struct FakeRouter {
    pub(super) url: String,
    /// The `subscribe` frames, as they come.
    pub(super) subscribed: mpsc::Receiver<Value>,
}

/// An event frame.
pub(super) fn event(seq: u64, data: &Value) -> Value {
    json!({ "type": "event", "event": {
        "seq": seq, "epoch": EPOCH, "event_type": "error", "source": "redis",
        "category": "critical", "timestamp": "2026-01-02T03:04:05.000006Z", "data": data,
    }})
}

fn subscribed(seq: u64) -> Value {
    json!({ "type": "subscribed", "epoch": EPOCH, "seq": seq, "recovered": true })
}

impl FakeRouter {
    /// Its sessions play the scripts, one each; the last one stays.
    pub(super) fn playing(scripts: Vec<Script>) -> Self {
        let mut scripts = scripts.into_iter().peekable();
        Self::start(move |socket, heard| {
            let script = scripts.next().unwrap_or_default();
            let last = scripts.peek().is_none();
            tokio::spawn(async move {
                let mut session = greet(socket, heard).await;
                for frame in script {
                    say(&mut session, &frame).await;
                }
                if last {
                    while session.next().await.is_some() {}
                }
            });
        })
    }

    /// Takes events and hands them to all its sessions, but for the fault.
    pub(super) fn broadcasting(fault: Fault) -> Self {
        let journal = Arc::new((AtomicU64::new(0), broadcast::channel(1 << 16).0));
        let mut sessions = 0;
        Self::start(move |socket, heard| {
            let journal = Arc::clone(&journal);
            let mut events = journal.1.subscribe();
            sessions += 1;
            let fault = if sessions == 1 { fault } else { Fault::None };
            tokio::spawn(async move {
                if is_post(&socket).await {
                    return ingest(socket, &journal).await;
                }
                let mut session = greet(socket, heard).await;
                say(&mut session, &subscribed(0)).await;
                while let Ok(event) = events.recv().await {
                    match fault_at(fault, &event) {
                        Fault::Lose => continue,
                        Fault::Double => say(&mut session, &event).await,
                        Fault::Close => return,
                        Fault::None => {}
                    }
                    say(&mut session, &event).await;
                }
            });
        })
    }

    fn start(mut serve: impl FnMut(TcpStream, mpsc::Sender<Value>) + Send + 'static) -> Self {
        let (address, bound) = mpsc::channel::<SocketAddr>();
        let (heard, subscribed) = mpsc::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                address.send(listener.local_addr().unwrap()).unwrap();
                loop {
                    serve(listener.accept().await.unwrap().0, heard.clone());
                }
            });
        });
        Self { url: format!("http://{}", bound.recv().unwrap()), subscribed }
    }
}

fn fault_at(fault: Fault, event: &Value) -> Fault {
    if event["event"]["seq"] == 5 { fault } else { Fault::None }
}

async fn is_post(socket: &TcpStream) -> bool {
    let mut method = [0; 4];
    socket.peek(&mut method).await.unwrap();
    &method == b"POST"
}

/// Shakes hands, welcomes, and waits for `subscribe`.
#[expect(clippy::result_large_err, reason = "the type is the library's")]
async fn greet(socket: TcpStream, heard: mpsc::Sender<Value>) -> WebSocketStream<TcpStream> {
    let choose = |_: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
        let chosen = "signalbox.v1.json".parse().unwrap();
        response.headers_mut().insert("Sec-WebSocket-Protocol", chosen);
        Ok(response)
    };
    let mut session = accept_hdr_async(socket, choose).await.unwrap();
    say(&mut session, &json!({ "type": "welcome", "heartbeat_ms": 25_000 })).await;
    let frame = session.next().await.unwrap().unwrap();
    // A test that does not look at the frames has let go of its end.
    heard.send(serde_json::from_str(frame.to_text().unwrap()).unwrap()).unwrap_or_default();
    session
}

/// Says a frame; a client that is gone needs no answer.
async fn say(session: &mut WebSocketStream<TcpStream>, frame: &Value) {
    session.send(Message::text(frame.to_string())).await.unwrap_or_default();
}

async fn ingest(socket: TcpStream, journal: &(AtomicU64, broadcast::Sender<Value>)) {
    let mut socket = BufReader::new(socket);
    while let Some(body) = body(&mut socket).await {
        let posted = if body.is_array() { body } else { json!([body]) };
        for draft in posted.as_array().unwrap() {
            let seq = journal.0.fetch_add(1, SeqCst) + 1;
            journal.1.send(event(seq, &draft["data"])).unwrap();
        }
        let answer = b"HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\n{}";
        socket.get_mut().write_all(answer).await.unwrap();
    }
}

/// The next request's body; nothing once the client is gone.
async fn body(socket: &mut BufReader<TcpStream>) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if socket.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    socket.read_exact(&mut body).await.ok()?;
    serde_json::from_slice(&body).ok()
}

/// The frames of a session that began after `seq`.
pub(super) fn session(seq: u64, mut frames: Script) -> Script {
    frames.insert(0, subscribed(seq));
    frames
}
