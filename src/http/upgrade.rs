//! WebSocket upgrades. They pass by the app and its middleware, so this is the other place where a
//! request is let in: by the same [`guard`], with the same problems as answers.
//!
//! The future that serves an upgrade lasts as long as its session, so that connection limits and a
//! graceful stop see it.

use std::{
    io,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use actix_codec::Framed;
use actix_http::{Request, Response, body::BodySize, h1, ws};
use actix_web::{
    HttpRequest, HttpResponse, ResponseError,
    http::{
        Method, StatusCode,
        header::{self, HeaderValue},
    },
    rt::net::TcpStream,
    web,
};
use bytes::Bytes;
use futures_util::SinkExt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::oneshot,
};

use super::{Router, guard, legacy::producer, problem::Problem};
use crate::{
    actors::{
        legacy::Legacy,
        session::{Session, SessionOptions, signalbox::Signalbox},
    },
    core::protocol::{self, CloseReason, SUBPROTOCOL},
};

/// What a WebSocket is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// The session protocol.
    Session,
    /// Events for a dashboard of the original system.
    Dashboard,
    /// Events from a producer of the original system.
    Producer,
}

/// Every path of a WebSocket, and what is opened there.
const SOCKETS: [(&str, Purpose); 3] =
    [("/v1/ws", Purpose::Session), ("/ws", Purpose::Dashboard), ("/events", Purpose::Producer)];
const SWITCHING: StatusCode = StatusCode::SWITCHING_PROTOCOLS;
/// Longest `client_id`, in characters.
const MAX_CLIENT_ID: usize = 128;
/// How long a client that is turned away may take to hear it.
const FAREWELL: Duration = Duration::from_secs(2);

/// A WebSocket that may be opened.
#[derive(Debug, PartialEq, Eq)]
struct Admitted {
    purpose: Purpose,
    /// Whether the client offered our subprotocol: it wants to hear it chosen.
    subprotocol: bool,
    client_id: Option<String>,
}

/// Serves an upgrade from the handshake to the end of its session.
///
/// The future lives as long as the session, so it holds next to nothing: the handshake, which needs
/// kilobytes, is boxed and gone by then.
pub fn serve(
    router: web::Data<Router>,
    options: Arc<SessionOptions>,
    request: Request,
    framed: Framed<TcpStream, h1::Codec>,
) -> impl Future<Output = ()> {
    let opening = Box::pin(open(router, options, request, framed));
    async move {
        match opening.await {
            // The sender is dropped, not used: an error is the end.
            Ok(Some((ended, _room))) => ended.await.unwrap_or_default(),
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, "a client went away before it had a session"),
        }
    }
}

/// Shakes hands and opens a session, or says why there is none.
async fn open(
    router: web::Data<Router>,
    options: Arc<SessionOptions>,
    request: Request,
    framed: Framed<TcpStream, h1::Codec>,
) -> io::Result<Option<(oneshot::Receiver<()>, Room)>> {
    let handshake = admit(&router, &request).and_then(|admitted| {
        let response = ws::handshake(request.head()).map_err(bad_handshake)?;
        Ok((admitted, response))
    });
    let status = handshake.as_ref().map_or_else(ResponseError::status_code, |_| SWITCHING);
    let route = socket_at(request.path()).map_or("none", |(path, _)| path);
    router.count(route, request.method(), status);
    let (Admitted { purpose, subprotocol, client_id }, mut response) = match handshake {
        Ok(handshake) => handshake,
        Err(problem) => return refuse(framed, &problem).await.map(|()| None),
    };
    if subprotocol {
        response.insert_header((header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL));
    }
    let (socket, early) = accept(framed, response.finish().drop_body()).await?;
    let room = Room::take(router.clone());
    if !room.is_there {
        drop(room);
        return turn_away(socket).await.map(|()| None);
    }
    let ended = match purpose {
        Purpose::Session => Session::open(socket, early, client_id, Signalbox::default(), options)?,
        Purpose::Dashboard => {
            let legacy = Legacy::new(router.legacy.clone());
            Session::open(socket, early, client_id, legacy, options)?
        }
        Purpose::Producer => producer::open(router, socket, early)?,
    };
    Ok(Some((ended, room)))
}

/// The path, and what is opened there.
fn socket_at(path: &str) -> Option<(&'static str, Purpose)> {
    SOCKETS.into_iter().find(|(at, _)| *at == path)
}

/// A place among `session.max_sessions`, given back when dropped.
struct Room {
    router: web::Data<Router>,
    is_there: bool,
}

impl Room {
    fn take(router: web::Data<Router>) -> Self {
        let taken = router.sessions.fetch_add(1, Ordering::Relaxed);
        let is_there = taken < router.settings.session.max_sessions;
        Self { router, is_there }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.router.sessions.fetch_sub(1, Ordering::Relaxed);
    }
}

