//! What settings ask of the realtime path, built as far as it can be before it is in force.

use std::{sync::Arc, time::Duration};

use crate::{
    actors::{
        adapter::{Limits, Reconfigure},
        batcher::ReconfigureBatcher,
    },
    adapters::{
        Paths, Transport, TransportKind,
        factory::{self, Builtin, CannotDeliver},
        rehearsal::{Rehearsals, Rehearsed},
    },
    core::{
        batching::{self, BadLimits, PathPolicy},
        breaker::{BadBreaker, Breaker, BreakerLimits},
        retry::{BadRetry, RetryLimits, RetryPolicy},
    },
    settings::{BreakerSettings, OtherDatabase, RealtimeUrl, RetrySettings, Secret, Settings},
};

/// How much longer than its transport the adapter waits for an answer.
const GRACE: Duration = Duration::from_secs(1);

/// Why nothing can be delivered with these settings.
#[derive(Debug, thiserror::Error)]
pub(in crate::app) enum NotPlanned {
    /// There is no way to the destination.
    #[error("events cannot be delivered: {0}")]
    Transport(#[from] CannotDeliver),
    /// A setting of the breaker makes no sense.
    #[error("the breaker cannot be made: {0}")]
    Breaker(#[from] BadBreaker),
    /// A setting of retries makes no sense.
    #[error("retries cannot be planned: {0}")]
    Retry(#[from] BadRetry),
    /// A setting of batches makes no sense.
    #[error("batches cannot be planned: {0}")]
    Batching(#[from] BadLimits),
}

impl NotPlanned {
    /// The key that most of it hangs on.
    pub(in crate::app) fn key(&self) -> &'static str {
        match self {
            Self::Transport(CannotDeliver::NoDatabase(_)) => "realtime.database_url",
            Self::Transport(_) => "realtime.url",
            Self::Breaker(_) => "breaker.failures",
            Self::Retry(_) => "retry.initial",
            Self::Batching(_) => "flags.batch_size",
        }
    }
}

/// A realtime path that is on.
#[derive(Clone)]
pub(super) struct Plan {
    pub(super) transport: Arc<dyn Transport>,
    /// What the transport was built from.
    built_from: BuiltFrom,
    pub(super) limits: Limits,
    batching: batching::Limits,
    /// What is learned of the destination goes on where limits stay as they are.
    pub(super) policy: PathPolicy,
    pub(super) max_probes: u32,
    pub(super) announce: Option<Duration>,
}

/// What a transport is built from.
#[derive(Clone, PartialEq)]
struct BuiltFrom {
    place: Place,
    timeout: Duration,
    request_bytes: usize,
}

/// Where it leads: with another of these, it is another destination.
#[derive(Clone, PartialEq)]
struct Place {
    url: RealtimeUrl,
    key: Secret,
    transport: TransportKind,
    database: OtherDatabase,
    topic: String,
}

impl Plan {
    /// What these settings ask for, with the transport of `before` if that is the same; `None` when
    /// the path is off.
    pub(super) fn of(
        settings: &Settings,
        (builtin, rehearsals): (&Builtin, &Arc<Rehearsals>),
        before: Option<&Self>,
    ) -> Result<Option<Self>, NotPlanned> {
        let breaker = breaker_limits(&settings.breaker, settings.request_timeout());
        // Also what is not needed now: settings are good or bad whether or not the path is on.
        Breaker::try_new(breaker, Duration::ZERO)?;
        let retry = RetryPolicy::try_new(retry_limits(&settings.retry))?;
        let batching = batch_limits(settings);
        let policy = PathPolicy::try_new(batching)?;
        if !Paths::of(&settings.flags).realtime {
            return Ok(None);
        }
        let built_from = BuiltFrom::of(settings);
        let transport = match before {
            Some(before) if before.built_from == built_from => before.transport.clone(),
            _ => {
                let transport = factory::transport(settings, Some(builtin))?.into();
                Arc::new(Rehearsed::new(transport, rehearsals.clone()))
            }
        };
        // Rows of a database have no place for it.
        let announces = transport.kind() != TransportKind::Postgres;
        Ok(Some(Self {
            announce: announces.then_some(settings.realtime.head_interval),
            transport,
            built_from,
            limits: Limits {
                breaker,
                retry,
                per_second: settings.realtime.send_per_second,
                deadline: settings.request_timeout() + GRACE,
            },
            batching,
            policy,
            max_probes: settings.breaker.poison_probes,
        }))
    }

    /// Whether it leads elsewhere.
    fn is_another(&self, before: &Self) -> bool {
        self.built_from.place != before.built_from.place
    }

    /// What the adapter is to do otherwise than before, if anything.
    pub(super) fn for_adapter(&self, before: &Self) -> Option<Reconfigure> {
        let is_same = Arc::ptr_eq(&self.transport, &before.transport);
        (!is_same || self.limits != before.limits).then(|| Reconfigure {
            transport: (!is_same).then(|| self.transport.clone()),
            is_another: self.is_another(before),
            limits: self.limits,
        })
    }

    /// What the batcher is to do otherwise than before, if anything.
    pub(super) fn for_batcher(&self, before: &Self) -> Option<ReconfigureBatcher> {
        let all = |plan: &Self| (plan.batching, plan.max_probes, plan.announce);
        (all(self) != all(before)).then(|| ReconfigureBatcher {
            policy: (self.batching != before.batching).then(|| self.policy.clone()),
            max_probes: self.max_probes,
            announce: self.announce,
        })
    }
}

impl BuiltFrom {
    fn of(settings: &Settings) -> Self {
        let realtime = &settings.realtime;
        Self {
            place: Place {
                url: realtime.url.clone(),
                key: realtime.key.clone(),
                transport: realtime.transport,
                database: realtime.database_url.clone(),
                topic: realtime.topic.as_str().to_owned(),
            },
            timeout: settings.request_timeout(),
            request_bytes: realtime.request_bytes,
        }
    }
}

fn breaker_limits(breaker: &BreakerSettings, timeout: Duration) -> BreakerLimits {
    BreakerLimits {
        failures: breaker.failures,
        error_percent: breaker.error_percent,
        attempts: breaker.attempts,
        min_attempts: breaker.min_attempts,
        open_for: breaker.open_for,
        open_max: breaker.open_max,
        successes: breaker.successes,
        probe_for: (timeout + GRACE) * 2,
    }
}

fn retry_limits(retry: &RetrySettings) -> RetryLimits {
    RetryLimits { initial: retry.initial, max: retry.max, max_asked: retry.max_asked }
}

fn batch_limits(settings: &Settings) -> batching::Limits {
    let batcher = &settings.batcher;
    batching::adaptive(settings.flags.batch_size, batcher.max_linger, batcher.target_latency)
}
