//! What validation knows of one event, for its trace.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Clock;
use crate::{
    actors::validator::{GetSeen, SeenOnPaths},
    core::{
        event::rfc3339,
        matching::{Path, Seen, Unscored},
        millis,
    },
    http::{
        Router,
        problem::{Problem, stopping, unreadable},
    },
    storage::StoredVerdict,
};

/// What probes saw of an event. Verdicts other than `matched` are kept; a match is told only while
/// it is remembered.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct OfEvent {
    /// The direct path first; only those of which something is known.
    paths: Vec<OnPath>,
}

/// What a probe saw of an event on a path.
#[derive(Debug, Serialize, ToSchema)]
struct OnPath {
    path: Path,
    /// `recent`: from memory. `storage`: it was kept.
    source: &'static str,
    /// What became of it; `null`: it waits for its verdict.
    #[schema(required)]
    verdict: Option<&'static str>,
    /// Why nothing can be said of it.
    #[schema(required)]
    reason: Option<&'static str>,
    /// What a client is to see, as a hash.
    expected_hash: String,
    /// What was seen: the copy that differs, else the first one.
    #[schema(required)]
    seen_hash: Option<String>,
    /// Copies that were seen before the verdict, where that is remembered.
    #[schema(required)]
    copies: Option<u32>,
    /// From the commit to the first of them, where that is remembered.
    #[schema(required)]
    latency_ms: Option<f64>,
    /// When the verdict fell.
    #[schema(format = DateTime, required)]
    decided_at: Option<String>,
    /// Number of the settings then, where it was kept.
    #[schema(required)]
    generation: Option<u64>,
}

/// What is known of an event: remembered, or else kept. Nothing when neither is.
pub(in crate::http) async fn of_event(
    router: &Router,
    id: Uuid,
) -> Result<Option<OfEvent>, Problem> {
    let SeenOnPaths { paths, began } =
        router.validator.send(GetSeen(id)).await.map_err(stopping)?;
    let kept = router.storage.verdicts_on(id).await;
    let kept = kept.map_err(|error| unreadable(&router.metrics, &error))?;
    let each = Path::ALL.into_iter().zip(paths).filter_map(|(path, seen)| {
        let kept = kept.iter().find(|verdict| verdict.path == path);
        match seen {
            Some(seen) => Some(OnPath {
                generation: kept.map(|it| it.generation),
                ..recent(path, &seen, Clock(began))
            }),
            None => kept.map(stored),
        }
    });
    let paths: Vec<_> = each.collect();
    Ok((!paths.is_empty()).then_some(OfEvent { paths }))
}

fn recent(path: Path, seen: &Seen, clock: Clock) -> OnPath {
    let waits = OnPath {
        path,
        source: "recent",
        verdict: None,
        reason: None,
        expected_hash: String::new(),
        seen_hash: None,
        copies: None,
        latency_ms: None,
        decided_at: None,
        generation: None,
    };
    match seen {
        Seen::Waiting { copies, latency, expected, seen, .. } => OnPath {
            expected_hash: expected.to_string(),
            seen_hash: seen.map(|hash| hash.to_string()),
            copies: Some(*copies),
            latency_ms: latency.map(millis::exact),
            ..waits
        },
        Seen::Decided(case) => OnPath {
            verdict: Some(case.verdict.name()),
            reason: case.verdict.reason().map(Unscored::name),
            expected_hash: case.expected.to_string(),
            seen_hash: case.seen.map(|hash| hash.to_string()),
            copies: Some(case.copies),
            latency_ms: case.latency.map(millis::exact),
            decided_at: Some(clock.at(case.decided_at)),
            ..waits
        },
    }
}

fn stored(kept: &StoredVerdict) -> OnPath {
    OnPath {
        path: kept.path,
        source: "storage",
        verdict: Some(kept.verdict.name()),
        reason: kept.verdict.reason().map(Unscored::name),
        expected_hash: kept.expected.to_string(),
        seen_hash: kept.seen.map(|hash| hash.to_string()),
        copies: None,
        latency_ms: None,
        decided_at: Some(rfc3339(kept.decided_at)),
        generation: Some(kept.generation),
    }
}
