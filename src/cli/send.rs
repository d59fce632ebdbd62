//! `signalbox send`: events to the router, one by options or many by lines, each stored once
//! however often it had to be sent.
//!
//! Every event has its id before the first attempt, and there is one request at a time: so events
//! stay in the order of their lines, and a request whose answer was lost can simply be repeated.

use std::{
    fs::File,
    io::{self, IsTerminal, Read, Write},
    path::PathBuf,
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use uuid::Uuid;

use self::{
    answer::Place,
    event::EventArgs,
    sender::{Allowed, Sender},
};
use super::client::{ClientError, Target};

pub mod answer;
pub mod event;
pub mod input;
pub mod sender;
pub mod tally;

/// How often one event is tried again, unless the caller says how often: about ten seconds.
const RETRIES_OF_ONE: u32 = 6;

/// Sends one event by options, or one a line from a file or standard input.
#[derive(Clone, Debug, clap::Args)]
pub struct SendArgs {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    event: EventArgs,
    /// Events as JSON, one a line; standard input without it, or with `-`
    #[arg(id = "file", value_name = "FILE")]
    file: Option<PathBuf>,
    /// Most events in one request
    #[arg(long, default_value_t = 500, value_name = "EVENTS",
        value_parser = clap::value_parser!(u16).range(1..=10_000))]
    batch: u16,
    /// How often a request is tried again; without it, lines until it goes through, one event 6 times
    #[arg(long, value_name = "TIMES")]
    retries: Option<u32>,
    /// Leave out invalid events, and go on; without it the first batch that has some is the end
    #[arg(long)]
    skip_invalid: bool,
    /// Print the outcome as JSON
    #[arg(long)]
    json: bool,
    /// Print nothing but what is wrong
    #[arg(long, short)]
    quiet: bool,
}

/// Sends what there is to send.
///
/// # Errors
/// When the router cannot be reached at first, or for too long, or refuses an event; when the input
/// cannot be read; [`ClientError::Interrupted`] on Ctrl-C.
pub async fn run(args: SendArgs) -> Result<(), ClientError> {
    let one = args.event.to_json(Uuid::now_v7());
    let retries = args.retries.or(one.is_some().then_some(RETRIES_OF_ONE));
    let allowed = Allowed { retries, skip_invalid: args.skip_invalid, chatter: !args.quiet };
    let bar = if args.quiet || one.is_some() { ProgressBar::hidden() } else { spinner() };
    let mut sender = Sender::new(args.target.clone(), allowed, bar)?;
    match one {
        Some(event) => unless_interrupted(send_one(&args, &mut sender, event)).await,
        None => send_lines(&args, &mut sender).await,
    }
}

async fn send_one(args: &SendArgs, sender: &mut Sender, json: String) -> Result<(), ClientError> {
    let place @ Place { epoch, seq, duplicate, differs, .. } = sender.send_one(json).await?;
    if args.json {
        return print(&serde_json::to_string(&place).map_err(io::Error::other)?);
    }
    if differs {
        sender.say("it was stored before, and not as it is now");
    } else if duplicate {
        sender.say("it was stored before");
    }
    if args.quiet { Ok(()) } else { print(&format!("{epoch}.{seq}")) }
}

async fn send_lines(args: &SendArgs, sender: &mut Sender) -> Result<(), ClientError> {
    let mut batches = input::start(open(args)?, args.batch.into())
        .map_err(|error| unreadable(&error.to_string()))?;
    let ended = unless_interrupted(async {
        while let Some(batch) = batches.recv().await {
            match batch {
                Ok(events) => sender.send(events).await?,
                Err(error) => sender.on_unreadable(&error)?,
            }
        }
        Ok(())
    })
    .await;
    sender.finish();
    let tally = &sender.tally;
    if args.json {
        print(&serde_json::to_string(tally).map_err(io::Error::other)?)?;
    } else if !args.quiet {
        print(&tally.to_string())?;
    }
    ended
}

async fn unless_interrupted(
    sending: impl Future<Output = Result<(), ClientError>>,
) -> Result<(), ClientError> {
    tokio::select! {
        ended = sending => ended,
        _ = tokio::signal::ctrl_c() => Err(ClientError::Interrupted),
    }
}

fn open(args: &SendArgs) -> Result<Box<dyn Read + Send>, ClientError> {
    match &args.file {
        Some(path) if path.as_os_str() != "-" => match File::open(path) {
            Ok(file) => Ok(Box::new(file)),
            Err(error) => Err(unreadable(&format!("{}: {error}", path.display()))),
        },
        None if io::stdin().is_terminal() => {
            let detail = "nothing to send: give --event-type and --source, a FILE, or events on \
                          standard input, one a line (- to type them)";
            Err(ClientError::Usage(detail.into()))
        }
        _ => Ok(Box::new(io::stdin())),
    }
}

fn unreadable(reason: &str) -> ClientError {
    ClientError::Local { what: "the events cannot be read", reason: reason.into() }
}

/// Shows on standard error how many are sent; nothing where that is no terminal.
fn spinner() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} events sent: {human_pos}, {elapsed}");
    let bar = ProgressBar::new_spinner()
        .with_style(style.unwrap_or_else(|_bad| ProgressStyle::default_spinner()));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn print(line: &str) -> Result<(), ClientError> {
    Ok(writeln!(io::stdout().lock(), "{line}")?)
}
