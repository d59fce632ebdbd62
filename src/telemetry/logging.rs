//! Log lines: to stderr, for people on a terminal and as JSON elsewhere.

use std::io::{self, IsTerminal};

use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter, Layer,
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
    util::{SubscriberInitExt, TryInitError},
};

use crate::settings::{LogFormat, TelemetrySettings};

/// The process already has a subscriber.
#[derive(Debug, thiserror::Error)]
#[error("logging is already set up")]
pub struct LoggingError(#[from] TryInitError);

/// Starts logging, once a process.
///
/// # Errors
/// When it was started before.
pub fn init_logging(settings: &TelemetrySettings) -> Result<(), LoggingError> {
    Ok(subscriber(settings, io::stderr, io::stderr().is_terminal()).try_init()?)
}

fn subscriber<W>(settings: &TelemetrySettings, writer: W, terminal: bool) -> impl Subscriber
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let json = match settings.format {
        LogFormat::Auto => !terminal,
        LogFormat::Pretty => false,
        LogFormat::Json => true,
    };
    let lines = fmt::layer().with_writer(writer).with_ansi(terminal);
    tracing_subscriber::registry()
        // A `LogFilter` is known to be valid, so nothing of it is skipped here.
        .with(EnvFilter::new(settings.log.as_str()))
        .with(if json { lines.json().flatten_event(true).boxed() } else { lines.boxed() })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What two lines look like, one of them below the level.
    fn logged(format: LogFormat, terminal: bool) -> String {
        let settings = TelemetrySettings { format, ..TelemetrySettings::default() };
        let written = Arc::new(Mutex::new(Vec::new()));
        let writer = Shared(written.clone());
        let subscriber = subscriber(&settings, move || writer.clone(), terminal);
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(size_bytes = 3, "stored");
            tracing::debug!("left out");
        });
        String::from_utf8(written.lock().unwrap().clone()).unwrap()
    }

    #[derive(Clone)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_is_one_json_object_away_from_a_terminal() {
        let text = logged(LogFormat::Auto, false);
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["message"], "stored");
        assert_eq!(line["size_bytes"], 3);
        assert_eq!(line["level"], "INFO");
    }

    #[test]
    fn the_setting_wins_over_the_terminal() {
        assert!(logged(LogFormat::Json, true).starts_with('{'));
        let pretty = logged(LogFormat::Pretty, false);
        assert!(
            pretty.ends_with("stored size_bytes=3\n") && !pretty.contains('\u{1b}'),
            "{pretty}"
        );
        assert!(logged(LogFormat::Auto, true).contains('\u{1b}'), "colours on a terminal");
    }
}
