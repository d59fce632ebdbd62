//! Taking up a lost database again: reconnect, take the lock, read the head, look ids up.

use std::{collections::HashMap, sync::Arc, time::Duration};

use backoff::{ExponentialBackoff, ExponentialBackoffBuilder, backoff::Backoff};
use uuid::Uuid;

use crate::{
    core::{
        event::Draft,
        numbering::{Head, Known, Outcome},
    },
    storage::{OpenWriter, Opened, Storage, StorageError, Writer},
    telemetry::Metrics,
};

/// One attempt, made of as many tries as fit into its time.
pub(super) struct Recovery {
    pub(super) storage: Arc<dyn Storage>,
    pub(super) last_seen: Head,
    /// The time for the whole attempt.
    pub(super) within: Duration,
    pub(super) metrics: Arc<Metrics>,
    /// What must be looked up.
    pub(super) ids: Vec<Uuid>,
}

/// A database that is back.
pub(super) struct Recovered {
    pub(super) writer: Box<dyn Writer>,
    pub(super) head: Head,
    /// What it holds of the ids.
    pub(super) known: HashMap<Uuid, Known>,
}

impl Recovery {
    /// Tries until it succeeds; `None` when the time is over.
    pub(super) async fn run(self) -> Option<Recovered> {
        let mut pause = pauses();
        let tries = async {
            loop {
                match self.attempt().await {
                    Ok(recovered) => return recovered,
                    Err(error) => {
                        self.metrics.storage_errors_total.with(["recover"]).increment(1);
                        tracing::warn!(%error, "the database is not back yet");
                    }
                }
                tokio::time::sleep(pause.next_backoff().unwrap_or(LONGEST_PAUSE)).await;
            }
        };
        tokio::time::timeout(self.within, tries).await.ok()
    }

    async fn attempt(&self) -> Result<Recovered, StorageError> {
        let request = OpenWriter {
            wait: self.within,
            fresh: Uuid::new_v4(),
            last_seen: Some(self.last_seen),
        };
        let Opened { mut writer, head, .. } = self.storage.open_writer(request).await?;
        let known = writer.look_up(&self.ids).await?;
        Ok(Recovered { writer, head, known })
    }
}

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

fn pauses() -> ExponentialBackoff {
    ExponentialBackoffBuilder::new()
        .with_initial_interval(FIRST_PAUSE)
        .with_max_interval(LONGEST_PAUSE)
        .with_max_elapsed_time(None)
        .build()
}

/// What became of a request whose commit was lost: `None` when it is not in the journal and must
/// be committed again. What lies beyond `before` was committed by the lost commit.
pub(super) fn outcomes(
    drafts: &[Draft],
    known: &HashMap<Uuid, Known>,
    before: &Head,
    after: &Head,
) -> Option<Vec<Outcome>> {
    let mut outcomes = Vec::with_capacity(drafts.len());
    let mut seen = std::collections::HashSet::new();
    for draft in drafts {
        let first = known.get(&draft.id)?;
        let fresh = before.epoch == after.epoch && first.seq > before.head_seq;
        outcomes.push(Outcome {
            seq: first.seq,
            duplicate: !(seen.insert(draft.id) && fresh),
            differs: first.checksum != draft.checksum,
        });
    }
    Some(outcomes)
}
