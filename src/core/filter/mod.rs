//! Which events a reader wants: by type, source and category.
//!
//! A [`Filter`] is made once, from the wire form or from query parameters, and normalised: equal
//! filters are equal values, so their readers can share one group. Matching takes time linear in
//! pattern and text, whatever the pattern. Nothing here compiles, caches or counts.
//!
//! `{"event_type": ["cache_*"], "source": ["redis"], "category": ["critical"]}`: all dimensions
//! that are given must match, any one value in each. `*` stands for any run of characters, and no
//! other character is special.

mod glob;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

pub use glob::{Glob, MAX_PATTERN};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    canonical::{members, pointer_segment, text},
    event::{Category, Event},
};

/// What a reader wants to see. Serialises to the wire form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, utoipa::ToSchema)]
pub struct Filter {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    event_type: Vec<Glob>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    source: Vec<Glob>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    category: Vec<Category>,
}

/// What is wrong with a filter, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail} (at `{pointer}`)")]
pub struct FilterError {
    /// A JSON pointer (RFC 6901) into the filter.
    pub pointer: String,
    /// What to do about it.
    pub detail: String,
}

/// What a store can select by equality. An empty list selects everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exact {
    /// One of these types.
    pub event_types: Vec<String>,
    /// One of these sources.
    pub sources: Vec<String>,
    /// One of these categories.
    pub categories: Vec<Category>,
    /// Whether this selects exactly what the filter matches; if not, some of it must still be
    /// dropped.
    pub complete: bool,
}

impl Filter {
    /// Matches every event.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// A filter from its wire form, with at most `max_patterns` patterns in all.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn from_json(json: &str, max_patterns: usize) -> Result<Self, FilterError> {
        let mut lists = [const { None }; 3];
        let Ok(members) = members(json) else {
            return Err(fault("", "must be a JSON object"));
        };
        for (key, value) in members {
            let pointer = pointer_segment(&key);
            let place = Self::FIELDS.iter().position(|field| **field == *key);
            let Some(list) = place.and_then(|place| lists.get_mut(place)) else {
                return Err(fault(pointer, "unknown: use event_type, source and category"));
            };
            if list.replace(strings(value, &pointer)?).is_some() {
                return Err(fault(pointer, "given twice: merge the two lists"));
            }
        }
        let [event_type, source, category] = lists.map(Option::unwrap_or_default);
        Self::from_values(&event_type, &source, &category, max_patterns)
    }

    /// A filter from the values of repeated query parameters, with at most `max_patterns` patterns
    /// in all. A value without `*` matches only itself.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn from_values<S: AsRef<str>>(
        event_type: &[S],
        source: &[S],
        category: &[S],
        max_patterns: usize,
    ) -> Result<Self, FilterError> {
        if event_type.len() + source.len() > max_patterns {
            return Err(fault("", format!("has more than {max_patterns} patterns")));
        }
        let category = category.iter().enumerate().map(|(index, name)| {
            Category::parse(name.as_ref()).ok_or_else(|| {
                let known = Category::ALL.map(Category::as_str).join(", ");
                fault(format!("/category/{index}"), format!("no such category: use {known}"))
            })
        });
        let mut category = category.collect::<Result<Vec<_>, _>>()?;
        category.sort_unstable();
        category.dedup();
        if category.len() == Category::ALL.len() {
            category.clear();
        }
        Ok(Self {
            event_type: globs(event_type, "/event_type")?,
            source: globs(source, "/source")?,
            category,
        })
    }

    /// Whether the reader wants this event.
    #[must_use]
    pub fn matches(&self, event: &Event) -> bool {
        (self.category.is_empty() || self.category.contains(&event.category))
            && any_matches(&self.event_type, &event.event_type)
            && any_matches(&self.source, &event.source)
    }

    /// What a store can select by equality: the dimensions without a wildcard.
    #[must_use]
    pub fn exact_values(&self) -> Exact {
        let event_types = exact(&self.event_type);
        let sources = exact(&self.source);
        Exact {
            complete: event_types.is_some() && sources.is_some(),
            event_types: event_types.unwrap_or_default(),
            sources: sources.unwrap_or_default(),
            categories: self.category.clone(),
        }
    }

    const FIELDS: [&str; 3] = ["event_type", "source", "category"];
}

fn globs<S: AsRef<str>>(patterns: &[S], pointer: &str) -> Result<Vec<Glob>, FilterError> {
    let globs = patterns.iter().enumerate().map(|(index, pattern)| {
        Glob::try_new(pattern.as_ref()).map_err(|why| fault(format!("{pointer}/{index}"), why))
    });
    let mut globs = globs.collect::<Result<Vec<_>, _>>()?;
    globs.sort_unstable();
    globs.dedup();
    if globs.iter().any(Glob::is_all) {
        globs.clear();
    }
    Ok(globs)
}

fn any_matches(globs: &[Glob], text: &str) -> bool {
    globs.is_empty() || globs.iter().any(|glob| glob.matches(text))
}

fn exact(globs: &[Glob]) -> Option<Vec<String>> {
    globs.iter().map(|glob| glob.literal().map(str::to_owned)).collect()
}

fn strings<'a>(list: &'a RawValue, pointer: &str) -> Result<Vec<Cow<'a, str>>, FilterError> {
    let Ok(items) = serde_json::from_str::<Vec<&'a RawValue>>(list.get()) else {
        return Err(fault(pointer, "must be a list of strings"));
    };
    let strings = items.into_iter().enumerate().map(|(index, item)| match text(item.get()) {
        Ok(Some(text)) => Ok(text),
        Ok(None) => Err(fault(format!("{pointer}/{index}"), "must be a string")),
        Err(refusal) => Err(fault(format!("{pointer}/{index}"), refusal.reason.to_string())),
    });
    strings.collect()
}

fn fault(pointer: impl Into<String>, detail: impl Into<String>) -> FilterError {
    FilterError { pointer: pointer.into(), detail: detail.into() }
}
