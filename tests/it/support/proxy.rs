//! A wire between a router and PostgreSQL that can be cut at the worst moment: at a `COMMIT`,
//! before it is heard, or after it was done and before anybody is told.
//!
//! It runs on a thread of its own, for as long as the test does.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, mpsc},
    thread,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    runtime,
};

/// When the wire is cut.
#[derive(Clone, Copy, Debug)]
pub enum Cut {
    /// The server never hears the `COMMIT`.
    BeforeCommit,
    /// The server has committed, and its answer is lost.
    AfterCommit,
}

pub struct Proxy {
    pub address: SocketAddr,
    next: Arc<Mutex<Option<Cut>>>,
}

impl Proxy {
    pub fn start(server: SocketAddr) -> Self {
        let next = Arc::new(Mutex::new(None));
        let (ready, listening) = mpsc::channel();
        let cuts = next.clone();
        thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                ready.send(listener.local_addr().unwrap()).unwrap();
                loop {
                    let (client, _) = listener.accept().await.unwrap();
                    tokio::spawn(join(client, server, cuts.clone()));
                }
            });
        });
        Self { address: listening.recv().unwrap(), next }
    }

    /// Cuts the connection that commits next.
    pub fn cut(&self, cut: Cut) {
        *self.next.lock().unwrap() = Some(cut);
    }

    /// Whether the cut was made.
    pub fn was_cut(&self) -> bool {
        self.next.lock().unwrap().is_none()
    }
}

/// Carries bytes both ways, until one side ends or the wire is cut.
async fn join(mut client: TcpStream, server: SocketAddr, cuts: Arc<Mutex<Option<Cut>>>) {
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    let (mut asked, mut answered) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    loop {
        let carried = tokio::select! {
            read = client.read(&mut asked) => {
                let Ok(n @ 1..) = read else { return };
                let commits = asked[..n].windows(6).any(|word| word == b"COMMIT");
                let cut = commits.then(|| cuts.lock().unwrap().take()).flatten();
                if let Some(Cut::BeforeCommit) = cut {
                    return;
                }
                let sent = server.write_all(&asked[..n]).await;
                if let Some(Cut::AfterCommit) = cut {
                    // The answer says that it was done.
                    return drop(server.read(&mut answered).await);
                }
                sent
            }
            read = server.read(&mut answered) => {
                let Ok(n @ 1..) = read else { return };
                client.write_all(&answered[..n]).await
            }
        };
        if carried.is_err() {
            return;
        }
    }
}
