//! The end of a rehearsal that nobody ended: it ends with the router, and the audit log says so; where
//! the router had no time for that, the next one does.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Router, audit, record_end};
use crate::{
    actors::journal::Record,
    adapters::rehearsal::Running,
    core::event::Seq,
    storage::{AuditEntry, AuditQuery, From},
};

/// Who ends it.
const BY: &str = "rehearsal";

/// It ended because the router stops.
pub async fn stopped(router: &Router, ended: &Arc<Running>) {
    record_end(router, ended, BY, "stopped").await;
}

/// Writes the end of a rehearsal down that the router before this one took with it. To be done before
/// another can begin.
pub async fn find_unended(router: &Router) {
    let (began, ended) = (newest(router, "began").await, newest(router, "ended").await);
    let Some(began) = began else { return };
    let began_at = began_at(&began);
    if ended.is_some_and(|ended| self::began_at(&ended) == began_at) {
        return;
    }
    tracing::warn!(
        began_at = began_at.as_str(),
        "a rehearsal was under way when the router was killed: it is over"
    );
    let AuditEntry { subject, .. } = began;
    let detail = json!({ "reason": "killed", "began_at": began_at });
    let (actor, action, subject) = (BY.into(), "rehearsal.ended".into(), subject.into());
    audit::tell(router, Record { actor, action, subject, detail }).await;
}

async fn newest(router: &Router, what: &str) -> Option<AuditEntry> {
    let action = Some(format!("rehearsal.{what}"));
    let query = AuditQuery { from: From::Before(Seq::MAX), limit: 1, action };
    match router.storage.audit(&query).await {
        Ok(page) => page.records.into_iter().next(),
        Err(error) => {
            tracing::error!(%error, "whether a rehearsal was under way cannot be read");
            None
        }
    }
}

/// When the rehearsal of a line began, which no other has in common with it.
fn began_at(line: &AuditEntry) -> Value {
    let detail: Value = serde_json::from_str(&line.detail).unwrap_or_default();
    detail.get("began_at").cloned().unwrap_or_default()
}
