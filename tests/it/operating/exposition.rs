//! The text of `/metrics` by the rules of its format and of Prometheus' naming, as `promtool check
//! metrics` has them, on a router that has done all it does.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::support::{
    dashboard::Dashboard,
    router::{Router, event, until},
};

/// A family as it is told.
#[derive(Default)]
struct Family {
    kind: String,
    /// Name, labels and value, in the order of the text.
    samples: Vec<(String, BTreeMap<String, String>, f64)>,
}

/// Everything that is wrong with a text.
fn faults(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let families = read(text, &mut found);
    for (name, family) in &families {
        found.extend(naming(name, &family.kind).map(|fault| format!("{name} {fault}")));
        found.extend(series(name, family));
        if family.kind == "histogram" {
            found.extend(histogram(name, family));
        }
    }
    if !text.ends_with('\n') {
        found.push("the last line has no end".to_owned());
    }
    found
}

fn read(text: &str, found: &mut Vec<String>) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut helped = BTreeSet::new();
    let mut current = String::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|it| it.split_once(' ')) {
            if !helped.insert(name.to_owned()) || help.is_empty() {
                found.push(format!("{name} has no help, or two"));
            }
        } else if let Some((name, kind)) =
            line.strip_prefix("# TYPE ").and_then(|it| it.split_once(' '))
        {
            let family = Family { kind: kind.to_owned(), samples: Vec::new() };
            if families.insert(name.to_owned(), family).is_some() || !helped.contains(name) {
                found.push(format!("{name} has two types, or one before its help"));
            }
            name.clone_into(&mut current);
        } else if let Some((name, labels, value)) = sample(line) {
            let end = name.strip_prefix(&*current);
            let of_histogram = matches!(end, Some("_bucket" | "_sum" | "_count"));
            match families.get_mut(&current) {
                Some(family) if end == Some("") || family.kind == "histogram" && of_histogram => {
                    family.samples.push((name, labels, value));
                }
                _ => found.push(format!("{name} does not stand under its type")),
            }
        } else {
            found.push(format!("not understood: {line}"));
        }
    }
    families
}

/// A sample whose label values have no quotes in them: ours never have.
fn sample(line: &str) -> Option<(String, BTreeMap<String, String>, f64)> {
    let (series, value) = line.rsplit_once(' ')?;
    let value = value.parse().ok()?;
    let Some((name, rest)) = series.split_once('{') else {
        return Some((series.to_owned(), BTreeMap::new(), value));
    };
    let pairs = rest.strip_suffix("\"}")?.split("\",");
    let label = |pair: &str| {
        let (label, value) = pair.split_once("=\"")?;
        Some((label.to_owned(), value.to_owned()))
    };
    let labels: Vec<_> = pairs.map(label).collect::<Option<_>>()?;
    let count = labels.len();
    let labels: BTreeMap<_, _> = labels.into_iter().collect();
    (labels.len() == count).then(|| (name.to_owned(), labels, value))
}

fn naming(name: &str, kind: &str) -> impl Iterator<Item = &'static str> {
    let words: Vec<_> = name.split('_').collect();
    let of = |list: &[&str]| words.iter().any(|word| list.contains(word));
    let ends = |list: &[&str]| list.iter().any(|end| name.ends_with(end));
    let valid = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let rules = [
        (!name.chars().all(valid) || !name.starts_with("signalbox_"), "is not named as ours are"),
        ((kind == "counter") != ends(&["_total"]), "is a counter without `_total`, or no counter"),
        (ends(&["_count", "_sum", "_bucket"]), "ends like a part of a histogram"),
        (of(&["counter", "gauge", "histogram", "summary"]), "has its type in its name"),
        (of(&["ms", "milliseconds", "micros", "minutes", "hours"]), "is not in seconds"),
        (of(&["kb", "kib", "mb", "mib", "kilobytes", "megabytes"]), "is not in bytes"),
        (!["counter", "gauge", "histogram"].contains(&kind), "has an unknown type"),
    ];
    rules.into_iter().filter(|(broken, _)| *broken).map(|(_, fault)| fault)
}

fn series(name: &str, family: &Family) -> Vec<String> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    let mut labels_of: BTreeMap<&str, Vec<&String>> = BTreeMap::new();
    for (sample, labels, value) in &family.samples {
        if !seen.insert((sample, labels)) {
            found.push(format!("{sample} {labels:?} stands twice"));
        }
        let names: Vec<_> = labels.keys().collect();
        if *labels_of.entry(sample).or_insert_with(|| names.clone()) != names {
            found.push(format!("{sample} has other labels elsewhere: {names:?}"));
        }
        let reserved = |name: &str| name.starts_with("__") || name == "le" && sample == name;
        if names.iter().any(|name| reserved(name)) {
            found.push(format!("{sample} has a reserved label"));
        }
        if value.is_nan() || family.kind != "gauge" && *value < 0.0 {
            found.push(format!("{sample} {labels:?} is {value}"));
        }
    }
    if family.samples.is_empty() && family.kind != "histogram" {
        found.push(format!("{name} has no sample"));
    }
    found
}

