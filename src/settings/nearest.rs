//! What was probably meant by a name that does not exist.

use strsim::damerau_levenshtein;

use super::{KEYS, Key, SECTIONS};

/// Added when a name is right but for its section, so that the same section wins.
const OTHER_SECTION: usize = 1;

/// The key that `path` is most like, if any is like it; its section may be wrong or absent.
pub(super) fn key(path: &str) -> Option<&'static Key> {
    let name = path.rsplit('.').next().unwrap_or(path);
    let distance = |key: &Key| {
        let elsewhere = damerau_levenshtein(name, key.name) + OTHER_SECTION;
        elsewhere.min(damerau_levenshtein(path, key.path))
    };
    closest(KEYS.iter().map(|key| (distance(key), key)), name)
}

/// The section that `name` is most like, if any is like it.
pub(super) fn section(name: &str) -> Option<&'static str> {
    word(name, SECTIONS.iter().map(|(known, _)| *known))
}

/// The one of `known` that `name` is most like, if any is like it.
#[must_use]
pub fn word<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    closest(known.into_iter().map(|known| (damerau_levenshtein(name, known), known)), name)
}

/// The closest candidate, when no more than a third of the name had to be changed.
fn closest<T>(candidates: impl Iterator<Item = (usize, T)>, name: &str) -> Option<T> {
    let most = (name.chars().count() / 3).max(2);
    let closest = candidates.min_by_key(|(distance, _)| *distance);
    closest.filter(|(distance, _)| *distance <= most).map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_nonsense_is_not() {
        let near = |path| key(path).map(|key| key.path);
        assert_eq!(near("session.stal_timeout"), Some("session.stall_timeout"));
        assert_eq!(near("journal.heartbeat"), Some("session.heartbeat"), "the wrong section");
        assert_eq!(near("bind"), Some("server.bind"), "no section");
        assert_eq!(near("limits.batch_event"), Some("limits.batch_events"), "the same section");
        assert_eq!(near("session.colour"), None);
        assert_eq!(section("sesion"), Some("session"));
        assert_eq!(section("banana"), None);
    }
}
