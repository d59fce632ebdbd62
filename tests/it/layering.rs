//! The shape of the source, kept: `core` is pure, dependencies point one way, files and functions
//! stay small. Reads text, so it knows no types; what it looks for is written so that it can.

use std::{
    fs,
    path::{Path, PathBuf},
};

const MAX_FILE: usize = 400;
/// Tables that are looked up in, and not read: what may be set, counted and asked for.
const TABLES: [&str; 3] = ["settings/keys.rs", "telemetry/metrics.rs", "http/routes.rs"];
const MAX_FUNCTION: usize = 75;

/// Modules of the crate from the ground up: each may use its own layer and those before it.
const LAYERS: [&[&str]; 7] = [
    &["core"],
    &["settings", "telemetry"],
    &["storage", "adapters"],
    &["actors", "tasks"],
    &["http", "realtime"],
    &["app", "cli"],
    &["main", "lib"],
];

/// Crates, modules and types that reach outside: a clock, a file, a socket, chance, or a runtime.
const IMPURE_WORDS: [&str; 10] =
    ["fs", "net", "env", "thread", "Instant", "SystemTime", "rand", "fastrand", "new_v4", "now_v7"];
const IMPURE_CRATES: [&str; 4] = ["actix", "diesel", "tokio", "reqwest"];

#[test]
fn core_is_pure() {
    assert_none(|path, source| if layer_of(path) == Some(0) { impurities(source) } else { vec![] });
}

#[test]
fn dependencies_point_one_way() {
    assert_none(wrong_dependencies);
}

#[test]
fn every_module_has_a_layer() {
    assert_none(|path, _| match layer_of(path) {
        Some(_) => vec![],
        None => vec!["is in no layer: give it one in tests/it/layering.rs".to_owned()],
    });
}

#[test]
fn files_and_functions_stay_small() {
    assert_none(|path, source| {
        let is_table = TABLES.iter().any(|table| path == Path::new(table));
        if is_table { vec![] } else { too_long(source) }
    });
}

/// Runs a check over all of `src`; fails with everything it finds.
fn assert_none(check: impl Fn(&Path, &str) -> Vec<String>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = rust_files(&root);
    assert!(files.len() > 5, "looked in the wrong place: {}", root.display());
    let found: Vec<_> = files
        .iter()
        .flat_map(|file| {
            let source = fs::read_to_string(file).unwrap();
            let path = file.strip_prefix(&root).unwrap();
            let name = |fault| format!("src/{}: {fault}", path.display());
            check(path, &source).into_iter().map(name).collect::<Vec<_>>()
        })
        .collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries
        .flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect();
    files.sort();
    files
}

/// The layer of a file, by the first part of its path in `src`.
fn layer_of(path: &Path) -> Option<usize> {
    let module = Path::new(path.iter().next()?).file_stem()?.to_str()?;
    layer(module)
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|modules| modules.contains(&module))
}

fn impurities(source: &str) -> Vec<String> {
    let code = without_comments(source);
    let impure = |word: &&str| {
        IMPURE_WORDS.contains(word)
            || IMPURE_CRATES.iter().any(|name| {
                word.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
            })
    };
    let mut found: Vec<_> =
        words(&code).filter(impure).map(|word| format!("uses {word}")).collect();
    if code.contains("::now(") {
        found.push("reads a clock".to_owned());
    }
    found
}

fn wrong_dependencies(path: &Path, source: &str) -> Vec<String> {
    let Some(own) = layer_of(path) else { return vec![] };
    let code = without_comments(source);
    let above = |module: &&str| layer(module).is_some_and(|layer| layer > own);
    crate_modules(&code).into_iter().filter(above).map(|m| format!("uses crate::{m}")).collect()
}

/// The modules named after `crate::` or a way up to it, also in a group: `crate::{a::b, c}` names
/// `a` and `c`.
fn crate_modules(code: &str) -> Vec<&str> {
    let mut modules = Vec::new();
    let roots = ["crate::", "super::super::"];
    for (at, root) in roots.into_iter().flat_map(|root| code.match_indices(root)) {
        let rest = code[at + root.len()..].trim_start_matches("super::");
        let Some(group) = rest.strip_prefix('{') else {
            modules.extend(words(rest).next());
            continue;
        };
        let mut depth = 0;
        let mut start = 0;
        for (at, char) in group.char_indices() {
            match char {
                '{' => depth += 1,
                '}' if depth > 0 => depth -= 1,
                ',' | '}' if depth == 0 => {
                    modules.extend(words(&group[start..at]).next());
                    start = at + 1;
                    if char == '}' {
                        break;
                    }
                }
                _ => {}
            }
        }
    }
    modules
}

