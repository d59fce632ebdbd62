//! One descriptor a connection: asks the system for as many as a load test needs.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::cli::client::ClientError;

/// What the process needs besides its connections.
const OTHERS: usize = 64;

/// Raises this process's own limit as far as the system lets it, when that is needed.
///
/// # Errors
/// When the system does not let it be high enough.
pub fn ensure(connections: usize) -> Result<(), ClientError> {
    let needed = (connections + OTHERS) as u64;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|limit| limit >= needed) {
        return Ok(());
    }
    if maximum.is_some_and(|limit| limit < needed) {
        let limit = maximum.unwrap_or_default();
        return Err(refused(format!("{needed} are needed and {limit} allowed; see `ulimit -n`")));
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(needed), maximum })
        .map_err(|e| refused(io::Error::from(e).to_string()))
}

fn refused(reason: String) -> ClientError {
    ClientError::Local { what: "too few file descriptors", reason }
}
