//! WebSocket upgrades. They pass by the app and its middleware, so this is the other place where a
//! request is let in: by the same [`guard`], with the same problems as answers.
//!
//! The future that serves an upgrade lasts as long as its session, so that connection limits and a
//! graceful stop see it.

use std::{io, sync::Arc, time::Duration};

use actix_codec::Framed;
use actix_http::{Request, Response, body::BodySize, h1, ws};
use actix_web::{
    HttpRequest, HttpResponse, ResponseError,
    http::{Method, StatusCode, header},
    rt::net::TcpStream,
    web,
};
use bytes::Bytes;
use futures_util::SinkExt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::oneshot,
};
use utoipa::IntoParams;

use super::{
    Router,
    contract::problems,
    door::Door,
    guard,
    legacy::producer,
    limits::Account,
    problem::{Code, Problem},
    query::{self, Pairs},
    room::Room,
    routes::ROUTES,
    trace,
};
use crate::{
    actors::{
        legacy::Legacy,
        session::{Owner, Session, SessionOptions, signalbox::Signalbox},
    },
    core::protocol::{self, CloseReason, SUBPROTOCOL},
    realtime::{
        self,
        gate::{self, Asked},
        session::Realtime,
    },
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
    /// Channels, for a client of Supabase Realtime.
    Realtime,
}

/// Every path of a WebSocket, and what is opened there.
const SOCKETS: [(&str, Purpose); 5] = [
    ("/v1/ws", Purpose::Session),
    ("/ws", Purpose::Dashboard),
    ("/events", Purpose::Producer),
    ("/realtime/v1/websocket", Purpose::Realtime),
    ("/socket/websocket", Purpose::Realtime),
];
const SWITCHING: StatusCode = StatusCode::SWITCHING_PROTOCOLS;
/// How long a client that is turned away may take to hear it.
const FAREWELL: Duration = Duration::from_secs(2);

/// What is opened, and what must be known for it.
enum Wanted {
    Session {
        /// Whether the client offered our subprotocol: it wants to hear it chosen.
        subprotocol: bool,
    },
    Dashboard,
    Producer,
    Realtime(Asked),
}

/// A WebSocket that may be opened.
struct Admitted {
    wanted: Wanted,
    owner: Owner,
    /// What the session is charged to; none when the client asks too often.
    account: Option<Account>,
}

/// Serves an upgrade from the handshake to the end of its session.
///
/// The future lives as long as the session, so it holds next to nothing: the handshake, which needs
/// kilobytes, is boxed and gone by then.
pub fn serve(
    router: web::Data<Router>,
    (options, door): (Arc<SessionOptions>, Door),
    request: Request,
    framed: Framed<TcpStream, h1::Codec>,
) -> impl Future<Output = ()> {
    let opening = Box::pin(open(router, (options, door), request, framed));
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
    (options, door): (Arc<SessionOptions>, Door),
    request: Request,
    framed: Framed<TcpStream, h1::Codec>,
) -> io::Result<Option<(oneshot::Receiver<()>, Room)>> {
    let span = trace::begin(&router, request.method(), request.head().headers());
    let handshake = admit(&router, door, &request).and_then(|admitted| {
        let response = ws::handshake(request.head()).map_err(bad_handshake)?;
        Ok((admitted, response))
    });
    let status = handshake.as_ref().map_or_else(ResponseError::status_code, |_| SWITCHING);
    let route = socket_at(request.path()).map_or("none", |(path, _)| path);
    if door == Door::Public {
        router.count(route, request.method(), status);
    }
    if let Some(span) = span {
        span.answered(Some(route).filter(|route| *route != "none"), status.as_u16());
    }
    let is_realtime = realtime::is_route(route);
    let refusal = |problem: Problem| if is_realtime { problem.for_realtime() } else { problem };
    let (Admitted { wanted, owner, account }, mut response) = match handshake {
        Ok(handshake) => handshake,
        Err(problem) => return refuse(framed, &refusal(problem)).await.map(|()| None),
    };
    if matches!(wanted, Wanted::Session { subprotocol: true }) {
        response.insert_header((header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL));
    }
    // Without an account, the client asks more often than it may.
    let room = account.as_ref().and_then(|account| Room::take(router.clone(), account).ok());
    if room.is_none() && matches!(wanted, Wanted::Realtime(_)) {
        return refuse(framed, &gate::crowded().for_realtime()).await.map(|()| None);
    }
    let (socket, early) = accept(framed, response.finish().drop_body()).await?;
    let (Some(account), Some(room)) = (account, room) else {
        return turn_away(socket).await.map(|()| None);
    };
    let ended = match wanted {
        Wanted::Session { .. } => {
            Session::open(socket, early, owner, Signalbox::default(), options)?
        }
        Wanted::Dashboard => {
            let legacy = Legacy::new(router.legacy.clone());
            Session::open(socket, early, owner, legacy, options)?
        }
        Wanted::Producer => {
            producer::open(router, producer::Client { owner, account }, socket, early)?
        }
        Wanted::Realtime(asked) => {
            let (realtime, owner) = Realtime::new(router, door, asked, owner);
            Session::open(socket, early, owner, realtime, options)?
        }
    };
    Ok(Some((ended, room)))
}

