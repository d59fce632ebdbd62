//! `signalbox completions`: what a shell needs to complete commands and options.

use std::io::{self, Write};

use clap_complete::{Shell, generate};

use super::CliError;

/// Prints the completions of a shell, for example `signalbox completions bash`.
#[derive(Debug, clap::Args)]
pub(super) struct Completions {
    /// Which shell reads them
    shell: Shell,
}

impl Completions {
    /// Prints the script for `command`.
    pub(super) fn run(self, mut command: clap::Command) -> Result<(), CliError> {
        // Into memory first: the generator panics when the output cannot be written.
        let mut script = Vec::new();
        let name = command.get_name().to_owned();
        generate(self.shell, &mut command, name, &mut script);
        io::stdout().write_all(&script).map_err(CliError::Output)
    }
}
