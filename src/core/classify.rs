//! What an event is about, when its producer does not say.
//!
//! Decides by the event type alone where that is one of the known ones; else by the words in it;
//! else by the top-level keys of the data. A word counts only whole: `device_online` is not about
//! `dev`, `latest_value` is not about a `test`. Never fails: what nothing speaks for is `system`.

use super::{
    canonical::members,
    event::Category::{self, Critical, Debug, Performance, System, UserActivity},
};

/// The known event types.
const KNOWN: [(&str, Category); 20] = [
    ("health_check", Critical),
    ("circuit_breaker_open", Critical),
    ("circuit_breaker_close", Critical),
    ("error", Critical),
    ("failure", Critical),
    ("cache_metrics", Performance),
    ("semaphore_metrics", Performance),
    ("response_time", Performance),
    ("latency", Performance),
    ("session_metrics", UserActivity),
    ("user_activity", UserActivity),
    ("session_start", UserActivity),
    ("session_end", UserActivity),
    ("connection_status", System),
    ("websocket_health", System),
    ("initial_stats", System),
    ("stats", System),
    ("export_complete", System),
    ("test_event", Debug),
    ("debug", Debug),
];

/// The words that speak for a category, in the order they are asked.
const WORDS: [(Category, &[&str]); 4] = [
    (
        Critical,
        &[
            "error",
            "errors",
            "fail",
            "fails",
            "failed",
            "failing",
            "failure",
            "failures",
            "critical",
            "alert",
            "alerts",
            "alerted",
            "alerting",
            "timeout",
            "timeouts",
            "exception",
            "exceptions",
        ],
    ),
    (
        Performance,
        &[
            "cache",
            "caches",
            "cached",
            "caching",
            "metric",
            "metrics",
            "performance",
            "latency",
            "latencies",
        ],
    ),
    (UserActivity, &["session", "sessions", "user", "users", "activity", "activities"]),
    (Debug, &["test", "tests", "tested", "testing", "debug", "debugging", "dev"]),
];

/// The top-level keys of the data that speak for a category.
const KEYS: [(Category, [&str; 2]); 2] =
    [(Critical, ["error", "exception"]), (Performance, ["metrics", "performance"])];

/// The category of an event of this type with this data (a JSON object).
///
/// Letter case does not matter in the type. A key whose value is `null` or `false` says that there
/// is no such thing, and does not count.
#[must_use]
pub fn classify(event_type: &str, data: &str) -> Category {
    by_table(event_type)
        .or_else(|| by_words(event_type))
        .or_else(|| by_keys(data))
        .unwrap_or(System)
}

fn by_table(event_type: &str) -> Option<Category> {
    let known = KNOWN.iter().find(|(name, _)| name.eq_ignore_ascii_case(event_type));
    known.map(|(_, category)| *category)
}

fn by_words(event_type: &str) -> Option<Category> {
    let speaks = |speaking: &[&str]| {
        words(event_type).any(|word| speaking.iter().any(|known| known.eq_ignore_ascii_case(word)))
    };
    WORDS.iter().find(|(_, speaking)| speaks(speaking)).map(|(category, _)| *category)
}

fn by_keys(data: &str) -> Option<Category> {
    // Data that is no object has no keys; saying so is not the classifier's part.
    let members = members(data).ok()?;
    let present = |key: &str| {
        let value = members.iter().rev().find(|(name, _)| name == key);
        value.is_some_and(|(_, value)| !matches!(value.get(), "null" | "false"))
    };
    KEYS.iter().find(|(_, keys)| keys.iter().any(|key| present(key))).map(|(category, _)| *category)
}

/// The words of a name: runs of letters, split again where `camelCase` or `HTTPError` begins one.
fn words(name: &str) -> impl Iterator<Item = &str> {
    name.split(|c: char| !c.is_alphabetic()).flat_map(camel_words).filter(|word| !word.is_empty())
}

fn camel_words(run: &str) -> impl Iterator<Item = &str> {
    let mut rest = run;
    std::iter::from_fn(move || {
        let (word, after) = rest.split_at(first_word_len(rest)?);
        rest = after;
        Some(word)
    })
}

/// Where the first word of `run` ends; `None` when there is none left.
fn first_word_len(run: &str) -> Option<usize> {
    let mut before = run.chars().next()?;
    let mut chars = run.char_indices().skip(1).peekable();
    while let Some((at, char)) = chars.next() {
        let next_is_lower = chars.peek().is_some_and(|(_, next)| next.is_lowercase());
        if char.is_uppercase() && (before.is_lowercase() || next_is_lower) {
            return Some(at);
        }
        before = char;
    }
    Some(run.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_types_have_their_category_whatever_the_data() {
        for (event_type, category) in KNOWN {
            assert_eq!(classify(event_type, r#"{"error":1}"#), category, "{event_type}");
            assert_eq!(classify(&event_type.to_uppercase(), "{}"), category, "{event_type}");
        }
    }

    #[test]
    fn other_types_are_classified_by_their_words_in_order() {
        let table = [
            ("db_error", Critical),
            ("errors", Critical),
            ("job.failed", Critical),
            ("critical_failure", Critical),
            ("LoginFailures", Critical),
            ("HTTPError500", Critical),
            ("api/timeout", Critical),
            ("unhandled exception", Critical),
            ("cache-error", Critical),
            ("user_session_alert", Critical),
            ("cache_miss", Performance),
            ("queue-metrics", Performance),
            ("performance_anomaly", Performance),
            ("userCacheHit", Performance),
            ("p95Latency", Performance),
            ("user.login", UserActivity),
            ("SessionRenewed", UserActivity),
            ("test_user", UserActivity),
            ("dev-build", Debug),
            ("debug_trace", Debug),
            ("unit:test2", Debug),
        ];
        for (event_type, category) in table {
            assert_eq!(classify(event_type, "{}"), category, "{event_type}");
        }
    }

    #[test]
    fn a_part_of_a_word_does_not_count() {
        let table = [
            "device_online",
            "latest_value",
            "developer",
            "contest",
            "greatest",
            "attestation",
            "superuser",
            "userland",
            "terrors",
            "alertness",
            "isometrics",
            "obsession",
            "failsafe",
            "api_request",
            "größe",
            "",
            "___",
        ];
        for event_type in table {
            assert_eq!(classify(event_type, "{}"), System, "{event_type}");
        }
    }

    #[test]
    fn the_data_decides_when_the_type_does_not() {
        let table = [
            (r#"{"error":"x"}"#, Critical),
            (r#"{"exception":{}}"#, Critical),
            (r#"{"metrics":[1],"error":"x"}"#, Critical),
            (r#"{"performance":0}"#, Performance),
            (r#"{"metrics":[]}"#, Performance),
            (r#"{"error":null,"exception":false}"#, System),
            (r#"{"error":1,"error":null}"#, System),
            (r#"{"nested":{"error":1},"text":"error"}"#, System),
            (r#"{"errors":1,"Error":1}"#, System),
            ("[]", System),
        ];
        for (data, category) in table {
            assert_eq!(classify("api_request", data), category, "{data}");
        }
    }

    #[test]
    fn names_are_split_into_words() {
        let table = [
            ("a_b-c.d/e f", "a b c d e f"),
            ("camelCase", "camel Case"),
            ("HTTPServerError", "HTTP Server Error"),
            ("ERROR", "ERROR"),
            ("x2y", "x y"),
            ("__", ""),
            ("ÜberÄnderung", "Über Änderung"),
        ];
        for (name, expected) in table {
            assert_eq!(words(name).collect::<Vec<_>>().join(" "), expected);
        }
    }
}