/// The path, and what is opened there.
fn socket_at(path: &str) -> Option<(&'static str, Purpose)> {
    SOCKETS.into_iter().find(|(at, _)| *at == path)
}

fn admit(router: &Router, door: Door, request: &Request) -> Result<Admitted, Problem> {
    let pattern = ROUTES.iter().map(|route| route.path).find(|path| *path == request.path());
    let caller = match guard::admit(router, door, request.head(), pattern) {
        // A browser cannot see the status of a refused handshake: it is told by a close code.
        Err(problem) if problem.code().status() == StatusCode::TOO_MANY_REQUESTS => None,
        caller => Some(caller?),
    };
    let Some((path, purpose)) = socket_at(request.path()) else {
        let paths = SOCKETS.map(|(path, _)| path).join(", ");
        return Err(Problem::new(Code::NotFound, format!("WebSockets are served at {paths}")));
    };
    if request.method() != Method::GET {
        let detail = format!("{} is not for {path}; use GET", request.method());
        return Err(Problem::new(Code::MethodNotAllowed, detail).header(header::ALLOW, "GET"));
    }
    if router.is_draining() && door == Door::Public {
        return Err(router.stopping());
    }
    let (identity, account) = caller.map(|caller| (caller.identity, caller.account)).unzip();
    let (client_id, movable) = says(request, purpose)?;
    let owner = Owner { client_id, identity: identity.unwrap_or_default(), movable };
    let wanted = match purpose {
        Purpose::Session => Wanted::Session { subprotocol: subprotocol(request)? },
        // The original system knew no subprotocol, and looked at none; nor does Realtime.
        Purpose::Dashboard => Wanted::Dashboard,
        Purpose::Producer => Wanted::Producer,
        Purpose::Realtime => Wanted::Realtime(Asked::read(request.head())?),
    };
    Ok(Admitted { wanted, owner, account })
}

/// Whether the client offers our subprotocol, or none at all.
fn subprotocol(request: &Request) -> Result<bool, Problem> {
    let offered = request.head().headers().get_all(header::SEC_WEBSOCKET_PROTOCOL);
    let offered: Vec<&str> = offered
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    if !offered.is_empty() && !offered.contains(&SUBPROTOCOL) {
        let detail = format!("the subprotocol here is {SUBPROTOCOL}");
        return Err(Problem::new(Code::UnknownSubprotocol, detail));
    }
    Ok(!offered.is_empty())
}

/// What a client calls itself, and whether it can be moved.
fn says(request: &Request, purpose: Purpose) -> Result<(Option<String>, bool), Problem> {
    let query = request.uri().query().unwrap_or_default();
    let pairs = web::Query::<Pairs>::from_query(query)
        .map_err(|error| Problem::new(Code::BadQuery, error.to_string()))?;
    let first = |wanted| pairs.iter().find(|(name, _)| name == wanted).map(|(_, value)| &**value);
    let client_id = first("client_id").map(query::client_id).transpose()?;
    let movable = match first("switch").filter(|_| purpose == Purpose::Session) {
        None | Some("0") => false,
        Some("1") => true,
        Some(_) => return Err(query::bad("switch", "1, or 0")),
    };
    if movable && client_id.is_none() {
        let detail = "`switch=1` needs a `client_id`: it says where the client belongs";
        return Err(Problem::new(Code::BadParameter, detail));
    }
    Ok((client_id, movable))
}

