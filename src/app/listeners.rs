//! Where the router listens, for clients and for itself, and the servers that do.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
};

use actix_server::ServerHandle;
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
    private: TcpListener,
    private_address: SocketAddr,
}

impl Listeners {
    pub(super) fn bind(settings: &Settings) -> Result<Self, AppError> {
        let (public, address) = listen(settings.server.bind)?;
        // Always: which paths are on may change at any time, and probes listen there too.
        let (private, private_address) = listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        tracing::debug!("the router reaches itself by http://{private_address}");
        Ok(Self { public, address, private, private_address })
    }

    /// The router as it reaches itself.
    pub(super) fn builtin(&self, auth: &Authenticator) -> Builtin {
        Builtin { address: self.private_address, key: auth.private_key().secret().clone() }
    }

    pub(super) fn start(
        self,
        router: &web::Data<Router>,
        shard: &ShardOptions,
    ) -> Result<Servers, AppError> {
        let private = server::start_private(self.private, router.clone(), shard.clone());
        let private = private.map_err(AppError::Server)?;
        let public = server::start(self.public, router.clone(), shard.clone());
        let public = public.map_err(AppError::Server)?;
        let handles = [public.handle(), private.handle()];
        let serving = [public, private].map(actix_rt::spawn);
        Ok(Servers { address: self.address, handles, serving })
    }
}

/// The servers, the public one first.
pub(super) struct Servers {
    /// Where clients find the public one.
    pub(super) address: SocketAddr,
    handles: [ServerHandle; 2],
    serving: [JoinHandle<io::Result<()>>; 2],
}

impl Servers {
    /// Waits until one of them ends that nobody stopped; why it did.
    pub(super) async fn ended(&mut self) -> io::Error {
        let [public, private] = &mut self.serving;
        tokio::select! {
            ended = public => why(ended),
            ended = private => why(ended),
        }
    }

    /// Stops them, without waiting for connections.
    pub(super) async fn stop(&self) {
        for handle in &self.handles {
            handle.stop(false).await;
        }
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
