//! The dashboard: how the router serves it, and a browser that uses it as somebody would.

use std::{env, fs, process::Command};

use reqwest::{StatusCode, header};

use crate::{
    crash::soaking,
    support::router::{Router, binary, http},
};

/// Runs a script of `tests/browser` that starts a router of its own.
fn browse(script: &str, arguments: &[&str]) -> String {
    let mut node = Command::new("node");
    node.arg(script).arg(binary()).args(arguments);
    let out = node.current_dir("tests/browser").output();
    let out = out.expect("node runs; tests/setup.sh installs it");
    let (said, complained) =
        (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{said}{complained}");
    said.into_owned()
}

#[test]
fn it_shows_and_steers_all_harms_nobody_and_comes_back() {
    eprintln!("{}", browse("dashboard.mjs", &[]));
    // Its pictures are those of the documentation, and take some minutes.
    if env::var_os("SIGNALBOX_WRITE_DOCS").is_some() {
        browse("dashboard_pictures.mjs", &["../../docs/screenshots"]);
    }
}

#[test]
fn it_stays_small_and_usable_under_load() {
    // Beside other tests nothing is measured: all comes, and nobody complains.
    let brief =
        [["--seconds", "10"], ["--rate", "100"], ["--burst-seconds", "5"], ["--burst-rate", "500"]];
    let brief = [&["--unmeasured"], brief.as_flattened()].concat();
    eprintln!("{}", browse("dashboard_load.mjs", if soaking() { &[] } else { &brief }));
}

#[tokio::test]
async fn browsers_get_the_page_and_others_where_to_look() {
    let router = Router::start();
    let get = |path: &str, accept: &'static str| {
        http().get(router.url(path)).header(header::ACCEPT, accept).send()
    };
    let page = get("/", "text/html,*/*;q=0.8").await.unwrap();
    let text = |name: header::HeaderName| page.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(text(header::CONTENT_TYPE), "text/html; charset=utf-8");
    assert_eq!(text(header::CACHE_CONTROL), "no-cache");
    let policy = text(header::CONTENT_SECURITY_POLICY);
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains("data:"), "{policy}");
    let html = page.text().await.unwrap();
    let built = fs::read_to_string("dashboard/dist/page/index.html");
    assert!(html == built.expect("dashboard/build.sh makes it"), "the router was built before it");

    let (_, script) = html.split_once("src=\"./").unwrap();
    let (script, _) = script.split_once('"').unwrap();
    let script = get(&format!("/{script}"), "*/*").await.unwrap();
    assert_eq!(script.status(), StatusCode::OK);
    let keep = script.headers()[header::CACHE_CONTROL].to_str().unwrap();
    assert_eq!(keep, "public, max-age=31536000, immutable");
    let tag = script.headers()[header::ETAG].clone();
    let known = http().get(script.url().clone()).header(header::IF_NONE_MATCH, tag).send();
    assert_eq!(known.await.unwrap().status(), StatusCode::NOT_MODIFIED);

    let other = get("/", "*/*").await.unwrap();
    assert!(other.text().await.unwrap().contains("/v1/events"));
    assert_eq!(get("/assets/none.js", "*/*").await.unwrap().status(), StatusCode::NOT_FOUND);
}
