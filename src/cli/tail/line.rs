//! How an event looks on one line of a terminal.
//!
//! What producers send must never steer the terminal: control characters are shown, not obeyed.

use crate::core::protocol::heard::{Gap, Shown};

const RESET: &str = "\x1b[0m";
const YELLOW: &str = "\x1b[33m";

/// `time  category  source  event_type  data`, without a line end.
#[must_use]
pub fn event(event: &Shown<'_>, coloured: bool) -> String {
    let Shown { timestamp, category, source, event_type, data, .. } = event;
    let (colour, reset) = if coloured { (colour_of(category), RESET) } else { ("", "") };
    format!(
        "{}  {colour}{:<13}{reset}  {}  {}  {}",
        visible(timestamp),
        visible(category),
        visible(source),
        visible(event_type),
        visible(data.get()),
    )
}

/// A line that cannot be overlooked.
#[must_use]
pub fn gap(gap: &Gap<'_>, coloured: bool) -> String {
    let Gap { from_seq, to_seq, reason } = gap;
    let (colour, reset) = if coloured { (YELLOW, RESET) } else { ("", "") };
    let reason = visible(reason);
    format!("{colour}--- gap: events {from_seq} to {to_seq} are missing here ({reason}) ---{reset}")
}

/// `text` with its control characters escaped.
#[must_use]
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        if char.is_control() { out.extend(char.escape_unicode()) } else { out.push(char) }
    }
    out
}

fn colour_of(category: &str) -> &'static str {
    match category {
        "critical" => "\x1b[1;31m",
        "performance" => "\x1b[36m",
        "user_activity" => "\x1b[32m",
        "system" => "\x1b[34m",
        _ => "\x1b[2m",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = r#"{"seq":3,"epoch":"00000000-0000-0000-0000-000000000009","event_type":"error","timestamp":"2026-01-02T03:04:05.000006Z","source":"redis","category":"critical","data":{"n":1.50}}"#;

    #[test]
    fn an_event_is_one_line() {
        let shown = serde_json::from_str(EVENT).unwrap();
        assert_eq!(
            event(&shown, false),
            r#"2026-01-02T03:04:05.000006Z  critical       redis  error  {"n":1.50}"#
        );
        assert!(event(&shown, true).contains("\x1b[1;31mcritical     \x1b[0m  redis"));
    }

    #[test]
    fn what_a_producer_sends_cannot_steer_the_terminal() {
        let hostile = EVENT.replace("redis", r"\u001b[2J\u0007").replace("1.50", "\"\u{9b}31m\"");
        let line = event(&serde_json::from_str(&hostile).unwrap(), false);
        assert!(!line.chars().any(char::is_control), "{line}");
        assert!(line.contains(r"\u{1b}[2J\u{7}"), "{line}");
    }

    #[test]
    fn a_gap_names_what_is_missing() {
        let missing = Gap { from_seq: 5, to_seq: 9, reason: "retention".into() };
        assert_eq!(gap(&missing, false), "--- gap: events 5 to 9 are missing here (retention) ---");
    }
}
