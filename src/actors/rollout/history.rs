//! The rollout's history, as the audit log keeps it: each row has the report of the step that it
//! ended, and what must be known to go on from there after a restart.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    core::rollout::{Memory, Pause, Rollout, StepOutcome, StepReport},
    storage::{AuditEntry, AuditQuery, From, Storage, StorageError},
};

/// What rows are about.
pub(super) const SUBJECT: &str = "rollout.percent";
/// Who did it, when nobody did.
pub(super) const ITSELF: &str = "rollout";
/// Steps that are remembered.
pub(super) const KEPT: usize = 50;

/// Something that happened to the rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// A step ended.
    Ended(StepOutcome),
    /// Nothing moves up any more.
    Paused,
    /// It goes on.
    Resumed,
}

impl Deed {
    const ALL: [Self; 6] = [
        Self::Ended(StepOutcome::Advanced),
        Self::Ended(StepOutcome::RolledBack),
        Self::Ended(StepOutcome::BroughtBack),
        Self::Ended(StepOutcome::Set),
        Self::Paused,
        Self::Resumed,
    ];

    /// The action in the audit log.
    pub(super) fn action(self) -> String {
        let name = match self {
            Self::Ended(outcome) => outcome.name(),
            Self::Paused => "paused",
            Self::Resumed => "resumed",
        };
        format!("rollout.{name}")
    }
}

/// What is known after a start.
#[derive(Debug, Default)]
pub struct Recalled {
    /// The steps that are over, the newest last.
    pub(super) steps: Vec<StepReport>,
    /// What the rules remember.
    pub(super) memory: Memory,
}

/// What a row keeps for a restart.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    baseline_us: Option<u64>,
    paused: Option<KeptPause>,
    fallen: u32,
    from: u8,
    outage: bool,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum KeptPause {
    Somebody,
    Frozen,
}

#[derive(Debug, Deserialize)]
struct Detail {
    #[serde(default)]
    kept: Kept,
    #[serde(default)]
    report: Option<StepReport>,
}

/// Reads the history.
///
/// # Errors
/// When storage cannot be read.
pub async fn recall(storage: &dyn Storage) -> Result<Recalled, StorageError> {
    let mut rows = Vec::new();
    for deed in Deed::ALL {
        let action = Some(deed.action());
        let query = AuditQuery { from: From::Before(u64::MAX), limit: KEPT, action };
        rows.extend(storage.audit(&query).await?.records);
    }
    rows.sort_by_key(|row| row.id);
    Ok(read(&rows))
}

fn read(rows: &[AuditEntry]) -> Recalled {
    let mut recalled = Recalled::default();
    for row in rows {
        let detail: Detail = match serde_json::from_str(&row.detail) {
            Ok(detail) => detail,
            Err(error) => {
                tracing::warn!(%error, id = row.id, "a row of the rollout's history is not read");
                continue;
            }
        };
        recalled.memory = detail.kept.into();
        recalled.steps.extend(detail.report);
    }
    let old = recalled.steps.len().saturating_sub(KEPT);
    recalled.steps.drain(..old);
    recalled
}

/// What a row says.
pub(super) fn detail(rollout: &Rollout, report: Option<&StepReport>, reason: &str) -> Value {
    let end = report.and_then(|report| report.end.as_ref());
    json!({
        "from": report.map(|report| report.percent),
        "to": end.map(|end| end.to),
        "reason": reason,
        "kept": Kept::of(rollout),
        "report": report,
    })
}

impl Kept {
    fn of(rollout: &Rollout) -> Self {
        let Memory { baseline, paused, fallen, from, outage } = rollout.memory();
        Self {
            baseline_us: baseline.map(|it| u64::try_from(it.as_micros()).unwrap_or(u64::MAX)),
            paused: paused.map(|pause| match pause {
                Pause::Somebody => KeptPause::Somebody,
                Pause::Frozen => KeptPause::Frozen,
            }),
            fallen,
            from,
            outage,
        }
    }
}

impl std::convert::From<Kept> for Memory {
    fn from(kept: Kept) -> Self {
        Self {
            baseline: kept.baseline_us.map(Duration::from_micros),
            paused: kept.paused.map(|pause| match pause {
                KeptPause::Somebody => Pause::Somebody,
                KeptPause::Frozen => Pause::Frozen,
            }),
            fallen: kept.fallen,
            from: kept.from,
            outage: kept.outage,
        }
    }
}
