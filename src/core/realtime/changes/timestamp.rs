//! Times as clients write them into filters: ISO 8601 as `PostgreSQL` takes it, in UTC unless they
//! say otherwise. Words that depend on the clock, such as `now`, are refused: a filter is read once.

use chrono::{NaiveDate, NaiveTime, TimeDelta};

use super::literal::CastError;

/// Microseconds since 1970; the ends of the range for `-infinity` and `infinity`.
pub(super) fn parse(text: &str) -> Result<i64, CastError> {
    let bare = text.trim_ascii();
    match bare.to_ascii_lowercase().as_str() {
        "infinity" | "+infinity" => return Ok(i64::MAX),
        "-infinity" => return Ok(i64::MIN),
        "epoch" => return Ok(0),
        _ => {}
    }
    let fields = Fields::read(bare).ok_or_else(|| CastError::Time(text.to_owned()))?;
    fields.micros().ok_or_else(|| CastError::TimeRange(text.to_owned()))
}

/// What a text says, not yet checked against the calendar.
struct Fields {
    date: [u32; 3],
    time: [u32; 3],
    micros: i64,
    /// East of UTC, in seconds.
    offset: i64,
}

impl Fields {
    fn read(text: &str) -> Option<Self> {
        let (date, rest) = match text.split_once(['T', 't', ' ']) {
            Some((date, rest)) => (date, rest.trim_ascii_start()),
            None => (text, ""),
        };
        let mut parts = date.splitn(3, '-').map(number);
        let date = [parts.next()??, parts.next()??, parts.next()??];
        let zone_at = rest.find(['Z', 'z', '+', '-', 'U', 'u', 'G', 'g']);
        let (time, zone) = rest.split_at_checked(zone_at.unwrap_or(rest.len()))?;
        let (time, micros) = Self::time(time.trim_ascii_end())?;
        Some(Self { date, time, micros, offset: offset(zone)? })
    }

    fn time(text: &str) -> Option<([u32; 3], i64)> {
        if text.is_empty() {
            return Some(([0; 3], 0));
        }
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let mut parts = whole.splitn(3, ':').map(number);
        let time = [parts.next()??, parts.next()??, parts.next().unwrap_or(Some(0))?];
        let digits: String = fraction.chars().chain("0000000".chars()).take(7).collect();
        let is_number = fraction.bytes().all(|byte| byte.is_ascii_digit());
        let tenths_of_micros: i64 = is_number.then(|| digits.parse().ok())??;
        Some((time, (tenths_of_micros + 5) / 10))
    }

    fn micros(&self) -> Option<i64> {
        let [year, month, day] = self.date;
        let [hour, minute, second] = self.time;
        let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
        // The day may end at 24:00:00, and a minute at :60.
        let in_day = hour < 24 || (hour == 24 && minute == 0 && second == 0 && self.micros == 0);
        if year == 0 || !in_day || minute > 59 || second > 60 {
            return None;
        }
        let seconds = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
        let within =
            TimeDelta::seconds(seconds - self.offset) + TimeDelta::microseconds(self.micros);
        let time = date.and_time(NaiveTime::MIN).checked_add_signed(within)?;
        Some(time.and_utc().timestamp_micros())
    }
}

/// Seconds east of UTC.
fn offset(zone: &str) -> Option<i64> {
    if matches!(zone.to_ascii_lowercase().as_str(), "" | "z" | "utc" | "gmt") {
        return Some(0);
    }
    let (sign, digits) = match zone.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let [hours, minutes, seconds] = match digits.split_once(':') {
        Some((hours, rest)) => {
            let (minutes, seconds) = rest.split_once(':').unwrap_or((rest, "0"));
            [number(hours)?, number(minutes)?, number(seconds)?]
        }
        None if digits.len() == 4 => {
            let (hours, minutes) = digits.split_at_checked(2)?;
            [number(hours)?, number(minutes)?, 0]
        }
        None if digits.len() <= 2 => [number(digits)?, 0, 0],
        None => return None,
    };
    let in_range = hours <= 15 && minutes <= 59 && seconds <= 59;
    in_range.then(|| sign * i64::from(hours * 3600 + minutes * 60 + seconds))
}

fn number(text: &str) -> Option<u32> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_postgresql_does() {
        const SECOND: i64 = 1_000_000;
        for (text, micros) in [
            ("1970-01-01", 0),
            ("1970-1-2T0:0", 86_400 * SECOND),
            ("1970-01-01 00:00:01Z", SECOND),
            ("1970-01-01T00:00:01.5+00:00", SECOND * 3 / 2),
            ("1970-01-01 02:00:00.1234567+02", 123_457),
            ("1970-01-01 00:00:00 -0130", 5400 * SECOND),
            ("1970-01-01 00:00:00-01:30:30", 5430 * SECOND),
            ("1969-12-31 24:00:00 UTC", 0),
            ("1969-12-31t23:59:60z", 0),
            ("epoch", 0),
            ("Infinity", i64::MAX),
            ("-infinity", i64::MIN),
        ] {
            assert_eq!(parse(text), Ok(micros), "{text}");
        }
        for text in ["", "x", "1970", "1970-01", "1970-01-01 00", "1970-01-01 00:00:00+x", "now"] {
            assert_eq!(parse(text), Err(CastError::Time(text.to_owned())));
        }
        for text in ["1970-13-01", "1970-02-30", "1970-01-01 24:00:01", "0000-01-01"] {
            assert_eq!(parse(text), Err(CastError::TimeRange(text.to_owned())));
        }
    }
}
