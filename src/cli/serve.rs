//! `signalbox serve`: loads the settings, starts logging, and runs the router.

use std::path::Path;

use super::{CliError, load};
use crate::telemetry::init_logging;

pub(super) fn run(config: Option<&Path>) -> Result<(), CliError> {
    let loaded = load(config)?;
    init_logging(&loaded.settings.telemetry).map_err(CliError::failed)?;
    Err(CliError::failed("this build cannot serve yet"))
}
