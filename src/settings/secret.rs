//! Secrets that are one line of text: from the environment, or from a file that another key names.
//! What was read is never shown.

use std::{fmt, fs};

use super::{
    PREFIX, RealtimeSettings,
    fault::{Fault, Origin},
    layers::Origins,
    rules::{Raw, Rule},
};

const KEY: &str = "realtime.key";
const FILE: &str = "realtime.key_file";

/// A secret text, or none.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself: for whom it is meant, and nobody else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "Secret(none)" } else { "Secret(***)" })
    }
}

/// A text in a variable, none in a settings file.
pub(super) struct Variable;

/// A text in a variable, none in a settings file.
pub(super) const fn secret() -> Variable {
    Variable
}

impl Rule for Variable {
    type Value = Secret;

    fn default(&self) -> Secret {
        Secret::default()
    }

    fn read(&self, raw: &Raw<'_>) -> Option<Secret> {
        match raw {
            Raw::Variable(text) => line(text).map(Secret),
            Raw::Typed(_) => raw.text()?.is_empty().then(Secret::default),
        }
    }

    fn show(&self, secret: &Secret) -> String {
        if secret.is_empty() { "\"\"" } else { "\"***\"" }.to_owned()
    }

    fn allowed(&self) -> String {
        format!("empty in a file; in {PREFIX}REALTIME__KEY it is a line of text")
    }

    fn is_secret(&self) -> bool {
        true
    }
}

/// The text without white space around it, if it can stand in the head of a request.
fn line(text: &str) -> Option<String> {
    let text = text.trim();
    text.bytes().all(|byte| byte.is_ascii_graphic()).then(|| text.to_owned())
}

/// Reads the file of the key, where one is named; what is wrong with it.
pub(super) fn complete(realtime: &mut RealtimeSettings, origins: &Origins) -> Option<Fault> {
    let path = realtime.key_file.as_deref()?;
    let fault = |message| Fault {
        origin: origins.get(FILE).cloned().unwrap_or(Origin::Default),
        key: Some(FILE.to_owned()),
        message,
    };
    if !realtime.key.is_empty() {
        return Some(fault(format!("must be empty, because {KEY} is set as well")));
    }
    match fs::read_to_string(path) {
        Ok(text) => match line(&text).filter(|text| !text.is_empty()) {
            Some(text) => {
                realtime.key = Secret(text);
                None
            }
            None => Some(fault(format!("{} must hold a key: one line of text", path.display()))),
        },
        Err(error) => Some(fault(format!("{} cannot be read: {error}", path.display()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_and_never_shown() {
        let read = |text| secret().read(&Raw::Variable(text));
        let value = read(" eyJ.abc\n").unwrap();
        assert_eq!((value.expose(), secret().show(&value)), ("eyJ.abc", "\"***\"".to_owned()));
        assert!(!format!("{value:?}").contains("eyJ"));
        assert_eq!(read("two words"), None, "no header holds that");
        assert_eq!(read(""), Some(Secret::default()));
    }

    #[test]
    fn in_a_file_there_is_none() {
        let text = |text: &str| config::ValueKind::String(text.to_owned());
        assert_eq!(secret().read(&Raw::Typed(&text("eyJ"))), None);
        assert_eq!(secret().read(&Raw::Typed(&text(""))), Some(Secret::default()));
    }
}
