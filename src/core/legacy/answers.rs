//! What a client of `/ws` is told, but for the events: the text of a frame each.
//!
//! Every answer is bounded, in events and in bytes. One that could not hold all that was asked for
//! says `truncated`; clients of the original system ignore what they do not know.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{
    Command, ConnectionType, KNOWN, MAX_LIMIT, Refusal,
    entry::Entry,
    history::History,
    selection::{Selection, Stop},
    series::series,
};
use crate::core::event::rfc3339;

/// Bytes of events in an answer.
const EVENT_BYTES: usize = 256 << 10;
/// Events in `initial_stats`.
const RECENT: usize = 50;
/// Bytes of them: every client gets these, asked or not.
const RECENT_BYTES: usize = 32 << 10;

/// What is known beside the history when something is said.
#[derive(Clone, Debug)]
pub struct Moment {
    /// The time.
    pub now: DateTime<Utc>,
    /// From [`Health::report`](super::Health::report).
    pub health: Value,
    /// Open sockets of the old protocol.
    pub websockets: usize,
    /// Whether the history has all that it should have.
    pub is_current: bool,
}

/// `initial_stats`, for a client that has just come.
#[must_use]
pub fn greeting(history: &History, moment: &Moment) -> String {
    let recent = Selection::new(history.entries(), RECENT, RECENT_BYTES);
    let [session, semaphore] = history.metrics();
    let known = json!({
        "type": "initial_stats",
        "stats": all_stats(history, moment),
        "websocket_health": moment.health,
        "since": history.since().map(rfc3339),
        "complete": moment.is_current,
        "timestamp": rfc3339(moment.now),
    });
    let raw = [
        ("session_metrics", session),
        ("semaphore_metrics", semaphore),
        ("recent_events", &recent.list),
    ];
    with_raw(&known, &raw)
}

/// What is pushed from time to time while clients are there.
#[must_use]
pub fn metrics_pushes(history: &History, moment: &Moment) -> [String; 2] {
    let time = rfc3339(moment.now);
    let [_, semaphore] = history.metrics();
    let semaphore = with_raw(
        &json!({ "type": "semaphore_metrics", "timestamp": time }),
        &[("data", semaphore)],
    );
    let health = json!({ "type": "websocket_health", "data": moment.health, "timestamp": time });
    [semaphore, health.to_string()]
}

/// The answer to a command.
#[must_use]
pub fn answer(command: &Command, history: &History, moment: &Moment) -> String {
    match command {
        Command::GetStats { connection_type } => stats(connection_type.as_deref(), history, moment),
        Command::GetRecentEvents { connection_type, limit } => {
            recent_events(connection_type.as_deref(), *limit, history, moment)
        }
        Command::GetHistoricalData { connection_type, hours } => {
            historical_data(connection_type.as_deref(), *hours, history, moment)
        }
        Command::GetTimeSeries { connection_type, interval_minutes, hours } => {
            let wanted = since(history, connection_type.as_deref(), *hours, moment.now);
            let (data, is_cut) = series(wanted, *interval_minutes);
            let answer = json!({
                "type": "time_series_data", "connection_type": connection_type,
                "interval_minutes": interval_minutes, "hours": number(*hours), "data": data,
                "since": kept_since(history), "truncated": is_cut, "timestamp": rfc3339(moment.now),
            });
            answer.to_string()
        }
        Command::Export { filepath } => {
            let first = history.oldest().map_or(history.next(), |oldest| oldest.seq);
            let url = format!("/v1/events?after={}&limit=1000", first.saturating_sub(1));
            let answer = json!({
                "type": "export_complete", "filepath": filepath, "url": url,
                "timestamp": rfc3339(moment.now),
            });
            answer.to_string()
        }
    }
}

fn stats(connection_type: Option<&str>, history: &History, moment: &Moment) -> String {
    let stats = match connection_type.map(ConnectionType::parse) {
        None => all_stats(history, moment),
        Some(None) => json!({}),
        Some(Some(kind)) => history.stats(kind, moment.websockets),
    };
    let answer = json!({
        "type": "stats", "connection_type": connection_type, "stats": stats,
        "since": history.since().map(rfc3339), "timestamp": rfc3339(moment.now),
    });
    answer.to_string()
}

fn recent_events(
    connection_type: Option<&str>,
    limit: usize,
    history: &History,
    moment: &Moment,
) -> String {
    let wanted = history.entries().filter(|entry| is_of(entry, connection_type));
    let events = Selection::new(wanted, limit, EVENT_BYTES);
    let known = json!({
        "type": "recent_events", "connection_type": connection_type, "limit": limit,
        "truncated": events.stopped == Some(Stop::Bytes), "timestamp": rfc3339(moment.now),
    });
    with_raw(&known, &[("events", &events.list)])
}

