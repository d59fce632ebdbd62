//! Who is told of which key: every key that can change at run time is in one of the lists, and a
//! change of it changes exactly what the list's follower is told.

use std::{collections::BTreeSet, fs, iter, net::SocketAddr, path::Path};

use super::*;
use crate::{
    adapters::factory::Builtin,
    app::delivery,
    http::limits,
    settings::{Change, FileText, KEYS, Key, LimitSettings, OtherFiles, Secret},
};

#[path = "../../../tests/it/reload/candidates.rs"]
mod candidates;

const JOURNAL: &[&str] = &[
    "journal.queue_events",
    "journal.queue_bytes",
    "journal.tail_events",
    "journal.tail_bytes",
    "journal.batch_events",
    "journal.target_latency",
    "journal.recovery_timeout",
];

const SHARDS: &[&str] = &[
    "server.reconnect_window",
    "session.heartbeat",
    "session.stream_heartbeat",
    "session.pong_timeout",
    "session.stall_timeout",
    "session.max_lag",
    "session.window_bytes",
    "session.page_events",
    "session.filters_per_worker",
];

/// What the realtime path is built from.
const RAILS: &[&str] = &[
    "realtime.url",
    "realtime.key",
    "realtime.key_file",
    "realtime.transport",
    "realtime.database_url",
    "realtime.request_bytes",
    "realtime.send_per_second",
    "realtime.head_interval",
    "batcher.max_linger",
    "batcher.target_latency",
    "breaker.failures",
    "breaker.error_percent",
    "breaker.attempts",
    "breaker.min_attempts",
    "breaker.open_for",
    "breaker.open_max",
    "breaker.successes",
    "breaker.poison_probes",
    "retry.initial",
    "retry.max",
    "retry.max_asked",
    "flags.use_adapter",
    "flags.adapter_type",
    "flags.dual_mode",
    "flags.global_override",
    "flags.batch_size",
    "flags.timeout_ms",
];

/// What is taken of clients, beside what is read at each request.
const LIMITS: &[&str] = &[
    "limits.client_connections",
    "limits.client_requests",
    "limits.client_burst",
    "limits.client_bytes",
    "limits.total_requests",
    "limits.total_burst",
    "limits.total_bytes",
];

/// Read by whoever needs them, each time.
const READ: &[&str] = &[
    "storage.retain",
    "storage.max_bytes",
    "storage.retention_interval",
    "journal.answer_timeout",
    "session.max_sessions",
    "session.send_buffer",
    "session.max_frame",
    "session.max_errors",
    "session.filter_patterns",
    "realtime.client_key",
    "retry.dead_letters_interval",
    "retry.dead_letters_keep",
    "limits.body_bytes",
    "limits.compression_ratio",
    "limits.inflight_bytes",
    "limits.batch_events",
    "limits.event_bytes",
    "limits.body_timeout",
    "limits.idempotency_keys",
    "limits.idempotency_bytes",
    "limits.idempotency_ttl",
];

/// Sections whose other keys are read from the snapshot by actors that follow its generation.
const FOLLOWED: &[&str] = &["flags", "rollout", "validation"];

/// Which paths are on: a test of whole routers flips them.
const PATHS: &[&str] =
    &["flags.use_adapter", "flags.adapter_type", "flags.dual_mode", "flags.global_override"];

/// With limits on requests, without which a burst is none.
fn busy(settings: &Settings) -> LimitSettings {
    let mut limits = settings.limits.clone();
    for limit in [&mut limits.client_requests, &mut limits.total_requests] {
        *limit = (*limit).max(10);
    }
    limits
}

/// With both paths on.
fn dual(settings: &Settings) -> Settings {
    let mut settings = settings.clone();
    settings.flags.dual_mode = true;
    settings
}

fn live() -> impl Iterator<Item = &'static Key> {
    KEYS.iter().filter(|key| key.change == Change::Live)
}

fn load(text: &str) -> Option<Settings> {
    let file = FileText { path: Path::new("t").into(), text: Ok(Some(text.into())) };
    let loaded = Settings::load_from(&file, iter::empty(), &[], OtherFiles::Read);
    loaded.ok().map(|loaded| loaded.settings)
}

/// The first of the candidates that is allowed and not the default.
fn other_value(key: &Key) -> Settings {
    let default = Settings::default();
    let texts = candidates::CANDIDATES
        .iter()
        .map(|candidate| format!("[{}]\n{} = {candidate}\n", key.section, key.name));
    let other = texts.filter_map(|text| load(&text));
    let mut other = other.filter(|settings| settings.differing(&default).contains(&key.path));
    other.next().unwrap_or_else(|| panic!("{}: no candidate fits {}", key.path, key.allowed()))
}

#[test]
fn every_live_key_is_in_one_list() {
    let mut listed = BTreeSet::new();
    for key in [JOURNAL, SHARDS, RAILS, LIMITS, READ].concat() {
        assert!(listed.insert(key), "{key} is in two lists");
    }
    for key in live() {
        let known = listed.remove(key.path) || FOLLOWED.contains(&key.section);
        assert!(known, "{}: say in a list who follows it, and show that it does", key.path);
    }
    assert_eq!(listed, BTreeSet::new(), "no live key of that name");
}

#[test]
fn a_change_of_a_key_tells_those_who_follow_it_and_nobody_else() {
    let folder = tempfile::TempDir::new().unwrap();
    let key_file = folder.path().join("key");
    fs::write(&key_file, "eyJ.another\n").unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], 1));
    let builtin = Builtin { address, key: Secret::new("k".to_owned()) };
    let default = Settings::default();
    for key in live() {
        let other = if key.path.starts_with("realtime.key") {
            load(&format!("[realtime]\nkey_file = {:?}\n", key_file.display().to_string())).unwrap()
        } else {
            other_value(key)
        };
        let is_in = |list: &[&str]| list.contains(&key.path);
        let told = journal_limits(&other) != journal_limits(&default);
        assert_eq!(told, is_in(JOURNAL), "{}: the journal", key.path);
        let told = shard_limits(&other) != shard_limits(&default);
        assert_eq!(told, is_in(SHARDS), "{}: the shards", key.path);
        let told = limits::differ(&busy(&other), &busy(&default));
        assert_eq!(told, is_in(LIMITS), "{}: the limits", key.path);
        if !PATHS.contains(&key.path) {
            let told = delivery::differ(&dual(&other), &dual(&default), &builtin);
            assert_eq!(told, is_in(RAILS), "{}: the realtime path", key.path);
        }
    }
}
