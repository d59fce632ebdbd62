//! Times as producers of the original system wrote them.

use chrono::{DateTime, Datelike, Utc};
use serde_json::Value;

/// Zones that the original system wrote by name.
const ZONES: [(&str, &str); 2] = [(" AEDT", "+11:00"), (" AEST", "+10:00")];

/// A time as producers of the original system wrote it: seconds since 1970, RFC 3339, the same
/// without a zone (UTC), or with one of [`ZONES`].
pub(super) fn time(raw: &str) -> Option<DateTime<Utc>> {
    let time = match serde_json::from_str(raw).ok()? {
        Value::Number(seconds) => unix(seconds.as_f64()?),
        Value::String(text) => written(&text),
        _ => None,
    };
    time.filter(|time| (1..=9999).contains(&time.year()))
}

#[expect(clippy::cast_possible_truncation, reason = "a time out of range is found right after")]
fn unix(seconds: f64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_micros((seconds * 1e6).round() as i64)
}

fn written(text: &str) -> Option<DateTime<Utc>> {
    let named = ZONES.iter().find_map(|(name, zone)| Some((text.strip_suffix(name)?, *zone)));
    let (local, zone) = named.unwrap_or((text, "Z"));
    let local = local.replacen(' ', "T", 1);
    let forms = [format!("{local}{zone}"), local];
    let time = forms.iter().find_map(|form| DateTime::parse_from_rfc3339(form).ok())?;
    Some(time.to_utc())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::core::event::rfc3339;

    #[test]
    fn times_are_read_in_every_form_that_was_written() {
        let at = |raw: Value| time(&raw.to_string()).map(rfc3339);
        let noon = Some("2025-11-01T12:00:00.250000Z".to_owned());
        for raw in [
            json!(1_761_998_400.25),
            json!("2025-11-01T12:00:00.25Z"),
            json!("2025-11-01T13:00:00.25+01:00"),
            json!("2025-11-01T12:00:00.25"),
            json!("2025-11-01 12:00:00.250"),
            json!("2025-11-01 23:00:00.25 AEDT"),
            json!("2025-11-01 22:00:00.25 AEST"),
        ] {
            assert_eq!(at(raw.clone()), noon, "{raw}");
        }
        for raw in [json!("noon"), json!(1e300), json!(-1e12), json!([]), json!("")] {
            assert_eq!(at(raw.clone()), None, "{raw}");
        }
    }
}