fn historical_data(
    connection_type: Option<&str>,
    hours: f64,
    history: &History,
    moment: &Moment,
) -> String {
    let wanted = since(history, connection_type, hours, moment.now);
    let events = Selection::new(wanted, MAX_LIMIT, EVENT_BYTES);
    let known = json!({
        "type": "historical_data", "connection_type": connection_type, "hours": number(hours),
        "since": kept_since(history), "truncated": events.stopped.is_some(),
        "timestamp": rfc3339(moment.now),
    });
    with_raw(&known, &[("data", &events.list)])
}

/// The answer to what is no command, or cannot be answered.
#[must_use]
pub fn answer_error((code, error): &Refusal, now: DateTime<Utc>) -> String {
    let answer = json!({
        "type": "error", "error": error, "code": code.as_str(), "commands": KNOWN,
        "timestamp": rfc3339(now),
    });
    answer.to_string()
}

fn all_stats(history: &History, moment: &Moment) -> Value {
    let all = ConnectionType::ALL.into_iter();
    all.map(|kind| (kind.as_str().to_owned(), history.stats(kind, moment.websockets))).collect()
}

fn is_of(entry: &Entry, connection_type: Option<&str>) -> bool {
    connection_type.is_none_or(|name| name == entry.kind.as_str())
}

/// The events of the last `hours`, newest first.
fn since<'a>(
    history: &'a History,
    connection_type: Option<&'a str>,
    hours: f64,
    now: DateTime<Utc>,
) -> impl Iterator<Item = &'a Entry> {
    #[expect(clippy::cast_possible_truncation, reason = "hours are bounded")]
    let back = TimeDelta::milliseconds((hours * 3_600_000.0) as i64);
    let start = now.checked_sub_signed(back).unwrap_or(DateTime::<Utc>::MIN_UTC);
    history.entries().filter(move |entry| entry.at >= start && is_of(entry, connection_type))
}

/// When the oldest event that is kept happened: what was before it is not in an answer.
fn kept_since(history: &History) -> Option<String> {
    history.oldest().map(|oldest| rfc3339(oldest.at))
}

/// An object with members that are JSON already.
fn with_raw(known: &Value, raw: &[(&str, &str)]) -> String {
    let mut text = known.to_string();
    text.pop();
    for (name, json) in raw {
        text.extend([",\"", name, "\":", json]);
    }
    text.push('}');
    text
}

