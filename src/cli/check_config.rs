//! `signalbox check-config`: every fault of the settings, or the effective settings.

use std::{
    io::{self, Write},
    path::Path,
};

use clap::Args;

use super::{CliError, load};
use crate::settings::{KEYS, Loaded, SECTIONS, example};

#[derive(Debug, Args)]
pub(super) struct CheckConfig {
    /// Print a documented Settings.toml with every key at its default, and check nothing.
    #[arg(long)]
    example: bool,
}

impl CheckConfig {
    pub(super) fn run(self, config: Option<&Path>) -> Result<(), CliError> {
        let text = if self.example { example() } else { report(&load(config)?) };
        io::stdout().write_all(text.as_bytes()).map_err(CliError::Output)
    }
}

/// The settings as TOML; what is not at its default says where it comes from.
fn report(loaded: &Loaded) -> String {
    let mut lines = vec![match &loaded.file {
        Some(file) => format!("# {} is valid", file.display()),
        None => "# no settings file: defaults and environment".to_owned(),
    }];
    lines.extend(loaded.warnings.iter().map(|warning| format!("# warning: {warning}")));
    let shown = loaded.settings.show();
    for (section, _) in SECTIONS {
        lines.push(format!("\n[{section}]"));
        for (key, value) in KEYS.iter().zip(&shown).filter(|(key, _)| key.section == *section) {
            lines.push(match loaded.origins.get(key.path) {
                None => format!("{} = {value}", key.name),
                Some(origin) => format!("{} = {value} # {origin}", key.name),
            });
        }
    }
    lines.join("\n") + "\n"
}
