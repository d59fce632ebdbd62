//! What must hold between two keys, as a table.

use super::{AuthMode, Settings, TransportKind};

/// A law between two keys.
pub(super) struct Law {
    /// The key that breaks it.
    pub(super) key: &'static str,
    /// The key it is measured by.
    pub(super) other: &'static str,
    /// What the first must be, to stand between "must be" and the other.
    pub(super) must_be: &'static str,
    /// Whether it holds.
    pub(super) holds: fn(&Settings) -> bool,
}

/// Every law.
pub(super) static LAWS: &[Law] = &[
    Law {
        key: "server.bind",
        other: "auth.mode",
        must_be: "a loopback address with",
        holds: |it| {
            it.auth.mode != AuthMode::Open || it.server.bind.ip().to_canonical().is_loopback()
        },
    },
    Law {
        key: "storage.retention_interval",
        other: "storage.retain",
        must_be: "no longer than",
        holds: |it| it.storage.retention_interval <= it.storage.retain,
    },
    Law {
        key: "journal.batch_events",
        other: "journal.queue_events",
        must_be: "at most",
        holds: |it| it.journal.batch_events <= it.journal.queue_events,
    },
    Law {
        key: "session.pong_timeout",
        other: "session.heartbeat",
        must_be: "shorter than",
        holds: |it| it.session.pong_timeout < it.session.heartbeat,
    },
    Law {
        key: "realtime.payload_bytes",
        other: "realtime.topic_bytes",
        must_be: "at most",
        holds: |it| it.realtime.payload_bytes <= it.realtime.topic_bytes,
    },
    Law {
        key: "realtime.topic_bytes",
        other: "realtime.total_bytes",
        must_be: "at most",
        holds: |it| it.realtime.topic_bytes <= it.realtime.total_bytes,
    },
    Law {
        key: "realtime.key",
        other: "realtime.url",
        must_be: "a key, or named by realtime.key_file, with",
        // The file is read, and looked at, later.
        holds: |it| {
            !it.needs_key() || !it.realtime.key.is_empty() || it.realtime.key_file.is_some()
        },
    },
    Law {
        key: "realtime.database_url",
        other: "realtime.transport",
        must_be: "a database with",
        holds: |it| {
            it.transport() != Some(TransportKind::Postgres)
                || it.realtime.database_url.url().is_some()
        },
    },
    Law {
        key: "breaker.min_attempts",
        other: "breaker.attempts",
        must_be: "at most",
        holds: |it| it.breaker.min_attempts <= it.breaker.attempts,
    },
    Law {
        key: "breaker.open_for",
        other: "breaker.open_max",
        must_be: "at most",
        holds: |it| it.breaker.open_for <= it.breaker.open_max,
    },
    Law {
        key: "retry.initial",
        other: "retry.max",
        must_be: "at most",
        holds: |it| it.retry.initial <= it.retry.max,
    },
    Law {
        key: "rollout.match_floor",
        other: "rollout.match_rate",
        must_be: "at most",
        holds: |it| it.rollout.match_floor <= it.rollout.match_rate,
    },
    Law {
        key: "rollout.error_rate",
        other: "rollout.error_ceiling",
        must_be: "at most",
        holds: |it| it.rollout.error_rate <= it.rollout.error_ceiling,
    },
    Law {
        key: "validation.settle",
        other: "validation.deadline",
        must_be: "at most",
        holds: |it| it.validation.settle <= it.validation.deadline,
    },
    Law {
        key: "validation.late_after",
        other: "validation.deadline",
        must_be: "at most",
        holds: |it| it.validation.late_after <= it.validation.deadline,
    },
    Law {
        key: "limits.batch_events",
        other: "journal.queue_events",
        must_be: "at most",
        holds: |it| it.limits.batch_events <= it.journal.queue_events,
    },
    Law {
        key: "limits.body_bytes",
        other: "journal.queue_bytes",
        must_be: "at most",
        holds: |it| it.limits.body_bytes <= it.journal.queue_bytes,
    },
    Law {
        key: "limits.body_bytes",
        other: "limits.inflight_bytes",
        must_be: "at most half of",
        holds: |it| it.limits.body_bytes <= it.limits.inflight_bytes / 2,
    },
    Law {
        key: "limits.event_bytes",
        other: "limits.body_bytes",
        must_be: "at most",
        holds: |it| it.limits.event_bytes <= it.limits.body_bytes,
    },
];
