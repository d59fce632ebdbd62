//! `Settings.toml` as it ships: every key, documented, commented out at its default.

use std::fmt::Write as _;

use super::{Change, KEYS, Key, PREFIX, SECTIONS};

/// The text of the shipped `Settings.toml`.
#[must_use]
pub fn example() -> String {
    let mut out = format!(
        "# Settings of Signalbox. Every key is at its default: what you leave out stays so.\n\
         # The environment wins over this file: {PREFIX}SECTION__KEY.\n\
         # `signalbox check-config` tells everything that is wrong with it.\n"
    );
    for (section, doc) in SECTIONS {
        out.push('\n');
        comment(&mut out, doc);
        line(&mut out, format_args!("[{section}]"));
        for key in KEYS.iter().filter(|key| key.section == *section) {
            document(&mut out, key);
        }
    }
    out
}

fn document(out: &mut String, key: &Key) {
    comment(out, key.doc);
    let note = if key.change == Change::Restart { " Needs a restart." } else { "" };
    line(out, format_args!("# Allowed: {}.{note}", key.allowed()));
    line(out, format_args!("#{} = {}", key.name, key.default()));
}

fn comment(out: &mut String, doc: &[&str]) {
    for text in doc {
        line(out, format_args!("#{text}"));
    }
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a `String` cannot fail.
    out.write_fmt(text).unwrap_or_default();
    out.push('\n');
}
