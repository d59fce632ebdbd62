//! What the documentation lists is what the code has: tables between two comments are made from the
//! code's own, and compared. `make docs` writes them anew.

mod asyncapi;
mod openapi;
mod routes;

use std::{env, fs, path::Path};

use signalbox::{
    core::{
        intake::Rule,
        protocol::{CloseReason, ErrorCode, GapReason},
    },
    http::problem::Code,
    settings::{Change, KEYS, SECTIONS},
    telemetry::METRICS,
};

/// Compares the table `name` in a file of `docs` with what it must be, or writes it.
fn assert_table(file: &str, name: &str, head: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(file);
    let text = fs::read_to_string(&path).unwrap();
    let begin = format!("<!-- generated: {name} -->\n");
    let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("{file} has no {begin}"));
    let (table, after) = rest.split_once("<!-- end -->").expect("its end is marked");
    let row = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let head: Vec<_> = head.iter().map(ToString::to_string).collect();
    let rule = format!("|{}\n", "---|".repeat(head.len()));
    let expected: String = [row(&head), rule].into_iter().chain(rows.map(|r| row(&r))).collect();
    if env::var_os("SIGNALBOX_WRITE_DOCS").is_some() {
        fs::write(&path, [before, &begin, &expected, "<!-- end -->", after].concat()).unwrap();
    } else {
        assert_eq!(table, expected, "docs/{file} is not what the code says: run `make docs`");
    }
}

fn code(text: impl std::fmt::Display) -> String {
    format!("`{text}`")
}

#[test]
fn every_problem_is_in_the_docs() {
    let rows = Code::ALL.iter().map(|problem| {
        let status = problem.status().as_u16().to_string();
        vec![code(problem.as_str()), status, problem.meaning().into(), problem.advice().into()]
    });
    assert_table("problems.md", "codes", &["code", "status", "meaning", "what to do"], rows);
}

#[test]
fn every_fault_of_an_event_is_in_the_docs() {
    let rows = Rule::ALL.iter().map(|rule| vec![code(rule.as_str()), rule.meaning().into()]);
    assert_table("problems.md", "rules", &["code", "meaning"], rows);
}

#[test]
fn every_way_to_close_is_in_the_docs() {
    let mut reasons = CloseReason::ALL.to_vec();
    reasons.retain(|reason| !CloseReason::REALTIME.contains(reason));
    reasons.sort_by_key(|reason| reason.code());
    let rows = reasons.iter().map(|reason| {
        let close_code = reason.code().map_or("none".to_owned(), |code| code.to_string());
        let (meaning, advice) = (reason.meaning().to_owned(), reason.advice().to_owned());
        vec![close_code, code(reason), meaning, advice]
    });
    let head = ["close code", "reason", "meaning", "what to do"];
    assert_table("session-protocol.md", "closing", &head, rows);
}

#[test]
fn every_code_and_reason_of_frames_is_in_the_docs() {
    let errors = ErrorCode::ALL.iter().map(|it| vec![code(it.as_str()), it.meaning().into()]);
    assert_table("session-protocol.md", "errors", &["code", "meaning"], errors);
    let gaps = GapReason::ALL.iter().map(|it| vec![code(it.as_str()), it.meaning().into()]);
    assert_table("session-protocol.md", "gaps", &["reason", "meaning"], gaps);
}

#[test]
fn when_a_change_of_each_setting_takes_effect_is_in_the_docs() {
    let rows = SECTIONS.iter().map(|(section, _)| {
        let keys = |when| {
            let keys = KEYS.iter().filter(|key| key.section == *section && key.change == when);
            keys.map(|key| code(key.name)).collect::<Vec<_>>().join(", ")
        };
        vec![code(format!("[{section}]")), keys(Change::Live), keys(Change::Restart)]
    });
    let head = ["section", "when the file is saved", "with the next start"];
    assert_table("settings.md", "changes", &head, rows);
}

#[test]
fn every_metric_is_in_the_docs() {
    let rows = METRICS.iter().map(|metric| {
        let labels: Vec<_> = metric.labels.iter().map(code).collect();
        let kind = format!("{:?}", metric.kind).to_lowercase();
        vec![code(metric.name), kind, labels.join(", "), metric.help.to_owned()]
    });
    assert_table("metrics.md", "metrics", &["metric", "type", "labels", "meaning"], rows);
}
