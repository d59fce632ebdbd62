//! stub
use super::event::Event;
/// stub
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Filter {
    /// s
    pub event_type: Vec<String>,
}
impl Filter {
    /// s
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }
    /// s
    #[must_use]
    pub fn matches(&self, e: &Event) -> bool {
        self.event_type.is_empty() || self.event_type.iter().any(|t| **t == *e.event_type)
    }
}
