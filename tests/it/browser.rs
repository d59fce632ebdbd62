//! What a real browser lets a page do to a router: the scripts of `tests/browser`, in Chromium.

use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::support::router::{Router, event, until};

/// Runs a script of `tests/browser` against a router.
fn browse(script: &str, router: &Router, arguments: &[&str]) -> Child {
    let mut node = Command::new("node");
    node.arg(script).arg(router.url("")).args(arguments).current_dir("tests/browser");
    node.stdout(Stdio::piped()).stderr(Stdio::piped());
    node.spawn().expect("node runs; tests/setup.sh installs it")
}

/// What a script printed; it says itself what went wrong.
fn said(script: Child) -> Vec<u8> {
    let out = script.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{said}{}", String::from_utf8_lossy(&out.stdout));
    out.stdout
}

#[test]
fn a_page_of_a_foreign_origin_reaches_nothing_and_one_of_the_routers_own_does() {
    let router = Router::start();
    said(browse("foreign_origin.mjs", &router, &[]));
}

#[tokio::test]
async fn an_event_source_goes_on_over_a_kill_and_a_stop_without_hole_or_double() {
    let mut router = Router::with(&[("server.reconnect_window", "1s")]);
    let script = browse("event_source.mjs", &router, &["700"]);
    let connected = async |router: &Router| {
        until(|| async {
            let sessions = router.get("/v1/sessions").await;
            (sessions["sessions"][0]["seq"].is_number()).then_some(())
        })
        .await;
    };
    let post = async |router: &Router, n: usize| {
        assert_eq!(router.post(&json!(vec![event("seen"); n])).await.0, 202);
    };
    connected(&router).await;
    // Before it has seen an event, and after.
    for stop in [Router::kill as fn(&mut Router), |router| {
        router.terminate();
    }] {
        stop(&mut router);
        router.restart();
        post(&router, 150).await;
        connected(&router).await;
        post(&router, 50).await;
        router.kill();
        router.restart();
        post(&router, 100).await;
        connected(&router).await;
    }
    post(&router, 100).await;
    let got: Value = serde_json::from_slice(&said(script)).unwrap();
    assert_eq!(got["seqs"], json!((1..=700).collect::<Vec<_>>()), "{got}");
    assert_eq!((&got["gaps"], &got["strange"]), (&json!([]), &json!(null)), "{got}");
    let subscribed = got["subscribed"].as_array().unwrap();
    assert!(subscribed.iter().all(|answer| answer["recovered"] == true), "{got}");
    // More often when it came back while the router was still stopping.
    assert!(subscribed.len() >= 5 && got["byes"].as_u64() >= Some(1), "{got}");
}

#[test]
fn the_page_of_the_contract_draws_it_all_and_asks_nobody_else() {
    said(browse("docs.mjs", &Router::start(), &[]));
}

#[test]
fn pages_follow_events_by_the_client_and_are_moved_to_the_other_path_and_back() {
    let settings = [("flags.dual_mode", "true"), ("rollout.pace", "20"), ("rollout.recheck", "1s")];
    said(browse("client.mjs", &Router::with(&settings), &[]));
}
