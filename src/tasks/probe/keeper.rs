//! Keeps probes where the settings say that the paths are compared, and others when they change.

use std::{sync::Arc, time::Duration};

use tokio::sync::{oneshot, watch};

use super::{ProbeOptions, ProbeRecipients, Probes};
use crate::{
    actors::validator::messages::ProbeDown,
    adapters::{
        factory::{self, Builtin},
        realtime::Destination,
        rehearsal::Rehearsals,
    },
    core::{matching::Path, tail::SharedTail},
    settings::{LiveSettings, Settings, TransportKind},
    telemetry::Metrics,
};

/// See the module.
pub struct Keeper {
    /// The settings in force.
    pub live: Arc<LiveSettings>,
    /// Says when there are others.
    pub generation: watch::Receiver<u64>,
    /// It ends when the other end of this is used, or gone.
    pub stop: oneshot::Receiver<()>,
    /// The router as it reaches itself.
    pub builtin: Builtin,
    /// Where the journal is.
    pub tail: Arc<SharedTail>,
    /// Faults that are planted at the ear of the direct one.
    pub rehearsals: Arc<Rehearsals>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Who hears of it.
    pub told: ProbeRecipients,
}

/// What probes are started with.
#[derive(Clone, Debug, PartialEq)]
struct Wanted {
    realtime: Destination,
    rows: bool,
    canary: Duration,
}

impl Keeper {
    /// Keeps them, on the thread of the caller, which must be an arbiter's.
    pub async fn run(mut self) {
        let mut running: Option<(Wanted, Option<Probes>)> = None;
        loop {
            self.generation.mark_unchanged();
            let wanted = wanted(&self.live.load(), &self.builtin);
            if running.as_ref().map(|(wanted, _)| wanted) != wanted.as_ref() {
                if running.take().is_some() {
                    self.tell_down().await;
                }
                running = wanted.map(|wanted| {
                    let probes = self.start(&wanted);
                    (wanted, probes)
                });
            }
            tokio::select! {
                _used_or_gone = &mut self.stop => return,
                changed = self.generation.changed() => if changed.is_err() { return },
            }
        }
    }

    fn start(&self, wanted: &Wanted) -> Option<Probes> {
        let Wanted { realtime, rows, canary } = wanted.clone();
        let Builtin { address, key } = self.builtin.clone();
        let direct = Destination {
            url: format!("http://{address}"),
            key,
            topic: String::new(),
            ..realtime.clone()
        };
        let options = ProbeOptions {
            direct,
            realtime,
            rows,
            canary,
            tail: self.tail.clone(),
            rehearsals: self.rehearsals.clone(),
            metrics: self.metrics.clone(),
            told: self.told.clone(),
        };
        Probes::start(&options)
            .inspect_err(
                |error| tracing::error!(%error, "there are no probes: nothing is compared"),
            )
            .ok()
    }

    /// Both are gone.
    async fn tell_down(&self) {
        for path in Path::ALL {
            self.metrics.probe_connected.with([path.name()]).set(0.0);
            let reason = "the settings changed".into();
            if self.told.down.send(ProbeDown { path, proven: None, reason }).await.is_err() {
                tracing::debug!("the validator is gone");
            }
        }
    }
}

/// The probes that settings ask for.
fn wanted(settings: &Settings, builtin: &Builtin) -> Option<Wanted> {
    let realtime = factory::destination(settings, Some(builtin)).ok();
    let realtime = realtime.filter(|_| settings.compares_paths())?;
    let rows = settings.realtime.transport == TransportKind::Postgres;
    Some(Wanted { realtime, rows, canary: settings.validation.canary })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Secret;

    #[test]
    fn there_are_probes_where_paths_are_compared_and_they_follow_the_destination() {
        let builtin =
            Builtin { address: ([127, 0, 0, 1], 4711).into(), key: Secret::new("k".to_owned()) };
        let mut settings = Settings::default();
        assert_eq!(wanted(&settings, &builtin), None, "no path is on");
        settings.flags.dual_mode = true;
        let first = wanted(&settings, &builtin).unwrap();
        assert_eq!((&*first.realtime.url, first.rows), ("http://127.0.0.1:4711", false));
        settings.realtime.url = "https://ref.supabase.co".parse().unwrap();
        settings.realtime.transport = TransportKind::Postgres;
        let second = wanted(&settings, &builtin).unwrap();
        assert_eq!((&*second.realtime.url, second.rows), ("https://ref.supabase.co", true));
        settings.flags.enable_validation = false;
        assert_eq!(wanted(&settings, &builtin), None);
    }
}
