//! The server: listening, worker threads with a shard each, and the app that they serve.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use actix::Actor;
use actix_codec::{Framed, FramedParts};
use actix_http::{HttpService, KeepAlive, Protocol, Request, h1};
use actix_server::{Server, ServerBuilder};
use actix_service::{IntoServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::{App, dev::AppConfig, middleware::from_fn, rt::net::TcpStream, web};
use socket2::{Domain, Socket, Type};

use super::{
    Router,
    connection::{Connection, Limits},
    door::Door,
    routes::configure,
    upgrade, watch,
};
use crate::{
    actors::{
        broadcaster::ShardStarted,
        session::SessionOptions,
        shard::{Shard, ShardOptions},
    },
    telemetry::Metrics,
};

/// How long a client that still sends a body which nobody reads may take to hear why.
const FAREWELL: Duration = Duration::from_secs(2);
/// Connections that may wait to be accepted: after a restart, all clients come at once.
const BACKLOG: i32 = 4096;

/// Listens on `address`; nothing is accepted before [`start`].
///
/// # Errors
/// When the address cannot be listened on.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // What is left of the connections of a router before this one does not keep the port.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Starts to serve `listener` to clients. Signals are the caller's.
///
/// # Errors
/// When the listener cannot be used.
pub fn start(
    listener: TcpListener,
    router: web::Data<Router>,
    shard: ShardOptions,
) -> io::Result<Server> {
    let most = router.settings().session.max_sessions.saturating_mul(2);
    let mut builder = Server::build().max_concurrent_connections(most);
    if router.settings().server.workers > 0 {
        builder = builder.workers(router.settings().server.workers);
    }
    serve(builder, listener, router, shard, Door::Public)
}

/// Starts to serve `listener`, of loopback, to the router itself: on a thread of its own, so that
/// no crowd of clients is in the way.
///
/// # Errors
/// When the listener cannot be used.
pub fn start_private(
    listener: TcpListener,
    router: web::Data<Router>,
    shard: ShardOptions,
) -> io::Result<Server> {
    // What this shard counts is no client's.
    let shard = ShardOptions { metrics: Arc::new(Metrics::new()), ..shard };
    serve(Server::build().workers(1), listener, router, shard, Door::Private)
}

fn serve(
    builder: ServerBuilder,
    listener: TcpListener,
    router: web::Data<Router>,
    shard: ShardOptions,
    door: Door,
) -> io::Result<Server> {
    let builder = builder
        .shutdown_timeout(router.settings().server.shutdown_timeout.as_secs())
        .disable_signals();
    let builder = builder.listen("http", listener, move || {
        let router = router.clone();
        let sessions = start_shard(&router, shard.clone(), door);
        let limits = Limits {
            head: router.settings().limits.head_timeout,
            keep_alive: router.settings().server.keep_alive,
        };
        let app = App::new()
            .app_data(router.clone())
            .app_data(door)
            .app_data(web::Data::from(sessions.clone()))
            .wrap(from_fn(watch))
            .configure(configure);
        let http = HttpService::build()
            // How long a connection may wait is the connection's, which knows more of it.
            .keep_alive(KeepAlive::Os)
            .client_request_timeout(Duration::ZERO)
            .client_disconnect_timeout(FAREWELL)
            .on_connect_ext(Connection::introduce)
            .upgrade(fn_service(move |(request, framed): (Request, _)| {
                let session = unwrap(framed).map(|framed| {
                    upgrade::serve(router.clone(), (sessions.clone(), door), request, framed)
                });
                Box::pin(async move {
                    session?.await;
                    Ok::<_, actix_web::Error>(())
                })
            }))
            .finish(map_config(app.into_factory(), |()| AppConfig::default()));
        fn_service(move |socket: TcpStream| async move {
            let peer = socket.peer_addr().ok();
            Ok((Connection::new(socket, limits), Protocol::Http1, peer))
        })
        .and_then(http)
    })?;
    Ok(builder.run())
}

/// The socket of an upgrade, with all that was read from it.
fn unwrap(framed: Framed<Connection, h1::Codec>) -> io::Result<Framed<TcpStream, h1::Codec>> {
    let FramedParts { io, codec, read_buf, write_buf, .. } = framed.into_parts();
    let mut parts = FramedParts::with_read_buf(io.into_socket()?, codec, read_buf);
    parts.write_buf = write_buf;
    Ok(Framed::from_parts(parts))
}

/// The shard of this worker thread, and what its sessions share.
fn start_shard(
    router: &web::Data<Router>,
    options: ShardOptions,
    door: Door,
) -> Arc<SessionOptions> {
    let metrics = options.metrics.clone();
    let shard = Shard::new(options).start();
    let started = ShardStarted { shard: shard.clone(), is_private: door == Door::Private };
    let broadcaster = router.broadcaster.clone();
    actix_web::rt::spawn(async move {
        if broadcaster.send(started).await.is_err() {
            tracing::error!("a worker thread started after the broadcaster was gone");
        }
    });
    let (storage, live) = (router.storage.clone(), router.live.clone());
    Arc::new(SessionOptions { shard, storage, metrics, live })
}
