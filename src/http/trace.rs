//! Where a request stands in traces: what its headers say, and the span that it is answered in.

use actix_web::{
    HttpMessage,
    http::{
        Method,
        header::{HeaderMap, HeaderName},
    },
};

use super::{Router, known_method};
use crate::{
    core::traceparent::Traceparent,
    telemetry::{RequestSpan, SpanContext},
};

/// Where in a trace the request was made. Whatever is not valid, or given twice, counts as not there.
#[must_use]
pub fn traceparent(headers: &HeaderMap) -> Option<Traceparent> {
    single(headers, &HeaderName::from_static("traceparent"))?.parse().ok()
}

/// The span of a request that has just come; nothing when there are no traces.
#[must_use]
pub fn begin(router: &Router, method: &Method, headers: &HeaderMap) -> Option<RequestSpan> {
    let traces = router.traces.as_ref()?;
    let state = single(headers, &HeaderName::from_static("tracestate"));
    Some(traces.request(known_method(method.as_str()), traceparent(headers), state))
}

/// Lets handlers know the span that their request is answered in.
pub fn remember(request: &impl HttpMessage, span: Option<&RequestSpan>) {
    if let Some(context) = span.and_then(RequestSpan::context) {
        request.extensions_mut().insert(context);
    }
}

/// The span that a request is answered in, if it is recorded.
#[must_use]
pub fn recall(request: &impl HttpMessage) -> Option<SpanContext> {
    request.extensions().get().cloned()
}

fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name);
    let value = values.next()?.to_str().ok();
    if values.next().is_none() { value } else { None }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    #[test]
    fn a_traceparent_counts_only_once() {
        let mut headers = HeaderMap::new();
        assert_eq!(traceparent(&headers), None);
        let name = HeaderName::from_static("traceparent");
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        headers.append(name.clone(), HeaderValue::from_static(text));
        assert_eq!(traceparent(&headers), text.parse().ok());
        headers.append(name, HeaderValue::from_static(text));
        assert_eq!(traceparent(&headers), None);
    }
}
