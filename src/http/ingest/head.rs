//! What a request to take events says before its body: how that is packed, what it holds, and what
//! is to be done with invalid events. Whatever is not understood is refused: it would otherwise be
//! left undone without a word.

use actix_web::{
    HttpMessage, HttpRequest,
    http::header::{self, HeaderMap},
    web,
};

use crate::{core::intake::Encoding, http::problem::Problem};

/// All of it.
pub(super) struct Head {
    /// How the body is compressed, if it is.
    pub(super) encoding: Option<Encoding>,
    pub(super) form: Form,
    pub(super) on_invalid: OnInvalid,
}

/// What a body holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    Ndjson,
}

/// What becomes of a request with an event that is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnInvalid {
    /// Nothing of it is stored.
    Reject,
    /// The other events are stored.
    Skip,
}

impl Head {
    /// Reads it.
    pub(super) fn read(request: &HttpRequest) -> Result<Self, Problem> {
        Ok(Self {
            on_invalid: on_invalid(request.query_string())?,
            encoding: encoding(request.headers())?,
            form: form(request.content_type())?,
        })
    }
}

fn encoding(headers: &HeaderMap) -> Result<Option<Encoding>, Problem> {
    let mut values = headers.get_all(header::CONTENT_ENCODING);
    let Some(first) = values.next() else { return Ok(None) };
    let name = first.to_str().unwrap_or_default().trim_ascii().to_ascii_lowercase();
    match (name.as_str(), values.next()) {
        ("identity", None) => Ok(None),
        ("gzip" | "x-gzip", None) => Ok(Some(Encoding::Gzip)),
        ("zstd", None) => Ok(Some(Encoding::Zstd)),
        _ => {
            const KNOWN: &str = "gzip, zstd, identity";
            let detail = format!("the Content-Encoding must be one of {KNOWN}, and only one");
            let accept = (header::ACCEPT_ENCODING, KNOWN);
            Err(Problem::unsupported("unsupported_encoding", detail, accept))
        }
    }
}

fn form(content_type: &str) -> Result<Form, Problem> {
    match content_type.to_ascii_lowercase().as_str() {
        "application/json" => Ok(Form::Json),
        "application/x-ndjson" => Ok(Form::Ndjson),
        other => {
            let other = if other.is_empty() { "nothing" } else { other };
            let detail = format!(
                "the Content-Type says {other}; use application/json for an event or an array, \
                 application/x-ndjson for an event a line"
            );
            let accept = (header::ACCEPT, "application/json, application/x-ndjson");
            Err(Problem::unsupported("unsupported_media_type", detail, accept))
        }
    }
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
    use actix_web::http::header::HeaderValue;

    use super::*;

    #[test]
    fn a_body_is_packed_once_or_not_at_all() {
        let read = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::CONTENT_ENCODING, HeaderValue::from_static(value));
            }
            encoding(&headers).map_err(|problem| problem.code())
        };
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&["identity"]), Ok(None));
        assert_eq!(read(&[" GZip "]), Ok(Some(Encoding::Gzip)));
        assert_eq!(read(&["x-gzip"]), Ok(Some(Encoding::Gzip)));
        assert_eq!(read(&["zstd"]), Ok(Some(Encoding::Zstd)));
        for values in [&["br"][..], &[""], &["gzip, gzip"], &["gzip", "zstd"], &["gzip,identity"]] {
            assert_eq!(read(values), Err("unsupported_encoding"), "{values:?}");
        }
    }

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
