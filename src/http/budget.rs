//! The bytes of all bodies that are being received and read: what one request may bring is bounded
//! by a setting, and this bounds what many bring together, before the journal's queue does.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes in memory, of all requests together.
#[derive(Debug, Default)]
pub struct Budget(AtomicUsize);

impl Budget {
    /// Nothing yet, to be raised by [`Held::grow`] up to `limit` bytes of all holders together.
    #[must_use]
    pub fn hold(&self, limit: usize) -> Held<'_> {
        Held { budget: self, limit, bytes: 0 }
    }
}

/// What one request holds; given back when dropped.
#[derive(Debug)]
pub struct Held<'a> {
    budget: &'a Budget,
    limit: usize,
    bytes: usize,
}

impl Held<'_> {
    /// Holds `bytes` more; false, and no more, when that is above the limit.
    #[must_use]
    pub fn grow(&mut self, bytes: usize) -> bool {
        let before = self.budget.0.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > self.limit {
            self.budget.0.fetch_sub(bytes, Ordering::Relaxed);
            return false;
        }
        self.bytes += bytes;
        true
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.budget.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_bounded_and_given_back() {
        let budget = Budget::default();
        let mut first = budget.hold(10);
        assert!(first.grow(4) && first.grow(4));
        let mut second = budget.hold(10);
        assert!(!second.grow(3), "8 and 3 are more than 10");
        assert!(second.grow(2));
        drop(first);
        assert!(second.grow(8));
        assert!(!second.grow(1));
    }
}
