//! One descriptor a connection: asks the system for as many as a command needs. A limit of 1,024
//! that may be raised is common.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What a process needs besides its connections: databases, logs, listeners.
pub(super) const OTHERS: usize = 64;

/// Raises this process's own limit to `wanted` descriptors, or as near as the system lets it; how
/// many it may have then.
///
/// # Errors
/// When the system does not let the limit be changed.
pub(super) fn raise(wanted: usize) -> io::Result<usize> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let limit = (wanted as u64).min(maximum.unwrap_or(u64::MAX));
    if let Some(current) = current.filter(|current| *current < limit) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(limit), maximum })?;
        tracing::debug!(from = current, to = limit, "raised the limit on descriptors");
        return Ok(usize::try_from(limit).unwrap_or(usize::MAX));
    }
    Ok(current.map_or(usize::MAX, |current| usize::try_from(current).unwrap_or(usize::MAX)))
}
