//! Which events the client commands ask for, as options.

use serde_json::{Map, Value, json};

use crate::core::event::Category;

/// Which events to subscribe to; all without any.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct FilterArgs {
    /// Only events of such a type; `*` stands for anything; may be given several times
    #[arg(long, value_name = "GLOB")]
    pub event_type: Vec<String>,
    /// Only events of such a source; `*` stands for anything; may be given several times
    #[arg(long, value_name = "GLOB")]
    pub source: Vec<String>,
    /// Only events of this category; may be given several times
    #[arg(long, value_parser = category)]
    pub category: Vec<Category>,
}

/// A category by its name, or which there are.
pub(super) fn category(name: &str) -> Result<Category, String> {
    let known = || format!("one of: {}", Category::ALL.map(Category::as_str).join(", "));
    Category::parse(name).ok_or_else(known)
}

impl FilterArgs {
    /// Whether every event passes.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.event_type.is_empty() && self.source.is_empty() && self.category.is_empty()
    }

    /// The `subscribe` frame that asks for these events, `from` a place on.
    #[must_use]
    pub fn subscribe(&self, from: &Value) -> String {
        let Self { event_type, source, category } = self;
        let mut filter = Map::new();
        let mut narrow = |key: &str, allowed: Value| {
            if allowed.as_array().is_some_and(|allowed| !allowed.is_empty()) {
                filter.insert(key.into(), allowed);
            }
        };
        narrow("event_type", json!(event_type));
        narrow("source", json!(source));
        narrow("category", json!(category));
        if filter.is_empty() {
            json!({ "type": "subscribe", "from": from }).to_string()
        } else {
            json!({ "type": "subscribe", "from": from, "filter": filter }).to_string()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_names_only_what_it_narrows() {
        let frame = |filter: &FilterArgs| -> Value {
            serde_json::from_str(&filter.subscribe(&json!("now"))).unwrap()
        };
        let filter = FilterArgs { category: vec![Category::Debug], ..FilterArgs::default() };
        assert_eq!(
            frame(&filter),
            json!({"type": "subscribe", "from": "now", "filter": {"category": ["debug"]}})
        );
        let all = FilterArgs::default();
        assert_eq!(frame(&all), json!({"type": "subscribe", "from": "now"}));
        assert!(all.is_all() && !filter.is_all());
    }
}
