//! Environment variables of the original system, which are other names of keys here, so that its
//! deployments keep their environment.
//!
//! A variable that begins with [`PREFIX`](super::PREFIX) wins over the other name of its key. Of all
//! else in the environment nothing is refused, since it may belong to somebody; what is nearly one of
//! these names is worth a warning.

use strsim::damerau_levenshtein;

use super::{KEYS, Key};

/// Keys, and their other names.
static OTHER_NAMES: &[(&str, &str)] = &[
    ("flags.use_adapter", "MONITORING_USE_ADAPTER"),
    ("flags.adapter_type", "MONITORING_ADAPTER_TYPE"),
    ("flags.dual_mode", "MONITORING_DUAL_MODE"),
    ("flags.enable_validation", "MONITORING_ENABLE_VALIDATION"),
    ("flags.validation_strict", "MONITORING_VALIDATION_STRICT"),
    ("flags.metrics_flush_interval", "MONITORING_METRICS_FLUSH_INTERVAL"),
    ("flags.metrics_persistence", "MONITORING_METRICS_PERSISTENCE"),
    ("flags.batch_size", "MONITORING_BATCH_SIZE"),
    ("flags.timeout_ms", "MONITORING_TIMEOUT_MS"),
    ("flags.global_override", "DUAL_WRITE_GLOBAL_OVERRIDE"),
    ("flags.critical_percentage", "DUAL_WRITE_CRITICAL_PERCENTAGE"),
    ("flags.performance_percentage", "DUAL_WRITE_PERFORMANCE_PERCENTAGE"),
    ("flags.user_activity_percentage", "DUAL_WRITE_USER_ACTIVITY_PERCENTAGE"),
    ("flags.system_percentage", "DUAL_WRITE_SYSTEM_PERCENTAGE"),
    ("flags.debug_percentage", "DUAL_WRITE_DEBUG_PERCENTAGE"),
];

/// Slips up to which a name was probably meant for another one.
const SLIPS: usize = 2;

impl Key {
    /// The other variable that sets it, by the name that the original system had for it.
    #[must_use]
    pub fn other_name(&self) -> Option<&'static str> {
        OTHER_NAMES.iter().find(|(path, _)| *path == self.path).map(|(_, name)| *name)
    }
}

/// The key whose other name this is.
pub(super) fn key(variable: &str) -> Option<&'static Key> {
    let (path, _) = OTHER_NAMES.iter().find(|(_, name)| *name == variable)?;
    KEYS.iter().find(|key| key.path == *path)
}

/// The other name that was probably meant by a variable which is none.
pub(super) fn meant(variable: &str) -> Option<&'static str> {
    let variable = variable.to_ascii_uppercase();
    let distances =
        OTHER_NAMES.iter().map(|(_, name)| (damerau_levenshtein(&variable, name), *name));
    let (distance, name) = distances.min_by_key(|(distance, _)| *distance)?;
    (distance <= SLIPS).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_of_a_key_and_of_one_only() {
        for (path, name) in OTHER_NAMES {
            assert_eq!(key(name).map(|key| key.path), Some(*path));
            assert_eq!(KEYS.iter().filter(|key| key.other_name() == Some(name)).count(), 1);
        }
    }

    #[test]
    fn a_slip_is_told_from_what_is_others_business() {
        for (name, near) in [
            ("MONITORING_USE_ADAPTOR", Some("MONITORING_USE_ADAPTER")),
            ("monitoring_dual_mode", Some("MONITORING_DUAL_MODE")),
            ("MONITORING_DUALMODE", Some("MONITORING_DUAL_MODE")),
            ("DUAL_WRITE_DEBUG_PERCENT", None),
            ("MONITORING_USE_REALTIME", None),
            ("MONITORING_ENABLED", None),
            ("MONITORING_PORT", None),
            ("PATH", None),
        ] {
            assert_eq!(meant(name), near, "{name}");
        }
    }
}
