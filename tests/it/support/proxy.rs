//! A wire between a router and a server, PostgreSQL above all, that breaks at the worst moment: at a
//! `COMMIT`, before it is heard, or after it was done and before anybody is told; after the n-th
//! message of the server; or altogether.
//!
//! It runs on a thread of its own, for as long as the test does.

mod messages;

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use socket2::{Domain, SockRef, Socket, Type};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    runtime,
    sync::{mpsc as orders, watch},
};

use self::messages::Messages;

/// When the wire is cut, once.
#[derive(Clone, Copy, Debug)]
pub enum Cut {
    /// The server never hears the `COMMIT`.
    BeforeCommit,
    /// The server has committed, and its answer is lost.
    AfterCommit,
    /// The server has done such a statement, `INSERT` say, and is ready for another, and its answer
    /// is lost.
    AnswerTo(&'static str),
    /// So many messages of the server more are passed on, on any connection, and none after them.
    AfterMessages(usize),
}

/// What the wire does to every connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It carries what is said.
    Carry,
    /// It takes connections, and carries nothing, either way.
    Hang,
    /// It breaks all connections off with RST, and takes no other.
    Refuse,
}

pub struct Proxy {
    pub address: SocketAddr,
    next: Arc<Mutex<Option<Cut>>>,
    orders: orders::UnboundedSender<(Order, mpsc::Sender<()>)>,
}

/// What connections are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Change(Mode),
    Reset,
}

impl Proxy {
    pub fn start(server: SocketAddr) -> Self {
        let next = Arc::new(Mutex::new(None));
        let (orders, ordered) = orders::unbounded_channel();
        // Holds the port while nothing listens there, so that nobody else gets it.
        let holder = bound(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = holder.local_addr().unwrap().as_socket().unwrap();
        let cuts = next.clone();
        thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(run(address, server, cuts, ordered));
            drop(holder);
        });
        let proxy = Self { address, next, orders };
        proxy.set(Mode::Carry);
        proxy
    }

    /// Cuts the connection that this happens on next.
    pub fn cut(&self, cut: Cut) {
        *self.next.lock().unwrap() = Some(cut);
    }

    /// Whether the cut was made.
    pub fn was_cut(&self) -> bool {
        self.next.lock().unwrap().is_none()
    }

    /// Treats all connections in this way from now on.
    pub fn set(&self, mode: Mode) {
        self.order(Order::Change(mode));
    }

    /// Breaks off all connections, with RST.
    pub fn reset(&self) {
        self.order(Order::Reset);
    }

    fn order(&self, order: Order) {
        let (done, is_done) = mpsc::channel();
        self.orders.send((order, done)).unwrap();
        is_done.recv().unwrap();
    }
}

/// Takes connections, unless it refuses them, until the proxy is dropped.
async fn run(
    address: SocketAddr,
    server: SocketAddr,
    cuts: Arc<Mutex<Option<Cut>>>,
    mut ordered: orders::UnboundedReceiver<(Order, mpsc::Sender<()>)>,
) {
    // The mode, and how often all were reset.
    let state = watch::Sender::new((Mode::Refuse, 0_usize));
    let mut listener = None;
    loop {
        tokio::select! {
            order = ordered.recv() => {
                let Some((order, done)) = order else { return };
                match order {
                    Order::Reset => state.send_modify(|(_, resets)| *resets += 1),
                    Order::Change(mode) => state.send_modify(|(now, _)| *now = mode),
                }
                let (mode, _) = *state.borrow();
                if mode == Mode::Refuse {
                    listener = None;
                } else if listener.is_none() {
                    listener = Some(listen(address).unwrap());
                }
                done.send(()).unwrap();
            }
            Some(client) = accept(listener.as_ref()) => {
                tokio::spawn(join(client, server, cuts.clone(), state.subscribe()));
            }
        }
    }
}

/// The next connection; none where nobody listens.
async fn accept(listener: Option<&TcpListener>) -> Option<TcpStream> {
    Some(listener?.accept().await.unwrap().0)
}

/// A socket at an address, which another may be bound to too as long as only one listens.
fn bound(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = bound(address)?;
    socket.listen(1024)?;
    TcpListener::from_std(std::net::TcpListener::from(socket))
}

/// Carries bytes both ways, until one side ends or the wire is cut.
async fn join(
    mut client: TcpStream,
    server: SocketAddr,
    cuts: Arc<Mutex<Option<Cut>>>,
    mut state: watch::Receiver<(Mode, usize)>,
) {
    let (_, resets) = *state.borrow_and_update();
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    let (mut asked, mut answered) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    let mut messages = Messages::default();
    loop {
        let (mode, now) = *state.borrow_and_update();
        if mode == Mode::Refuse || now != resets {
            return reset(&client);
        }
        let is_open = mode == Mode::Carry;
        let carried = tokio::select! {
            changed = state.changed() => {
                if changed.is_err() { return }
                Ok(())
            }
            read = client.read(&mut asked), if is_open => {
                let Ok(n @ 1..) = read else { return };
                let commits = asked[..n].windows(6).any(|word| word == b"COMMIT");
                let cut = if commits { take_commit(&cuts) } else { None };
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
            read = server.read(&mut answered), if is_open => {
                let Ok(n @ 1..) = read else { return };
                let passed = messages.pass(&answered[..n], &cuts);
                let sent = client.write_all(&answered[..passed.unwrap_or(n)]).await;
                if passed.is_some() {
                    return messages.await_ready(&mut server).await;
                }
                sent
            }
        };
        if carried.is_err() {
            return;
        }
    }
}

/// The cut that is made at a `COMMIT`, if one is.
fn take_commit(cuts: &Mutex<Option<Cut>>) -> Option<Cut> {
    cuts.lock().unwrap().take_if(|cut| matches!(cut, Cut::BeforeCommit | Cut::AfterCommit))
}

/// Breaks a connection off when it is dropped.
fn reset(client: &TcpStream) {
    SockRef::from(client).set_linger(Some(Duration::ZERO)).unwrap();
}
