//! How far the enabled adapters have come, as far as that is durable: what retention must not pass.
//!
//! Whoever enables an adapter puts it here with its stored cursor, before retention looks; the
//! journal moves it on when it has written a step.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::core::{cursor::durable::CursorStep, event::Seq};

/// The cursors of the enabled adapters. Shared by an `Arc`.
#[derive(Debug, Default)]
pub struct AdapterCursors(Mutex<BTreeMap<Box<str>, Seq>>);

impl AdapterCursors {
    /// Nothing behind `through` may be deleted from now on, unless the size demands it.
    pub fn enable(&self, name: &str, through: Seq) {
        self.lock().insert(name.into(), through);
    }

    /// Nobody waits for this adapter any more.
    pub fn disable(&self, name: &str) {
        self.lock().remove(name);
    }

    /// A step is durable. One of an adapter that is not enabled is of no interest.
    pub fn saved(&self, step: &CursorStep) {
        if let Some(through) = self.lock().get_mut(&step.name) {
            *through = if step.clamp { step.through } else { step.through.max(*through) };
        }
    }

    /// Up to where each enabled adapter is done, in the order of their names.
    #[must_use]
    pub fn all(&self) -> Vec<(Box<str>, Seq)> {
        self.lock().iter().map(|(name, through)| (name.clone(), *through)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Box<str>, Seq>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::core::event::Position;

    #[test]
    fn only_enabled_adapters_count_and_none_goes_back_by_itself() {
        let cursors = AdapterCursors::default();
        let step = |seq| CursorStep::new("realtime", Position { epoch: Uuid::nil(), seq });
        cursors.saved(&step(9));
        assert_eq!(cursors.all(), []);
        cursors.enable("realtime", 4);
        cursors.saved(&step(7));
        cursors.saved(&step(5));
        assert_eq!(cursors.all(), [("realtime".into(), 7)]);
        cursors.saved(&step(5).clamped());
        assert_eq!(cursors.all(), [("realtime".into(), 5)]);
        cursors.disable("realtime");
        assert_eq!(cursors.all(), []);
    }
}
