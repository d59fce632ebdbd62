//! How many dead letters there are, for whoever looks at the router as a whole.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;
use utoipa::ToSchema;

use crate::{core::delivery::REALTIME, http::Router, storage::DeadLetterStatus};

/// How long the database may take: the rest can be told without it.
const WITHIN: Duration = Duration::from_secs(1);

/// Dead letters by status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeadLetterCounts {
    /// Refused again in a replay.
    pub failed: u64,
    /// Waiting for somebody, or being replayed.
    pub pending: u64,
    /// Delivered by a replay.
    pub recovered: u64,
}

impl DeadLetterCounts {
    fn of(&mut self, status: DeadLetterStatus) -> &mut u64 {
        match status {
            DeadLetterStatus::Failed => &mut self.failed,
            DeadLetterStatus::Pending => &mut self.pending,
            DeadLetterStatus::Recovered => &mut self.recovered,
        }
    }
}

/// Those of each adapter that has any, and of the one there always is; the metric follows. Nothing
/// when the database does not answer soon.
#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
pub(in crate::http) async fn dead_letter_counts(
    router: &Router,
) -> Option<BTreeMap<String, DeadLetterCounts>> {
    let counted = tokio::time::timeout(WITHIN, router.storage.count_dead_letters()).await;
    let counted = match counted {
        Ok(Ok(counted)) => counted,
        Ok(Err(error)) => {
            tracing::debug!(%error, "dead letters cannot be counted");
            return None;
        }
        Err(_elapsed) => return None,
    };
    let mut counts = BTreeMap::from([(REALTIME.to_owned(), DeadLetterCounts::default())]);
    for row in counted {
        *counts.entry(row.adapter).or_default().of(row.status) = row.count;
    }
    for (adapter, mut counts) in counts.clone() {
        for status in DeadLetterStatus::ALL {
            let gauge = router.metrics.dead_letters.with([adapter.as_str(), status.as_str()]);
            gauge.set(*counts.of(status) as f64);
        }
    }
    Some(counts)
}
