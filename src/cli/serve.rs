//! `signalbox serve`: loads the settings, starts logging, and runs the router until it is told to
//! stop, by Ctrl-C or by SIGTERM. A second signal ends it at once. SIGHUP reads the settings again.

use std::{io, path::Path, sync::Arc};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::Notify,
};

use super::{CliError, descriptors, exit::Exit};
use crate::{
    app::{self, AppError},
    tasks::reloader::Source,
    telemetry::init_logging,
};

pub(super) fn run(config: Option<&Path>) -> Result<(), CliError> {
    let source = Source::of(config.map(Path::to_owned));
    let loaded = source.load(&[]).map_err(CliError::from)?;
    init_logging(&loaded.settings.telemetry).map_err(CliError::failed)?;
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    ask_for_descriptors(loaded.settings.session.max_sessions);
    let system = actix_rt::System::new();
    system.block_on(async move {
        let mut signals = Signals::new().map_err(CliError::failed)?;
        let reload = on_hangup().map_err(CliError::failed)?;
        let stop = async move {
            signals.next().await;
            actix_rt::spawn(async move {
                signals.next().await;
                std::process::exit(Exit::Interrupted as i32);
            });
        };
        app::run(loaded, source, reload, stop).await.map_err(CliError::from)
    })
}

/// Without a descriptor for each session, a storm of clients would take those of the database too.
fn ask_for_descriptors(max_sessions: usize) {
    match descriptors::raise(max_sessions.saturating_add(descriptors::OTHERS)) {
        Ok(limit) if limit >= max_sessions => {}
        Ok(limit) => tracing::warn!(
            limit,
            max_sessions,
            "fewer descriptors than sessions: raise `ulimit -n`, or lower session.max_sessions"
        ),
        Err(error) => tracing::warn!(%error, "the limit on descriptors cannot be raised"),
    }
}

/// SIGHUP asks for the settings to be read again. From here on it does not end the process, also
/// while that is still starting.
fn on_hangup() -> io::Result<Arc<Notify>> {
    let mut hangup = signal(SignalKind::hangup())?;
    let reload = Arc::new(Notify::new());
    let notified = reload.clone();
    actix_rt::spawn(async move {
        while hangup.recv().await.is_some() {
            notified.notify_one();
        }
    });
    Ok(reload)
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self { interrupt, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

impl From<AppError> for CliError {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Storage(error) => error.into(),
            other => Self::failed(other),
        }
    }
}