fn histogram(name: &str, family: &Family) -> Vec<String> {
    let mut buckets: BTreeMap<_, Vec<(f64, f64)>> = BTreeMap::new();
    let mut counts = BTreeMap::new();
    let mut sums = BTreeSet::new();
    for (sample, labels, value) in &family.samples {
        let mut labels = labels.clone();
        let le = labels.remove("le");
        match sample.strip_prefix(name) {
            Some("_bucket") => {
                let le = le.unwrap_or_default().replace("+Inf", "inf").parse().unwrap_or(f64::NAN);
                buckets.entry(labels).or_default().push((le, *value));
            }
            Some("_count") => drop(counts.insert(labels, *value)),
            _ => drop(sums.insert(labels)),
        }
    }
    let mut found = Vec::new();
    for (labels, buckets) in &buckets {
        let rising = |pair: &[(f64, f64)]| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1;
        if !buckets.windows(2).all(rising) {
            found.push(format!("{name} {labels:?} is not cumulative"));
        }
        let whole = buckets.last().map(|(le, count)| (le.is_infinite(), Some(count)));
        if whole != Some((true, counts.get(labels))) || !sums.contains(labels) {
            found.push(format!("{name} {labels:?} has no +Inf, or another count, or no sum"));
        }
    }
    if counts.len() != buckets.len() {
        found.push(format!("{name} has a count without buckets"));
    }
    found
}

#[tokio::test]
async fn a_busy_router_tells_its_metrics_by_the_rules() {
    let router = Router::with(&[("session.max_errors", "2"), ("limits.event_bytes", "1KiB")]);
    let dashboard = Dashboard::subscribed(&router, json!({})).await;
    let mut behind = Dashboard::connect(&router).await;
    let events = ["error", "latency", "session_start", "stats", "debug"].map(event);
    router.post(&json!(events)).await;
    router.post(&events[0]).await;
    behind.subscribe(json!({ "from": { "last": 3 } })).await;
    behind.seqs(3).await;
    for bad in ["{", "[]", "[{}]"] {
        router.post_as("application/json", bad).await;
    }
    router.post_as("text/plain", "x").await;
    for (method, path) in [
        ("GET", "/v1/events?limit=2"),
        ("GET", "/v1/events/7"),
        ("GET", "/v1/sessions"),
        ("GET", "/v1/stats"),
        ("GET", "/v1/ledger"),
        ("BREW", "/nowhere"),
        ("POST", "/v1/tickets"),
        ("DELETE", "/v1/sessions/00000000-0000-4000-8000-000000000000"),
    ] {
        router.ask(method, path).await;
    }
    for _ in 0..3 {
        behind.say(&json!({ "type": "x" })).await;
    }
    assert_eq!(behind.close_code().await, Some(4400));
    drop(dashboard);
    let scrape = async || router.ask("GET", "/metrics").await.text;
    let closed = "signalbox_session_closed_total{reason=\"client_gone\"} 1\n";
    let text = until(|| async { Some(scrape().await).filter(|it| it.contains(closed)) }).await;
    assert_eq!(faults(&text), [""; 0], "{text}");
    let (mut ignored, later) = (Vec::new(), scrape().await);
    let (before, after) = (read(&text, &mut ignored), read(&later, &mut ignored));
    for (name, family) in before.iter().filter(|(_, family)| family.kind == "counter") {
        for (sample, labels, value) in &family.samples {
            let same = |(_, other, _): &&(String, BTreeMap<_, _>, f64)| other == labels;
            let now = after[name].samples.iter().find(same).map(|(_, _, value)| *value);
            assert!(now.is_some_and(|now| now >= *value), "{sample} {labels:?} {value} {now:?}");
        }
    }
}

#[test]
fn the_rules_find_what_is_planted() {
    let good = "# HELP signalbox_x_total X.\n# TYPE signalbox_x_total counter\nsignalbox_x_total{a=\"b\"} 1\n";
    assert_eq!(faults(good), [""; 0]);
    let histogram = "# HELP signalbox_t_seconds T.\n# TYPE signalbox_t_seconds histogram\n\
         signalbox_t_seconds_bucket{le=\"0.1\"} 1\nsignalbox_t_seconds_bucket{le=\"+Inf\"} 2\n\
         signalbox_t_seconds_sum 1.5\nsignalbox_t_seconds_count 2\n";
    assert_eq!(faults(histogram), [""; 0]);
    for (from, to) in [
        ("# HELP signalbox_x_total X.\n", ""),
        ("_total", ""),
        ("counter", "gauge"),
        ("signalbox_x_total{", "signalbox_y_total{"),
        ("{a=\"b\"} 1", "{a=\"b\"} 1\nsignalbox_x_total{a=\"b\"} 2"),
        ("{a=\"b\"} 1", "{a=\"b\"} 1\nsignalbox_x_total{c=\"b\"} 2"),
        ("{a=\"b\"} 1", "{a=\"b\"} -1"),
        ("{a=\"b\"} 1", "{a=\"b\"} NaN"),
        ("} 1\n", "} 1"),
        ("signalbox_x", "signalbox_x_ms"),
    ] {
        assert!(good.contains(from) && !faults(&good.replace(from, to)).is_empty(), "{from} {to}");
    }
    for (from, to) in [
        ("le=\"0.1\"} 1", "le=\"0.1\"} 3"),
        ("+Inf", "0.5"),
        ("count 2", "count 3"),
        ("signalbox_t_seconds_sum 1.5\n", ""),
        ("signalbox_t_seconds_bucket{le=\"+Inf\"} 2\n", ""),
    ] {
        assert!(!faults(&histogram.replace(from, to)).is_empty(), "{from} {to}");
    }
}
