//! What a Realtime's answers mean for what was sent: by status over HTTP, by reason on a channel.
//!
//! Only what surely is an event's fault is [`DeliveryError::Rejected`], and only what surely is the
//! settings' is [`DeliveryError::Misconfigured`]: the first costs the event its place, the second
//! stops the path until somebody comes. Whatever else is no success is tried again; an event that
//! fails all alone while others pass is found by the breaker's probes.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::StatusCode;
use serde_json::Value;

use crate::core::delivery::{DeliveryError, Which};

/// What an HTTP answer says, apart from its status.
#[derive(Clone, Debug, Default)]
pub(super) struct Words {
    /// Its own words, or nothing.
    pub(super) text: String,
    /// They are an object of JSON, as every answer of Realtime that is no success.
    is_json: bool,
    /// It names what is wrong in the request.
    names_faults: bool,
}

impl Words {
    /// The words of a body, which may be cut short.
    pub(super) fn of(body: &[u8]) -> Self {
        let Ok(Value::Object(members)) = serde_json::from_slice(body) else {
            let text = String::from_utf8_lossy(body).into_owned();
            // A page is for people in front of a browser.
            let text = if text.trim_start().starts_with('<') { String::new() } else { text };
            return Self { text, ..Self::default() };
        };
        let text = ["message", "error", "detail", "msg", "errors"].into_iter().find_map(|name| {
            match members.get(name)? {
                Value::String(text) => Some(text.clone()),
                Value::Null => None,
                other => Some(other.to_string()),
            }
        });
        let code = members.get("code").and_then(Value::as_str);
        Self {
            text: text.unwrap_or_default(),
            is_json: true,
            names_faults: members.contains_key("errors") || code == Some("invalid_broadcasts"),
        }
    }

    fn say_too_large(&self) -> bool {
        self.text.contains("Payload size exceeds") || self.text.contains("payload_size_exceeded")
    }
}

/// What the answer to a request that broadcasts means. 202 alone says that it was taken.
pub(super) fn of_status(
    status: StatusCode,
    words: &Words,
    retry_after: Option<Duration>,
) -> Result<(), DeliveryError> {
    let mut reason = status.to_string();
    if !words.text.is_empty() {
        reason = format!("{reason}: {}", words.text);
    }
    let advised =
        |advice: &str| DeliveryError::Misconfigured { reason: format!("{reason}; {advice}") };
    Err(match status.as_u16() {
        202 => return Ok(()),
        301 | 308 => advised("it is elsewhere: see realtime.url"),
        401 => advised("see realtime.key"),
        // Whatever else turns a request away, as a firewall does for what stands in it, says it in HTML.
        403 if words.is_json => advised("see realtime.key and realtime.topic"),
        404 | 405 => advised("there is no Realtime: see realtime.url"),
        413 => DeliveryError::Rejected { which: Which::Unknown, reason },
        422 if words.names_faults || words.say_too_large() => {
            DeliveryError::Rejected { which: Which::Unknown, reason }
        }
        429 => DeliveryError::RateLimited { retry_after, reason },
        200..=299 => DeliveryError::Transient {
            reason: format!("{reason}; Realtime says 202: does realtime.url lead to one?"),
        },
        _ => DeliveryError::Transient { reason },
    })
}

/// The time that a `Retry-After` asks to wait: seconds, or a date.
pub(super) fn retry_after(value: &str, now: DateTime<Utc>) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = DateTime::parse_from_rfc2822(value).ok()?;
    Some((at.with_timezone(&Utc) - now).to_std().unwrap_or_default())
}

/// Codes of refused joins that no time heals.
const FOR_GOOD: [&str; 11] = [
    "Unauthorized",
    "InvalidJWTToken",
    "MalformedJWT",
    "JwtSignatureError",
    "JwtSignerError",
    "PrivateOnly",
    "TopicNameRequired",
    "TenantNotFound",
    "RealtimeDisabledForTenant",
    "TenantSuspended",
    "InvalidResume",
];

/// Why a join was refused.
pub(super) fn of_join(reason: String) -> DeliveryError {
    let code = reason.split(':').next().unwrap_or_default();
    if code.ends_with("RateLimitReached") {
        DeliveryError::RateLimited { retry_after: None, reason }
    } else if FOR_GOOD.contains(&code) {
        let reason = format!("{reason}; see realtime.key and realtime.topic");
        DeliveryError::Misconfigured { reason }
    } else {
        DeliveryError::Transient { reason }
    }
}

/// What a channel is ended with that only somebody else can mend.
const TOKEN_FAULTS: [&str; 5] = [
    "Token has expired",
    "Fields `role` and `exp`",
    "The token provided",
    "Failed to validate JWT",
    "You no longer have permission",
];

/// Why a channel ended, by the text of its last `system` message.
pub(super) fn of_end(reason: String) -> DeliveryError {
    if reason.starts_with("Too many") {
        DeliveryError::RateLimited { retry_after: None, reason }
    } else if TOKEN_FAULTS.iter().any(|fault| reason.starts_with(fault)) {
        DeliveryError::Misconfigured { reason: format!("{reason}; see realtime.key") }
    } else {
        DeliveryError::Transient { reason }
    }
}

