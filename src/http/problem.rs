//! Errors as RFC 9457 `application/problem+json`: a stable `code`, what is wrong and what to do,
//! where in the request, and whether it is worth trying again. No internal name, no secret.

mod codes;

use std::{fmt, time::Duration};

use actix_web::{
    HttpResponse, ResponseError,
    body::BoxBody,
    http::{
        StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

pub use self::codes::Code;
use crate::core::intake::Faults;

/// When to come back, where nothing better is known.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// An error, as a client sees it.
#[derive(Clone, Debug)]
pub struct Problem {
    code: Code,
    detail: String,
    retry_after: Duration,
    headers: Vec<(HeaderName, HeaderValue)>,
    extra: Map<String, Value>,
}

impl Problem {
    /// A problem; `detail` is for people. One that is worth trying again says so, and when.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { code, detail, retry_after: RETRY_AFTER, headers: Vec::new(), extra: Map::new() }
    }

    /// Events that are at fault, with every fault named.
    #[must_use]
    pub fn faults(faults: &Faults) -> Self {
        let detail = match faults.count() {
            1 => "one thing is wrong with the events; nothing was stored".to_owned(),
            n => format!("{n} things are wrong with the events; nothing was stored"),
        };
        let mut problem = Self::new(Code::InvalidEvents, detail);
        problem.extra = errors(faults);
        problem
    }

    /// The same, to be tried again after about this time; only for what may succeed then.
    #[must_use]
    pub fn after(mut self, time: Duration) -> Self {
        self.retry_after = time;
        self
    }

    /// Adds a member to the body.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.extra.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a header to the answer. A value that no header can have is left out.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.extend(value.parse().ok().map(|value| (name, value)));
        self
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> String {
        let status = self.code.status();
        let mut body = json!({
            "type": format!("urn:signalbox:problem:{}", self.code.as_str()),
            "title": status.canonical_reason(),
            "status": status.as_u16(),
            "code": self.code.as_str(),
            "detail": self.detail,
            "retryable": self.code.retryable(),
        });
        if let Some(members) = body.as_object_mut() {
            members.extend(self.extra.clone());
        }
        body.to_string()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.code.status()
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let mut response = HttpResponse::build(self.code.status());
        response.content_type("application/problem+json");
        if self.code.retryable() {
            let seconds = self.retry_after.as_secs_f64().ceil().max(1.0);
            response.insert_header((header::RETRY_AFTER, format!("{seconds}")));
        }
        for (name, value) in &self.headers {
            response.insert_header((name.clone(), value.clone()));
        }
        response.body(self.body())
    }
}

/// The members that name faults: `errors`, and how many more there are.
pub(super) fn errors(faults: &Faults) -> Map<String, Value> {
    let list = faults.list.iter().map(
        |fault| json!({ "pointer": fault.pointer, "code": fault.code.as_str(), "detail": fault.detail }),
    );
    let mut members = Map::new();
    members.insert("errors".to_owned(), list.collect());
    if faults.more > 0 {
        members.insert("errors_omitted".to_owned(), faults.more.into());
    }
    members
}

/// The id in a path, of `what`.
///
/// # Errors
/// When it is no UUID.
pub fn uuid(what: &str, text: &str) -> Result<Uuid, Problem> {
    text.parse()
        .map_err(|error| Problem::new(Code::BadId, format!("the id of {what} is a UUID: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retryable_problem_says_when() {
        let problem = Problem::new(Code::QueueFull, "later").after(Duration::from_millis(1500));
        let response = problem.error_response();
        assert_eq!(response.headers().get("retry-after").unwrap(), "2");
        assert_eq!(response.headers().get("content-type").unwrap(), "application/problem+json");
        let body: Value = serde_json::from_str(&problem.with("ids", vec!["a"]).body()).unwrap();
        assert_eq!(body["code"], "queue_full");
        assert_eq!((&body["retryable"], &body["ids"][0]), (&json!(true), &json!("a")));
    }
}
