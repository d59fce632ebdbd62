//! Where the router listens, for clients and for itself, and the servers that do.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
};

use actix_server::{Server, ServerHandle};
use actix_web::web;
use tokio::task::{JoinError, JoinHandle};

use super::AppError;
use crate::{
    actors::shard::ShardOptions,
    adapters::factory::Builtin,
    http::{Router, auth::Authenticator, server},
    settings::Settings,
};

/// What is listened on; nothing is accepted yet.
pub(super) struct Listeners {
    public: TcpListener,
    /// That of `server.bind`, with the port, also when any was to do.
    pub(super) address: SocketAddr,
    private: Option<TcpListener>,
}

impl Listeners {
    pub(super) fn bind(settings: &Settings) -> Result<Self, AppError> {
        let (public, address) = listen(settings.server.bind)?;
        let private = if settings.delivers_to_itself() {
            let (private, address) = listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
            tracing::debug!("the built-in Realtime is reached by http://{address}");
            Some(private)
        } else {
            None
        };
        Ok(Self { public, address, private })
    }

    /// Where the router reaches its own Realtime, when it delivers there.
    pub(super) fn private_address(&self) -> Option<SocketAddr> {
        self.private.as_ref().and_then(|listener| listener.local_addr().ok())
    }

    /// The router's own Realtime, for the adapter, when it delivers there.
    pub(super) fn builtin(&self, auth: &Authenticator) -> Option<Builtin> {
        let key = auth.private_key().secret().clone();
        self.private_address().map(|address| Builtin { address, key })
    }

    pub(super) fn start(
        self,
        router: &web::Data<Router>,
        shard: &ShardOptions,
    ) -> Result<Servers, AppError> {
        let start = |private| server::start_private(private, router.clone(), shard.clone());
        let private = self.private.map(start).transpose().map_err(AppError::Server)?;
        let public = server::start(self.public, router.clone(), shard.clone());
        let public = public.map_err(AppError::Server)?;
        let handles = [Some(public.handle()), private.as_ref().map(Server::handle)];
        let serving = [Some(public), private].map(|server| server.map(actix_rt::spawn));
        Ok(Servers { handles, serving })
    }
}

/// The servers, the public one first.
pub(super) struct Servers {
    handles: [Option<ServerHandle>; 2],
    serving: [Option<JoinHandle<io::Result<()>>>; 2],
}

impl Servers {
    /// Waits until one of them ends that nobody stopped; why it did.
    pub(super) async fn ended(&mut self) -> io::Error {
        let [public, private] = &mut self.serving;
        tokio::select! {
            ended = end(public) => why(ended),
            ended = end(private) => why(ended),
        }
    }

    /// Stops them, without waiting for connections.
    pub(super) async fn stop(&self) {
        for handle in self.handles.iter().flatten() {
            handle.stop(false).await;
        }
    }
}

/// One that does not run does not end.
async fn end(
    serving: &mut Option<JoinHandle<io::Result<()>>>,
) -> Result<io::Result<()>, JoinError> {
    match serving {
        Some(serving) => serving.await,
        None => std::future::pending().await,
    }
}

fn why(ended: Result<io::Result<()>, JoinError>) -> io::Error {
    match ended {
        Ok(Err(error)) => error,
        Ok(Ok(())) => io::Error::other("it ended by itself"),
        Err(panicked) => io::Error::other(panicked),
    }
}

fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), AppError> {
    let listener = server::listen(address).map_err(|error| {
        let reason = match error.kind() {
            io::ErrorKind::AddrInUse => {
                "the port is taken: stop what listens there, or set server.bind".to_owned()
            }
            _ => error.to_string(),
        };
        AppError::Listen { address, reason }
    })?;
    let address = listener.local_addr().map_err(AppError::Server)?;
    Ok((listener, address))
}
