//! Who is known: tokens of the environment, and hashes of the file that `auth.tokens_file` names.
//! Both end in `auth.tokens`. What was written is never shown.

use std::{fs, path::Path};

use super::{
    AuthMode, AuthSettings, PREFIX,
    fault::{Fault, Origin, Place},
    layers::Origins,
    rules::{Raw, Rule},
};
use crate::core::access::{EntryFault, Plain, TokenList};

const TOKENS: &str = "auth.tokens";
const FILE: &str = "auth.tokens_file";

/// Tokens in a variable, none in a settings file.
pub(super) struct Tokens;

/// Tokens in a variable, none in a settings file.
pub(super) const fn tokens() -> Tokens {
    Tokens
}

impl Rule for Tokens {
    type Value = TokenList;

    fn default(&self) -> TokenList {
        TokenList::default()
    }

    /// Faults of single entries stay in the list, to be told one by one.
    fn read(&self, raw: &Raw<'_>) -> Option<TokenList> {
        match raw {
            Raw::Variable(text) => Some(TokenList::read(text, Plain::Allowed)),
            Raw::Typed(_) => raw.text()?.is_empty().then(TokenList::default),
        }
    }

    fn show(&self, tokens: &TokenList) -> String {
        let shown = if tokens.entries.is_empty() { "\"\"" } else { "\"***\"" };
        shown.to_owned()
    }

    fn allowed(&self) -> String {
        format!(
            "empty in a file; in {PREFIX}AUTH__TOKENS it is \"NAME SCOPES TOKEN\", several with \
             semicolons between"
        )
    }

    fn is_secret(&self) -> bool {
        true
    }
}

/// Adds what the tokens' file holds to `auth.tokens`; what is wrong with either.
pub(super) fn complete(auth: &mut AuthSettings, origins: &Origins) -> Vec<Fault> {
    let origin = |key| origins.get(key).cloned().unwrap_or(Origin::Default);
    let of_variable = |fault: EntryFault| Fault {
        origin: origin(TOKENS),
        key: Some(TOKENS.to_owned()),
        message: format!("entry {}: {}", fault.line, fault.reason),
    };
    let mut faults: Vec<_> = auth.tokens.faults.drain(..).map(of_variable).collect();
    if let Some(path) = auth.tokens_file.as_deref() {
        match fs::read_to_string(path) {
            Ok(text) => faults.extend(add(&mut auth.tokens, &text, path)),
            Err(error) => faults.push(Fault {
                origin: origin(FILE),
                key: Some(FILE.to_owned()),
                message: format!("{} cannot be read: {error}", path.display()),
            }),
        }
    }
    if auth.mode == AuthMode::Token && auth.tokens.entries.is_empty() && faults.is_empty() {
        faults.push(Fault {
            origin: origin("auth.mode"),
            key: Some("auth.mode".to_owned()),
            message: format!(
                "is \"token\", and no token is known: make one with `signalbox token`, and name it \
                 in the file of {FILE} or in {PREFIX}AUTH__TOKENS"
            ),
        });
    }
    faults
}

fn add(tokens: &mut TokenList, text: &str, path: &Path) -> Vec<Fault> {
    let TokenList { entries, mut faults } = TokenList::read(text, Plain::Forbidden);
    for entry in entries {
        let name = entry.name.clone();
        match tokens.admit(entry) {
            Ok(entry) => tokens.entries.push(entry),
            // It is in the environment too.
            Err(reason) => faults.push(EntryFault { line: line_of(text, &name), reason }),
        }
    }
    let of_file = |fault: EntryFault| Fault {
        origin: Origin::File {
            path: path.into(),
            place: Some(Place { line: fault.line, column: 1 }),
        },
        key: None,
        message: fault.reason.to_string(),
    };
    faults.into_iter().map(of_file).collect()
}

/// The line of an entry that is known to be there.
fn line_of(text: &str, name: &str) -> usize {
    let line = text.lines().position(|line| line.split_whitespace().next() == Some(name));
    line.map_or(1, |line| line + 1)
}
