//! What a request to take events says before its body: how that is packed, what it holds, and what
//! is to be done with invalid events. Whatever is not understood is refused: it would otherwise be
//! left undone without a word.

use actix_web::{
    HttpMessage, HttpRequest,
    http::header::{self, HeaderMap, HeaderValue},
    web,
};
use utoipa::{IntoParams, ToSchema};

use crate::{
    core::{
        idempotency::Key,
        intake::{Attribute, Encoding},
        traceparent::Traceparent,
    },
    http::{
        problem::{Code, Problem},
        trace,
    },
};

/// The forms that are read.
const ACCEPT: &str = "application/json, application/x-ndjson, application/cloudevents+json, \
                      application/cloudevents-batch+json";

/// What [`on_invalid`] reads, as the contract has it.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only described")]
pub(super) struct IngestQuery {
    /// What becomes of a list with an invalid event: nothing of it is stored (`reject`, the default), or
    /// the others are.
    #[param(inline)]
    on_invalid: Option<OnInvalid>,
}

/// The header that [`Head::read`] reads besides the content type, as the contract has it: those of a
/// CloudEvent in binary mode depend on the content type, which OpenAPI cannot say.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only described")]
pub(super) struct IngestHeaders {
    /// How the body is compressed.
    #[param(inline, nullable = false, rename = "Content-Encoding")]
    content_encoding: Option<ContentEncoding>,
    /// What the whole request may be repeated under: a string of 1 to 255 ASCII characters, with or
    /// without quotes.
    #[param(
        nullable = false,
        rename = "Idempotency-Key",
        example = "8e03978e-40d5-43e8-bc93-6894a57f9324",
        pattern = r#"^([!#-+\--:<-\[\]-~]{1,255}|"([ !#-\[\]-~]|\\["\\]){1,255}")$"#
    )]
    idempotency_key: Option<String>,
}

/// How a body may be compressed.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "only described")]
enum ContentEncoding {
    Gzip,
    Zstd,
    Identity,
}

/// All of it.
pub(super) struct Head {
    /// How the body is compressed, if it is.
    pub(super) encoding: Option<Encoding>,
    pub(super) form: Form,
    pub(super) on_invalid: OnInvalid,
    /// Where in a trace the request was made.
    pub(super) traceparent: Option<Traceparent>,
    /// What the request may be repeated under.
    pub(super) key: Option<Key>,
}

/// What a body holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    Ndjson,
    /// In structured mode.
    CloudEvent,
    CloudEventBatch,
    /// The data of a CloudEvent, whose attributes are in the headers.
    CloudEventData(Vec<Attribute>),
}

/// What becomes of a request with an event that is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "snake_case")]
pub(super) enum OnInvalid {
    /// Nothing of it is stored.
    Reject,
    /// The other events are stored.
    Skip,
}

impl Head {
    /// Reads it. `client` is who sends it, for what is a client's own.
    pub(super) fn read(request: &HttpRequest, client: &str) -> Result<Self, Problem> {
        Ok(Self {
            on_invalid: on_invalid(request.query_string())?,
            encoding: encoding(request.headers())?,
            form: form(request.content_type(), request.headers())?,
            traceparent: trace::traceparent(request.headers()),
            key: key(request.headers(), client)?,
        })
    }

    /// The attributes of a CloudEvent in binary mode, name and value by turns, in the order of their
    /// names.
    pub(super) fn attributes(&self) -> Vec<Vec<u8>> {
        let Form::CloudEventData(attributes) = &self.form else { return Vec::new() };
        let mut pairs: Vec<_> = attributes.iter().map(|it| (&*it.name, &*it.value)).collect();
        pairs.sort_unstable();
        pairs.into_iter().flat_map(|(name, value)| [name.into(), value.to_vec()]).collect()
    }
}

fn key(headers: &HeaderMap, client: &str) -> Result<Option<Key>, Problem> {
    let mut values = headers.get_all("idempotency-key");
    let bad = |detail: String| Problem::new(Code::BadIdempotencyKey, detail);
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => {
            Key::read(client, value.as_bytes()).map(Some).map_err(|error| bad(error.to_string()))
        }
        (Some(_), Some(_)) => Err(bad("the Idempotency-Key is given twice".to_owned())),
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
            let problem = Problem::new(Code::UnsupportedEncoding, detail);
            Err(problem.header(header::ACCEPT_ENCODING, KNOWN))
        }
    }
}

