//! Query parameters and bodies, as several routes read them.

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use utoipa::IntoParams;

use super::problem::{Code, Problem, spoilt};
use crate::{
    core::filter::Filter,
    settings::nearest,
    storage::{From, MAX_RECORDS},
};

/// Names and values, in their order.
pub type Pairs = Vec<(String, String)>;

/// Longest `client_id`, in characters.
const MAX_CLIENT_ID: usize = 128;

/// The parameters of a filter, each repeatable.
#[derive(Debug, Default)]
pub(super) struct Patterns<'a> {
    event_types: Vec<&'a str>,
    sources: Vec<&'a str>,
    categories: Vec<&'a str>,
}

impl<'a> Patterns<'a> {
    /// Takes a parameter of a filter; false when it is none.
    pub(super) fn take(&mut self, name: &str, value: &'a str) -> bool {
        let list = match name {
            "event_type" => &mut self.event_types,
            "source" => &mut self.sources,
            "category" => &mut self.categories,
            _ => return false,
        };
        list.push(value);
        true
    }

    /// The filter.
    pub(super) fn filter(&self, max_patterns: usize) -> Result<Filter, Problem> {
        Filter::from_values(&self.event_types, &self.sources, &self.categories, max_patterns)
            .map_err(|error| Problem::new(Code::BadFilter, error.to_string()))
    }
}

/// Records in an answer when nothing else is asked for.
const DEFAULT_RECORDS: usize = 100;

/// The parameters that [`records`] reads.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only described")]
pub(super) struct RecordParameters {
    /// Those after this `id`, oldest first; not with `before`.
    #[param(minimum = 0, maximum = 9_223_372_036_854_775_807_usize)]
    after: Option<u64>,
    /// Those before this `id`, newest first; not with `after`.
    #[param(minimum = 0, maximum = 9_223_372_036_854_775_807_usize)]
    before: Option<u64>,
    /// At most so many.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<usize>,
}

/// From where a list of numbered records is asked for, and how many of them: `after`, `before` and
/// `limit`, among other parameters. Newest first when nothing is said.
pub(super) fn records(pairs: &[(String, String)]) -> Result<(From, usize), Problem> {
    let (mut from, mut limit, mut places) = (From::Before(u64::MAX), DEFAULT_RECORDS, 0);
    for (name, value) in pairs {
        // Databases count no further than an `i64` does.
        let id = || {
            let id = value.parse::<i64>().ok().and_then(|id| u64::try_from(id).ok());
            id.ok_or_else(|| bad(name, "an id"))
        };
        match name.as_str() {
            "after" => from = From::After(id()?),
            "before" => from = From::Before(id()?),
            "limit" => {
                let known = value.parse().ok().filter(|limit| (1..=MAX_RECORDS).contains(limit));
                limit = known.ok_or_else(|| bad(name, format_args!("1 to {MAX_RECORDS}")))?;
            }
            _ => continue,
        }
        places += usize::from(name != "limit");
    }
    if places > 1 {
        let detail = "`after` and `before` are two directions: give one of them, once";
        return Err(Problem::new(Code::BadParameter, detail));
    }
    Ok((from, limit))
}

/// A body of JSON; `form` says what it must be, and `code` that it is not.
pub(super) fn body<T: DeserializeOwned>(
    bytes: &[u8],
    code: Code,
    form: &str,
) -> Result<T, Problem> {
    serde_json::from_slice(bytes)
        .map_err(|error| Problem::new(code, format!("the body must be {form}: {error}")))
}

/// JSON that was stored with the record `what` of this id, as it is.
pub(super) fn stored_json(json: String, what: &str, id: u64) -> Result<Box<RawValue>, Problem> {
    RawValue::from_string(json).map_err(|error| spoilt(&format!("{what} {id}"), &error))
}

/// A value that the parameter `name` cannot have.
pub(super) fn bad(name: &str, wanted: impl std::fmt::Display) -> Problem {
    Problem::new(Code::BadParameter, format!("`{name}` must be {wanted}"))
}

/// A parameter that is none of `known`.
pub(super) fn unknown(name: &str, known: &[&str]) -> Problem {
    let meant = nearest::word(name, known.iter().copied());
    let meant = meant.map(|near| format!(" (did you mean `{near}`?)"));
    let (meant, known) = (meant.unwrap_or_default(), known.join(", "));
    Problem::new(Code::UnknownParameter, format!("there is no `{name}`{meant}; there are {known}"))
}

/// What a client calls itself.
pub(super) fn client_id(value: &str) -> Result<String, Problem> {
    match value.chars().count() {
        1..=MAX_CLIENT_ID => Ok(value.to_owned()),
        _ => Err(bad("client_id", format_args!("1 to {MAX_CLIENT_ID} characters"))),
    }
}
