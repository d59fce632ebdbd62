//! The layer above all others: values set at run time, of the few keys that may be.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use config::{Map, Value, ValueKind};
use serde_json::{Number, Value as Json};

use super::{
    KEYS, Key,
    fault::{Fault, Origin},
    layers::{FileSource, Layer},
};

/// A value set at run time.
#[derive(Clone, Debug, PartialEq)]
pub struct Override {
    /// The key's path, such as `flags.dual_mode`.
    pub key: String,
    /// Its value, as JSON says what Settings.toml says.
    pub value: Json,
    /// Who set it.
    pub by: Arc<str>,
    /// When.
    pub at: DateTime<Utc>,
    /// Until when; `None` means until it is cleared.
    pub until: Option<DateTime<Utc>>,
    /// Why, for the audit log.
    pub reason: Arc<str>,
}

impl Override {
    /// Whether it still counts.
    #[must_use]
    pub fn counts_at(&self, now: DateTime<Utc>) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// Keys beside those of `[flags]` that may be set at run time.
const OTHERS: [&str; 2] = ["rollout.percent", "rollout.auto"];

impl Key {
    /// Whether it may be set at run time.
    #[must_use]
    pub fn can_be_overridden(&self) -> bool {
        self.section == "flags" || OTHERS.contains(&self.path)
    }
}

/// The layer; what may not be set at run time is a fault.
pub(super) fn layer(overrides: &[Override]) -> Layer<FileSource> {
    let mut layer = Layer::new(FileSource::default());
    for Override { key, value, by, at, until, .. } in overrides {
        let origin = Origin::Override { by: by.clone(), at: *at, until: *until };
        match KEYS.iter().find(|known| known.path == key && known.can_be_overridden()) {
            Some(known) => {
                layer.origins.insert(known.path, origin);
                layer.source.insert(known.path, kind(value));
            }
            None => layer.faults.push(Fault {
                origin,
                key: Some(key.clone()),
                message: "cannot be set at run time".to_owned(),
            }),
        }
    }
    layer
}

/// The value with its type.
fn kind(value: &Json) -> ValueKind {
    match value {
        Json::Null => ValueKind::Nil,
        Json::Bool(truth) => ValueKind::Boolean(*truth),
        Json::Number(number) => match whole(number) {
            Some(whole) => ValueKind::I128(whole),
            None => ValueKind::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => ValueKind::String(text.clone()),
        Json::Array(values) => {
            ValueKind::Array(values.iter().map(|value| Value::new(None, kind(value))).collect())
        }
        Json::Object(_) => ValueKind::Table(Map::new()),
    }
}

/// A whole number, which JSON may also write as 50.0.
fn whole(number: &Number) -> Option<i128> {
    let short = || number.as_f64().filter(|it| it.fract() == 0.0 && it.abs() < 1e15);
    number.as_i128().or_else(|| format!("{:.0}", short()?).parse().ok())
}
