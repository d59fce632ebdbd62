//! Clients that are moved from one path to the other and back, under load: the real module, many times in
//! one process of Node.js. Each must have been told of every event once and in order, whatever the
//! destination does meanwhile, and move no sooner than it may.

use std::env;

use crate::support::{
    router::Router,
    suite::{NODE, run_and},
};

/// How many clients, and how many of them may move in a second.
fn size() -> (&'static str, &'static str) {
    if env::var_os("SIGNALBOX_SOAK").is_some() { ("500", "100") } else { ("50", "20") }
}

/// Moves all there and back; `own` does what the scenario asks for.
fn run(scenario: &str, settings: &[(&str, &str)], own: impl FnMut(&str) -> bool) {
    let (clients, pace) = size();
    let common = [
        ("flags.dual_mode", "true"),
        ("rollout.pace", pace),
        ("rollout.recheck", "1s"),
        ("realtime.head_interval", "1s"),
    ];
    let router = Router::with(&[&common[..], settings].concat());
    run_and(NODE, &["dashboard/tests/moves.mjs", scenario, clients, pace], router, own);
}

#[test]
fn all_move_there_and_back_and_see_each_event_once() {
    run("plain", &[], |_| false);
}

#[test]
fn a_destination_that_is_killed_in_the_middle_costs_them_nothing() {
    let mut destination = Router::start();
    let url = destination.url("");
    let settings = [
        ("realtime.url", &*url),
        ("realtime.key", "any"),
        ("realtime.client_key", "any"),
        // It is noticed soon, and tried again soon.
        ("retry.initial", "50ms"),
        ("breaker.open_for", "1s"),
        ("breaker.open_max", "2s"),
    ];
    run("killed", &settings, |request| {
        match request {
            "kill the destination" => destination.kill(),
            "start the destination" => destination.restart(),
            _ => return false,
        }
        true
    });
}

#[test]
fn a_destination_that_silently_loses_one_in_a_hundred_costs_them_nothing() {
    run("drops", &[], |_| false);
}