fn bad_handshake(error: ws::HandshakeError) -> Problem {
    match error {
        ws::HandshakeError::UnsupportedVersion => {
            upgrade_required("the WebSocket version must be 13")
        }
        other => Problem::new(Code::BadHandshake, format!("not a WebSocket handshake: {other}")),
    }
}

fn upgrade_required(detail: impl Into<String>) -> Problem {
    Problem::new(Code::UpgradeRequired, detail)
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_VERSION, "13")
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
    let body = Bytes::from(serde_json::to_vec(problem.body())?);
    let mut response = Response::build(problem.status_code());
    response.content_type("application/problem+json").force_close();
    for (name, value) in problem.error_response().headers() {
        response.insert_header((name.clone(), value.clone()));
    }
    let size = BodySize::Sized(body.len() as u64);
    let head = h1::Message::Item((response.finish().drop_body(), size));
    // In one write: clients of WebSockets look for the body in what they read with the head.
    framed.feed(head).await.map_err(io::Error::other)?;
    framed.feed(h1::Message::Chunk(Some(body))).await.map_err(io::Error::other)?;
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

problems!(
    /// Why there is no session.
    pub(super) UpgradeProblems: BadHandshake, BadParameter, BadQuery, UnknownSubprotocol,
    UpgradeRequired, TooManyConnections, ShuttingDown,
);

/// A WebSocket that speaks `signalbox.v1.json`: see [/asyncapi.yaml](/asyncapi.yaml).
///
/// # Errors
/// Always, because an upgrade does not come here.
#[utoipa::path(
    get, path = "/v1/ws", operation_id = "open_session", tag = "sessions",
    params(
        ("client_id" = Option<String>, Query, description = "What the client is called in the list of sessions.", min_length = 1, max_length = 128),
        ("switch" = Option<String>, Query, nullable = false, description = "`1`: the client understands `switch` and can be moved; needs `client_id`. `0`: it cannot, as without."),
        ("ticket" = Option<String>, Query, description = "From `POST /v1/tickets`, in the place of a header."),
        ("Sec-WebSocket-Protocol" = Option<String>, Header, nullable = false, description = "`signalbox.v1.json`, when there is any."),
    ),
    responses((status = 101, description = "The session is open."), UpgradeProblems)
)]
pub async fn expected(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let path = request.path();
    Err(upgrade_required(format!("{path} is a WebSocket: connect with ws://, see GET /")))
}

/// The parameters that [`Asked`] reads.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only described")]
struct RealtimeParameters {
    /// A token or a ticket; any text where `auth.mode` is `open`. Or in the header `x-api-key`.
    #[param(nullable = false)]
    apikey: Option<String>,
    /// `1.0.0`, which it is without, or `2.0.0`.
    #[param(nullable = false)]
    vsn: Option<String>,
}

problems!(
    /// Why there is no socket of Realtime.
    RealtimeProblems: BadHandshake, UnknownVersion, UpgradeRequired, TooManyConnections, ShuttingDown,
);

/// A WebSocket that speaks the protocol of Supabase Realtime: see docs/realtime.md.
///
/// # Errors
/// Always, because an upgrade does not come here.
#[utoipa::path(
    get, path = "/realtime/v1/websocket", operation_id = "open_realtime", tag = "realtime",
    params(RealtimeParameters),
    responses((status = 101, description = "The socket is open."), RealtimeProblems)
)]
pub async fn expected_realtime(request: HttpRequest) -> Result<HttpResponse, Problem> {
    expected(request).await
}

/// The same, where `realtime-js` looks for it.
///
/// # Errors
/// Always, because an upgrade does not come here.
#[utoipa::path(
    get, path = "/socket/websocket", operation_id = "open_realtime_socket", tag = "realtime",
    params(RealtimeParameters),
    responses((status = 101, description = "The socket is open."), RealtimeProblems)
)]
pub async fn expected_socket(request: HttpRequest) -> Result<HttpResponse, Problem> {
    expected(request).await
}
