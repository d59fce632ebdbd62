//! `GET /v1/settings`: what is in force, where it comes from, and what else it could be; and
//! `POST /v1/settings/reload`, which reads it again.

use actix_web::{rt, web};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{
    Router,
    contract::problems,
    problem::{Code, Problem, not_written},
};
use crate::{
    core::event::rfc3339,
    settings::{Effective, Fault, Origin, Place},
    tasks::reloader::{Applied, Attempt, Change, ReloadError as NotApplied},
};

problems!(
    /// What loading the settings again may end in.
    ReloadProblems: OutcomeUnknown, QueueFull, SettingsRefused, ShuttingDown, StorageFull,
        StorageUnavailable
);

/// The settings in force.
#[derive(Debug, Serialize, ToSchema)]
pub struct SettingsSnapshot {
    /// Their number: 1 at the start, one more with each reload that took effect.
    pub generation: u64,
    /// When they were loaded.
    #[schema(format = DateTime)]
    pub loaded_at: String,
    /// The file that was read, as it was named; `null` when there was none.
    #[schema(required)]
    pub file: Option<String>,
    /// The last attempt to load them again; `null` when there was none.
    #[schema(required)]
    pub last_reload: Option<Reload>,
    /// Keys with another value by now, which takes effect with the next start.
    pub needs_restart: Vec<&'static str>,
    /// Every setting, in the order of Settings.toml.
    pub settings: Vec<Setting>,
}

/// An attempt to load the settings again.
#[derive(Debug, Serialize, ToSchema)]
pub struct Reload {
    /// When.
    #[schema(format = DateTime)]
    pub at: String,
    /// `applied`, `unchanged`, or `refused`, which changes nothing.
    pub outcome: &'static str,
    /// Keys that took effect.
    pub changed: Vec<&'static str>,
    /// Keys that will take effect with the next start.
    pub needs_restart: Vec<&'static str>,
    /// What is wrong, when it was refused.
    pub errors: Vec<ReloadError>,
}

/// One thing that is wrong with settings.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReloadError {
    /// Where it is written.
    pub origin: SettingOrigin,
    /// The key it is about, where it is about one.
    pub key: Option<String>,
    /// What is wrong, what is allowed, and what was probably meant.
    pub message: String,
}

/// One setting in force.
#[derive(Debug, Serialize, ToSchema)]
pub struct Setting {
    /// Its section and name.
    #[schema(example = "session.heartbeat")]
    pub key: &'static str,
    /// What it means.
    pub description: String,
    /// Its value as it is written in Settings.toml; `"***"` for a secret that is set.
    #[schema(value_type = serde_json::Value, example = "25s")]
    pub value: Value,
    /// Where the value comes from.
    pub origin: SettingOrigin,
    /// The value when nobody sets it.
    #[schema(value_type = serde_json::Value, example = "25s")]
    pub default: Value,
    /// What is allowed, to follow "must be".
    #[schema(example = "a duration from 1s to 1h")]
    pub allowed: String,
    /// `bytes` or `duration`; `null` for what is neither.
    #[schema(required)]
    pub unit: Option<&'static str>,
    /// Whether a change needs a restart.
    pub needs_restart: bool,
    /// Whether nobody may see its value.
    pub secret: bool,
}

/// Where a value comes from.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SettingOrigin {
    /// Nobody set it.
    Default,
    /// The settings file.
    File {
        /// The file, as it was named.
        path: String,
        /// The line, from 1; nothing when the file could not be read.
        line: Option<usize>,
        /// The character within the line, from 1.
        column: Option<usize>,
    },
    /// Set at run time.
    Override {
        /// Who set it.
        by: String,
        /// When.
        #[schema(format = DateTime)]
        at: String,
        /// Until when; `null` means until it is cleared.
        #[schema(format = DateTime, required)]
        until: Option<String>,
    },
    /// An environment variable.
    Variable {
        /// Its name.
        name: String,
    },
}

/// What is in force, and where it comes from.
#[utoipa::path(
    get, path = "/v1/settings", operation_id = "get_settings", tag = "operating",
    responses((status = 200, description = "The settings in force.", body = SettingsSnapshot))
)]
pub async fn settings(router: web::Data<Router>) -> web::Json<SettingsSnapshot> {
    let now = router.settings();
    web::Json(SettingsSnapshot {
        generation: now.generation,
        loaded_at: rfc3339(now.loaded_at),
        file: now.file.as_ref().map(|file| file.display().to_string()),
        last_reload: router.reloader.last().map(|attempt| Reload::from(&*attempt)),
        needs_restart: now.needs_restart.clone(),
        settings: now.effective(&now.origins).into_iter().map(Setting::from).collect(),
    })
}

