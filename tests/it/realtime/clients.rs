//! Unmodified Supabase clients against the router: the suites of `tests/realtime-js` and
//! `tests/python`.

use chrono::{TimeDelta, Utc};

use crate::support::{
    jwt::SigningKey,
    router::Router,
    suite::{NODE, PYTHON, run_with},
};

/// Runs a suite against a router of its own.
fn run(program: &str, script: &str) {
    run_with(program, &[script], Router::start());
}

#[test]
fn javascript_clients_broadcast_to_each_other_and_to_python() {
    run(NODE, "tests/realtime-js/broadcast.mjs");
}

#[test]
fn javascript_clients_see_who_is_present() {
    run(NODE, "tests/realtime-js/presence.mjs");
}

#[test]
fn javascript_clients_are_told_of_changes() {
    run(NODE, "tests/realtime-js/changes.mjs");
}

#[test]
fn javascript_clients_come_back_by_themselves() {
    run(NODE, "tests/realtime-js/reconnecting.mjs");
}

#[test]
fn javascript_clients_resume_without_a_hole_or_a_double() {
    run(NODE, "tests/realtime-js/resuming.mjs");
}

#[test]
fn supabase_js_needs_nothing_but_the_url_and_a_key() {
    run(NODE, "tests/realtime-js/supabase.mjs");
}

#[test]
fn the_python_client_does_what_it_does_elsewhere() {
    run(PYTHON, "tests/python/realtime_client.py");
}

#[test]
fn the_python_client_misses_nothing_that_it_asks_for_again() {
    run(PYTHON, "tests/python/realtime_history.py");
}

/// Runs a suite that makes JSON Web Tokens itself, against a router that takes them.
fn run_with_secret(program: &str, script: &str) {
    let key = SigningKey::secret();
    let secret = key.secret_text();
    let router = Router::with(&[("auth.mode", "jwt"), ("auth.jwt_secret", secret)]);
    run_with(program, &[script, secret], router);
}

#[test]
fn javascript_clients_join_with_what_the_role_of_their_token_allows() {
    run_with_secret(NODE, "tests/realtime-js/jwt.mjs");
}

#[test]
fn the_python_client_joins_with_what_the_role_of_its_token_allows() {
    run_with_secret(PYTHON, "tests/python/realtime_jwt.py");
}

/// The suite of tokens, and how long its brief ones last.
const TOKENS: &str = "tests/realtime-js/tokens.mjs";
const BRIEF: TimeDelta = TimeDelta::seconds(10);

#[test]
fn tokens_are_renewed_expire_and_are_refused_as_javascript_clients_expect() {
    let names = ["reader", "producer", "both", "brief", "briefly", "forged"];
    let tokens = names.map(|name| format!("sbx_{name}_{}", "0123456789abcdef".repeat(2)));
    let [reader, producer, both, brief, briefly, forged] = &tokens;
    let until = (Utc::now() + BRIEF).to_rfc3339();
    let entries = format!(
        "reader read {reader}; producer ingest {producer}; both ingest,read {both}; \
         brief read {brief} {until}; briefly read {briefly} {until}"
    );
    let router = Router::with(&[("auth.mode", "token"), ("auth.tokens", &entries)]);
    run_with(NODE, &[TOKENS, reader, producer, both, brief, briefly, forged], router);
}
