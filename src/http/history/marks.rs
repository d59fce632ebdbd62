//! What changed how the router works, for charts: what the audit log says, without who did it and why.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    core::event::rfc3339,
    http::{Router, problem::unreadable},
    storage::{AuditEntry, AuditQuery, From},
};

/// The rollout says itself how it moves.
const PERCENT: &str = "rollout.percent";
/// Newest lines of the audit log that are looked at.
const LINES: usize = 200;
/// Longest value that is told, in characters.
const SHORT: usize = 40;
/// Settings that are named of those that a reload changed.
const NAMED: usize = 3;

/// A change, as a chart marks it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HistoryMark)]
pub(super) struct Mark {
    /// When.
    #[schema(format = DateTime)]
    at: String,
    kind: MarkKind,
    /// What became of what, in some words.
    #[schema(example = "flags.dual_mode: false → true")]
    what: String,
}

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum MarkKind {
    /// A setting was set at run time, or is not any more.
    Flag,
    /// The rollout moved, or was told to stand.
    Rollout,
    /// The settings were read again, or refused.
    Reload,
    /// The breaker opened or closed.
    Breaker,
}

/// The changes of that time, the oldest first; `None` while the storage does not tell.
pub(super) async fn marks(
    router: &Router,
    since: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Option<Vec<Mark>> {
    let query = AuditQuery { from: From::Before(u64::MAX), limit: LINES, action: None };
    let page = match router.storage.audit(&query).await {
        Ok(page) => page,
        Err(error) => {
            // It is counted and logged; the charts are drawn without marks.
            drop(unreadable(&router.metrics, &error));
            return None;
        }
    };
    let told = page.records.iter().filter_map(|entry| {
        let (kind, what) = words(entry)?;
        Some((entry.at, kind, what))
    });
    let mut found: Vec<_> = told.chain(refused(router)).collect();
    found.retain(|(at, ..)| (since..=until).contains(at));
    found.sort_by_key(|(at, ..)| *at);
    let mark = |(at, kind, what)| Mark { at: rfc3339(at), kind, what };
    Some(found.into_iter().map(mark).collect())
}

/// A line of the audit log in words, if charts show it.
fn words(entry: &AuditEntry) -> Option<(MarkKind, String)> {
    let detail = serde_json::from_str(&entry.detail).unwrap_or(Value::Null);
    let (area, deed) = entry.action.split_once('.')?;
    match area {
        "override" => {
            let key = entry.subject.strip_prefix("setting:").filter(|key| *key != PERCENT)?;
            let told = |name| short(detail.get(name).unwrap_or(&Value::Null));
            let (before, after) = (told("before"), told("after"));
            Some((MarkKind::Flag, format!("{key}: {before} → {after}")))
        }
        "rollout" => Some((MarkKind::Rollout, rollout(deed, &detail))),
        "settings" => Some((MarkKind::Reload, changed(&detail))),
        "breaker" if matches!(deed, "open" | "closed") => {
            let path = entry.subject.trim_start_matches("adapter:");
            Some((MarkKind::Breaker, format!("{path}: {deed}")))
        }
        _ => None,
    }
}

fn rollout(deed: &str, detail: &Value) -> String {
    let deed = deed.replace('_', " ");
    match (detail["from"].as_u64(), detail["to"].as_u64()) {
        (Some(from), Some(to)) => format!("{from} % → {to} %, {deed}"),
        _ => deed,
    }
}

/// The keys that a reload changed, or how many.
fn changed(detail: &Value) -> String {
    let keys = detail["changed"].as_array().map(Vec::as_slice).unwrap_or_default();
    let named: Vec<_> = keys.iter().filter_map(Value::as_str).take(NAMED).collect();
    let others = keys.len().saturating_sub(named.len());
    match (named.is_empty(), others) {
        (true, _) => "after a restart".to_owned(),
        (false, 0) => named.join(", "),
        (false, others) => format!("{} and {others} more", named.join(", ")),
    }
}

/// What is refused changes nothing, so no line says so: the last attempt is known.
fn refused(router: &Router) -> Option<(DateTime<Utc>, MarkKind, String)> {
    let last = router.reloader.last()?;
    last.result.is_err().then(|| (last.at, MarkKind::Reload, "refused".to_owned()))
}

fn short(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match text.char_indices().nth(SHORT) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(action: &str, subject: &str, detail: &Value) -> Option<String> {
        let entry = AuditEntry {
            id: 1,
            at: DateTime::UNIX_EPOCH,
            actor: "somebody".to_owned(),
            action: action.to_owned(),
            subject: subject.to_owned(),
            detail: detail.to_string().into(),
        };
        words(&entry).map(|(kind, what)| format!("{kind:?} {what}"))
    }

    #[test]
    fn changes_are_told_without_persons() {
        let flag = json!({ "before": false, "after": true, "reason": "a secret" });
        let reload = json!({ "changed": ["a.b", "a.c", "a.d", "a.e"], "generation": 2 });
        for (action, subject, detail, expected) in [
            (
                "override.set",
                "setting:flags.dual_mode",
                flag.clone(),
                "Flag flags.dual_mode: false → true",
            ),
            (
                "rollout.brought_back",
                PERCENT,
                json!({ "from": 50, "to": 25, "reason": "a secret" }),
                "Rollout 50 % → 25 %, brought back",
            ),
            ("rollout.paused", PERCENT, json!({ "from": null, "to": null }), "Rollout paused"),
            ("settings.applied", "Settings.toml", reload, "Reload a.b, a.c, a.d and 1 more"),
            (
                "settings.applied",
                "Settings.toml",
                json!({ "changed": [] }),
                "Reload after a restart",
            ),
            (
                "breaker.open",
                "adapter:realtime",
                json!({ "cause": "a secret" }),
                "Breaker realtime: open",
            ),
        ] {
            assert_eq!(told(action, subject, &detail).as_deref(), Some(expected));
        }
        for (action, subject) in [
            ("override.set", "setting:rollout.percent"),
            ("breaker.half-open", "adapter:realtime"),
            ("breaker.forced", "adapter:realtime"),
            ("dead_letter.deleted", "7"),
            ("nothing", ""),
        ] {
            assert_eq!(told(action, subject, &flag), None, "{action}");
        }
    }

    #[test]
    fn long_values_are_cut() {
        let long = short(&json!("ä".repeat(100)));
        assert_eq!(long.chars().count(), SHORT + 1);
        assert_eq!(short(&json!(["a"])), "[\"a\"]");
    }
}
