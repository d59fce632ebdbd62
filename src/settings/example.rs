//! `Settings.toml` as it ships: every key, documented, commented out at its default.

use super::{Change, KEYS, Key, PREFIX, SECTIONS};

/// The text of the shipped `Settings.toml`.
#[must_use]
pub fn example() -> String {
    let mut lines = vec![
        "# Settings of Signalbox. What stays commented out is at its default.".to_owned(),
        format!("# The environment wins over this file: {PREFIX}SECTION__KEY."),
        "# `signalbox check-config` tells everything that is wrong with it.".to_owned(),
        "# A change takes effect when the file is saved, all of it or nothing, but for the keys that need"
            .to_owned(),
        "# a restart: see docs/settings.md.".to_owned(),
    ];
    for (section, doc) in SECTIONS {
        lines.push(String::new());
        lines.extend(comments(doc));
        lines.push(format!("[{section}]"));
        lines.extend(KEYS.iter().filter(|key| key.section == *section).flat_map(documented));
    }
    lines.join("\n") + "\n"
}

fn documented(key: &Key) -> impl Iterator<Item = String> {
    let note = if key.change == Change::Restart { " Needs a restart." } else { "" };
    let range = format!("# Must be {}.{note}", key.allowed());
    let other = key.other_name().map(|name| format!("# {name} sets it, too."));
    let value = format!("#{} = {}", key.name, key.default());
    comments(key.doc).chain([range]).chain(other).chain([value])
}

fn comments(doc: &[&str]) -> impl Iterator<Item = String> {
    doc.iter().map(|line| format!("#{line}"))
}
