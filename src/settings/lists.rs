//! Rules for more than one word or none: lists of values, and what may be absent.

use std::{fmt, path::PathBuf, str::FromStr};

use config::ValueKind;

use super::{
    rules::{Raw, Rule},
    units::quoted,
};

/// Values of one type.
pub(super) struct List<T: 'static> {
    form: &'static str,
    default: &'static [T],
}

/// An array of strings in the file, words with commas between in a variable, each of which its type
/// knows how to read; `form` follows "a list of". None by default.
pub(super) const fn list<T>(form: &'static str) -> List<T> {
    list_of(form, &[])
}

/// The same, with these by default.
pub(super) const fn list_of<T>(form: &'static str, default: &'static [T]) -> List<T> {
    List { form, default }
}

impl<T: FromStr + fmt::Display + Clone> Rule for List<T> {
    type Value = Vec<T>;

    fn default(&self) -> Vec<T> {
        self.default.to_vec()
    }

    fn read(&self, raw: &Raw<'_>) -> Option<Vec<T>> {
        match raw {
            Raw::Variable(text) => {
                let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
                words.map(|word| word.parse().ok()).collect()
            }
            Raw::Typed(ValueKind::Array(values)) => {
                let texts = values.iter().map(|value| Raw::Typed(&value.kind).text()?.parse().ok());
                texts.collect()
            }
            Raw::Typed(_) => None,
        }
    }

    fn show(&self, values: &Vec<T>) -> String {
        let shown: Vec<_> = values.iter().map(quoted).collect();
        format!("[{}]", shown.join(", "))
    }

    fn allowed(&self) -> String {
        format!("a list of {}", self.form)
    }
}

/// The path of a file; none by default.
pub(super) struct OptionalPath;

/// The path of a file, or nothing.
pub(super) const fn path() -> OptionalPath {
    OptionalPath
}

impl Rule for OptionalPath {
    type Value = Option<PathBuf>;

    fn default(&self) -> Option<PathBuf> {
        None
    }

    fn read(&self, raw: &Raw<'_>) -> Option<Option<PathBuf>> {
        let text = raw.text()?;
        Some((!text.is_empty()).then(|| text.into()))
    }

    fn show(&self, path: &Option<PathBuf>) -> String {
        quoted(path.as_deref().unwrap_or("".as_ref()).display())
    }

    fn allowed(&self) -> String {
        "the path of a file".to_owned()
    }
}

/// Some text; none by default.
pub(super) struct OptionalText;

/// Some text, or nothing.
pub(super) const fn optional_text() -> OptionalText {
    OptionalText
}

impl Rule for OptionalText {
    type Value = Option<String>;

    fn default(&self) -> Option<String> {
        None
    }

    fn read(&self, raw: &Raw<'_>) -> Option<Option<String>> {
        let text = raw.text()?;
        Some((!text.is_empty()).then(|| text.to_owned()))
    }

    fn show(&self, text: &Option<String>) -> String {
        quoted(text.as_deref().unwrap_or_default())
    }

    fn allowed(&self) -> String {
        "a text".to_owned()
    }
}
