//! `signalbox tail`: events as they come, one a line, with nothing missing that is not said.
//!
//! Events go to standard output and everything else to standard error, so that a pipe sees nothing
//! but events. A lost connection is taken up again where it was lost.

use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use serde_json::value::RawValue;
use tokio::{net::TcpStream, time};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, protocol::CloseFrame},
};

use super::{
    client::{ClientError, Target, root_cause},
    filter::FilterArgs,
    retry,
};
use crate::core::{
    event::Position,
    protocol::{
        From,
        heard::{self, Frame, Shown},
    },
};

pub mod line;

/// Shows events live, or from any earlier place on.
#[derive(Clone, Debug, clap::Args)]
pub struct TailArgs {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    filter: FilterArgs,
    /// Where to begin: now, last=N, EPOCH.SEQ (all after it), or an RFC 3339 time
    #[arg(long, default_value = "now", value_name = "PLACE")]
    from: From,
    /// Print the events as JSON, one a line
    #[arg(long)]
    json: bool,
    /// Print without colours; they are left out by themselves where no terminal is
    #[arg(long)]
    no_color: bool,
}

/// Shows events until Ctrl-C.
///
/// # Errors
/// When the router cannot be reached at first, or refuses, or nobody reads the output any more;
/// [`ClientError::Interrupted`] on Ctrl-C.
pub async fn run(args: TailArgs) -> Result<(), ClientError> {
    let mut tail = Tail::new(args);
    let ended = tokio::select! {
        ended = tail.follow() => ended,
        _ = tokio::signal::ctrl_c() => Err(ClientError::Interrupted),
    };
    if let Some(Position { epoch, seq }) = tail.position {
        status(&format!("to go on from here: --from {epoch}.{seq}"));
    }
    ended
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A session that was lost, to be taken up again.
struct Lost {
    why: String,
    asked: Option<Duration>,
}

/// What is known of the session in progress.
struct Session {
    /// It is dead when nothing was heard for so long.
    silence: Duration,
    /// What the router said about its end, before the end.
    why: Option<String>,
    /// When the router wants to see us again.
    asked: Option<Duration>,
    /// No event will come through it.
    useless: bool,
}

impl Default for Session {
    fn default() -> Self {
        Self { silence: Duration::from_mins(1), why: None, asked: None, useless: false }
    }
}

impl Session {
    fn lost(self, why: &str) -> Lost {
        Lost { why: self.why.unwrap_or_else(|| why.to_owned()), asked: self.asked }
    }
}

struct Tail {
    args: TailArgs,
    coloured: bool,
    /// What was seen last: where to go on.
    position: Option<Position>,
    /// Attempts since the last subscription.
    attempt: u32,
}

impl Tail {
    fn new(args: TailArgs) -> Self {
        let wanted = !args.no_color && std::env::var_os("NO_COLOR").is_none();
        Self { coloured: wanted && io::stdout().is_terminal(), args, position: None, attempt: 0 }
    }

    async fn follow(&mut self) -> Result<(), ClientError> {
        let mut socket = self.connect().await?;
        loop {
            let mut lost = self.read(socket).await?;
            socket = loop {
                let delay = retry::delay(self.attempt, lost.asked.take(), fastrand::f64());
                status(&format!("{}; trying again in {:.1} s", lost.why, delay.as_secs_f64()));
                time::sleep(delay).await;
                self.attempt += 1;
                match self.connect().await {
                    Ok(socket) => break socket,
                    Err(ClientError::Unreachable { reason, .. }) => lost.why = reason,
                    Err(refused) => return Err(refused),
                }
            };
        }
    }

    async fn connect(&self) -> Result<Socket, ClientError> {
        let target = &self.args.target;
        let connecting = connect_async(target.handshake()?);
        match time::timeout(Duration::from_secs(10), connecting).await {
            Ok(Ok((socket, _))) => Ok(socket),
            Ok(Err(error)) => Err(target.handshake_failed(error)),
            Err(_elapsed) => Err(target.unreachable("no answer within 10 s".into())),
        }
    }

    /// Subscribes and shows what comes, until the session is lost.
    async fn read(&mut self, mut socket: Socket) -> Result<Lost, ClientError> {
        let mut session = Session::default();
        if let Err(error) = socket.send(Message::text(self.subscribe())).await {
            return Ok(session.lost(&root_cause(&error)));
        }
        loop {
            let Ok(frame) = time::timeout(session.silence, socket.next()).await else {
                let silence = session.silence.as_secs();
                return Ok(session.lost(&format!("nothing was heard for {silence} s")));
            };
            match frame {
                Some(Ok(Message::Text(text))) => self.on_frame(&text, &mut session)?,
                Some(Ok(Message::Close(Some(close)))) => self.on_close(&close, &mut session)?,
                Some(Ok(_)) => {}
                Some(Err(Error::ConnectionClosed)) | None => {
                    return Ok(session.lost("the connection was lost"));
                }
                Some(Err(error)) => return Ok(session.lost(&root_cause(&error))),
            }
            if session.useless {
                return Ok(session.lost("the subscription failed"));
            }
        }
    }

    fn subscribe(&self) -> String {
        let from = self.position.map_or(self.args.from, From::After);
        self.args.filter.subscribe(&from.to_json())
    }

    fn on_frame(&mut self, text: &str, session: &mut Session) -> Result<(), ClientError> {
        match heard::parse(text).map_err(|e| self.unreadable(&e))? {
            Frame::Welcome(welcome) => session.silence = welcome.silence(),
            Frame::Subscribed(subscribed) => {
                self.position = Some(subscribed.position);
                self.attempt = 0;
                status(&format!("listening after event {}", subscribed.position.seq));
            }
            Frame::Event(event) => self.show(event)?,
            Frame::Gap(gap) if self.args.json => status(&line::gap(&gap, false)),
            Frame::Gap(gap) => print(&line::gap(&gap, self.coloured))?,
            Frame::Error(fault) if fault.code == "unavailable" => {
                session.why = Some(fault.detail.into_owned());
                session.useless = true;
            }
            Frame::Error(fault) => return Err(self.args.target.refused(fault.detail.into_owned())),
            Frame::Bye(bye) => {
                session.why = Some(format!("the router ended the session ({})", bye.reason));
                session.asked = Some(Duration::from_millis(bye.reconnect_after_ms));
            }
            Frame::Pong | Frame::Other => {}
        }
        Ok(())
    }

    fn show(&mut self, event: &RawValue) -> Result<(), ClientError> {
        let shown: Shown<'_> =
            serde_json::from_str(event.get()).map_err(|e| self.unreadable(&e))?;
        if self.args.json {
            print(event.get())?;
        } else {
            print(&line::event(&shown, self.coloured))?;
        }
        self.position = Some(Position { epoch: shown.epoch, seq: shown.seq });
        Ok(())
    }

    /// The codes after which a client should mend itself are errors; after the others it comes back.
    fn on_close(&self, close: &CloseFrame, session: &mut Session) -> Result<(), ClientError> {
        let code = u16::from(close.code);
        let reason = format!("the router closed the session ({code} {})", close.reason);
        if matches!(code, 1003 | 1007 | 1009 | 4400 | 4401 | 4403) {
            return Err(self.args.target.refused(reason));
        }
        session.why.get_or_insert(reason);
        Ok(())
    }

    fn unreadable(&self, error: &serde_json::Error) -> ClientError {
        self.args.target.refused(format!("it sent what cannot be read: {error}"))
    }
}

fn print(line: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{line}")
}

fn status(text: &str) {
    eprintln!("signalbox tail: {}", line::visible(text));
}