/// A number as a client would have written it.
fn number(value: f64) -> Value {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is whole, positive and bounded"
    )]
    if value.fract() == 0.0 { Value::from(value as u64) } else { Value::from(value) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{
        legacy::{Health, history::tests, parse},
        protocol::ErrorCode,
    };

    fn moment(seconds: i64) -> Moment {
        let now = DateTime::from_timestamp(seconds, 0).unwrap();
        let health = Health::default().report(8080, std::time::Duration::ZERO);
        Moment { now, health, websockets: 2, is_current: true }
    }

    fn ask(history: &History, command: &str, seconds: i64) -> Value {
        let answer = answer(&parse(command).unwrap(), history, &moment(seconds));
        serde_json::from_str(&answer).unwrap()
    }

    fn times(events: &Value) -> Vec<f64> {
        events.as_array().unwrap().iter().map(|e| e["timestamp"].as_f64().unwrap()).collect()
    }

    #[test]
    fn the_greeting_has_everything_at_a_glance() {
        let mut events = vec![("redis", json!({})); 60];
        events.push(("x", json!({ "event_type": "session_metrics", "active_sessions": 3 })));
        let greeting: Value =
            serde_json::from_str(&greeting(&tests::history(&events), &moment(9))).unwrap();
        assert_eq!(greeting["type"], "initial_stats");
        let stats = greeting["stats"].as_object().unwrap();
        let names: Vec<_> = stats.keys().collect();
        assert_eq!(names, ["glm", "kimi", "redis", "supabase", "websocket"]);
        assert_eq!(stats["redis"]["total_events"], 60);
        assert_eq!(stats["websocket"]["active_connections"], 2);
        assert_eq!(greeting["session_metrics"]["active_sessions"], 3);
        assert_eq!(greeting["semaphore_metrics"], json!({}));
        assert_eq!(greeting["websocket_health"]["8080"]["timeout_warnings"], 0);
        let recent = times(&greeting["recent_events"]);
        assert_eq!((recent.len(), recent[0], recent[49]), (50, 60.0, 11.0), "newest first");
        assert_eq!(greeting["timestamp"], "1970-01-01T00:00:09.000000Z");
        assert_eq!(
            (&greeting["complete"], &greeting["since"]),
            (&json!(true), &json!("1970-01-01T00:00:01.000000Z"))
        );
    }

    #[test]
    fn stats_are_of_one_type_or_of_all_or_of_none() {
        let history = tests::history(&[("redis", json!({})), ("glm", json!({}))]);
        let stats = ask(&history, r#"{"command":"get_stats","connection_type":"redis"}"#, 9);
        assert_eq!((&stats["type"], &stats["connection_type"]), (&json!("stats"), &json!("redis")));
        assert_eq!(stats["stats"]["total_events"], 1);
        let all = ask(&history, r#"{"command":"get_stats"}"#, 9);
        assert_eq!(
            (&all["connection_type"], &all["stats"]["glm"]["total_events"]),
            (&Value::Null, &json!(1))
        );
        let none = ask(&history, r#"{"command":"get_stats","connection_type":"kafka"}"#, 9);
        assert_eq!((&none["connection_type"], &none["stats"]), (&json!("kafka"), &json!({})));
    }

    #[test]
    fn events_are_given_newest_first_within_their_limits() {
        let mut events = vec![("redis", json!({})); 1200];
        events[1199] = ("glm", json!({}));
        let history = tests::history(&events);
        let recent = ask(&history, r#"{"command":"get_recent_events","limit":2}"#, 1200);
        assert_eq!(times(&recent["events"]), [1200.0, 1199.0]);
        assert_eq!((&recent["limit"], &recent["truncated"]), (&json!(2), &json!(false)));
        let glm = ask(&history, r#"{"command":"get_recent_events","connection_type":"glm"}"#, 1200);
        assert_eq!((times(&glm["events"]), &glm["connection_type"]), (vec![1200.0], &json!("glm")));
        let all = ask(&history, r#"{"command":"get_historical_data"}"#, 1200);
        assert_eq!((times(&all["data"]).len(), &all["truncated"]), (1000, &json!(true)));
        assert_eq!(all["since"], "1970-01-01T00:00:01.000000Z");
        let some = ask(&history, r#"{"command":"get_historical_data","hours":0.25}"#, 1200);
        assert_eq!((times(&some["data"]).len(), &some["hours"]), (901, &json!(0.25)));
        assert_eq!(some["truncated"], false);
    }

    #[test]
    fn answers_are_bounded_in_bytes() {
        let long = json!({ "error": "x".repeat(1000), "metadata": { "x": "y".repeat(900) } });
        let history = tests::history(&vec![("redis", long); 500]);
        let recent = ask(&history, r#"{"command":"get_recent_events","limit":500}"#, 500);
        assert_eq!(recent["truncated"], true);
        assert!(recent.to_string().len() < EVENT_BYTES + 1000);
        assert!(times(&recent["events"]).len() > 100);
        assert!(greeting(&history, &moment(500)).len() < RECENT_BYTES + 4000);
    }

    #[test]
    fn a_series_and_an_export_say_what_they_are_of() {
        let history =
            tests::history(&[("x", json!({})), ("redis", json!({})), ("redis", json!({}))]);
        let series = r#"{"command":"get_time_series","connection_type":"redis","hours":2.0}"#;
        let series = ask(&history, series, 9);
        assert_eq!(series["data"]["1970-01-01T00:00:00.000000Z"]["count"], 2);
        assert_eq!((&series["hours"], &series["interval_minutes"]), (&json!(2), &json!(5)));
        let export = ask(&history, r#"{"command":"export","filepath":"/etc/x"}"#, 9);
        let expected = json!({
            "type": "export_complete", "filepath": "/etc/x", "url": "/v1/events?after=1&limit=1000",
            "timestamp": "1970-01-01T00:00:09.000000Z",
        });
        assert_eq!(export, expected);
        let nothing = ask(&History::default(), r#"{"command":"export"}"#, 9);
        assert_eq!(nothing["url"], "/v1/events?after=0&limit=1000");
    }

    #[test]
    fn pushes_from_time_to_time_have_the_shape_of_events() {
        let metrics = json!({ "event_type": "semaphore_metrics", "permits": 5 });
        let pushes = metrics_pushes(&tests::history(&[("x", metrics)]), &moment(9));
        let [semaphore, health] = pushes.map(|text| serde_json::from_str::<Value>(&text).unwrap());
        assert_eq!(
            (&semaphore["type"], &semaphore["data"]["permits"]),
            (&json!("semaphore_metrics"), &json!(5))
        );
        assert_eq!(
            (&health["type"], &health["data"]["8080"]["status"]),
            (&json!("websocket_health"), &json!("stale"))
        );
        assert_eq!(semaphore["timestamp"], health["timestamp"]);
        let refusal = (ErrorCode::BadJson, "no".to_owned());
        let error: Value = serde_json::from_str(&answer_error(&refusal, moment(9).now)).unwrap();
        assert_eq!((&error["type"], &error["error"]), (&json!("error"), &json!("no")));
        assert_eq!((&error["code"], &error["commands"]), (&json!("bad_json"), &json!(KNOWN)));
    }
}
