//! What is wrong with what a producer sent: where, which rule, and what to do about it.

use std::borrow::Cow;

use super::Rule;
use crate::core::canonical::Refusal;

/// Most faults that are listed; the others are counted.
pub const MAX_FAULTS: usize = 100;

/// Most faults of one event that are listed: a hostile body must not grow much by being refused.
const MAX_OF_EVENT: usize = 20;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where, as a JSON pointer (RFC 6901) into the body; an event of a list is its index.
    pub pointer: String,
    /// Which rule.
    pub code: Rule,
    /// What is wrong, and what to do.
    pub detail: Cow<'static, str>,
}

impl Fault {
    pub(super) fn new(
        pointer: impl Into<String>,
        code: Rule,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { pointer: pointer.into(), code, detail: detail.into() }
    }

    /// What `canonical` refused of the field at `pointer`.
    pub(super) fn refused(pointer: &str, refusal: &Refusal) -> Self {
        let pointer = format!("{pointer}{}", refusal.pointer);
        Self::new(pointer, refusal.reason.into(), refusal.reason.to_string())
    }
}

/// Everything that is wrong, in the order of the body.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("fault 1 of {}, at `{}`: {}", self.count(), self.first().0, self.first().1)]
pub struct Faults {
    /// The first of them: at most [`MAX_FAULTS`], and fewer of one event.
    pub list: Vec<Fault>,
    /// How many more there are.
    pub more: usize,
    /// The type of the event that they are of, when there is one and it could be read.
    pub event_type: Option<Box<str>>,
}

impl Faults {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.list.len() + self.more
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Adds a fault of one event.
    pub(super) fn push(&mut self, fault: Fault) {
        self.add(fault, MAX_OF_EVENT);
    }

    /// Adds the fault of a failed `result`; the value of another one.
    pub(super) fn keep<T>(&mut self, result: Result<T, Fault>) -> Option<T> {
        result.map_err(|fault| self.push(fault)).ok()
    }

    /// Adds those of the next event.
    pub(super) fn append(&mut self, next: Self) {
        next.list.into_iter().for_each(|fault| self.add(fault, MAX_FAULTS));
        self.more += next.more;
    }

    /// Lists no more than `most`; the others are still counted.
    pub(super) fn shorten(&mut self, most: usize) {
        self.more += self.list.len().saturating_sub(most);
        self.list.truncate(most);
    }

    /// The same faults, of the event at `index` in a list.
    pub(super) fn at(mut self, index: usize) -> Self {
        for fault in &mut self.list {
            fault.pointer.insert_str(0, &format!("/{index}"));
        }
        self
    }

    fn add(&mut self, fault: Fault, most: usize) {
        if self.list.len() < most {
            self.list.push(fault);
        } else {
            self.more += 1;
        }
    }

    fn first(&self) -> (&str, &str) {
        self.list.first().map_or(("", "none"), |fault| (&fault.pointer, &fault.detail))
    }
}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self { list: vec![fault], ..Self::default() }
    }
}
