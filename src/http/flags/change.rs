//! Flags that are set and cleared at run time. Who does it is in the audit log.

use std::time::Duration;

use actix_web::{HttpResponse, rt, web};
use chrono::{TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{FlagName, FlagRow, FlagValue, FlagsSnapshot, IssueRow};
use crate::{
    http::{
        Caller, Router,
        audit::check_reason,
        contract::problems,
        problem::{Code, Problem},
        query::body,
        settings::refused,
    },
    settings::{Fault, Faults, KEYS, Key, Origin, Override, nearest},
    tasks::reloader::{Applied, Change, ReloadError},
};

/// What the names of flags do without.
const SECTION: &str = "flags.";
/// The longest that a flag may be set for, when it is to end by itself.
const LONGEST: Duration = Duration::from_hours(366 * 24);

problems!(
    /// What setting a flag may end in.
    SetProblems: BadFlagRequest, NotFound, SettingsInvalid, InvalidFlag, OutcomeUnknown, QueueFull,
        ShuttingDown, StorageFull, StorageUnavailable
);

problems!(
    /// What clearing a flag may end in.
    ClearProblems: NotFound, SettingsInvalid, OutcomeUnknown, QueueFull, ShuttingDown, StorageFull,
        StorageUnavailable
);

/// A flag as it is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FlagRequest {
    /// Its value, as Settings.toml would have it.
    #[schema(value_type = FlagValue, example = true)]
    value: Value,
    /// After which time it ends by itself, up to 366 days; without, when it is cleared.
    #[schema(
        pattern = "^((36[0-6]|3[0-5][0-9]|[12][0-9][0-9]|[1-9][0-9]?)d|[1-9][0-9]{0,2}h( [1-5]?[0-9]m)?|[1-9][0-9]{0,4}m|[1-9][0-9]{0,6}s)$",
        example = "1h 30m"
    )]
    expires_in: Option<String>,
    /// Why, for the audit log.
    #[schema(max_length = 500, example = "trying both paths")]
    reason: Option<String>,
}

/// A flag as it is by now.
#[derive(Debug, Serialize, ToSchema)]
pub struct FlagChange {
    /// The number of the settings in force.
    generation: u64,
    /// The flag.
    flag: FlagRow,
    /// Keys with another value than before.
    changed: Vec<&'static str>,
    /// Where flags contradict each other now, and what else is to be said.
    issues: Vec<IssueRow>,
}

/// Sets a flag at run time. It wins over the environment and Settings.toml, until it ends or is
/// cleared, over restarts too. The audit log says who did it.
///
/// # Errors
/// When there is no such flag, or it cannot have that value.
#[utoipa::path(
    put, path = "/v1/flags/{name}", operation_id = "set_flag", tag = "operating",
    params(("name" = FlagName, Path, description = "The flag.", example = "dual_mode")),
    request_body = FlagRequest,
    responses((status = 200, description = "It is in force.", body = FlagChange), SetProblems)
)]
pub async fn set(
    router: web::Data<Router>,
    caller: web::ReqData<Caller>,
    name: web::Path<String>,
    sent: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let key = find(&name)?;
    let request: FlagRequest = body(&sent, Code::BadFlagRequest, r#"{"value": …}"#)?;
    if request.value.is_null() {
        let detail = format!("{} must be {}, not null", key.path, key.allowed());
        return Err(Problem::new(Code::InvalidFlag, detail));
    }
    let reason = request.reason.unwrap_or_default();
    check_reason(&reason, Code::BadFlagRequest)?;
    let at = Utc::now();
    let until = match request.expires_in {
        Some(text) => Some(at + lifetime(&text)?),
        None => None,
    };
    let wanted = Override {
        key: key.path.to_owned(),
        value: request.value,
        by: caller.name().into(),
        at,
        until,
        reason: reason.into(),
    };
    apply(&router, key, Change::Override(wanted)).await
}

/// Clears what was set at run time: the flag is again what the environment, Settings.toml or its
/// default says. The audit log says who did it.
///
/// # Errors
/// When there is no such flag, or it was not set at run time.
#[utoipa::path(
    delete, path = "/v1/flags/{name}", operation_id = "clear_flag", tag = "operating",
    params(("name" = FlagName, Path, description = "The flag.", example = "dual_mode")),
    responses((status = 200, description = "It is cleared.", body = FlagChange), ClearProblems)
)]
pub async fn clear(
    router: web::Data<Router>,
    caller: web::ReqData<Caller>,
    name: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let key = find(&name)?;
    let by = caller.name().into();
    let change = Change::Clear { key: key.path.to_owned(), by, reason: "".into() };
    apply(&router, key, change).await
}