fn form(content_type: &str, headers: &HeaderMap) -> Result<Form, Problem> {
    let content_type = content_type.to_ascii_lowercase();
    let attributes = attributes(headers);
    match content_type.as_str() {
        "application/cloudevents+json" => Ok(Form::CloudEvent),
        "application/cloudevents-batch+json" => Ok(Form::CloudEventBatch),
        other if !attributes.is_empty() && is_json(other) => Ok(Form::CloudEventData(attributes)),
        "application/json" => Ok(Form::Json),
        "application/x-ndjson" if attributes.is_empty() => Ok(Form::Ndjson),
        other => {
            let other = if other.is_empty() { "nothing" } else { other };
            let use_what = if attributes.is_empty() {
                "use application/json for an event or an array, application/x-ndjson for an event \
                 a line, or a form of CloudEvents in JSON"
            } else {
                "the data of a CloudEvent must be JSON, such as application/json"
            };
            let detail = format!("the Content-Type says {other}; {use_what}");
            let problem = Problem::new(Code::UnsupportedMediaType, detail);
            Err(problem.header(header::ACCEPT, ACCEPT))
        }
    }
}

/// The attributes of a CloudEvent in binary mode; none when there is no such event.
fn attributes(headers: &HeaderMap) -> Vec<Attribute> {
    let attribute = |name: &str, value: &HeaderValue| Attribute {
        name: name.to_owned(),
        value: value.as_bytes().to_vec(),
    };
    let mut attributes: Vec<_> = headers
        .iter()
        .filter_map(|(name, value)| Some(attribute(name.as_str().strip_prefix("ce-")?, value)))
        .collect();
    if !attributes.is_empty() {
        let content_type = headers.get(header::CONTENT_TYPE);
        attributes.extend(content_type.map(|value| attribute("datacontenttype", value)));
    }
    attributes
}

/// Whether data of this type is JSON; data without one can be nothing else here.
fn is_json(content_type: &str) -> bool {
    let is_envelope = content_type.starts_with("application/cloudevents");
    matches!(content_type, "" | "application/json" | "text/json")
        || content_type.ends_with("+json") && !is_envelope
}

/// What the query of the URL asks for.
pub(super) fn on_invalid(query: &str) -> Result<OnInvalid, Problem> {
    let bad = |detail: String| Problem::new(Code::BadParameter, detail);
    let pairs = web::Query::<Vec<(String, String)>>::from_query(query)
        .map_err(|error| bad(format!("the query cannot be read: {error}")))?;
    let mut found = None;
    for (name, value) in pairs.into_inner() {
        if name != "on_invalid" {
            let detail = format!("there is no `{name}`; there is on_invalid");
            return Err(Problem::new(Code::UnknownParameter, detail));
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
            assert_eq!(read(values), Err(Code::UnsupportedEncoding), "{values:?}");
        }
    }

    #[test]
    fn a_query_says_what_becomes_of_invalid_events() {
        let read = |query| on_invalid(query).map_err(|problem| problem.code());
        assert_eq!(read(""), Ok(OnInvalid::Reject));
        assert_eq!(read("on_invalid=reject"), Ok(OnInvalid::Reject));
        assert_eq!(read("on_invalid=skip"), Ok(OnInvalid::Skip));
        for query in ["on_invalid", "on_invalid=SKIP", "on_invalid=skip&on_invalid=skip"] {
            assert_eq!(read(query), Err(Code::BadParameter), "{query}");
        }
        assert_eq!(read("on_invalid=skip&limit=1"), Err(Code::UnknownParameter));
    }

    #[test]
    fn a_cloudevent_is_known_by_its_type_or_its_headers() {
        let read = |content_type: &'static str, ce: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
            for (name, value) in ce {
                headers.append(name.parse().unwrap(), HeaderValue::from_static(value));
            }
            form(content_type, &headers).map_err(|problem| problem.code())
        };
        let attribute = |name: &str, value: &str| Attribute {
            name: name.to_owned(),
            value: value.as_bytes().to_vec(),
        };
        let ce = [("CE-Id", "1")];
        for json in ["application/json", "application/vnd.x+json", "text/json"] {
            let attributes = vec![attribute("id", "1"), attribute("datacontenttype", json)];
            assert_eq!(read(json, &ce), Ok(Form::CloudEventData(attributes)));
        }
        assert_eq!(read("application/cloudevents+json", &ce), Ok(Form::CloudEvent));
        assert_eq!(read("application/cloudevents-batch+json", &[]), Ok(Form::CloudEventBatch));
        assert_eq!(read("application/json", &[]), Ok(Form::Json));
        for (content_type, ce) in [
            ("application/x-ndjson", &ce[..]),
            ("text/xml", &ce),
            ("application/cloudevents+xml", &ce),
            ("application/cloudevents-stream+json", &ce),
            ("application/vnd.x+json", &[]),
        ] {
            assert_eq!(read(content_type, ce), Err(Code::UnsupportedMediaType), "{content_type}");
        }
    }
}