fn admit(router: &Router, request: &Request) -> Result<Admitted, Problem> {
    guard::admit(request.head().headers())?;
    let Some((path, purpose)) = socket_at(request.path()) else {
        let paths = SOCKETS.map(|(path, _)| path).join(", ");
        return Err(Problem::not_found(format!("WebSockets are served at {paths}")));
    };
    if request.method() != Method::GET {
        let detail = format!("{} is not for {path}; use GET", request.method());
        let status = StatusCode::METHOD_NOT_ALLOWED;
        return Err(Problem::new(status, "method_not_allowed", detail));
    }
    if router.is_draining() {
        let after = router.settings.server.reconnect_window;
        return Err(Problem::unavailable("shutting_down", "the router is shutting down", after));
    }
    let client_id = client_id(request)?;
    if purpose != Purpose::Session {
        // The original system knew no subprotocol, and looked at none.
        return Ok(Admitted { purpose, subprotocol: false, client_id });
    }
    let offered = request.head().headers().get_all(header::SEC_WEBSOCKET_PROTOCOL);
    let offered: Vec<&str> = offered
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    if !offered.is_empty() && !offered.contains(&SUBPROTOCOL) {
        let detail = format!("the subprotocol here is {SUBPROTOCOL}");
        return Err(Problem::bad_request("unknown_subprotocol", detail));
    }
    Ok(Admitted { purpose, subprotocol: !offered.is_empty(), client_id })
}

fn client_id(request: &Request) -> Result<Option<String>, Problem> {
    let query = request.uri().query().unwrap_or_default();
    let pairs = web::Query::<Vec<(String, String)>>::from_query(query)
        .map_err(|error| Problem::bad_request("bad_query", error.to_string()))?;
    let mut pairs = pairs.into_inner().into_iter();
    let client_id = pairs.find(|(name, _)| name == "client_id").map(|(_, value)| value);
    match client_id {
        Some(id) if id.is_empty() || id.chars().count() > MAX_CLIENT_ID => {
            let detail = format!("`client_id` has 1 to {MAX_CLIENT_ID} characters");
            Err(Problem::bad_request("bad_parameter", detail))
        }
        client_id => Ok(client_id),
    }
}

fn bad_handshake(error: ws::HandshakeError) -> Problem {
    let problem = |status, detail| Problem::new(status, "bad_handshake", detail);
    match error {
        ws::HandshakeError::UnsupportedVersion => {
            problem(StatusCode::UPGRADE_REQUIRED, "the WebSocket version must be 13".to_owned())
        }
        other => problem(StatusCode::BAD_REQUEST, format!("not a WebSocket handshake: {other}")),
    }
}

/// Sends the head that accepts the upgrade; the socket, and what the client has said already.
async fn accept(
    mut framed: Framed<TcpStream, h1::Codec>,
    response: Response<()>,
) -> io::Result<(TcpStream, Bytes)> {
    framed.send(h1::Message::Item((response, BodySize::None))).await.map_err(io::Error::other)?;
    let parts = framed.into_parts();
    // A copy: the buffer itself has kilobytes of room, for as long as the session lasts.
    Ok((parts.io, Bytes::copy_from_slice(&parts.read_buf)))
}

async fn refuse(mut framed: Framed<TcpStream, h1::Codec>, problem: &Problem) -> io::Result<()> {
    let body = Bytes::from(problem.body());
    let mut response = Response::build(problem.status_code());
    response.content_type("application/problem+json").force_close();
    for (name, value) in problem.error_response().headers() {
        response.insert_header((name.clone(), value.clone()));
    }
    if problem.status_code() == StatusCode::UPGRADE_REQUIRED {
        response.insert_header((header::SEC_WEBSOCKET_VERSION, "13"));
        response.insert_header((header::UPGRADE, "websocket"));
    }
    if problem.status_code() == StatusCode::METHOD_NOT_ALLOWED {
        response.insert_header((header::ALLOW, "GET"));
    }
    let size = BodySize::Sized(body.len() as u64);
    let head = h1::Message::Item((response.finish().drop_body(), size));
    framed.send(head).await.map_err(io::Error::other)?;
    framed.send(h1::Message::Chunk(Some(body))).await.map_err(io::Error::other)?;
    framed.send(h1::Message::Chunk(None)).await.map_err(io::Error::other)
}

/// Says why there is no session: a browser cannot see the status of a refused handshake.
async fn turn_away(mut socket: TcpStream) -> io::Result<()> {
    let mut frame = Vec::new();
    protocol::close_frame(&mut frame, CloseReason::TooMany);
    socket.write_all(&frame).await?;
    part(socket).await
}

/// Ends a connection on which everything is said.
pub(super) async fn part(mut socket: TcpStream) -> io::Result<()> {
    socket.shutdown().await?;
    // What the client has said meanwhile must be read, or the kernel resets the connection, and
    // the client never sees the reason.
    let said = async {
        while socket.read(&mut [0; 1024]).await? > 0 {}
        io::Result::Ok(())
    };
    tokio::time::timeout(FAREWELL, said).await.unwrap_or(Ok(()))
}

/// A request at the path of a socket that is no upgrade: says what to do.
pub async fn expected(request: HttpRequest) -> HttpResponse {
    let detail = format!("{} is a WebSocket: connect with ws://, see GET /", request.path());
    let problem = Problem::new(StatusCode::UPGRADE_REQUIRED, "upgrade_required", detail);
    let mut response = problem.error_response();
    response.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    response
}
