//! Matching, normalising, refusing, and agreement with a matcher that tries everything.

use std::collections::HashSet;

use bytes::Bytes;
use chrono::DateTime;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;

fn filter(json: &str) -> Filter {
    Filter::from_json(json, 10).unwrap()
}

fn event(event_type: &str, source: &str, category: Category) -> Event {
    Event {
        seq: 1,
        id: Uuid::nil(),
        event_type: event_type.into(),
        source: source.into(),
        category,
        mode: crate::core::flags::Mode::Direct,
        created_at: DateTime::UNIX_EPOCH,
        json: Bytes::new(),
    }
}

#[test]
fn all_dimensions_must_match_and_any_value_in_each() {
    let wanted = filter(
        r#"{"event_type":["cache_*","stats"],"source":["redis"],"category":["system","debug"]}"#,
    );
    let table = [
        ("cache_hit", "redis", Category::System, true),
        ("stats", "redis", Category::Debug, true),
        ("stats", "redis2", Category::Debug, false),
        ("statistics", "redis", Category::Debug, false),
        ("cache_hit", "redis", Category::Critical, false),
    ];
    for (event_type, source, category, matches) in table {
        assert_eq!(wanted.matches(&event(event_type, source, category)), matches);
    }
    assert!(Filter::all().matches(&event("anything", "anywhere", Category::Critical)));
}

#[test]
fn a_pattern_matches_the_whole_text() {
    let table = [
        ("a", "a", true),
        ("a", "ab", false),
        ("*", "", true),
        ("a*", "a", true),
        ("*a", "ba", true),
        ("a*a", "a", false),
        ("a*a", "aa", true),
        ("a*b*c", "abbc", true),
        ("*ab*ba*", "aba", false),
        ("*ab*ba*", "abba", true),
        ("é*ß", "éxß", true),
        ("a.?[b]", "a.?[b]", true),
        ("a?", "ab", false),
    ];
    for (pattern, text, matches) in table {
        assert_eq!(Glob::try_new(pattern).unwrap().matches(text), matches, "{pattern} {text}");
    }
}

#[test]
fn equal_filters_are_one_value() {
    let same = [
        r#"{"source":["b","a*"],"category":["debug","critical"]}"#,
        r#"{"category":["critical","debug","critical"],"source":["a**","b","a*"]}"#,
        r#"{"event_type":["x","*"],"source":["a*","b"],"category":["critical","debug"]}"#,
    ];
    assert_eq!(same.map(filter).into_iter().collect::<HashSet<_>>().len(), 1);
    let all = [
        "{}",
        r#"{"event_type":[],"source":["**"]}"#,
        r#"{"category":["critical","performance","user_activity","system","debug"]}"#,
    ];
    assert!(all.map(filter).into_iter().all(|filter| filter == Filter::all()));
}

#[test]
fn a_bad_filter_is_refused_where_it_is_wrong() {
    let long = format!(r#"{{"source":["{}"]}}"#, "é".repeat(201));
    let table = [
        ("[]", "", "must be a JSON object"),
        (r#"{"event_types":[]}"#, "/event_types", "unknown: use event_type, source and category"),
        (r#"{"source":"a"}"#, "/source", "must be a list of strings"),
        (r#"{"source":["a",1]}"#, "/source/1", "must be a string"),
        (r#"{"source":[""]}"#, "/source/0", "an empty pattern matches nothing: leave it out"),
        (r#"{"source":["a"],"source":["b"]}"#, "/source", "given twice: merge the two lists"),
        (&long, "/source/0", "has 201 characters: at most 200 are allowed"),
        (r#"{"source":["a","b"],"event_type":["c","d"]}"#, "", "has more than 3 patterns"),
        (
            r#"{"category":["debug","Critical"]}"#,
            "/category/1",
            "no such category: use critical, performance, user_activity, system, debug",
        ),
    ];
    for (json, pointer, detail) in table {
        assert_eq!(Filter::from_json(json, 3), Err(fault(pointer, detail)), "{json}");
    }
}

#[test]
fn a_store_narrows_by_what_has_no_wildcard() {
    let mixed = filter(r#"{"event_type":["b","a"],"source":["x","y*"],"category":["debug"]}"#);
    let Exact { event_types, sources, categories, complete } = mixed.exact_values();
    assert_eq!(event_types, ["a", "b"]);
    assert!(sources.is_empty() && !complete);
    assert_eq!(categories, [Category::Debug]);
    assert!(filter(r#"{"event_type":["a"]}"#).exact_values().complete);
    assert!(Filter::all().exact_values().complete);
}

#[test]
fn query_parameters_make_the_same_filter() {
    let from_query = Filter::from_values(&["a", "b*"], &["s"], &["debug"], 3).unwrap();
    let json = r#"{"event_type":["a","b*"],"source":["s"],"category":["debug"]}"#;
    assert_eq!(from_query, filter(json));
    assert_eq!(serde_json::to_string(&from_query).unwrap(), json);
    assert_eq!(serde_json::to_string(&Filter::all()).unwrap(), "{}");
}

#[test]
fn a_hostile_pattern_takes_no_longer() {
    // Trying every way to share out the text would take longer than the universe has.
    let hostile = Glob::try_new(&format!("{}*b*", "*a".repeat(98))).unwrap();
    assert!(!hostile.matches(&"a".repeat(10_000)));
    let halves = Glob::try_new(&format!("*{}b*", "a".repeat(150))).unwrap();
    assert!(!halves.matches(&"a".repeat(1_000_000)));
}

/// Matches by trying every possibility.
fn naive(pattern: &[char], text: &[char]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, first) => first.is_none(),
        (Some(('*', rest)), _) => (0..=text.len()).any(|skip| naive(rest, &text[skip..])),
        (Some((wanted, rest)), Some((got, after))) => wanted == got && naive(rest, after),
        (Some(_), None) => false,
    }
}

proptest! {
    #[test]
    fn globs_agree_with_a_naive_matcher(pattern in "[ab*é]{1,8}", text in "[abé]{0,10}") {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        let expected = naive(&chars(&pattern), &chars(&text));
        prop_assert_eq!(Glob::try_new(&pattern).unwrap().matches(&text), expected);
    }

    #[test]
    fn normalising_changes_nothing_that_matches(
        types in prop::collection::vec("[ab*]{1,3}", 0..4),
        categories in prop::collection::vec(prop::sample::select(&Category::ALL), 0..8),
        text in "[ab]{1,3}",
        category in prop::sample::select(&Category::ALL),
    ) {
        let names: Vec<_> = categories.iter().map(ToString::to_string).collect();
        let made = Filter::from_values(&types, &[], &names, 10).unwrap();
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        let expected = (types.is_empty() || types.iter().any(|t| naive(&chars(t), &chars(&text))))
            && (categories.is_empty() || categories.contains(&category));
        prop_assert_eq!(made.matches(&event(&text, "s", category)), expected);
        let wire = serde_json::to_string(&made).unwrap();
        prop_assert_eq!(Filter::from_json(&wire, 10).unwrap(), made);
    }
}