async fn apply(
    router: &web::Data<Router>,
    key: &'static Key,
    change: Change,
) -> Result<HttpResponse, Problem> {
    let by = router.clone();
    // A task of its own: a client that goes away does not leave half of it.
    let applied = rt::spawn(async move { by.reloader.apply(change).await }).await;
    let applied = applied.map_err(|error| {
        tracing::error!(%error, "setting a flag broke off");
        router.stopping()
    })?;
    let Applied { changed, .. } = applied.map_err(|error| match &error {
        ReloadError::Invalid(faults) => invalid(key, faults),
        _ => refused(&error),
    })?;
    let FlagsSnapshot { generation, flags, issues, .. } = FlagsSnapshot::of(&router.settings());
    let flag = flags.into_iter().find(|flag| flag.key == key.path);
    let flag = flag.ok_or_else(|| unknown(key.path))?;
    Ok(HttpResponse::Ok().json(FlagChange { generation, flag, changed, issues }))
}

/// The fault of what was to be set, or of what it does not go with.
fn invalid(key: &Key, faults: &Faults) -> Problem {
    let own = |fault: &&Fault| matches!(fault.origin, Origin::Override { .. });
    match faults.list().iter().find(own) {
        Some(Fault { message, key: at, .. }) => {
            let at = at.as_deref().unwrap_or(key.path);
            Problem::new(Code::InvalidFlag, format!("{at} {message}"))
        }
        None => Problem::new(Code::SettingsInvalid, faults.to_string()),
    }
}

/// The name of a flag.
pub(super) fn name(key: &Key) -> &'static str {
    key.path.strip_prefix(SECTION).unwrap_or(key.path)
}

/// The flag of that name.
fn find(name: &str) -> Result<&'static Key, Problem> {
    let is_it = |key: &&Key| {
        let names = [self::name(key), key.path, key.other_name().unwrap_or(key.path)];
        key.can_be_overridden() && names.contains(&name)
    };
    KEYS.iter().find(is_it).ok_or_else(|| unknown(name))
}

fn unknown(name: &str) -> Problem {
    let meant = nearest::word(name, names());
    let meant =
        meant.map_or("GET /v1/flags lists them".to_owned(), |near| format!("did you mean {near}?"));
    Problem::new(Code::NotFound, format!("there is no flag {name:?}; {meant}"))
}

/// Every name of every flag.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    let flags = KEYS.iter().filter(|key| key.can_be_overridden());
    flags.flat_map(|key| [Some(name(key)), Some(key.path), key.other_name()]).flatten()
}

fn lifetime(text: &str) -> Result<TimeDelta, Problem> {
    let bad = || {
        let detail = "`expires_in` must be a duration from 1s to 366d, such as \"1h\"";
        Problem::new(Code::BadFlagRequest, detail)
    };
    let lifetime = humantime::parse_duration(text).map_err(|_not_one| bad())?;
    if lifetime < Duration::from_secs(1) || lifetime > LONGEST {
        return Err(bad());
    }
    TimeDelta::from_std(lifetime).map_err(|_too_long| bad())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_is_found_by_any_of_its_names_and_a_near_one_is_named() {
        for name in ["dual_mode", "flags.dual_mode", "MONITORING_DUAL_MODE"] {
            assert_eq!(find(name).unwrap().path, "flags.dual_mode");
        }
        assert_eq!(find("rollout.percent").unwrap().path, "rollout.percent");
        for (name, near) in [
            ("dualmode", "dual_mode"),
            ("MONITORING_DUAL_MODES", "MONITORING_DUAL_MODE"),
            ("rollout.percents", "rollout.percent"),
        ] {
            let problem = find(name).err().unwrap();
            assert!(problem.detail().ends_with(&format!("did you mean {near}?")), "{problem}");
        }
        for name in ["server.bind", "rollout.steps", "bind", "percent"] {
            assert_eq!(find(name).err().unwrap().code(), Code::NotFound, "{name}");
        }
    }

    #[test]
    fn a_lifetime_has_bounds() {
        for (text, seconds) in [("1s", 1), ("1h 30m", 5400), ("366d", 366 * 86_400)] {
            assert_eq!(lifetime(text).unwrap(), TimeDelta::seconds(seconds));
        }
        for text in ["", "1", "0s", "999ms", "367d", "-1s", "soon", "99999999999999y"] {
            assert_eq!(lifetime(text).unwrap_err().code(), Code::BadFlagRequest, "{text}");
        }
    }
}