/// Reads the settings again: what has changed takes effect, all of it or nothing. It is done by
/// itself too when the file changes, and on SIGHUP.
///
/// # Errors
/// When they would not be good, or cannot be followed now.
#[utoipa::path(
    post, path = "/v1/settings/reload", operation_id = "reload_settings", tag = "operating",
    responses(
        (status = 200, description = "They are in force.", body = Reload),
        ReloadProblems,
    )
)]
pub async fn reload(router: web::Data<Router>) -> Result<web::Json<Reload>, Problem> {
    let (by, at) = (router.clone(), Utc::now());
    // A task of its own: a client that goes away does not leave half of it.
    let applied = rt::spawn(async move { by.reloader.apply(Change::Reload).await }).await;
    let result = applied.map_err(|error| {
        tracing::error!(%error, "loading the settings broke off");
        router.stopping()
    })?;
    match &result {
        Ok(_) => Ok(web::Json(Reload::new(at, &result))),
        Err(error) => Err(refused(error).telling(&json!({ "reload": Reload::new(at, &result) }))),
    }
}

/// A change of the settings that was not made.
pub(super) fn refused(error: &NotApplied) -> Problem {
    match error {
        NotApplied::Invalid(faults) => {
            let count = faults.list().len();
            let first = faults.list().first().map(ToString::to_string).unwrap_or_default();
            let more = if count > 1 { format!(" (and {} more)", count - 1) } else { String::new() };
            Problem::new(Code::SettingsRefused, format!("{first}{more}"))
        }
        NotApplied::Unfit(reason) => Problem::new(Code::StorageUnavailable, reason.as_str()),
        NotApplied::Storage(error) => not_written(error),
        NotApplied::NotSet(_) => Problem::new(Code::NotFound, error.to_string()),
    }
}

impl Reload {
    fn new(at: DateTime<Utc>, result: &Result<Applied, NotApplied>) -> Self {
        let at = rfc3339(at);
        match result {
            Ok(Applied { outcome, changed, needs_restart, .. }) => Self {
                at,
                outcome: outcome.as_str(),
                changed: changed.clone(),
                needs_restart: needs_restart.clone(),
                errors: vec![],
            },
            Err(error) => Self {
                at,
                outcome: "refused",
                changed: vec![],
                needs_restart: vec![],
                errors: ReloadError::all(error),
            },
        }
    }
}

impl From<&Attempt> for Reload {
    fn from(attempt: &Attempt) -> Self {
        Self::new(attempt.at, &attempt.result)
    }
}

impl ReloadError {
    fn all(error: &NotApplied) -> Vec<Self> {
        match error {
            NotApplied::Invalid(faults) => faults.list().iter().map(Self::from).collect(),
            other => {
                let message = other.to_string();
                vec![Self { origin: SettingOrigin::Default, key: None, message }]
            }
        }
    }
}

impl From<&Fault> for ReloadError {
    fn from(fault: &Fault) -> Self {
        let Fault { origin, key, message } = fault;
        Self { origin: origin.into(), key: key.clone(), message: message.clone() }
    }
}

impl From<Effective<'_>> for Setting {
    fn from(row: Effective<'_>) -> Self {
        Self {
            key: row.key.path,
            description: row.key.doc.concat().trim().to_owned(),
            needs_restart: row.needs_restart(),
            value: row.value,
            origin: row.origin.into(),
            default: row.default,
            allowed: row.key.allowed(),
            unit: row.key.unit(),
            secret: row.key.is_secret(),
        }
    }
}

impl From<&Origin> for SettingOrigin {
    fn from(origin: &Origin) -> Self {
        match origin {
            Origin::Default => Self::Default,
            Origin::Override { by, at, until } => {
                Self::Override { by: by.to_string(), at: rfc3339(*at), until: until.map(rfc3339) }
            }
            Origin::Variable(name) => Self::Variable { name: name.clone() },
            Origin::File { path, place } => Self::File {
                path: path.display().to_string(),
                line: place.map(|Place { line, .. }| line),
                column: place.map(|Place { column, .. }| column),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{actors::journal::PublishError, settings::Faults};

    #[test]
    fn what_may_pass_is_told_apart_from_what_must_be_mended() {
        let fault = |message: &str| {
            let message = message.to_owned();
            Faults::one(Fault { origin: Origin::Default, key: None, message })
        };
        for (error, code) in [
            (NotApplied::Invalid(fault("is none")), Code::SettingsRefused),
            (NotApplied::Unfit("later".into()), Code::StorageUnavailable),
            (NotApplied::Storage(PublishError::Unknown), Code::OutcomeUnknown),
            (NotApplied::NotSet("flags.dual_mode".into()), Code::NotFound),
        ] {
            assert_eq!(refused(&error).code(), code, "{error}");
        }
    }
}
