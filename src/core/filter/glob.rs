//! One pattern: `*` is any run of characters, everything else is itself.
//!
//! Matching takes time linear in pattern and text: nothing is ever tried twice.

use serde::Serialize;

/// Longest pattern, in characters.
pub const MAX_PATTERN: usize = 200;

/// A pattern in which `*` stands for any run of characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Glob(Box<str>);

impl Glob {
    /// Reads a pattern.
    ///
    /// # Errors
    /// When it is empty or longer than [`MAX_PATTERN`]; says so in words for whoever wrote it.
    pub fn try_new(pattern: &str) -> Result<Self, String> {
        match pattern.chars().count() {
            0 => return Err("an empty pattern matches nothing: leave it out".to_owned()),
            long if long > MAX_PATTERN => {
                return Err(format!("has {long} characters: at most {MAX_PATTERN} are allowed"));
            }
            _ => {}
        }
        let mut normal = String::with_capacity(pattern.len());
        for char in pattern.chars() {
            if char != '*' || !normal.ends_with('*') {
                normal.push(char);
            }
        }
        Ok(Self(normal.into()))
    }

    /// The text it matches, when that is only one.
    #[must_use]
    pub fn literal(&self) -> Option<&str> {
        (!self.0.contains('*')).then_some(&*self.0)
    }

    /// Whether it matches every text.
    #[must_use]
    pub fn is_all(&self) -> bool {
        &*self.0 == "*"
    }

    /// Whether it matches the whole of a text.
    ///
    /// The literal parts are looked for from left to right, each at the first place that fits: no
    /// later place could leave more room for the rest, so nothing is ever tried twice.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let mut parts = self.0.split('*');
        let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
            return false;
        };
        let Some(last) = parts.next_back() else { return rest.is_empty() };
        let Some(middle) = rest.strip_suffix(last) else { return false };
        rest = middle;
        parts.all(|part| rest.split_once(part).map(|(_, after)| rest = after).is_some())
    }
}
