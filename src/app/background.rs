//! Threads whose work must not slow that of others.

use actix::Arbiter;

/// How far such a thread stands back where there are fewer cores than work: it gets a tenth of what
/// another one does, and is there at once where a core is free.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// A thread that stands back. Elsewhere than on Linux, where priorities are those of processes, it is one like
/// any other.
pub(super) fn thread() -> Arbiter {
    let thread = Arbiter::new();
    #[cfg(target_os = "linux")]
    thread.spawn_fn(|| {
        // On Linux this is the thread's own.
        if let Err(error) = rustix::process::setpriority_process(None, NICE) {
            tracing::warn!(%error, "a thread of the background has the priority of all others");
        }
    });
    thread
}
