//! What a real browser lets a page do to a router: the scripts of `tests/browser`, in Chromium.

use std::process::Command;

use crate::support::router::Router;

/// Runs a script of `tests/browser` against a router; it says itself what went wrong.
fn browse(script: &str, router: &Router) {
    let mut node = Command::new("node");
    node.arg(script).arg(router.url("")).current_dir("tests/browser");
    let out = node.output().expect("node runs; tests/setup.sh installs it");
    let said = [out.stdout, out.stderr].concat();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn a_page_of_a_foreign_origin_reaches_nothing_and_one_of_the_routers_own_does() {
    browse("foreign_origin.mjs", &Router::start());
}

#[test]
fn the_page_of_the_contract_draws_it_all_and_asks_nobody_else() {
    browse("docs.mjs", &Router::start());
}
