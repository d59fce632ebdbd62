//! Reading: every layer once, every fault at once.

use super::rules::{Raw, Rule};
pub(super) struct Reader<'a>(&'a Raw<'a>);
impl Reader<'_> {
    pub(super) fn read<R: Rule>(&mut self, _path: &'static str, rule: &R) -> R::Value {
        rule.read(self.0).unwrap_or_else(|| rule.default())
    }
}
