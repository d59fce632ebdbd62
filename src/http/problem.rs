//! Errors as RFC 9457 `application/problem+json`: a stable `code`, what is wrong and what to do,
//! where in the request, and whether it is worth trying again. No internal name, no secret.

mod body;
mod codes;
mod inside;

use std::{fmt, time::Duration};

use actix_web::{
    HttpResponse, ResponseError,
    body::BoxBody,
    http::{
        StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
};
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

pub(super) use self::{
    body::listed,
    inside::{not_written, spoilt, stopping, unreadable},
};
pub use self::{
    body::{Body, FaultBody, Outcome},
    codes::Code,
};
use crate::core::{access::Scope, intake::Faults};

/// When to come back, where nothing better is known.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Longest detail, in characters.
const MAX_DETAIL: usize = 500;

/// An error, as a client sees it.
#[derive(Clone, Debug)]
pub struct Problem {
    body: Box<Body>,
    retry_after: Duration,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem; `detail` is for people. One that is worth trying again says so, and when.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let (status, mut detail) = (code.status(), detail.into());
        // What a client says must not come back to it at length.
        if let Some((end, _)) = detail.char_indices().nth(MAX_DETAIL) {
            detail.truncate(end);
            detail.push('…');
        }
        let body = Body {
            code,
            detail,
            errors: None,
            errors_omitted: None,
            ids: None,
            limit: None,
            members: Map::new(),
            outcome: None,
            retryable: code.retryable(),
            scope: None,
            status: status.as_u16(),
            title: status.canonical_reason().unwrap_or_default(),
            kind: format!("urn:signalbox:problem:{}", code.as_str()),
        };
        Self { body: Box::new(body), retry_after: RETRY_AFTER, headers: Vec::new() }
    }

    /// Events that are at fault, with every fault named.
    #[must_use]
    pub fn faults(faults: &Faults) -> Self {
        let detail = match faults.count() {
            1 => "one thing is wrong with the events; nothing was stored".to_owned(),
            n => format!("{n} things are wrong with the events; nothing was stored"),
        };
        let mut problem = Self::new(Code::InvalidEvents, detail);
        let (errors, omitted) = listed(faults);
        (problem.body.errors, problem.body.errors_omitted) = (Some(errors), omitted);
        problem
    }

    /// A limit is reached; `limit` is the key of `[limits]` that says which.
    #[must_use]
    pub fn too_many(code: Code, limit: &'static str, after: Duration) -> Self {
        let detail = format!("the limit limits.{limit} is reached; come back later");
        let mut problem = Self::new(code, detail).after(after);
        problem.body.limit = Some(limit);
        problem
    }

    /// Says `detail` where clients of Supabase Realtime look for it, too.
    #[must_use]
    pub fn for_realtime(mut self) -> Self {
        for name in ["error", "message"] {
            self.body.members.insert(name.to_owned(), self.body.detail.clone().into());
        }
        self
    }

    /// Adds the members of what happened all the same.
    #[must_use]
    pub fn telling(mut self, what: &impl Serialize) -> Self {
        if let Ok(Value::Object(members)) = serde_json::to_value(what) {
            self.body.members = members;
        }
        self
    }

    /// Says one more thing, for people.
    #[must_use]
    pub fn adding(mut self, more: &str) -> Self {
        self.body.detail.push_str("; ");
        self.body.detail.push_str(more);
        self
    }

    /// Says which scope would be needed.
    #[must_use]
    pub fn needs(mut self, scope: Scope) -> Self {
        self.body.scope = Some(scope.as_str());
        self
    }

    /// The same, to be tried again after about this time; only for what may succeed then.
    #[must_use]
    pub fn after(mut self, time: Duration) -> Self {
        self.retry_after = time;
        self
    }

    /// Says that nothing was stored.
    #[must_use]
    pub fn not_stored(mut self) -> Self {
        self.body.outcome = Some(Outcome::NotStored);
        self
    }

    /// Says that the events of these ids may have been stored.
    #[must_use]
    pub fn perhaps_stored(mut self, ids: &[Uuid]) -> Self {
        (self.body.outcome, self.body.ids) = (Some(Outcome::Unknown), Some(ids.to_vec()));
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
        self.body.code
    }

    /// What is wrong and what to do, for people.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.body.detail
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &Body {
        &self.body
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.body.code.as_str(), self.body.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.body.code.status()
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let mut response = HttpResponse::build(self.body.code.status());
        if self.body.retryable {
            let seconds = self.retry_after.as_secs_f64().ceil().max(1.0);
            response.insert_header((header::RETRY_AFTER, format!("{seconds}")));
        }
        for (name, value) in &self.headers {
            response.append_header((name.clone(), value.clone()));
        }
        response.content_type("application/problem+json").json(&self.body)
    }
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
    use serde_json::json;

    use super::*;

    #[test]
    fn a_retryable_problem_says_when() {
        let problem = Problem::new(Code::QueueFull, "later").after(Duration::from_millis(1500));
        let response = problem.error_response();
        assert_eq!(response.headers().get("retry-after").unwrap(), "2");
        assert_eq!(response.headers().get("content-type").unwrap(), "application/problem+json");
        let body = serde_json::to_value(problem.not_stored().body()).unwrap();
        assert_eq!((&body["code"], &body["outcome"]), (&json!("queue_full"), &json!("not_stored")));
        assert_eq!((&body["retryable"], &body["status"]), (&json!(true), &json!(503)));
    }
}
