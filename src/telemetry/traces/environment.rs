//! Whether the standard environment variables ask for traces, and whether they ask for what is here.
//!
//! The SDK reads most of them by itself; what it would ignore without a word is told here.

use std::time::Duration;

/// How long a message may take when nothing says otherwise, as the standard has it.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A variable's value, unless it is empty, which counts as not set.
pub(super) fn read(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// What the environment asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// No traces.
    Off,
    /// Traces.
    On,
    /// Something that is not here; what.
    Not(String),
}

const SAMPLERS: [&str; 6] = [
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
];

/// What the environment asks for, by what its variables say.
pub(super) fn wish(variable: impl Fn(&str) -> Option<String>) -> Wish {
    let is = |name, value| variable(name).is_some_and(|it| it.eq_ignore_ascii_case(value));
    let of_traces = |name| of_traces(name, &variable);
    let exporter = variable("OTEL_TRACES_EXPORTER");
    let asked = of_traces("ENDPOINT").is_some() || exporter.as_deref() == Some("otlp");
    if !asked || is("OTEL_SDK_DISABLED", "true") || exporter.as_deref() == Some("none") {
        return Wish::Off;
    }
    if let Some(other) = exporter.filter(|exporter| exporter != "otlp") {
        return Wish::Not(format!("OTEL_TRACES_EXPORTER is {other:?}: only \"otlp\" is here"));
    }
    if let Some(other) = of_traces("PROTOCOL").filter(|protocol| protocol != "http/protobuf") {
        let only = "only \"http/protobuf\" is spoken, usually at port 4318";
        return Wish::Not(format!("the OTLP protocol is to be {other:?}: {only}"));
    }
    match variable("OTEL_TRACES_SAMPLER") {
        Some(sampler) if !SAMPLERS.contains(&&*sampler) => {
            let known = SAMPLERS.join(", ");
            Wish::Not(format!("OTEL_TRACES_SAMPLER is {sampler:?}: there are {known}"))
        }
        Some(sampler) if sampler.ends_with("ratio") => ratio(variable("OTEL_TRACES_SAMPLER_ARG")),
        _ => Wish::On,
    }
}

/// How long a message to the collector may take, with all its retries.
pub(super) fn timeout(variable: impl Fn(&str) -> Option<String>) -> Duration {
    let milliseconds = of_traces("TIMEOUT", variable).and_then(|text| text.parse().ok());
    milliseconds.filter(|it| *it > 0).map_or(TIMEOUT, Duration::from_millis)
}

/// What a variable of the exporter says: that for traces, else that for everything.
fn of_traces(name: &str, variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    let own = variable(&format!("OTEL_EXPORTER_OTLP_TRACES_{name}"));
    own.or_else(|| variable(&format!("OTEL_EXPORTER_OTLP_{name}")))
}

fn ratio(text: Option<String>) -> Wish {
    let number = |text: &str| text.parse::<f64>().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
    match text {
        Some(text) if number(&text).is_none() => {
            Wish::Not(format!("OTEL_TRACES_SAMPLER_ARG is {text:?}: it must be from 0.0 to 1.0"))
        }
        _ => Wish::On,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Wish {
        wish(|name| find(variables, name))
    }

    fn find(variables: &[(&str, &str)], name: &str) -> Option<String> {
        let found = variables.iter().find(|(it, _)| *it == name);
        found.map(|(_, value)| (*value).to_owned())
    }

    const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");

    #[test]
    fn an_endpoint_or_the_exporters_name_asks_for_traces() {
        assert_eq!(of(&[]), Wish::Off);
        assert_eq!(of(&[("OTEL_SERVICE_NAME", "x")]), Wish::Off);
        assert_eq!(of(&[ENDPOINT]), Wish::On);
        assert_eq!(of(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://x/y")]), Wish::On);
        assert_eq!(of(&[("OTEL_TRACES_EXPORTER", "otlp")]), Wish::On);
        assert_eq!(of(&[ENDPOINT, ("OTEL_SDK_DISABLED", "TRUE")]), Wish::Off);
        assert_eq!(of(&[ENDPOINT, ("OTEL_SDK_DISABLED", "1")]), Wish::On, "as the standard has it");
        assert_eq!(of(&[ENDPOINT, ("OTEL_TRACES_EXPORTER", "none")]), Wish::Off);
    }

    #[test]
    fn what_is_not_here_is_told() {
        for (name, value) in [
            ("OTEL_TRACES_EXPORTER", "zipkin"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"),
            ("OTEL_TRACES_SAMPLER", "xray"),
        ] {
            let wish = of(&[ENDPOINT, (name, value)]);
            assert!(matches!(&wish, Wish::Not(why) if why.contains(value)), "{name}: {wish:?}");
        }
        let traces_only = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf");
        assert_eq!(of(&[ENDPOINT, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), traces_only]), Wish::On);
    }

    #[test]
    fn a_message_takes_no_longer_than_it_may() {
        let (all, own) = ("OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT");
        for (variables, milliseconds) in [
            (vec![], 10_000),
            (vec![(all, "200")], 200),
            (vec![(all, "200"), (own, "100")], 100),
            (vec![(all, "0")], 10_000),
            (vec![(all, "soon")], 10_000),
        ] {
            let told = timeout(|name| find(&variables, name));
            assert_eq!(told, Duration::from_millis(milliseconds), "{variables:?}");
        }
    }

    #[test]
    fn a_ratio_is_a_share() {
        let sampler = ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio");
        for (ratio, good) in
            [("0.25", true), ("1", true), ("1.1", false), ("x", false), ("NaN", false)]
        {
            let wish = of(&[ENDPOINT, sampler, ("OTEL_TRACES_SAMPLER_ARG", ratio)]);
            assert_eq!(wish == Wish::On, good, "{ratio}: {wish:?}");
        }
        assert_eq!(of(&[ENDPOINT, sampler]), Wish::On, "all, as the standard has it");
    }
}
