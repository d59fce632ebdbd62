//! Errors as RFC 9457 `application/problem+json`: a stable `code`, what is wrong and what to do,
//! where in the request, and whether it is worth trying again. No internal name, no secret.

use std::{fmt, time::Duration};

use actix_web::{
    HttpResponse, ResponseError,
    body::BoxBody,
    http::{StatusCode, header},
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::core::intake::Faults;

/// An error, as a client sees it.
#[derive(Clone, Debug)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    retry_after: Option<Duration>,
    accept: Option<(&'static str, &'static str)>,
    extra: Map<String, Value>,
}

impl Problem {
    /// A problem; `code` is stable, `detail` is for people.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { status, code, detail, retry_after: None, accept: None, extra: Map::new() }
    }

    /// 400: the request cannot be understood.
    #[must_use]
    pub fn bad_request(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// 404: there is nothing here.
    #[must_use]
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    /// 503: later, after about this time.
    #[must_use]
    pub fn unavailable(code: &'static str, detail: impl Into<String>, after: Duration) -> Self {
        let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail);
        problem.retry_after = Some(after);
        problem
    }

    /// 415: the body is in a form that is not read; `accept` is the header that says what is.
    #[must_use]
    pub fn unsupported(
        code: &'static str,
        detail: impl Into<String>,
        accept: (&'static str, &'static str),
    ) -> Self {
        let mut problem = Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, code, detail);
        problem.accept = Some(accept);
        problem
    }

    /// 422: events that are at fault, with every fault named.
    #[must_use]
    pub fn faults(faults: &Faults) -> Self {
        let detail = match faults.count() {
            1 => "one thing is wrong with the events; nothing was stored".to_owned(),
            n => format!("{n} things are wrong with the events; nothing was stored"),
        };
        let mut problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_events", detail);
        problem.extra = errors(faults);
        problem
    }

    /// Adds a member to the body.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.extra.insert(name.to_owned(), value.into());
        self
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// What is wrong and what to do, for people.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> String {
        let mut body = json!({
            "type": format!("urn:signalbox:problem:{}", self.code),
            "title": self.status.canonical_reason(),
            "status": self.status.as_u16(),
            "code": self.code,
            "detail": self.detail,
            "retryable": self.retry_after.is_some(),
        });
        if let Some(members) = body.as_object_mut() {
            members.extend(self.extra.clone());
        }
        body.to_string()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let mut response = HttpResponse::build(self.status);
        response.content_type("application/problem+json");
        if let Some(after) = self.retry_after {
            let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
            response.insert_header((header::RETRY_AFTER, seconds.max(1).to_string()));
        }
        if let Some(accept) = self.accept {
            response.insert_header(accept);
        }
        response.body(self.body())
    }
}

/// The members that name faults: `errors`, and how many more there are.
pub(super) fn errors(faults: &Faults) -> Map<String, Value> {
    let list = faults.list.iter().map(
        |fault| json!({ "pointer": fault.pointer, "code": fault.code, "detail": fault.detail }),
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
    text.parse().map_err(|error| {
        Problem::bad_request("bad_id", format!("the id of {what} is a UUID: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retryable_problem_says_when() {
        let problem = Problem::unavailable("queue_full", "later", Duration::from_millis(1500));
        let response = problem.error_response();
        assert_eq!(response.headers().get("retry-after").unwrap(), "2");
        assert_eq!(response.headers().get("content-type").unwrap(), "application/problem+json");
        let body: Value = serde_json::from_str(&problem.with("ids", vec!["a"]).body()).unwrap();
        assert_eq!(body["code"], "queue_full");
        assert_eq!((&body["retryable"], &body["ids"][0]), (&json!(true), &json!("a")));
    }
}
