//! What a request to take events says before its body: what is to be done with invalid events.
//! Whatever is not understood is refused: it would otherwise be left undone without a word.

use actix_web::web;

use crate::http::problem::Problem;

/// What becomes of a request with an event that is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnInvalid {
    /// Nothing of it is stored.
    Reject,
    /// The other events are stored.
    Skip,
}

/// What the query of the URL asks for.
pub(super) fn on_invalid(query: &str) -> Result<OnInvalid, Problem> {
    let bad = |detail: String| Problem::bad_request("bad_parameter", detail);
    let pairs = web::Query::<Vec<(String, String)>>::from_query(query)
        .map_err(|error| bad(format!("the query cannot be read: {error}")))?;
    let mut found = None;
    for (name, value) in pairs.into_inner() {
        if name != "on_invalid" {
            let detail = format!("there is no `{name}`; there is on_invalid");
            return Err(Problem::bad_request("unknown_parameter", detail));
        }
        let on_invalid = match value.as_str() {
            "reject" => OnInvalid::Reject,
            "skip" => OnInvalid::Skip,
            _ => return Err(bad("`on_invalid` must be reject or skip".to_owned())),
        };
        if found.replace(on_invalid).is_some() {
            return Err(bad("`on_invalid` is given twice".to_owned()));
        }
    }
    Ok(found.unwrap_or(OnInvalid::Reject))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_says_what_becomes_of_invalid_events() {
        let read = |query| on_invalid(query).map_err(|problem| problem.code());
        assert_eq!(read(""), Ok(OnInvalid::Reject));
        assert_eq!(read("on_invalid=reject"), Ok(OnInvalid::Reject));
        assert_eq!(read("on_invalid=skip"), Ok(OnInvalid::Skip));
        for query in ["on_invalid", "on_invalid=SKIP", "on_invalid=skip&on_invalid=skip"] {
            assert_eq!(read(query), Err("bad_parameter"), "{query}");
        }
        assert_eq!(read("on_invalid=skip&limit=1"), Err("unknown_parameter"));
    }
}