/// Why a push, which is one event, was refused.
pub(super) fn of_push(reason: String) -> DeliveryError {
    let is_content = ["payload_size_exceeded", "Payload size exceeds", "payload must be a map"];
    if is_content.iter().any(|text| reason.contains(text)) {
        DeliveryError::Rejected { which: Which::Unknown, reason }
    } else if reason.starts_with("Unauthorized") {
        DeliveryError::Misconfigured { reason: format!("{reason}; see realtime.topic") }
    } else {
        DeliveryError::Transient { reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A short name of an error.
    fn name(error: &DeliveryError) -> &'static str {
        match error {
            DeliveryError::Transient { .. } => "transient",
            DeliveryError::RateLimited { .. } => "limited",
            DeliveryError::Rejected { .. } => "rejected",
            DeliveryError::Misconfigured { .. } => "misconfigured",
        }
    }

    #[test]
    fn every_status_has_its_meaning() {
        for (status, body, expected) in [
            (202, "", "taken"),
            (200, "", "transient"),
            (204, "", "transient"),
            (206, "<html>", "transient"),
            (301, "", "misconfigured"),
            (302, "", "transient"),
            (307, "", "transient"),
            (308, "", "misconfigured"),
            (400, r#"{"message":"Bad Request"}"#, "transient"),
            (401, r#"{"message":"Unauthorized"}"#, "misconfigured"),
            (401, "", "misconfigured"),
            (403, r#"{"message":"Tenant is suspended"}"#, "misconfigured"),
            (403, "<html>blocked</html>", "transient"),
            (404, "", "misconfigured"),
            (405, "", "misconfigured"),
            (408, "", "transient"),
            (409, "", "transient"),
            (413, "<html>", "rejected"),
            (415, "", "transient"),
            (
                422,
                r#"{"errors":{"messages":[{"payload":["Payload size exceeds tenant limit"]}]}}"#,
                "rejected",
            ),
            (422, r#"{"message":"Payload size exceeds tenant limit"}"#, "rejected"),
            (422, r#"{"code":"invalid_broadcasts","detail":"x"}"#, "rejected"),
            (422, r#"{"message":"the database is not ready"}"#, "transient"),
            (425, "", "transient"),
            (
                429,
                r#"{"message":"Too many messages to broadcast, please reduce the batch size"}"#,
                "limited",
            ),
            (429, "<html>", "limited"),
            (500, "", "transient"),
            (502, "<html>", "transient"),
            (503, "", "transient"),
            (504, "", "transient"),
            (520, "", "transient"),
        ] {
            let meant =
                of_status(StatusCode::from_u16(status).unwrap(), &Words::of(body.as_bytes()), None);
            let meant = meant.as_ref().map_or_else(name, |()| "taken");
            assert_eq!(meant, expected, "{status} {body}");
        }
    }

    #[test]
    fn the_reason_has_the_servers_words_but_no_page() {
        let reason = |body: &str| {
            of_status(StatusCode::BAD_GATEWAY, &Words::of(body.as_bytes()), None)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(reason(r#"{"message":"down"}"#), "502 Bad Gateway: down");
        assert_eq!(reason(r#"{"errors":{"a":["b"]}}"#), r#"502 Bad Gateway: {"a":["b"]}"#);
        assert_eq!(reason("no healthy upstream"), "502 Bad Gateway: no healthy upstream");
        assert_eq!(reason("<html>502</html>"), "502 Bad Gateway");
        assert_eq!(reason(r#"{"cut":"#), r#"502 Bad Gateway: {"cut":"#);
    }

    #[test]
    fn a_wait_is_asked_for_in_seconds_or_by_a_date() {
        let now = DateTime::from_timestamp(784_111_770, 0).unwrap();
        let after = |value| retry_after(value, now).map(|time| time.as_secs());
        assert_eq!(after("120"), Some(120));
        assert_eq!(after(" 0 "), Some(0));
        assert_eq!(after("Sun, 06 Nov 1994 08:49:37 GMT"), Some(7));
        assert_eq!(after("Sun, 06 Nov 1994 08:49:00 GMT"), Some(0), "it is over");
        for other in ["", "soon", "-1", "1.5", "99999999999999999999999"] {
            assert_eq!(after(other), None, "{other}");
        }
    }

    #[test]
    fn on_a_channel_reasons_say_who_is_at_fault() {
        for (reason, expected) in [
            (
                "Unauthorized: You do not have permissions to read from this Channel topic: a",
                "misconfigured",
            ),
            ("InvalidJWTToken: Token has expired 7 seconds ago", "misconfigured"),
            ("ClientJoinRateLimitReached: Too many joins per second", "limited"),
            ("ConnectionRateLimitReached: Too many connected users", "limited"),
            ("RealtimeRestarting: Realtime is restarting", "transient"),
            ("Unknown Error on Channel", "transient"),
            ("", "transient"),
        ] {
            assert_eq!(name(&of_join(reason.into())), expected, "{reason}");
        }
        for (reason, expected) in [
            ("Too many messages per second", "limited"),
            ("Token has expired 7 seconds ago", "misconfigured"),
            ("Fields `role` and `exp` are required in JWT", "misconfigured"),
            ("Server requested disconnect", "transient"),
        ] {
            assert_eq!(name(&of_end(reason.into())), expected, "{reason}");
        }
        for (reason, expected) in [
            ("payload_size_exceeded", "rejected"),
            ("unmatched topic", "transient"),
            ("Unauthorized: Only the router speaks", "misconfigured"),
        ] {
            assert_eq!(name(&of_push(reason.into())), expected, "{reason}");
        }
    }
}
