//! The settings in force, as somebody who asks is told: every value with where it comes from and
//! what else it could be. Secrets are hidden before they get here.

use serde_json::Value;

use super::{Change, KEYS, Key, Origin, Origins, Settings};

/// One setting in force.
#[derive(Clone)]
pub struct Effective<'a> {
    /// What the table says about it.
    pub key: &'static Key,
    /// Its value as it is written in the settings file, hidden when it is a secret.
    pub value: Value,
    /// The value when nobody sets it.
    pub default: Value,
    /// Where the value comes from.
    pub origin: &'a Origin,
}

impl Effective<'_> {
    /// Whether a change needs a restart.
    #[must_use]
    pub fn needs_restart(&self) -> bool {
        self.key.change == Change::Restart
    }
}

impl Settings {
    /// Every setting, in the table's order.
    #[must_use]
    pub fn effective<'a>(&self, origins: &'a Origins) -> Vec<Effective<'a>> {
        let rows = KEYS.iter().zip(self.show()).map(|(key, value)| Effective {
            key,
            value: json(&value),
            default: json(&key.default()),
            origin: origins.get(key.path).unwrap_or(&Origin::Default),
        });
        rows.collect()
    }
}

/// A value of TOML as JSON.
fn json(toml: &str) -> Value {
    let table = toml::from_str::<serde_json::Map<String, Value>>(&format!("value = {toml}"));
    // All that is shown can be read again, which a test holds.
    table.ok().and_then(|mut table| table.remove("value")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_value_is_told_as_it_is_written() {
        let settings = Settings::default();
        let origins = Origins::from([("session.heartbeat", Origin::Variable("X".to_owned()))]);
        let rows = settings.effective(&origins);
        let row = |path: &str| rows.iter().find(|row| row.key.path == path).unwrap();
        assert_eq!(row("session.heartbeat").value, json!("25s"));
        assert_eq!(row("session.heartbeat").origin, &Origin::Variable("X".to_owned()));
        assert_eq!(row("journal.batch_events").value, json!(1000));
        assert_eq!(row("journal.batch_events").origin, &Origin::Default);
        assert_eq!(row("server.hosts").value, json!([]));
        assert!(rows.iter().all(|row| !row.value.is_null() && row.value == row.default));
        assert_eq!(rows.len(), KEYS.len());
    }
}