/// A file with too many lines; functions with too many, by the indentation that rustfmt gives.
fn too_long(source: &str) -> Vec<String> {
    let lines: Vec<_> = source.lines().collect();
    let mut found = Vec::new();
    if lines.len() > MAX_FILE {
        found.push(format!("has {} lines, of at most {MAX_FILE}", lines.len()));
    }
    for (start, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let indent = " ".repeat(line.len() - line.trim_start().len());
        let body_ends = format!("{indent}}}");
        let signature_ends = format!("{indent})");
        // On one line, or up to its closing brace; a declaration has no body.
        let is_last = |next: &&str| {
            line.ends_with(['}', ';'])
                || **next == body_ends
                || (next.starts_with(&signature_ends) && next.ends_with(';'))
        };
        let length = lines[start..].iter().position(is_last).map_or(0, |at| at + 1);
        if length > MAX_FUNCTION {
            found.push(format!("fn {name} has {length} lines, of at most {MAX_FUNCTION}"));
        }
    }
    found
}

fn function_name(line: &str) -> Option<&str> {
    let (before, after) = line.trim_start().split_once("fn ")?;
    let only_qualifiers = words(before).all(|word| {
        ["pub", "crate", "super", "self", "in", "const", "async", "unsafe", "extern"]
            .contains(&word)
    });
    let name = words(after).next()?;
    (only_qualifiers && after.starts_with(name)).then_some(name)
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// Without what follows `//` on a line; a `//` in a string hides the rest of its line.
fn without_comments(source: &str) -> String {
    let lines = source.lines().map(|line| line.split_once("//").map_or(line, |(code, _)| code));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_guard_finds_what_core_must_not_use() {
    let planted = [
        ("use actix::Actor;", "uses actix"),
        ("use actix_web::web;", "uses actix_web"),
        ("use diesel_async::RunQueryDsl;", "uses diesel_async"),
        ("let task = tokio::spawn(work);", "uses tokio"),
        ("use std::{fs, io};", "uses fs"),
        ("use std::net::TcpStream;", "uses net"),
        ("use std::time::{Duration, Instant};", "uses Instant"),
        ("fn f(now: std::time::SystemTime) {}", "uses SystemTime"),
        ("let now = chrono::Utc::now();", "reads a clock"),
        ("let roll = fastrand::u8(..);", "uses fastrand"),
        ("let id = Uuid::now_v7();", "uses now_v7"),
        ("let id = Uuid::new_v4();", "uses new_v4"),
    ];
    for (source, fault) in planted {
        assert_eq!(impurities(source), [fault], "{source}");
    }
    let harmless = "//! No `tokio` here.\nuse std::time::Duration;\nlet tokionomics = 1; // fs\n";
    assert!(impurities(harmless).is_empty());
}

#[test]
fn the_guard_finds_a_dependency_that_points_up() {
    let found = |path: &str, source: &str| wrong_dependencies(Path::new(path), source);
    assert_eq!(found("core/x.rs", "use crate::storage::Storage;"), ["uses crate::storage"]);
    assert_eq!(
        found(
            "storage/sqlite.rs",
            "use crate::{\n    core::{event, tail},\n    actors::{self},\n    http,\n};"
        ),
        ["uses crate::actors", "uses crate::http"]
    );
    assert_eq!(found("core/x.rs", "use super::super::super::http::x;"), ["uses crate::http"]);
    assert_eq!(found("http/mod.rs", "fn f() { crate::app::stop() }"), ["uses crate::app"]);
    assert_eq!(
        found("settings.rs", "#[cfg(test)]\nmod tests { use crate::cli; }"),
        ["uses crate::cli"]
    );
    assert!(
        found("app.rs", "use crate::{http, actors::{x, y}, core};\nuse crate::cli;").is_empty()
    );
    assert!(
        found("core/x.rs", "//! Read by [`crate::storage`].\nuse crate::core::event;").is_empty()
    );
}

#[test]
fn the_guard_finds_what_is_too_long() {
    let function = |lines: usize| {
        format!(
            "impl X {{\n    pub(crate) async fn f(\n    ) {{\n{}    }}\n}}\n",
            "        x;\n".repeat(lines - 3)
        )
    };
    assert!(too_long(&function(75)).is_empty());
    assert_eq!(too_long(&function(76)), ["fn f has 76 lines, of at most 75"]);
    for declaration in ["fn f(&self);", "fn f(\n        &self,\n    ) -> X;", "fn f() {}"] {
        let rest = "    // x\n".repeat(90);
        let source = format!("trait X {{\n    {declaration}\n{rest}    fn g() {{\n    }}\n}}\n");
        assert!(too_long(&source).is_empty(), "{declaration}");
    }
    assert!(too_long(&"x\n".repeat(400)).is_empty());
    assert_eq!(too_long(&"x\n".repeat(401)), ["has 401 lines, of at most 400"]);
}

#[test]
fn the_guard_finds_a_module_without_a_layer() {
    assert_eq!(layer_of(Path::new("core/event.rs")), Some(0));
    assert_eq!(layer_of(Path::new("lib.rs")), Some(6));
    assert_eq!(layer_of(Path::new("helpers/x.rs")), None);
}
