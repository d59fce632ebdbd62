//! The command line: one file a command, and here which there are and how each ends.
//!
//! A command is a clap struct with `run(self, …) -> Result<(), CliError>`; adding one is a file and
//! a variant of `Command` with its arm. Only [`main`] turns an error into a code and a sentence.

pub mod bench;
mod check_config;
pub mod client;
mod completions;
pub mod credentials;
mod descriptors;
mod exit;
pub mod explain;
pub mod filter;
mod migrate;
pub mod reply;
pub mod retry;
pub mod send;
mod serve;
pub mod tail;
mod token;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{CommandFactory, Parser, Subcommand};

use crate::{
    settings::{Faults, Loaded},
    tasks::reloader::Source,
};

pub use exit::{CliError, Exit};

/// Routes monitoring events to live dashboards, and proves that none is lost on the way.
#[derive(Debug, Parser)]
#[command(name = "signalbox", version)]
struct Cli {
    /// The settings file; without it, Settings.toml in this folder if it is there.
    #[arg(long, global = true, value_name = "PATH", env = "SIGNALBOX_CONFIG")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the router; this is what happens without a command.
    Serve,
    /// Bring the database to what this version needs.
    Migrate,
    /// Check the settings, and show them with where they come from.
    CheckConfig(check_config::CheckConfig),
    /// Send one event, or a stream of them; a retry stores none twice.
    Send(send::SendArgs),
    /// Show events live, or from any earlier place on.
    Tail(tail::TailArgs),
    /// Show the whole path of one event, durable or as far as it is remembered.
    Explain(explain::ExplainArgs),
    /// Load a router, and verify that every client gets every event, once and in order.
    Bench(bench::BenchArgs),
    /// Make a token, or say whose one is.
    Token(token::TokenArgs),
    /// Print what makes a shell complete this command line.
    Completions(completions::Completions),
}

/// Runs what the arguments of the process say; its errors end here.
#[must_use]
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return exit::usage(&error),
    };
    exit::tell(cli.run())
}

impl Cli {
    fn run(self) -> Result<(), CliError> {
        let config = self.config.as_deref();
        match self.command.unwrap_or(Command::Serve) {
            Command::Serve => serve::run(config),
            Command::Migrate => migrate::run(config),
            Command::CheckConfig(command) => command.run(config),
            Command::Send(args) => block_on(send::run(args)),
            Command::Tail(args) => block_on(tail::run(args)),
            Command::Explain(args) => block_on(explain::run(args)),
            Command::Bench(args) => block_on(bench::run(args)),
            Command::Token(args) => args.run(config),
            Command::Completions(command) => command.run(Self::command()),
        }
    }
}

/// Runs a command that waits, on this thread.
fn block_on<T, E>(command: impl Future<Output = Result<T, E>>) -> Result<T, CliError>
where
    CliError: From<E>,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    Ok(runtime.map_err(CliError::failed)?.block_on(command)?)
}

/// The settings of this process: its environment, and the file.
fn load(config: Option<&Path>) -> Result<Loaded, Faults> {
    Source::of(config.map(Path::to_owned)).load(&[])
}
